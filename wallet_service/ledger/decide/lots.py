"""Arithmetic on lots. Lots are kept sorted by expiry; equal expiry is one lot; no lot is empty."""

from __future__ import annotations

from wallet_service.kernel.clock import Instant
from wallet_service.ledger.model import Lot

Lots = tuple[Lot, ...]


def one(expires_at: Instant, amount: int) -> Lots:
    """Return an amount of one expiry as lots: none if it is nothing."""
    return (Lot(expires_at, amount),) if amount else ()


def take(lots: Lots, amount: int) -> tuple[Lots, Lots]:
    """Split off an amount, soonest-expiring first: (taken, rest). The lots must hold that much."""
    if not amount:
        return (), lots
    if lots and amount < lots[0].amount:
        first = lots[0]
        return (Lot(first.expires_at, amount),), (Lot(first.expires_at, first.amount - amount), *lots[1:])
    taken: list[Lot] = []
    for index, lot in enumerate(lots):
        if amount <= lot.amount:
            taken.append(Lot(lot.expires_at, amount))
            rest = lot.amount - amount
            return tuple(taken), (
                (Lot(lot.expires_at, rest), *lots[index + 1 :]) if rest else lots[index + 1 :]
            )
        taken.append(lot)
        amount -= lot.amount
    raise ArithmeticError("the lots hold less than is taken from them")


def take_up_to(lots: Lots, amount: int) -> tuple[Lots, Lots]:
    """Split off an amount or all there is."""
    return take(lots, min(amount, sum(lot.amount for lot in lots)))


def take_expiring_at(lots: Lots, expires_at: Instant, amount: int) -> tuple[Lots, Lots]:
    """Split off an amount, first of the lot with that expiry, then soonest-expiring first."""
    own = sum(lot.amount for lot in lots if lot.expires_at == expires_at)
    direct = min(own, amount)
    rest = remove(lots, (Lot(expires_at, direct),)) if direct else lots
    others, rest = take(rest, amount - direct)
    return (put((Lot(expires_at, direct),), others) if direct else others), rest


def put(lots: Lots, added: Lots) -> Lots:
    """Merge lots."""
    if not added:
        return lots
    if not lots:
        return added
    if len(lots) == 1 and len(added) == 1 and lots[0].expires_at == added[0].expires_at:
        return (Lot(lots[0].expires_at, lots[0].amount + added[0].amount),)
    amounts = dict(lots)
    for expires_at, amount in added:
        amounts[expires_at] = amounts.get(expires_at, 0) + amount
    return tuple(Lot(expires_at, amounts[expires_at]) for expires_at in sorted(amounts))


def remove(lots: Lots, removed: Lots) -> Lots:
    """Subtract lots that are contained in others."""
    if len(lots) == 1 and len(removed) == 1 and lots[0].expires_at == removed[0].expires_at:
        rest = lots[0].amount - removed[0].amount
        if rest > 0:
            return (Lot(lots[0].expires_at, rest),)
    amounts = dict(lots)
    for expires_at, amount in removed:
        rest = amounts.get(expires_at, 0) - amount
        if rest < 0:
            raise ArithmeticError("a lot holds less than is removed from it")
        amounts[expires_at] = rest
    return tuple(Lot(expires_at, amount) for expires_at, amount in amounts.items() if amount)


def share(lots: Lots, amount: int) -> Lots:
    """Take an amount in proportion to the lots, by largest remainder, never more of a lot than it holds.

    Ties go to the lot that expires later, which is the better one for the customer.
    """
    total = sum(lot.amount for lot in lots)
    if not 0 < amount <= total:
        raise ArithmeticError("the lots hold less than is shared out of them")
    parts = [amount * lot.amount // total for lot in lots]
    remainders = sorted(
        range(len(lots)), key=lambda i: (amount * lots[i].amount % total, lots[i].expires_at), reverse=True
    )
    for index in remainders[: amount - sum(parts)]:
        parts[index] += 1
    return tuple(Lot(lot.expires_at, part) for lot, part in zip(lots, parts, strict=True) if part)
