"""What is to happen at each visit and after it, decided beforehand by the seed. Pure."""

from __future__ import annotations

import calendar
import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import Enum, unique
from typing import Final

from wallet_service.cli.demo.baskets import Basket
from wallet_service.cli.demo.comebacks import Comeback, comebacks

VISITS_PER_REDEMPTION: Final = 5
REFERRALS_PERCENT: Final = 2
TOLD_LATE_PERCENT: Final = 2
TOLD_TWICE_PERCENT: Final = 5


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
    """One basket at the till: how it redeems, if it does, and how the service hears of it."""

    basket: Basket
    number: int
    """The household's first visit is 1."""
    redemption: Redemption | None
    refers: bool = False
    """The customer brings a friend."""
    told_twice: bool = False
    told_late: bool = False
    """On the next day on which anything happens."""


@dataclass(slots=True, kw_only=True)
class Day:
    """What happens on one day: visits, for each household in its order, and returns that begin or end."""

    date: date
    visits: tuple[tuple[Visit, ...], ...] = ()
    opened: tuple[Comeback, ...] = ()
    ended: tuple[Comeback, ...] = ()
    closes_month: bool = False


def plan(baskets: Sequence[Basket], seed: int) -> tuple[Day, ...]:
    """Return what is to happen, on each day on which something does. The same baskets and seed give the same plan."""
    last = _month_end(baskets[-1].at.date())
    visits = _visits(baskets, seed, last)
    returns = [one for one in comebacks(baskets, seed) if one.opened <= last]
    days: dict[date, Day] = {}

    def on(when: date) -> Day:
        return days.setdefault(when, Day(date=when))

    for when in _month_ends(baskets[0].at.date(), last):
        on(when).closes_month = True
    by_day: defaultdict[date, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_day[visit.basket.at.date()].append(visit)
    for when, those in by_day.items():
        on(when).visits = _by_household(those)
    for one in returns:
        on(one.opened).opened += (one,)
        if one.ended <= last:
            on(one.ended).ended += (one,)
    return tuple(days[when] for when in sorted(days))


def _visits(baskets: Sequence[Basket], seed: int, last: date) -> list[Visit]:
    numbers: defaultdict[int, int] = defaultdict(int)
    counted: list[tuple[Basket, int]] = []
    for basket in baskets:
        numbers[basket.household] += 1
        counted.append((basket, numbers[basket.household]))
    redeeming = [i for i, (_, number) in enumerate(counted) if number % VISITS_PER_REDEMPTION == 0]
    ways = dict(zip(redeeming, _ways(len(redeeming), seed), strict=True))
    drawn = random.Random(f"visits {seed}")  # noqa: S311 - repeatable, and nothing is kept secret by it
    return [
        Visit(
            basket=basket, number=number, redemption=ways.get(index),
            refers=drawn.randrange(100) < REFERRALS_PERCENT, told_twice=drawn.randrange(100) < TOLD_TWICE_PERCENT,
            # On the last day there is no later one to tell it on.
            told_late=drawn.randrange(100) < TOLD_LATE_PERCENT and basket.at.date() < last,
        )
        for index, (basket, number) in enumerate(counted)
    ]  # fmt: skip


def _ways(count: int, seed: int) -> list[Redemption]:
    """Return that many redemptions in the shares that are wanted, in an order drawn by the seed."""
    ways: list[Redemption] = []
    for way in Redemption:
        ways += [way] * (count * way.percent // 100)
    ways += [Redemption.WHOLE] * (count - len(ways))
    random.Random(seed).shuffle(ways)  # noqa: S311 - repeatable, and nothing is kept secret by it
    return ways


def _month_end(when: date) -> date:
    return when.replace(day=calendar.monthrange(when.year, when.month)[1])


def _month_ends(first: date, last: date) -> Iterable[date]:
    when = _month_end(first)
    while when <= last:
        yield when
        when = _month_end(when.replace(year=when.year + when.month // 12, month=when.month % 12 + 1, day=1))


def _by_household(visits: list[Visit]) -> tuple[tuple[Visit, ...], ...]:
    by_household: defaultdict[int, list[Visit]] = defaultdict(list)
    for visit in visits:
        by_household[visit.basket.household].append(visit)
    return tuple(tuple(those) for those in by_household.values())
