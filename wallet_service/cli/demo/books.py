"""Books of our own: what each wallet must hold, from nothing but what the service acknowledged. Pure and naive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class Part(NamedTuple):
    """Some value and when it expires."""

    expires_at: datetime
    amount: int


@dataclass(slots=True, kw_only=True)
class Hold:
    """What a reservation holds, and until when."""

    parts: list[Part]
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Book:
    """One household's wallet."""

    lots: dict[datetime, int] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    credited: int = 0
    redeemed: int = 0
    expired: int = 0
    holds_expired: int = 0

    @property
    def available(self) -> int:
        """What may be spent."""
        return sum(self.lots.values())

    @property
    def reserved(self) -> int:
        """What is held."""
        return sum(part.amount for hold in self.holds.values() for part in hold.parts)

    def credit(self, amount: int, expires_at: datetime) -> None:
        """Value came in."""
        self.credited += amount
        self._give([Part(expires_at, amount)])

    def hold(self, reservation_id: str, amount: int, expires_at: datetime) -> int:
        """Value was reserved, soonest-expiring first; returns how much of it there is not: 0, if the service is right."""
        parts: list[Part] = []
        for expiry in sorted(self.lots):
            taken = min(self.lots[expiry], amount)
            amount -= taken
            parts.append(Part(expiry, taken))
            self.lots[expiry] -= taken
            if not amount:
                break
        self.lots = {expiry: left for expiry, left in self.lots.items() if left}
        self.holds[reservation_id] = Hold(parts=parts, expires_at=expires_at)
        return amount

    def spend(self, reservation_id: str, amount: int) -> int:
        """Held value was committed, soonest-expiring first; returns how much of it was not held."""
        hold = self.holds[reservation_id]
        self.redeemed += amount
        left: list[Part] = []
        for part in hold.parts:
            taken = min(part.amount, amount)
            amount -= taken
            if taken < part.amount:
                left.append(Part(part.expires_at, part.amount - taken))
        hold.parts = left
        return amount

    def end(self, reservation_id: str) -> None:
        """Return what a reservation still held to where it came from."""
        self._give(self.holds.pop(reservation_id).parts)

    def pass_time(self, now: datetime) -> None:
        """Let what is overdue at this moment expire."""
        for reservation_id, hold in list(self.holds.items()):
            if hold.expires_at <= now:
                self.holds_expired += 1
                self.end(reservation_id)
        for expires_at in [expires_at for expires_at in self.lots if expires_at <= now]:
            self.expired += self.lots.pop(expires_at)

    def _give(self, parts: list[Part]) -> None:
        for expires_at, amount in parts:
            self.lots[expires_at] = self.lots.get(expires_at, 0) + amount
