"""Books of our own: what each wallet must have come to, from nothing but what the service answered. Pure and naive."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction

from wallet_service.cli.demo.baskets import Basket
from wallet_service.cli.demo.comebacks import Comeback


@dataclass(slots=True, kw_only=True)
class Sale:
    """One basket: what it earned, what of it was paid with the wallet, and how much has come back."""

    basket: Basket
    event_id: str = ""
    reservation_id: str = ""
    paid: int = 0
    earned: int = 0
    shares: tuple[int, ...] = ()
    """What each line earned; asked for when something comes back."""
    lines_back: set[int] = field(default_factory=set)
    loose_back: int = 0
    due: int = 0
    """What returns take of the cashback in all."""
    restored: int = 0
    """What returns give back of what was paid with the wallet."""

    def come_back(self, comeback: Comeback) -> tuple[int, int]:
        """Goods came back; returns what that takes of the cashback, and what it gives back, beyond what was before.

        All of it is reckoned anew each time, from all that has come back so far.
        """
        self.lines_back |= set(comeback.lines)
        self.loose_back += comeback.amount_minor
        prices = [line.net_minor for line in self.basket.lines]
        kept = [number for number in range(len(prices)) if number not in self.lines_back]
        kept_minor = sum(prices[number] for number in kept)
        before = self.due, self.restored
        if comeback.everything or self.loose_back >= kept_minor:
            self.due, self.restored = self.earned, self.paid
        else:
            whole = sum(self.shares[number] for number in self.lines_back) if self.shares else 0
            rest = sum(self.shares[number] for number in kept) if self.shares else 0
            self.due = int(whole + Fraction(rest * self.loose_back, kept_minor))
            gone = sum(prices) - kept_minor + self.loose_back
            self.restored = self.paid * gone // sum(prices)
        return self.due - before[0], self.restored - before[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hold:
    """What a reservation holds, and until when."""

    amount: int
    expires_at: datetime


@dataclass(slots=True, kw_only=True)
class Book:
    """One household's wallet."""

    sales: dict[int, Sale] = field(default_factory=dict)
    holds: dict[str, Hold] = field(default_factory=dict)
    issued: int = 0
    redeemed: int = 0
    restored: int = 0
    taken_back: int = 0
    """By returns: clawed back, or owed until later earnings pay."""
    adjusted: int = 0
    holds_expired: int = 0

    @property
    def reserved(self) -> int:
        """What is held."""
        return sum(hold.amount for hold in self.holds.values())

    def hold(self, reservation_id: str, amount: int, expires_at: datetime) -> None:
        """Value was reserved."""
        self.holds[reservation_id] = Hold(amount=amount, expires_at=expires_at)

    def spend(self, reservation_id: str, amount: int) -> None:
        """Held value was committed."""
        hold = self.holds[reservation_id]
        self.holds[reservation_id] = Hold(amount=hold.amount - amount, expires_at=hold.expires_at)
        self.redeemed += amount

    def end(self, reservation_id: str) -> int:
        """Forget a reservation; returns what it still held."""
        return self.holds.pop(reservation_id).amount

    def accept(self, comeback: Comeback) -> None:
        """Goods came back."""
        due, restored = self.sales[comeback.basket.basket_id].come_back(comeback)
        self.taken_back += due
        self.restored += restored

    def pass_time(self, now: datetime) -> None:
        """Let the holds that are overdue at this moment expire."""
        for reservation_id, hold in list(self.holds.items()):
            if hold.expires_at <= now:
                self.holds_expired += 1
                self.end(reservation_id)
