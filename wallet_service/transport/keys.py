"""The keys that sign tokens: a JWKS file that may be replaced underway, and a shared secret for development.

Each key is pinned to one algorithm when it is read. A token never chooses: `alg` must be the pinned one, so a public
key cannot be passed off as a shared secret, and `none` belongs to no key at all.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from wallet_service.runtime.errors import ConfigError

HS256: Final = "HS256"
_SECRET_BYTES_MIN: Final = 32
_RSA_BITS_MIN: Final = 2048
_LOOK_AGAIN_SECONDS: Final = 1.0

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenKey:
    """A verifying key and the only algorithm that it is used with."""

    algorithm: str
    material: Any


class KeyRing:
    """The keys that are trusted now. Raises ConfigError when it is made from something unusable."""

    def __init__(self, *, jwks_file: Path | None = None, hs256_secret: bytes | None = None) -> None:
        if jwks_file is None and hs256_secret is None:
            raise ConfigError("no key to verify tokens with: set a JWKS file or an HS256 secret")
        if hs256_secret is not None and len(hs256_secret) < _SECRET_BYTES_MIN:
            raise ConfigError(f"the HS256 secret is too short: at least {_SECRET_BYTES_MIN} bytes")
        self._file = jwks_file
        self._shared = None if hs256_secret is None else TokenKey(algorithm=HS256, material=hs256_secret)
        self._state = None if jwks_file is None else _state_of(jwks_file)
        self._public = {} if jwks_file is None else read_jwks(jwks_file)
        self._look_again_at = 0.0
        self.generation = 0

    def key_for(self, header: Mapping[str, Any]) -> TokenKey:
        """Return the key that a token's header points at; raises a PyJWTError when there is none for it."""
        algorithm, kid = header.get("alg"), header.get("kid")
        public = self._public.get(kid) if isinstance(kid, str) else None
        key = self._shared if algorithm == HS256 else public
        if key is None or key.algorithm != algorithm:
            raise jwt.InvalidKeyError("no key for this token")
        return key

    def refresh(self) -> int:
        """Read the JWKS file again if it has changed; returns a number that grows when the keys do.

        Costs one stat a second at most. A file that has become unusable leaves the old keys in force: half a
        rotation must not lock everybody out.
        """
        if self._file is None or (now := time.monotonic()) < self._look_again_at:
            return self.generation
        self._look_again_at = now + _LOOK_AGAIN_SECONDS
        try:
            state = _state_of(self._file)
            if state != self._state:
                self._public = read_jwks(self._file)
                self._state = state
                self.generation += 1
        except (ConfigError, OSError) as error:
            _log.warning("the JWKS file cannot be read; the old keys stay in force: %s", error)
        return self.generation


def read_jwks(path: Path) -> dict[str, TokenKey]:
    """Return the keys of a JWKS file by their kid; raises ConfigError, one line, for anything unfit."""
    try:
        listed = json.loads(path.read_bytes())["keys"]
        keys = dict(_read_key(entry) for entry in listed)
    except (OSError, ValueError, KeyError, TypeError, jwt.PyJWTError) as error:
        raise ConfigError(f"the JWKS file {path} cannot be used: {error}") from None
    if not keys or len(keys) != len(listed):
        raise ConfigError(f"the JWKS file {path} cannot be used: it needs keys, each with a `kid` of its own")
    return keys


def _read_key(entry: Any) -> tuple[str, TokenKey]:
    kid = entry.get("kid") if isinstance(entry, dict) else None
    if not isinstance(kid, str) or not kid:
        raise ValueError("a key has no `kid`")
    material = jwt.PyJWK(entry, algorithm=_pinned(entry)).key
    if isinstance(material, RSAPublicKey) and material.key_size < _RSA_BITS_MIN:
        raise ValueError(f"key {kid} is shorter than {_RSA_BITS_MIN} bits")
    if not isinstance(material, RSAPublicKey | Ed25519PublicKey):
        raise ValueError(f"key {kid} is not a public key")  # noqa: TRY004 - one kind of error for the file
    return kid, TokenKey(algorithm=_pinned(entry), material=material)


def _pinned(entry: dict[str, Any]) -> str:
    kind = (entry.get("kty"), entry.get("crv"), entry.get("alg"))
    match kind:
        case ("OKP", "Ed25519", None | "EdDSA" | "Ed25519"):
            return "EdDSA"
        case ("RSA", None, None | "RS256"):
            return "RS256"
        case _:
            raise ValueError("only Ed25519 (EdDSA) and RSA (RS256) public keys are used")


def _state_of(path: Path) -> tuple[int, int, int]:
    try:
        status = path.stat()
    except OSError as error:
        raise ConfigError(f"the JWKS file {path} cannot be used: {error.strerror}") from None
    return status.st_mtime_ns, status.st_size, status.st_ino
