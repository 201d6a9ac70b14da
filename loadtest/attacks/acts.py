"""What customers do, honest ones and others, each act with its label. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum, unique
from typing import Final

MINUTE: Final = 60
HOUR: Final = 3_600
DAY: Final = 86_400
WINDOW_DAYS: Final = 2
"""How long the shop takes goods back, and cashback is pending."""


@unique
class What(Enum):
    """What an act is."""

    SIGNUP = "signup"
    REFERRAL = "referral"
    PURCHASE = "purchase"
    RETURN = "return"
    REDEEM = "redeem"


@dataclass(frozen=True, slots=True, kw_only=True)
class From:
    """Where an act comes from."""

    device: str = ""
    address: str = ""
    payment: str = ""
    credentials_at: int | None = None
    """When the customer's credentials were changed, in seconds of the season; None: not that anybody knew."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Act:
    """One thing that one customer does."""

    at: int
    """Seconds since the season began."""
    who: str
    what: What
    place: From
    amount_minor: int = 0
    """Of a purchase, its price; of a redemption what is wanted, 0: all there is."""
    order: str = ""
    subject: str = ""
    """Of a referral, by whom."""
    attack: str = ""
    """The label: which attack it is part of; empty: it is honest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Customer:
    """A wallet and whose it is."""

    who: str
    kind: str
    """`household`, the name of a look-alike, or the family of an attack."""
    opening_minor: int = 0
    """What was brought over from the card of stamps that there was before."""
    attacker: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Season:
    """How long it is, and from when on somebody attacks: until then customers are only getting known."""

    days: int
    quiet_days: int

    @property
    def seconds(self) -> int:
        """Its length."""
        return self.days * DAY

    @property
    def attacked_from(self) -> int:
        """The first moment of an attack."""
        return self.quiet_days * DAY

    def start(self, rng: random.Random, *, days: int) -> int:
        """Return when something begins that takes so many days, as long as the season has room for it."""
        return self.attacked_from + rng.randrange(max(self.days - self.quiet_days - days, 1) * DAY)


@dataclass(slots=True)
class Scene:
    """Customers and what they do."""

    customers: list[Customer] = field(default_factory=list)
    acts: list[Act] = field(default_factory=list)
    kiosks: list[str] = field(default_factory=list)
    """Devices that the shop itself put up, and knows."""

    def add(self, *scenes: Scene) -> Scene:
        """Take other scenes in."""
        for scene in scenes:
            self.customers += scene.customers
            self.acts += scene.acts
            self.kiosks += scene.kiosks
        return self

    def in_order(self) -> list[Act]:
        """Return all acts in the order of time; at one moment, as they were staged."""
        return sorted(self.acts, key=lambda act: act.at)


def family_of(attack: str) -> str:
    """Return the family of an attack's label: `device-farm` of `device-farm/2`."""
    return attack.partition("/")[0]


def refs(customers: Iterable[Customer]) -> list[str]:
    """Return who customers are."""
    return [customer.who for customer in customers]
