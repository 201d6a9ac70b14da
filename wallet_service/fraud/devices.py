"""What is kept of where a call comes from: keyed hashes under a ring of keys that can rotate. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Final

from msgspec import Struct

from wallet_service.fraud.model import Trace, Traces
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.signing import keyed_hash

_CUSTOMERS_BITS: Final = 64
"""Of an IPv6 address: what a customer chooses, and many devices choose anew every hour."""
FIRST_KEY: Final = "k0"
"""The key whose hashes carry no name: what was kept before keys had any."""


class Context(Struct, frozen=True, kw_only=True, gc=False, repr_omit_defaults=True):
    """Where a call comes from, as the caller tells it. Empty or None: not told. Not printable: it names a person."""

    fingerprint: str = ""
    app_instance: str = ""
    address: str = ""
    user_agent: str = ""
    payment_hash: str = ""
    referrer: str = ""
    attested: bool | None = None
    credentials_changed_at: Instant | None = None

    def __repr__(self) -> str:
        return "Context(...)"


NOWHERE: Final = Context()
_NO_TRACES: Final = Traces()


def meant(address: str) -> str:
    """Return an address as it is told apart from others: of IPv6, the network of 64 bits that one customer has.

    However it is written, and whether or not IPv4 is mapped into it. What is no address stays as it is.
    """
    try:
        found = ip_address(address.strip())
    except ValueError:
        return address
    if isinstance(found, IPv4Address):
        return str(found)
    if found.ipv4_mapped is not None:
        return str(found.ipv4_mapped)
    return str(IPv6Address(int(found) >> _CUSTOMERS_BITS << _CUSTOMERS_BITS))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DeviceKeys:
    """The ring. The active key hashes what is kept; the others only recognize, while one takes the place of another."""

    active: str
    keys: Mapping[str, bytes] = field(repr=False)

    def traces(self, context: Context) -> Traces:
        """Return what is kept of a context."""
        if context == NOWHERE:
            return _NO_TRACES
        fingerprint, app = context.fingerprint, context.app_instance
        # Most calls tell little, and this is on the way of every one.
        return Traces(
            device=self.trace("", fingerprint) if fingerprint else self.trace("app", app) if app else None,
            address=self.trace("address", meant(context.address)) if context.address else None,
            payment=self.trace("payment", context.payment_hash) if context.payment_hash else None,
            referrer=self.trace("referrer", context.referrer) if context.referrer else None,
            agent=self.trace("agent", context.user_agent).key if context.user_agent else "",
            attested=context.attested, credentials_changed_at=context.credentials_changed_at,
        )  # fmt: skip

    def trace(self, what: str, text: str) -> Trace:
        """Return the hashes of a text; an address that reads like an agent has other hashes."""
        said = f"{what}\0{text}" if what else text
        if len(self.keys) == 1:
            return Trace(key=self._hashed(self.active, said))
        others = tuple(self._hashed(name, said) for name in self.keys if name != self.active)
        return Trace(key=self._hashed(self.active, said), others=others)

    def _hashed(self, name: str, said: str) -> str:
        hashed = keyed_hash(self.keys[name], said)
        return hashed if name == FIRST_KEY else f"{name}.{hashed}"
