"""The one place where a fraction becomes whole, and a whole is shared out. Pure integers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from wallet_service.rules.ruleset import Rounding


def rounded(numerator: int, denominator: int, rounding: Rounding) -> int:
    """Return a non-negative fraction as a whole number, by the named rule."""
    whole, rest = divmod(numerator, denominator)
    if not rest:
        return whole
    match rounding:
        case Rounding.DOWN:
            return whole
        case Rounding.UP:
            return whole + 1
        case Rounding.HALF_EVEN:
            twice = 2 * rest
            return whole + (twice > denominator or (twice == denominator and whole % 2 == 1))
        case _:
            assert_never(rounding)


def rounded_each(values: Sequence[int], factor: int, denominator: int, rounding: Rounding) -> list[int]:
    """Return `values[i] * factor / denominator` as whole numbers, each as `rounded` would."""
    match rounding:
        case Rounding.DOWN:
            return [value * factor // denominator for value in values]
        case Rounding.UP:
            return [-(-value * factor // denominator) for value in values]
        case Rounding.HALF_EVEN:
            # One half more, rounded down; without any rest it was just in the middle, and an odd one is one too many.
            twice, double = 2 * factor, 2 * denominator
            halves = [divmod(value * twice + denominator, double) for value in values]
            return [whole if rest else whole & -2 for whole, rest in halves]
        case _:
            assert_never(rounding)


def apportioned(amount: int, weights: Sequence[int]) -> tuple[int, ...]:
    """Share an amount out in proportion to weights, whole and exactly: the largest remainders get the odd units.

    Equal remainders go to the earlier line. Without any weight the first line gets all; without lines, nobody.
    """
    if len(weights) == 1:
        return (amount,)
    total = sum(weights)
    if not total:
        return (amount, *(0,) * (len(weights) - 1)) if weights else ()
    if amount == total:
        return tuple(weights)
    shares = [amount * weight // total for weight in weights]
    odd = amount - sum(shares)
    if odd:
        # A remainder and its line as one whole number: sorting plain integers is what makes long baskets cheap.
        count = len(weights)
        rests = [amount * weight % total * count - index for index, weight in enumerate(weights)]
        for rest in sorted(rests, reverse=True)[:odd]:
            shares[-rest % count] += 1
    return tuple(shares)
