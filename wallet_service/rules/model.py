"""What is priced, for whom, and what comes out. Frozen values; whole numbers only.

Amounts named `_minor` are money of the order's currency; an award's amount is in units of the program's asset.
Structs of msgspec: one is made for each line and each award of each event, at a tenth of a dataclass's cost.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

PURCHASE: Final = "purchase"
"""The kind of event that rules are about unless they name others."""

KINDS: Final = (PURCHASE, "referral", "share", "review", "signup", "birthday", "custom")
"""What can earn anything. Only a purchase has lines."""


class Line(Struct, frozen=True, kw_only=True, gc=False):
    """One line of an order: totals of the whole line, not of one unit."""

    sku: str
    category: str = ""
    """A path from the widest to the narrowest: `food/dairy/cheese`."""
    brand: str = ""
    quantity: int = 1
    net_minor: int
    """To be paid for the line, after discounts; never negative."""
    gross_minor: int
    """The same before discounts."""


class Basket(Struct, frozen=True, kw_only=True):
    """What happened: a purchase with its lines, or another kind of event with none."""

    order_ref: str
    lines: tuple[Line, ...]
    kind: str = PURCHASE
    channel: str = ""
    store: str = ""
    payment_hash: str = ""
    coupons: frozenset[str] = frozenset()
    paid_with_value_minor: int = 0
    """The part of the order that was paid with the wallet; earns nothing unless a rule says so."""


class Customer(Struct, frozen=True, kw_only=True):
    """What rules may know of the customer."""

    segments: frozenset[str] = frozenset()
    """The lists it is on; segments by attributes are found from the attributes."""
    tier: str = ""
    attributes: Mapping[str, str] = {}
    first_purchase: bool = False


class Profile(Struct, frozen=True, kw_only=True):
    """What is recorded of a customer: the lists it is on, and its attributes."""

    segments: frozenset[str] = frozenset()
    attributes: Mapping[str, str] = {}


STRANGER: Final = Profile()
"""A customer of whom nothing is recorded."""


@unique
class Period(StrEnum):
    """How long a cap counts. ORDER needs no memory; BUDGET is a campaign's, shared by everybody."""

    ORDER = "order"
    DAY = "day"
    MONTH = "month"
    LIFETIME = "lifetime"
    BUDGET = "budget"


class CapKey(Struct, frozen=True, kw_only=True):
    """A limit that reaches beyond this order. The key names what is limited and in which day or month."""

    key: str
    period: Period
    limit: int
    campaign_id: str | None = None
    """Set for BUDGET: whose budget it is. Other caps are per wallet."""


class CapUse(Struct, frozen=True, kw_only=True):
    """What an order takes of a cap that reaches beyond it."""

    cap_key: str
    amount: int


class Headroom(Struct, frozen=True, kw_only=True):
    """What is left of each cap, by its key. A key that is absent still has its whole limit."""

    by_cap: Mapping[str, int] = {}

    def left(self, cap_key: str, limit: int) -> int:
        """Return what is left of a cap of this limit."""
        return self.by_cap.get(cap_key, limit)


class Trim(Struct, frozen=True, kw_only=True):
    """A cap that made an award smaller."""

    cap_key: str
    period: Period
    limit: int
    """The cap as configured."""
    left: int
    """What was left of it for this award."""
    by: int
    """How much of the award it took away."""


class Beaten(Struct, frozen=True, kw_only=True):
    """A rule that would have given something, and gave way to the rule whose award names it."""

    rule_id: str
    group: str
    amount: int
    """What it would have given where it gave way."""


@unique
class AwardKind(StrEnum):
    """How a rule reckons."""

    BASIS_POINTS = "basis_points"
    FIXED = "fixed"
    FIXED_PER_LINE = "fixed_per_line"
    PER_UNIT = "per_unit"
    LADDER = "ladder"
    MULTIPLIER = "multiplier"


class Award(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one rule gives, and why so much."""

    rule_id: str
    title: str
    ruleset_version: int
    campaign_id: str | None
    kind: AwardKind
    amount: int
    """After caps; may be nothing, when a cap was used up."""
    lines: tuple[int, ...]
    """The part of each line of the basket, in its order; sums to the amount. Empty if the basket has no lines."""
    base: int
    """What the rate was applied to: money, units of goods, lines, or (of a multiplier) awarded units."""
    rate: int
    """Basis points, units of the asset per order, line or piece, or a percentage (of a multiplier)."""
    threshold_minor: int = 0
    """The step of a ladder that was reached."""
    uncapped: int
    """The amount before caps."""
    trims: tuple[Trim, ...] = ()
    beaten: tuple[Beaten, ...] = ()
    aside: str = ""
    """The group in which it stood aside, because a cap or budget of its own had nothing left."""


class Priced(Struct, frozen=True, kw_only=True):
    """What an event earns: the awards, their sum, each line's part of it, and what it uses of caps."""

    amount: int
    lines: tuple[int, ...]
    awards: tuple[Award, ...]
    caps: tuple[CapUse, ...]


NOTHING: Final = Priced(amount=0, lines=(), awards=(), caps=())
