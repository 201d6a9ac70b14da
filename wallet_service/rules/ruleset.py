"""A ruleset as staff write it: what a document may hold. `proto/wallet/v1/rules.proto` says the same; a test compares.

A field that is absent says nothing: no condition, no cap. Amounts named `_minor` are money of the order's currency;
`amount` is in units of the program's asset.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from wallet_service.rules.model import PURCHASE

PERCENT: Final = 100
RATE_BP_DEFAULT: Final = 10_000
"""100 %: a rate above it is a mistake unless the ruleset allows it."""


@unique
class Rounding(StrEnum):
    """What becomes of half a unit. HALF_EVEN: the nearest whole, an exact half to the even one."""

    HALF_EVEN = "half_even"
    DOWN = "down"
    UP = "up"


@unique
class Level(StrEnum):
    """Where rounding is done, or where rules of a group compete: each line for itself, or the order as a whole."""

    ORDER = "order"
    LINE = "line"


@unique
class Mode(StrEnum):
    """How rules of a group go together. BEST: the largest award wins; EXCLUDE: the highest priority wins."""

    STACK = "stack"
    BEST = "best"
    EXCLUDE = "exclude"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hours:
    """A daily window in the ruleset's time zone: from `start` o'clock until before `end`; may pass midnight."""

    start: int
    end: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeIs:
    """The customer's attribute has one of these values."""

    name: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class When:
    """All that is said must hold; of a list, one entry must."""

    kinds: tuple[str, ...] = (PURCHASE,)
    categories: tuple[str, ...] = ()
    """Paths: `food/dairy` is also `food/dairy/cheese`, not `food/dairyfree`."""
    skus: tuple[str, ...] = ()
    brands: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()
    stores: tuple[str, ...] = ()
    payments: tuple[str, ...] = ()
    """Hashes of payment methods, as events carry them."""
    coupons: tuple[str, ...] = ()
    segments: tuple[str, ...] = ()
    not_segments: tuple[str, ...] = ()
    tiers: tuple[str, ...] = ()
    attributes: tuple[AttributeIs, ...] = ()
    first_purchase: bool | None = None
    total_min_minor: int | None = None
    """Of the whole basket, after discounts."""
    total_max_minor: int | None = None
    quantity_min: int | None = None
    """Pieces in the whole basket."""
    quantity_max: int | None = None
    weekdays: tuple[int, ...] = ()
    """1 is Monday, 7 Sunday."""
    hours: Hours | None = None
    starts_at: str | None = None
    """Local time of the ruleset's zone: `2026-06-01T00:00`."""
    ends_at: str | None = None
    """Not included any more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A step of a ladder: from this eligible amount on, an amount or a rate."""

    from_minor: int
    amount: int | None = None
    basis_points: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Multiplier:
    """Raises what other rules give: 200 % gives as much again. Without rules named, all that do not multiply."""

    percent: int
    of: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Give:
    """Exactly one of these."""

    basis_points: int | None = None
    """Of the eligible amount; 500 is 5 %."""
    amount: int | None = None
    """Once per order."""
    amount_per_line: int | None = None
    amount_per_unit: int | None = None
    ladder: tuple[Step, ...] = ()
    multiplier: Multiplier | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Caps:
    """The most that is given, in units of the asset. Days and months are those of the ruleset's time zone."""

    per_order: int | None = None
    per_customer_day: int | None = None
    per_customer_month: int | None = None
    per_customer_lifetime: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Rules that are composed with each other; groups among each other always stack."""

    name: str
    mode: Mode
    level: Level = Level.ORDER


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One reason to give something."""

    rule_id: str
    title: str
    """As read out to a customer: `5 % on dairy`."""
    give: Give
    when: When = When()
    priority: int = 0
    """The highest is first: at a cap, and in its group."""
    group: str | None = None
    campaign: str | None = None
    """Gives only within the campaign's dates, from its budget."""
    before_discounts: bool = False
    include_paid_with_cashback: bool = False
    caps: Caps = Caps()


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruleset:
    """All that a program gives."""

    time_zone: str
    title: str = ""
    rounding: Rounding = Rounding.HALF_EVEN
    rounded_per: Level = Level.ORDER
    rate_bp_max: int = RATE_BP_DEFAULT
    """Above it a rate is a finding."""
    groups: tuple[Group, ...] = ()
    caps: Caps = Caps()
    """Over all rules together."""
    rules: tuple[Rule, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """Dates and a budget that rules share."""

    campaign_id: str
    title: str
    starts_at: str
    """Local time of the ruleset's zone."""
    ends_at: str
    budget: int
    """In units of the asset."""
    funding_account: str = ""
    """Whose money it is: a partner, a supplier, a cost centre."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributeTest:
    """All that is said must hold of one attribute. A customer without it passes only `none_of`."""

    name: str
    any_of: tuple[str, ...] = ()
    none_of: tuple[str, ...] = ()
    at_least: int | None = None
    """The attribute is a whole number, and not smaller."""
    at_most: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentRule:
    """Who belongs to a segment without being on its list: those whose attributes pass all tests."""

    all_of: tuple[AttributeTest, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentDefinition:
    """A segment without its list: what can live in a file."""

    segment_id: str
    title: str = ""
    rule: SegmentRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Something wrong with a document, and where: `rules[3].give.basis_points`."""

    path: str
    problem: str
    """A word for machines: UNKNOWN_FIELD."""
    message: str
    advice: bool = False
    """Worth knowing, and no reason against publishing."""
