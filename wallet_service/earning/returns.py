"""How much of an order has come back, and what that takes from its cashback. Pure, exact, whole numbers.

Everything is a function of all that has come back so far, never of one return: what a return takes is the difference
between two such totals. So eleven refunds of 9 take what one of 99 takes, in any order and by any split.
"""

from __future__ import annotations

from fractions import Fraction

from wallet_service.earning.model import Back, OrderLine, Return


def after(back: Back, lines: tuple[OrderLine, ...], returned: Return) -> Back | None:
    """Return what has come back after one more return; None if that is more than was bought."""
    count = len(lines)
    quantities = list(back.quantities or (0,) * count)
    amounts = list(back.amounts or (0,) * count)
    loose = back.loose_minor + returned.amount_minor
    for part in returned.lines:
        if part.line >= count:
            return None
        quantities[part.line] += part.quantity
        amounts[part.line] += part.amount_minor
    if returned.everything:
        # All that is left, as pieces of no line: the total is then the whole order, whatever came back before.
        before = Back(quantities=tuple(quantities), amounts=tuple(amounts))
        kept = [line.net_minor - gone for line, gone in zip(lines, _gone(before, lines), strict=True)]
        loose = max(loose, sum(kept))
        # What costs nothing is not in this amount: it comes back by its pieces.
        quantities = [
            pieces if line.net_minor else max(pieces, line.quantity)
            for line, pieces in zip(lines, quantities, strict=True)
        ]
    new = Back(quantities=tuple(quantities), amounts=tuple(amounts), loose_minor=loose)
    return new if _fits(new, lines) else None


def _gone(back: Back, lines: tuple[OrderLine, ...]) -> list[int]:
    """Return what has come back of each line's price, but for what is of no line in particular."""
    return [
        line.net_minor * quantity // line.quantity + amount
        for line, quantity, amount in zip(lines, back.quantities, back.amounts, strict=True)
    ]


def _fits(back: Back, lines: tuple[OrderLine, ...]) -> bool:
    if any(pieces > line.quantity for pieces, line in zip(back.quantities, lines, strict=True)):
        return False
    kept = [line.net_minor - gone for line, gone in zip(lines, _gone(back, lines), strict=True)]
    return min(kept, default=0) >= 0 and back.loose_minor <= sum(kept)


def share_back(back: Back, lines: tuple[OrderLine, ...], shares: tuple[int, ...]) -> int:
    """Return how much of what the lines earned is to be taken back in all.

    A line gives back in proportion to its price, or by its pieces if it cost nothing; what is of no line takes the same
    part of all that is kept. Rounded down once, over the whole: when all has come back, it is all.
    """
    if not back.quantities:
        return 0
    taken = Fraction(0)
    kept_minor = 0
    for line, gone, pieces, share in zip(lines, _gone(back, lines), back.quantities, shares, strict=True):
        part = Fraction(gone, line.net_minor) if line.net_minor else Fraction(pieces, line.quantity)
        taken += share * part
        kept_minor += line.net_minor - gone
    if kept_minor:
        taken += (sum(shares) - taken) * Fraction(back.loose_minor, kept_minor)
    return int(taken)


def part_back(back: Back, lines: tuple[OrderLine, ...], whole: int) -> int:
    """Return which part of a whole belongs to what has come back: of what was paid with the wallet."""
    if not back.quantities:
        return 0
    total = sum(line.net_minor for line in lines)
    if total:
        return whole * (sum(_gone(back, lines)) + back.loose_minor) // total
    # An order that cost nothing comes back by its pieces.
    return whole * sum(back.quantities) // sum(line.quantity for line in lines)
