"""What is to happen at each visit, decided beforehand by the seed. Pure."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, unique
from itertools import groupby
from typing import Final

from wallet_service.cli.demo.baskets import Basket

CASHBACK_BP: Final = 200
VISITS_PER_REDEMPTION: Final = 5


@unique
class Redemption(Enum):
    """How a customer redeems, and which share of all redemptions goes that way, in percent."""

    RACED = ("raced from two devices", 10)
    ABANDONED = ("abandoned: released", 5)
    FORGOTTEN = ("left to expire", 5)
    PARTIAL = ("committed in part", 10)
    SPLIT = ("two commits", 5)
    WHOLE = ("committed in full", 65)

    @property
    def words(self) -> str:
        """What it is called in the table."""
        return self.value[0]

    @property
    def percent(self) -> int:
        """Its share."""
        return self.value[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One basket at the till: what it earns, and how it redeems if it does."""

    basket: Basket
    number: int
    """The household's first visit is 1."""
    cashback_minor: int
    redemption: Redemption | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The visits of one day, for each household in its order."""

    date: date
    visits: tuple[tuple[Visit, ...], ...]


def cashback(total_minor: int) -> int:
    """Return 2 % of a basket, rounded down to the cent: the shop's side keeps what is less."""
    return total_minor * CASHBACK_BP // 10_000


def plan(baskets: Sequence[Basket], seed: int) -> tuple[Day, ...]:
    """Return what is to happen, day by day. The same baskets and seed give the same plan."""
    numbers: defaultdict[int, int] = defaultdict(int)
    counted: list[tuple[Basket, int]] = []
    for basket in baskets:
        numbers[basket.household] += 1
        counted.append((basket, numbers[basket.household]))
    redeeming = [i for i, (_, number) in enumerate(counted) if number % VISITS_PER_REDEMPTION == 0]
    ways = dict(zip(redeeming, _ways(len(redeeming), seed), strict=True))
    visits = [
        Visit(
            basket=basket,
            number=number,
            cashback_minor=cashback(basket.total_minor),
            redemption=ways.get(index),
        )
        for index, (basket, number) in enumerate(counted)
    ]
    return tuple(
        Day(date=when, visits=_by_household(list(those)))
        for when, those in groupby(visits, key=lambda visit: visit.basket.at.date())
    )


def _ways(count: int, seed: int) -> list[Redemption]:
    """Return that many redemptions in the shares that are wanted, in an order drawn by the seed."""
    ways: list[Redemption] = []
    for way in Redemption:
        ways += [way] * (count * way.percent // 100)
    ways += [Redemption.WHOLE] * (count - len(ways))
    random.Random(seed).shuffle(ways)  # noqa: S311 - repeatable, and nothing is kept secret by it
    return ways


def _by_household(visits: list[Visit]) -> tuple[tuple[Visit, ...], ...]:
    by_household: defaultdict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_household[visit.basket.household].append(visit)
    return tuple(tuple(those) for those in by_household.values())
