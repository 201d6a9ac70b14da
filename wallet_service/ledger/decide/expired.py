"""What expired unspent: a return finds it where it is, as it would have found it before it expired.

Lots do not know credits, so the wallet remembers what expired, and a return takes of it together with what is still
there, in one order: what expires with the credit, then what expires soonest. Expiry only moves value from one of the
two to the other; so whether it comes before the return or after makes no difference to what is taken.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.ledger.decide import lots as lot
from wallet_service.ledger.decide.lots import Lots
from wallet_service.ledger.model import LOTS_MAX, Credit, Expired, Lot

Pool = tuple[Expired, ...]

REMEMBERED: Final = 800 * 86_400 * MICROSECONDS_PER_SECOND
"""Longer than a guarantee of two years: later than that, hardly anything comes back."""


class Split(NamedTuple):
    """What is taken of what expired and of lots, and what is left of both."""

    expired: Pool
    lots: Lots
    expired_left: Pool
    lots_left: Lots


def remember(pool: Pool, lots: Lots, version: int, now: Instant) -> Pool:
    """Add what the entry of that number let expire; what nothing comes back of any more is forgotten."""
    kept = [gone for gone in pool if gone.expires_at + REMEMBERED > now]
    kept += [Expired(part.expires_at, part.amount, version) for part in lots]
    return tuple(kept[-LOTS_MAX:])


def put(pool: Pool, added: Pool) -> Pool:
    """Merge what expired; only what the same entry let expire is one."""
    if not added:
        return pool
    amounts = {(gone.version, gone.expires_at): gone.amount for gone in pool}
    for gone in added:
        key = (gone.version, gone.expires_at)
        amounts[key] = amounts.get(key, 0) + gone.amount
    return tuple(Expired(at, amounts[version, at], version) for version, at in sorted(amounts))


def total(pool: Pool) -> int:
    """Return the value of what expired."""
    return sum(gone.amount for gone in pool)


def as_lots(pool: Pool) -> Lots:
    """Return what expired as lots."""
    lots: Lots = ()
    for gone in pool:
        lots = lot.put(lots, (Lot(gone.expires_at, gone.amount),))
    return lots


def since(pool: Pool, credit: Credit) -> Pool:
    """Return what a return of this credit may find: what expired before the credit came was never within its reach."""
    return tuple([gone for gone in pool if gone.version > credit.opened.version])


def split(pool: Pool, lots: Lots, credit: Credit, amount: int) -> Split:
    """Split off an amount or all there is: first what expires with the credit, then soonest-expiring first."""
    found = since(pool, credit)
    amount = min(amount, total(found) + sum(part.amount for part in lots))
    if not found:
        taken_lots, lots_left = lot.take_expiring_at(lots, credit.expires_at, amount)
        return Split((), taken_lots, pool, lots_left)
    own = credit.expires_at
    # Of one expiry, what is gone comes before what is there: at NEVER, where both can be.
    parts = [(gone.expires_at != own, gone.expires_at, 0, gone.version, gone.amount) for gone in found]
    parts += [(part.expires_at != own, part.expires_at, 1, 0, part.amount) for part in lots]
    expired: list[Expired] = []
    taken: list[Lot] = []
    for _, at, there, version, held in sorted(parts):
        part = min(held, amount)
        if not part:
            break
        amount -= part
        if there:
            taken.append(Lot(at, part))
        else:
            expired.append(Expired(at, part, version))
    moved = tuple(sorted(taken))
    return Split(put((), tuple(expired)), moved, _without(pool, expired), lot.remove(lots, moved))


def _without(pool: Pool, taken: list[Expired]) -> Pool:
    gone = {(part.version, part.expires_at): part.amount for part in taken}
    left = [
        Expired(part.expires_at, part.amount - gone.get((part.version, part.expires_at), 0), part.version)
        for part in pool
    ]
    return tuple([part for part in left if part.amount])
