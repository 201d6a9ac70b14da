"""Which baskets come back, how much of them and when, decided beforehand by the seed. Pure."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from enum import Enum, unique
from typing import Final

from wallet_service.cli.demo.baskets import Basket

RETURNS_PERCENT: Final = 8
LATEST_DAYS: Final = 30
"""After the purchase; most come within the return window, some when the cashback has matured and been spent."""
EXAMINED_DAYS_MAX: Final = 6
REFUSED_PERCENT: Final = 8


@unique
class Portion(Enum):
    """How much of a basket comes back, and which share of all returned baskets does so, in percent."""

    EVERYTHING = ("as a whole", 52)
    LINES = ("some lines", 18)
    AMOUNT = ("an amount", 15)
    IN_THREE = ("in three returns", 15)

    @property
    def words(self) -> str:
        """What it is called in the table."""
        return self.value[0]

    @property
    def percent(self) -> int:
        """Its share."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comeback:
    """One return: whole lines, an amount, or everything that is left; opened on a day, and decided on another."""

    basket: Basket
    portion: Portion
    part: int = 1
    lines: tuple[int, ...] = ()
    amount_minor: int = 0
    everything: bool = False
    opened: date
    ended: date
    accepted: bool = True

    @property
    def ref(self) -> str:
        """How the shop names it."""
        return f"return-{self.basket.basket_id}-{self.part}"


def comebacks(baskets: Sequence[Basket], seed: int) -> list[Comeback]:
    """Return all returns of these baskets, each basket's in their order."""
    drawn = random.Random(f"returns {seed}")  # noqa: S311 - repeatable, and nothing is kept secret by it
    chosen = drawn.sample(baskets, len(baskets) * RETURNS_PERCENT // 100)
    portions = list(Portion)
    weights = [portion.percent for portion in portions]
    return [one for basket in chosen for one in _of(basket, drawn.choices(portions, weights)[0], drawn)]


def _of(basket: Basket, portion: Portion, drawn: random.Random) -> Iterator[Comeback]:
    opened = basket.at.date() + timedelta(days=drawn.randint(1, LATEST_DAYS))
    whole = Comeback(
        basket=basket, portion=portion, everything=True, opened=opened,
        ended=opened + timedelta(days=drawn.randint(0, EXAMINED_DAYS_MAX)),
        accepted=portion is Portion.IN_THREE or drawn.randrange(100) >= REFUSED_PERCENT,
    )  # fmt: skip
    some = _some(basket, drawn)
    amount = drawn.randint(1, basket.total_minor)
    match portion:
        case Portion.EVERYTHING:
            yield whole
        case Portion.LINES:
            yield replace(whole, everything=False, lines=some)
        case Portion.AMOUNT:
            yield replace(whole, everything=False, amount_minor=amount)
        case Portion.IN_THREE:
            yield from _in_three(whole, some, drawn)


def _some(basket: Basket, drawn: random.Random) -> tuple[int, ...]:
    count = len(basket.lines)
    return tuple(sorted(drawn.sample(range(count), drawn.randint(1, count))))


def _in_three(whole: Comeback, some: tuple[int, ...], drawn: random.Random) -> Iterator[Comeback]:
    """Yield some lines, then an amount of what is left, then the rest; each begins when the one before has ended."""
    some = some[: len(whole.basket.lines) // 2]
    left = whole.basket.total_minor - sum(whole.basket.lines[line].net_minor for line in some)
    first = replace(whole, everything=False, lines=some)
    if not some:
        first = replace(first, amount_minor=left // 3)
        left -= first.amount_minor
    second = replace(whole, everything=False, part=2, amount_minor=left // 2)
    begun = whole.opened
    for part in (first, second, replace(whole, part=3)):
        if not (part.lines or part.amount_minor or part.everything):
            continue
        ended = begun + timedelta(days=drawn.randint(0, EXAMINED_DAYS_MAX))
        yield replace(part, opened=begun, ended=ended)
        begun = ended + timedelta(days=1)
