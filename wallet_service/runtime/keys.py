"""Secrets in files: read with care, made once where the configuration names none (a laptop)."""

from __future__ import annotations

import base64
import binascii
import json
import logging
import os
import re
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Final

from wallet_service.runtime.config import Settings
from wallet_service.runtime.errors import ConfigError

SECRET_BYTES_MIN: Final = 32
_log = logging.getLogger(__name__)
DEVICE_KEY_FIRST: Final = "k0"
"""The name of a key that was never given one."""
DEVICE_KEYS_MAX: Final = 4
"""Each costs a hash for every call."""
_KEY_ID: Final = re.compile(r"[a-z0-9-]{1,16}")
_OPEN_TO_OTHERS: Final = stat.S_IRWXO


@dataclass(frozen=True, slots=True, kw_only=True)
class SigningKeys:
    """Keys by id. The active one signs; every one still verifies, which is how keys are rotated."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)


def load_secret(path: Path, *, create: bool = False) -> bytes:
    """Read a secret (text or bytes, surrounding blanks do not count); with `create`, make it if there is none."""
    if create and not path.exists():
        _write_new(path, secrets.token_hex(SECRET_BYTES_MIN).encode())
    secret = _read(path).strip()
    if len(secret) < SECRET_BYTES_MIN:
        raise ConfigError(f"{path}: a secret needs at least {SECRET_BYTES_MIN} bytes")
    return secret


def development_secret(settings: Settings, *, create: bool = True) -> bytes | None:
    """Return the secret of development tokens; None where an issuer's keys verify tokens instead.

    Without any configuration it is made under the data folder, unless told not to `create` it.
    """
    if settings.auth_hs256_secret_file is not None:
        return load_secret(settings.auth_hs256_secret_file)
    if settings.auth_jwks_file is not None:
        return None
    path = settings.keys_dir / "development-token.secret"
    return load_secret(path, create=create) if create or path.exists() else None


def load_device_keys(settings: Settings) -> SigningKeys:
    """Return the ring that hashes what devices are known by; a single key, made at need, is a ring of `k0`."""
    if settings.device_keys_file is None:
        path = settings.device_key_file or settings.keys_dir / "device.secret"
        secret = load_secret(path, create=settings.device_key_file is None)
        return SigningKeys(active=DEVICE_KEY_FIRST, keys=MappingProxyType({DEVICE_KEY_FIRST: secret}))
    ring = load_signing_keys(settings.device_keys_file)
    if len(ring.keys) > DEVICE_KEYS_MAX or not all(map(_KEY_ID.fullmatch, ring.keys)):
        raise ConfigError(
            f"{settings.device_keys_file}: at most {DEVICE_KEYS_MAX} keys, named by small letters and digits"
        )
    return ring


def load_signing_keys(path: Path, *, create: bool = False) -> SigningKeys:
    """Read `{"active": "<id>", "keys": {"<id>": "<base64>"}}`; with `create`, make one key if there is no file."""
    if create and not path.exists():
        key = base64.b64encode(secrets.token_bytes(SECRET_BYTES_MIN)).decode()
        _write_new(path, json.dumps({"active": "k1", "keys": {"k1": key}}, indent=2).encode())
    try:
        content = json.loads(_read(path))
        keys = {str(name): base64.b64decode(key, validate=True) for name, key in content["keys"].items()}
        active = str(content["active"])
    except (ValueError, KeyError, TypeError, AttributeError, binascii.Error):
        # The cause would quote the file.
        raise ConfigError(f'{path}: expected {{"active": "<id>", "keys": {{"<id>": "<base64>"}}}}') from None
    return _checked(path, active, keys)


def _checked(path: Path, active: str, keys: dict[str, bytes]) -> SigningKeys:
    if active not in keys:
        raise ConfigError(f"{path}: the active key {active!r} is not among the keys")
    short = sorted(name for name, key in keys.items() if len(key) < SECRET_BYTES_MIN)
    if short:
        raise ConfigError(f"{path}: keys of fewer than {SECRET_BYTES_MIN} bytes: {', '.join(short)}")
    return SigningKeys(active=active, keys=MappingProxyType(keys))


def _read(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & _OPEN_TO_OTHERS:
                # A warning only: secret mounts of containers look like this by default.
                _log.warning("other users of this machine may read a secret: %s", path)
            return file.read()
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be read: {fault.strerror}") from fault


def _write_new(path: Path, content: bytes) -> None:
    """Write a file only its owner can read; of two processes that try, one writes and both then read the same."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        try:
            os.link(draft, path)  # fails, unlike a rename, if another process was first
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    except OSError as fault:
        raise ConfigError(f"{path}: cannot be written: {fault.strerror}") from fault
