"""Who calls: bearer tokens (JWT), verified once and remembered until they expire."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final

import jwt

from wallet_service.kernel.errors import Reason, RefusedError, refuse
from wallet_service.kernel.ids import ProgramId, WalletId, canonical_uuid, wallet_id_of
from wallet_service.transport.call import Caller
from wallet_service.transport.keys import HS256, KeyRing
from wallet_service.transport.scopes import Scope

_BEARER: Final = "bearer "
_REQUIRED: Final = ("sub", "aud", "exp", "iat")
_SUBJECT_CHARACTERS_MAX: Final = 128
_KNOWN_SCOPES: Final = {scope.value: scope for scope in Scope}
_UNTRUSTED = (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError)
"""What verifying a hostile token may raise: infinite dates and bottomless JSON are not PyJWT's own errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenPolicy:
    """What a token must say beside being signed by a known key."""

    audience: str = "wallet-service"
    issuer: str | None = None
    leeway_seconds: int = 5
    remembered_max: int = 10_000


class Authenticator:
    """Turns an `authorization` header into a Caller, or refuses.

    Verifying a signature costs 100 µs and more, so a verified token is remembered until it expires; the memory is
    bounded, forgets the oldest first, and forgets everything when the keys change.
    """

    def __init__(
        self, keys: KeyRing, policy: TokenPolicy, seconds_now: Callable[[], float] = time.time
    ) -> None:
        self._keys = keys
        self._policy = policy
        self._seconds_now = seconds_now
        self._verified: dict[str, tuple[Caller, float]] = {}
        self._generation = keys.generation

    def caller(self, authorization: str | None) -> Caller:
        """Return who calls; raises RefusedError with TOKEN_MISSING, TOKEN_INVALID or TOKEN_EXPIRED."""
        if self._keys.refresh() != self._generation:
            self._verified.clear()
            self._generation = self._keys.generation
        if authorization is None:
            raise refuse(Reason.TOKEN_MISSING)
        known = self._verified.get(authorization)
        if known is not None and self._seconds_now() < known[1]:
            return known[0]
        claims = self._claims(_token_of(authorization))
        caller = _caller_of(claims)
        self._remember(authorization, caller, float(claims["exp"]) + self._policy.leeway_seconds)
        return caller

    def _claims(self, token: str) -> dict[str, Any]:
        try:
            key = self._keys.key_for(jwt.get_unverified_header(token))
            return jwt.decode(
                token,
                key.material,
                algorithms=[key.algorithm],
                audience=self._policy.audience,
                issuer=self._policy.issuer,
                leeway=self._policy.leeway_seconds,
                options={"require": list(_REQUIRED)},
            )
        except (jwt.ExpiredSignatureError, jwt.ImmatureSignatureError):
            raise refuse(Reason.TOKEN_EXPIRED) from None
        except _UNTRUSTED:
            # Which check failed is for the issuer's tests, not for whoever tries keys at the door.
            raise refuse(Reason.TOKEN_INVALID) from None

    def _remember(self, authorization: str, caller: Caller, until: float) -> None:
        self._verified.pop(authorization, None)
        if len(self._verified) >= self._policy.remembered_max:
            del self._verified[next(iter(self._verified))]
        self._verified[authorization] = (caller, until)


def mint(
    secret: str | bytes,
    subject: str,
    scopes: Iterable[Scope],
    *,
    customer: tuple[str, str] | None = None,
    ttl_seconds: int = 3_600,
    audience: str = "wallet-service",
    issuer: str | None = None,
) -> str:
    """Return a development token signed with HS256; `customer` is (program_id, customer_ref)."""
    now = int(time.time())
    claims: dict[str, object] = {
        "sub": subject,
        "scope": " ".join(sorted(scopes)),
        "aud": audience,
        "iat": now,
        "nbf": now,
        "exp": now + ttl_seconds,
    }
    if issuer is not None:
        claims["iss"] = issuer
    if customer is not None:
        claims["program_id"], claims["customer_ref"] = customer
    return jwt.encode(claims, secret, algorithm=HS256)


def _token_of(authorization: str) -> str:
    if authorization[: len(_BEARER)].lower() != _BEARER:
        raise refuse(Reason.TOKEN_MISSING)
    return authorization[len(_BEARER) :].strip()


def _caller_of(claims: dict[str, Any]) -> Caller:
    subject, scope = claims["sub"], claims.get("scope", "")
    if not (isinstance(subject, str) and 0 < len(subject) <= _SUBJECT_CHARACTERS_MAX):
        raise _invalid()
    if not isinstance(scope, str):
        raise _invalid()
    # Scopes that we do not know belong to other services that share the issuer.
    scopes = frozenset(_KNOWN_SCOPES[name] for name in scope.split() if name in _KNOWN_SCOPES)
    return Caller(subject=subject, scopes=scopes, wallet_id=_wallet_of(claims))


def _wallet_of(claims: dict[str, Any]) -> WalletId | None:
    """Return the one wallet of a customer's token; half a customer must never become a service."""
    wallet_id, program_id, customer_ref = (
        claims.get(name) for name in ("wallet_id", "program_id", "customer_ref")
    )
    if wallet_id is None and program_id is None and customer_ref is None:
        return None
    named: set[WalletId] = set()
    if wallet_id is not None:
        named.add(_canonical(wallet_id))
    if program_id is not None or customer_ref is not None:
        if not (
            isinstance(program_id, str) and program_id and isinstance(customer_ref, str) and customer_ref
        ):
            raise _invalid()
        named.add(wallet_id_of(ProgramId(program_id), customer_ref))
    if len(named) != 1:
        raise _invalid()
    return named.pop()


def _canonical(wallet_id: object) -> WalletId:
    if not isinstance(wallet_id, str):
        raise _invalid()
    try:
        return WalletId(canonical_uuid(wallet_id))
    except ValueError:
        raise _invalid() from None


def _invalid() -> RefusedError:
    return refuse(Reason.TOKEN_INVALID)
