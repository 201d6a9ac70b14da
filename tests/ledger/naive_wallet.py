"""A wallet as a child would keep it: piles of value by expiry, moved by hand. Slow, obvious, and written apart from
`decide`, so that the two can be held against each other.

Every command answers a Reason when it is refused and None when it is done.
"""

from __future__ import annotations

from collections import Counter
from copy import deepcopy
from typing import Any

from naive_parts import Credit, Gone, Hold, Pile, as_if_nothing_had_expired, proportional, soonest, worth

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason
from wallet_service.ledger.commands import (
    Adjust,
    ClawBack,
    Close,
    Commit,
    Expire,
    Extend,
    Freeze,
    Grant,
    Mature,
    Release,
    Reserve,
    Restore,
    Review,
    Settle,
    Unfreeze,
)
from wallet_service.ledger.model import Terms

SECOND = 1_000_000


class NaiveWallet:
    """Piles and a debt. `available` is what lies there minus what is owed; one of the two is always nothing."""

    def __init__(self, terms: Terms) -> None:
        self.terms = terms
        self.state = "ACTIVE"
        self.available: Pile = Counter()
        self.debt = 0
        self.gone: Gone = []
        self.events = 0  # grants and expiries: which came first
        self.by_hand: Pile = Counter()
        self.reservations: dict[str, Hold] = {}
        self.credits: dict[str, Credit] = {}
        self.operations: dict[str, object] = {}
        self.outside: Counter[str] = Counter()
        self.now = 0
        self.version = 0
        """What the wallet's version is, as the machine tells it: entries are not counted here."""

    # What is where.

    def open_holds(self) -> list[Hold]:
        return [hold for hold in self.reservations.values() if hold.state == "HELD"]

    def pending_pile(self) -> Pile:
        pile: Pile = Counter()
        for credit in self.credits.values():
            pile[credit.command.expires_at] += credit.pending
        return +pile

    def frozen_pile(self) -> Pile:
        pile = Counter(self.by_hand)
        for credit in self.credits.values():
            pile += credit.frozen
            pile[credit.command.expires_at] += credit.frozen_pending
        return +pile

    def balances(self) -> tuple[int, int, int, int]:
        pending, frozen = self.pending_pile().total(), self.frozen_pile().total()
        reserved = sum(hold.lots.total() for hold in self.open_holds())
        return pending, self.available.total() - self.debt, reserved, frozen

    def next_due(self) -> int:
        return min([*self.available, *(self._lapses(hold) for hold in self.open_holds())], default=NEVER)

    # How it moves.

    def _receive(self, pile: Pile) -> None:
        pile = Counter(pile)
        paid = soonest(pile, min(self.debt, pile.total()))
        self.debt -= paid.total()
        self.available += pile

    def _give(self, amount: int) -> Pile:
        taken = soonest(self.available, amount)
        self.debt += amount - taken.total()
        return taken

    def _expire_lots(self) -> None:
        for at in [at for at in self.available if at <= self.now]:
            self._expired(at, self.available.pop(at))

    def _expired(self, at: int, amount: int) -> None:
        self.events += 1
        self.gone.append([at, self.events, amount])
        self.outside["expired"] += amount

    def _lapses(self, hold: Hold) -> int:
        return hold.expires + self.terms.commit_grace_seconds * SECOND

    def _end(self, hold: Hold, state: str) -> None:
        hold.state = state
        self._receive(hold.lots)
        hold.lots = Counter()
        self._expire_lots()

    def settle(self, now: int) -> None:
        self.now = now
        for hold in sorted(self.open_holds(), key=lambda h: (h.expires, h.command.reservation_id)):
            if self._lapses(hold) <= now:
                self._end(hold, "EXPIRED")
        self._expire_lots()

    def apply(self, command: object, now: int) -> Reason | None:
        """Do what a new command says (a repeated one is the machine's own business)."""
        self.settle(now)
        match command:
            case Settle():
                return None
            case Reserve():
                return self._reserve(command)
            case Commit():
                return self._commit(command)
            case Release():
                return self._release(command)
            case Extend():
                return self._extend(command)
            case Grant():
                return self._grant(command)
            case _:
                return self._operate(command)

    # The checkout.

    def _reserve(self, command: Reserve) -> Reason | None:
        reason = command.refusal.reason if command.refusal else None
        if command.quote_expires_at <= self.now and (reason is None or reason.number > 42):
            reason = Reason.QUOTE_EXPIRED
        if reason is None:
            reason = self._may_reserve(command)
        held = Counter() if reason else soonest(self.available, command.amount)
        self.reservations[command.reservation_id] = Hold(
            command, "REFUSED" if reason else "HELD", held, self.now, self.now + command.ttl_seconds * SECOND
        )
        if command.review and not reason:
            hold = self.reservations[command.reservation_id]
            hold.review = "WAITING"
            hold.expires = max(hold.expires, self.now + command.review_ttl_seconds * SECOND)
        return reason

    def _may_reserve(self, command: Reserve) -> Reason | None:
        if self.state != "ACTIVE":
            return Reason.WALLET_CLOSED if self.state == "CLOSED" else Reason.WALLET_FROZEN
        if len(self.open_holds()) >= self.terms.open_reservations_max:
            return Reason.TOO_MANY_RESERVATIONS
        if self.available.total() - self.debt < command.amount:
            return Reason.INSUFFICIENT_BALANCE
        return None

    def _commit(self, command: Commit) -> Reason | None:
        hold = self.reservations.get(command.reservation_id)
        if hold is None:
            return Reason.RESERVATION_NOT_FOUND
        if command.commit_id in hold.acts:
            return Reason.ID_REUSED
        if hold.state != "HELD":
            return hold.ended()
        if hold.review == "WAITING":
            return Reason.UNDER_REVIEW
        amount = hold.lots.total() if command.amount is None else command.amount
        if amount > hold.lots.total():
            return Reason.COMMIT_ABOVE_RESERVATION
        hold.acts[command.commit_id] = ("commit", amount)
        hold.spent += soonest(hold.lots, amount)
        self.outside["redeemed"] += amount
        if command.final or not hold.lots.total():
            self._end(hold, "COMMITTED")
        return None

    def _release(self, command: Release) -> Reason | None:
        hold = self.reservations.get(command.reservation_id)
        if hold is None:
            return Reason.RESERVATION_NOT_FOUND
        if hold.state == "RELEASED" and hold.review != "REJECTED":
            return None
        if hold.state != "HELD":
            return hold.ended()
        self._end(hold, "RELEASED")
        return None

    def _extend(self, command: Extend) -> Reason | None:
        hold = self.reservations.get(command.reservation_id)
        if hold is None:
            return Reason.RESERVATION_NOT_FOUND
        if command.extension_id in hold.acts:
            return Reason.ID_REUSED
        if command.ttl_seconds > command.lifetime_seconds_max:
            return Reason.TTL_OUT_OF_RANGE
        if hold.state != "HELD":
            return hold.ended()
        if hold.review == "WAITING":
            return Reason.UNDER_REVIEW
        until = max(hold.expires, self.now + command.ttl_seconds * SECOND)
        if until > hold.created + command.lifetime_seconds_max * SECOND:
            return Reason.TTL_OUT_OF_RANGE
        hold.expires = until
        hold.acts[command.extension_id] = ("extend", command.ttl_seconds)
        return None

    # What events and people do.

    def _grant(self, command: Grant) -> Reason | None:
        if self.state == "CLOSED":
            return Reason.WALLET_CLOSED
        if command.expires_at <= self.now:
            return Reason.EXPIRY_IN_THE_PAST
        self.outside["issued"] += command.amount
        self.events += 1
        pending = command.amount if command.pending else 0
        self.credits[command.credit_id] = Credit(command, pending, since=self.events)
        if not command.pending:
            self._receive(Counter({command.expires_at: command.amount}))
        return None

    def _operate(self, command: Any) -> Reason | None:
        credit_id = getattr(command, "credit_id", None)
        credit = self.credits.get(credit_id) if credit_id else None
        if credit_id and credit is None:
            return Reason.CREDIT_NOT_FOUND
        if isinstance(command, Restore | Review) and command.reservation_id not in self.reservations:
            return Reason.RESERVATION_NOT_FOUND
        if command.operation_id in self.operations:
            return Reason.ID_REUSED
        if self.state == "CLOSED" and not isinstance(command, Review):
            return Reason.WALLET_CLOSED
        reason = self._operation(command, credit)
        if reason is None:
            self.operations[command.operation_id] = command
            self._expire_lots()
        return reason

    def _operation(self, command: object, credit: Credit | None) -> Reason | None:
        match command:
            case Mature() if credit:
                return self._mature(credit)
            case ClawBack() if credit:
                return self._claw_back(credit, command.amount)
            case Restore():
                return self._restore(command)
            case Freeze():
                return self._freeze_credit(credit) if credit else self._freeze(command)
            case Unfreeze():
                return self._unfreeze_credit(credit) if credit else self._unfreeze(command)
            case Adjust():
                return self._adjust(command)
            case Close():
                return self._close(command)
            case Expire():
                return self._expire(command)
            case Review():
                return self._review(command)
        raise AssertionError(command)

    def _mature(self, credit: Credit) -> Reason | None:
        if not credit.pending:
            return Reason.CREDIT_NOT_PENDING
        self._receive(Counter({credit.command.expires_at: credit.pending}))
        credit.pending = 0
        return None

    def _claw_back(self, credit: Credit, amount: int) -> Reason | None:
        if amount > credit.remaining:
            return Reason.ABOVE_CREDIT
        before = deepcopy((self.gone, self.available, credit))
        own, rest = credit.command.expires_at, amount
        part = min(rest, credit.frozen_pending)
        credit.frozen_pending, rest = credit.frozen_pending - part, rest - part
        lost, taken = as_if_nothing_had_expired(credit.frozen_gone, credit.frozen, rest, own, credit.since)
        rest -= worth(lost).total() + taken.total()
        part = min(rest, credit.pending)
        credit.pending, rest = credit.pending - part, rest - part
        more, taken = as_if_nothing_had_expired(self.gone, self.available, rest, own, credit.since)
        rest -= worth(more).total() + taken.total()
        if (rest or taken) and self.balances()[1] - rest < self.terms.floor_minor:
            self.gone, self.available, kept = before
            credit.__dict__.update(kept.__dict__)
            return Reason.BELOW_FLOOR
        self.debt += rest
        credit.clawed += amount
        self.outside["clawed back"] += amount
        self.outside["expired"] -= worth(lost + more).total()
        return None

    def _restore(self, command: Restore) -> Reason | None:
        hold = self.reservations[command.reservation_id]
        if hold.state == "REFUSED":
            return Reason.RESERVATION_REFUSED
        left = hold.spent - hold.restored
        if command.amount > left.total():
            return Reason.ABOVE_COMMITTED
        back = proportional(left, command.amount)
        hold.restored += back
        self.outside["redeemed"] -= command.amount
        self._receive(back)
        return None

    def _review(self, command: Review) -> Reason | None:
        hold = self.reservations[command.reservation_id]
        if hold.state != "HELD":
            return hold.ended()
        if hold.review != "WAITING":
            return Reason.CASE_NOT_FOUND if hold.review == "NONE" else Reason.CASE_DECIDED
        if command.approve:
            hold.review = "APPROVED"
            hold.expires = max(hold.expires, self.now + command.ttl_seconds * SECOND)
        else:
            hold.review = "REJECTED"
            self._end(hold, "RELEASED")
        return None

    def _freeze(self, command: Freeze) -> Reason | None:
        if command.amount is None:
            self.state = "FROZEN"
            return None
        if self.balances()[1] < command.amount:
            return Reason.INSUFFICIENT_BALANCE
        self.by_hand += self._give(command.amount)
        return None

    def _freeze_credit(self, credit: Credit) -> None:
        loose = credit.remaining - credit.frozen.total() - credit.frozen_pending - credit.pending
        loose -= worth(credit.frozen_gone).total()
        own = credit.command.expires_at
        lost, taken = as_if_nothing_had_expired(self.gone, self.available, loose, own, credit.since)
        credit.frozen_gone += lost
        credit.frozen += taken
        credit.frozen_pending += credit.pending
        credit.pending = 0

    def _unfreeze(self, command: Unfreeze) -> Reason | None:
        if command.amount is None:
            self.state = "ACTIVE"
            return None
        if self.by_hand.total() < command.amount:
            return Reason.INSUFFICIENT_BALANCE
        self._receive(soonest(self.by_hand, command.amount))
        return None

    def _unfreeze_credit(self, credit: Credit) -> None:
        own = credit.command.expires_at
        owed, _ = as_if_nothing_had_expired(credit.frozen_gone, Counter(), self.debt, own, credit.since)
        self.debt -= worth(owed).total()
        self.outside["expired"] -= worth(owed).total()
        self._receive(credit.frozen)
        credit.frozen = Counter()
        self.gone += credit.frozen_gone
        credit.frozen_gone = []
        credit.pending += credit.frozen_pending
        credit.frozen_pending = 0

    def _adjust(self, command: Adjust) -> Reason | None:
        if command.delta > 0:
            if command.expires_at <= self.now:
                return Reason.EXPIRY_IN_THE_PAST
            self._receive(Counter({command.expires_at: command.delta}))
        else:
            if self.balances()[1] + command.delta < self.terms.floor_minor:
                return Reason.BELOW_FLOOR
            self._give(-command.delta)
        self.outside["adjusted"] += command.delta
        return None

    def _close(self, command: Close) -> Reason | None:
        pending, available, reserved, frozen = self.balances()
        if reserved or available < 0 or (not command.forfeit and pending + available + frozen):
            return Reason.WALLET_NOT_EMPTY
        self.outside["expired"] += pending + available + frozen
        self.available = Counter()
        self.by_hand = Counter()
        self.gone = []
        for credit in self.credits.values():
            credit.pending = credit.frozen_pending = 0
            credit.frozen = Counter()
        self.state = "CLOSED"
        return None

    def _expire(self, command: Expire) -> Reason | None:
        if command.expected_version != self.version:
            return Reason.VERSION_MISMATCH
        if self.available[NEVER]:
            self._expired(NEVER, self.available.pop(NEVER))
        return None
