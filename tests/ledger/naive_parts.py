"""What a naive wallet is made of: piles of value by expiry, holds and credits."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from fractions import Fraction

from wallet_service.kernel.errors import Reason
from wallet_service.ledger.commands import Grant, Reserve

Pile = Counter[int]
"""Value by the moment it expires."""


def soonest(pile: Pile, amount: int, first: int | None = None) -> Pile:
    """Take value out of a pile: of one expiry first if one is named, then what expires soonest."""
    taken: Pile = Counter()
    order = sorted(pile, key=lambda at: (at != first, at))
    for at in order:
        part = min(pile[at], amount - taken.total())
        if part:
            taken[at] += part
            pile[at] -= part
            if not pile[at]:
                del pile[at]
    return taken


Gone = list[list[int]]
"""What expired unspent: [when, after how many events, how much], in the order in which it happened."""


def as_if_nothing_had_expired(gone: Gone, pile: Pile, amount: int, own: int, since: int) -> tuple[Gone, Pile]:
    """Take value unit by unit, of one expiry first, then what expires soonest, whether it is gone or still there."""
    took: Gone = []
    taken: Pile = Counter()
    for _ in range(amount):
        known = [cell for cell in gone if cell[1] > since and cell[2]]
        lost = min(known, key=lambda cell: (cell[0] != own, cell[0], cell[1]), default=None)
        there = min(pile, key=lambda at: (at != own, at), default=None)
        if lost is None and there is None:
            break
        if lost is not None and (there is None or (lost[0] != own, lost[0]) <= (there != own, there)):
            lost[2] -= 1
            took.append([lost[0], lost[1], 1])
        elif there is not None:
            taken += soonest(pile, 1, own)
    gone[:] = [cell for cell in gone if cell[2]]
    return took, taken


def worth(gone: Gone) -> Pile:
    """By expiry, what is gone."""
    pile: Pile = Counter()
    for at, _, amount in gone:
        pile[at] += amount
    return pile


def proportional(pile: Pile, amount: int) -> Pile:
    """Choose value in proportion, whole units, the largest remainders rounded up, the later lot first on a tie."""
    exact = {at: Fraction(amount * pile[at], pile.total()) for at in pile}
    chosen = Counter({at: int(part) for at, part in exact.items()})
    by_remainder = sorted(pile, key=lambda at: (exact[at] - int(exact[at]), at), reverse=True)
    for at in by_remainder[: amount - chosen.total()]:
        chosen[at] += 1
    return +chosen


@dataclass
class Hold:
    """A reservation."""

    command: Reserve
    state: str
    lots: Pile
    created: int
    expires: int
    spent: Pile = field(default_factory=Counter)
    restored: Pile = field(default_factory=Counter)
    acts: dict[str, tuple[object, ...]] = field(default_factory=dict)
    review: str = "NONE"

    def ended(self) -> Reason:
        return Reason.RESERVATION_REJECTED if self.review == "REJECTED" else _ENDED[self.state]


@dataclass
class Credit:
    """What one event brought."""

    command: Grant
    pending: int
    frozen_pending: int = 0
    frozen: Pile = field(default_factory=Counter)
    clawed: int = 0
    since: int = 0
    """After how many events it came."""
    frozen_gone: Gone = field(default_factory=list)

    @property
    def remaining(self) -> int:
        return self.command.amount - self.clawed


_ENDED = {
    "REFUSED": Reason.RESERVATION_REFUSED,
    "COMMITTED": Reason.RESERVATION_COMMITTED,
    "RELEASED": Reason.RESERVATION_RELEASED,
    "EXPIRED": Reason.RESERVATION_EXPIRED,
}
