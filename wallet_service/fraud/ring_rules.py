"""What a program says about rings: what links wallets, what speaks against them, and when a person is asked. Pure.

Part of the program's fraud policy, and stored with it by field names. What is not said is as it always was.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec
from msgspec import Struct

_SCORE_MAX: Final = 100
_WALLETS_MAX: Final = 1_000
"""Of a larger ring no more wallets are looked at."""


class Hubs(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Shared by more wallets than this, a key says nothing about who belongs together: a kiosk, a carrier's address.

    Addresses are handed from customer to customer by themselves, so theirs is the lowest.
    """

    device: int = 256
    address: int = 8
    payment: int = 64
    referral: int = 64

    def of(self, kind: int) -> int:
        """Return the limit of a kind of link, by its number."""
        return (self.device, self.address, self.payment, self.referral)[kind - 1]


class RingPoints(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How much each reason speaks against a ring; together they are 100 at most. 0: it is no reason."""

    each_wallet: int = 2
    """For each wallet beyond a household, up to `many_wallets`."""
    many_wallets: int = 25
    no_own_keys: int = 40
    formed_quickly: int = 20
    value_moved: int = 10
    shared_payment: int = 15
    referral_cycle: int = 60
    referral_chain: int = 25
    referred_themselves: int = 20


class RingRules(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """How a program's rings are made and judged."""

    household: int = 6
    """Up to so many wallets are a family, whatever they share."""
    case_from_wallets: int = 2
    case_from_points: int = 60
    """A person is asked about rings of at least so many wallets with at least so many points."""
    own_shared_by: int = 4
    """A device or a payment means that no more wallets share is somebody's own, or a family's."""
    formed_days: int = 7
    value_minor: int = 50_000
    """Who spends so much in 90 days has all points of `value_moved`."""
    chain_length: int = 5
    link_days: int = 400
    """A link that was not seen for so long is forgotten."""
    shadow: bool = False
    """Rings are found and scored, and nobody is asked."""
    hubs: Hubs = Hubs()
    points: RingPoints = RingPoints()


DEFAULTS: Final = RingRules()

BOUNDS: Final[Mapping[str, tuple[int, int]]] = {
    "household": (1, _WALLETS_MAX),
    "case_from_wallets": (2, _WALLETS_MAX),
    "case_from_points": (1, _SCORE_MAX),
    "own_shared_by": (1, _WALLETS_MAX),
    "formed_days": (1, 366),
    "value_minor": (1, 10**15),
    "chain_length": (2, _WALLETS_MAX),
    "link_days": (1, 3_660),
    **{f"hubs.{name}": (1, _WALLETS_MAX) for name in Hubs.__struct_fields__},
    **{f"points.{name}": (0, _SCORE_MAX) for name in RingPoints.__struct_fields__},
}
"""The least and the most of each number. The schema in `fraud.proto` says the same; a test compares them."""


def out_of_range(rules: RingRules) -> Iterator[tuple[str, str]]:
    """Yield the place of each number that is out of its bounds, and a sentence."""
    for path, (least, most) in BOUNDS.items():
        value: object = rules
        for name in path.split("."):
            value = getattr(value, name)
        if not isinstance(value, int) or not least <= value <= most:
            yield path, f"This must be from {least} to {most}."


def mark_of(rules: RingRules) -> str:
    """Return a short text that differs where rules differ; empty for those that nobody has changed."""
    if rules == DEFAULTS:
        return ""
    return hashlib.sha256(msgspec.json.encode(rules, order="deterministic")).hexdigest()[:16]
