"""What a rule gives before composition and caps, as a rate over the measures of the lines it is about. Pure.

A closure for each way to reckon. A line whose eligible amount is nothing earns nothing, whatever the way: it was free,
or paid with the wallet.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from msgspec import Struct

from wallet_service.rules.model import AwardKind
from wallet_service.rules.occasion import Occasion
from wallet_service.rules.ruleset import PERCENT, Multiplier, Rule, Step

WHOLE: Final = 10_000
"""All parts are fractions of this: basis points without fractions."""


class Raw(Struct, kw_only=True):
    """What a rule would give: `measures[i] * factor / WHOLE` for line `lines[i]`, or `fixed` shared by the measures."""

    lines: Sequence[int]
    measures: Sequence[int]
    factor: int
    rate: int
    kind: AwardKind
    fixed: int | None = None
    threshold_minor: int = 0


Reckon: TypeAlias = Callable[[Occasion, Sequence[int]], Raw | None]
"""What a rule gives for these lines; None: nothing is eligible."""


def reckon_of(rule: Rule) -> Reckon:
    """Return how a rule that does not multiply reckons."""
    before, include, give = rule.before_discounts, rule.include_paid_with_cashback, rule.give

    def eligible(at: Occasion, lines: Sequence[int]) -> tuple[Sequence[int], Sequence[int]]:
        return at.eligible(lines, before_discounts=before, include_paid=include)

    if give.basis_points is not None:
        return _by_rate(eligible, give.basis_points)
    if give.amount_per_line is not None:
        return _by_line(eligible, give.amount_per_line)
    if give.amount_per_unit is not None:
        return _by_unit(eligible, give.amount_per_unit)
    if give.ladder:
        return _by_ladder(eligible, give.ladder)
    return _by_order(eligible, give.amount or 0)


_Eligible: TypeAlias = Callable[[Occasion, Sequence[int]], tuple[Sequence[int], Sequence[int]]]


def _by_rate(eligible: _Eligible, basis_points: int) -> Reckon:
    def reckon(at: Occasion, lines: Sequence[int]) -> Raw | None:
        numbers, bases = eligible(at, lines)
        return Raw(
            lines=numbers, measures=bases, factor=basis_points, rate=basis_points, kind=AwardKind.BASIS_POINTS
        ) if numbers else None  # fmt: skip

    return reckon


def _by_line(eligible: _Eligible, amount: int) -> Reckon:
    def reckon(at: Occasion, lines: Sequence[int]) -> Raw | None:
        numbers, _ = eligible(at, lines)
        return Raw(
            lines=numbers, measures=[1] * len(numbers), factor=amount * WHOLE, rate=amount,
            kind=AwardKind.FIXED_PER_LINE,
        ) if numbers else None  # fmt: skip

    return reckon


def _by_unit(eligible: _Eligible, amount: int) -> Reckon:
    def reckon(at: Occasion, lines: Sequence[int]) -> Raw | None:
        numbers = [number for number in eligible(at, lines)[0] if at.quantities[number] > 0]
        return Raw(
            lines=numbers, measures=[at.quantities[number] for number in numbers], factor=amount * WHOLE, rate=amount,
            kind=AwardKind.PER_UNIT,
        ) if numbers else None  # fmt: skip

    return reckon


def _by_order(eligible: _Eligible, amount: int) -> Reckon:
    def reckon(at: Occasion, lines: Sequence[int]) -> Raw | None:
        numbers, bases = eligible(at, lines) if at.has_lines else (lines, [1])
        return Raw(
            lines=numbers, measures=bases, factor=0, fixed=amount, rate=amount, kind=AwardKind.FIXED
        ) if numbers else None  # fmt: skip

    return reckon


def _by_ladder(eligible: _Eligible, ladder: Sequence[Step]) -> Reckon:
    steps = sorted(ladder, key=lambda step: step.from_minor)
    thresholds = [step.from_minor for step in steps]

    def reckon(at: Occasion, lines: Sequence[int]) -> Raw | None:
        numbers, bases = eligible(at, lines)
        reached = bisect_right(thresholds, sum(bases))
        if not numbers or not reached:
            return None
        step = steps[reached - 1]
        rate = step.amount if step.amount is not None else step.basis_points or 0
        return Raw(
            lines=numbers, measures=bases, factor=step.basis_points or 0, fixed=step.amount, rate=rate,
            kind=AwardKind.LADDER, threshold_minor=step.from_minor,
        )  # fmt: skip

    return reckon


def multiplied(multiplier: Multiplier, given: Sequence[int], lines: Sequence[int]) -> Raw | None:
    """Return what a multiplier adds to what other rules have given to these lines."""
    numbers = [number for number in lines if given[number] > 0]
    return Raw(
        lines=numbers, measures=[given[number] for number in numbers], factor=(multiplier.percent - PERCENT) * PERCENT,
        rate=multiplier.percent, kind=AwardKind.MULTIPLIER,
    ) if numbers else None  # fmt: skip
