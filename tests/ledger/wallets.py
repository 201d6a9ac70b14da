"""Wallets, commands and records for the ledger's tests: what a database would remember, kept in dictionaries."""

from __future__ import annotations

import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any

from msgspec.structs import replace

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.commands import (
    Adjust,
    ClawBack,
    Close,
    Command,
    Commit,
    Extend,
    Freeze,
    Grant,
    Mature,
    Outcome,
    Release,
    Reserve,
    Restore,
    Review,
    Settle,
    Unfreeze,
)
from wallet_service.ledger.decide import Decision, canonical, decide, genesis
from wallet_service.ledger.model import (
    Account,
    Credit,
    Entry,
    Expired,
    Known,
    OperationRecord,
    Order,
    Reservation,
    Terms,
    Wallet,
    WalletState,
)

SECOND = 1_000_000
START = 1_700_000_000 * SECOND
ORDER = Order(order_ref="order-1", total_minor=10_000, currency="EUR")
WALLET_ID = WalletId("0b8f3c1e-5f0e-5d52-9c83-3f7d1a2b4c5d")

_numbers = itertools.count(1)


def new_id() -> Any:
    """Return an id that no other test has used."""
    return str(uuid.UUID(int=next(_numbers) + (4 << 76) + (8 << 60)))


def empty_wallet(wallet_id: WalletId = WALLET_ID) -> Wallet:
    return Wallet(
        wallet_id=wallet_id, program_id=ProgramId("demo"), customer_ref="customer-1", state=WalletState.ACTIVE,
        pending=0, available=0, reserved=0, frozen=0, version=0, revision=0, pending_lots=(), available_lots=(),
        frozen_lots=(), frozen_by_hand=(), holds=(), head=genesis(wallet_id), next_due_at=NEVER,
        touched_at=Instant(START), opened_at=Instant(START),
    )  # fmt: skip


@dataclass
class Book:
    """One wallet and all that is recorded of it. `say` decides a command at the book's moment and records it."""

    terms: Terms = field(default_factory=Terms)
    wallet: Wallet = field(default_factory=empty_wallet)
    now: int = START
    reservations: dict[str, Reservation] = field(default_factory=dict)
    credits: dict[str, Credit] = field(default_factory=dict)
    operations: dict[str, OperationRecord] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    last: Decision | None = None

    def known(self, command: Command) -> Known:
        return Known(
            reservation=self.reservations.get(getattr(command, "reservation_id", "")),
            credit=self.credits.get(getattr(command, "credit_id", None) or ""),
            operation=self.operations.get(getattr(command, "operation_id", "")),
        )

    def decide(self, command: Command) -> Decision:
        return decide(self.wallet, command, Instant(self.now), self.terms, self.known(command))

    def say(self, command: Command) -> Any:
        decision = self.decide(command)
        self.record(decision)
        return decision.outcome

    def record(self, decision: Decision) -> None:
        check_step(self.wallet, decision)
        self.last = decision
        self.wallet = decision.wallet
        self.entries += decision.entries
        self.reservations |= {r.reservation_id: r for r in decision.reservations}
        if decision.credit is not None:
            self.credits[decision.credit.credit_id] = decision.credit
        if decision.operation is not None:
            self.operations[decision.operation.operation_id] = decision.operation

    def later(self, seconds: float) -> Book:
        self.now += round(seconds * SECOND)
        return self

    # The commands, with what a test does not care about filled in.

    def grant(self, amount: int, *, expires: float | None = None, pending: bool = False, **more: Any) -> Any:
        return self.say(self.a_grant(amount, expires=expires, pending=pending, **more))

    def a_grant(
        self, amount: int, *, expires: float | None = None, pending: bool = False, **more: Any
    ) -> Grant:
        at = NEVER if expires is None else Instant(START + round(expires * SECOND))
        defaults = {"wallet_id": self.wallet.wallet_id, "credit_id": new_id()}
        return Grant(**{**defaults, "amount": amount, "pending": pending, "expires_at": at, **more})

    def a_reserve(self, amount: int, *, ttl: int = 100, **more: Any) -> Reserve:
        defaults = {
            "wallet_id": self.wallet.wallet_id, "reservation_id": new_id(), "value_minor": amount, "order": ORDER,
            "device": "phone",
        }  # fmt: skip
        return Reserve(**{**defaults, "amount": amount, "ttl_seconds": ttl, **more})

    def reserve(self, amount: int, *, ttl: int = 100, **more: Any) -> Any:
        return self.say(self.a_reserve(amount, ttl=ttl, **more))

    def held(self, amount: int, *, ttl: int = 100) -> Any:
        """Reserve and return the id."""
        return self.reserve(amount, ttl=ttl).reservation.reservation_id

    def commit(
        self, reservation_id: Any, amount: int | None = None, *, final: bool = True, commit_id: Any = None
    ) -> Any:
        return self.say(
            Commit(
                wallet_id=self.wallet.wallet_id, reservation_id=reservation_id, commit_id=commit_id or new_id(),
                amount=amount, final=final,
            )
        )  # fmt: skip

    def release(self, reservation_id: Any) -> Any:
        return self.say(Release(wallet_id=self.wallet.wallet_id, reservation_id=reservation_id))

    def extend(
        self, reservation_id: Any, ttl: int, *, lifetime: int = 1_000, extension_id: Any = None
    ) -> Any:
        return self.say(
            Extend(
                wallet_id=self.wallet.wallet_id, reservation_id=reservation_id, extension_id=extension_id or new_id(),
                ttl_seconds=ttl, lifetime_seconds_max=lifetime,
            )
        )  # fmt: skip

    def settle(self) -> Any:
        return self.say(Settle(wallet_id=self.wallet.wallet_id))

    def operate(self, kind: type, **fields: Any) -> Any:
        return self.say(self.an_operation(kind, **fields))

    def an_operation(self, kind: type, **fields: Any) -> Any:
        by = {} if kind is Mature else {"actor": "ann", "reason": "because"}
        return kind(**{"wallet_id": self.wallet.wallet_id, "operation_id": new_id(), **by, **fields})

    def mature(self, credit_id: Any) -> Any:
        return self.operate(Mature, credit_id=credit_id)

    def freeze(self, amount: int | None = None, credit_id: Any = None) -> Any:
        return self.operate(Freeze, amount=amount, credit_id=credit_id)

    def unfreeze(self, amount: int | None = None, credit_id: Any = None) -> Any:
        return self.operate(Unfreeze, amount=amount, credit_id=credit_id)

    def claw_back(self, credit_id: Any, amount: int) -> Any:
        return self.operate(ClawBack, credit_id=credit_id, amount=amount)

    def restore(self, reservation_id: Any, amount: int) -> Any:
        return self.operate(Restore, reservation_id=reservation_id, amount=amount)

    def review(self, reservation_id: Any, *, approve: bool, ttl: int = 0, **more: Any) -> Any:
        return self.operate(Review, reservation_id=reservation_id, approve=approve, ttl_seconds=ttl, **more)

    def adjust(self, delta: int, *, expires: float | None = None) -> Any:
        at = NEVER if expires is None else Instant(START + round(expires * SECOND))
        return self.operate(Adjust, delta=delta, expires_at=at)

    def close(self, *, forfeit: bool = False) -> Any:
        return self.operate(Close, forfeit=forfeit)

    def reservation(self, reservation_id: Any) -> Reservation:
        held = {hold.reservation_id: hold for hold in self.wallet.holds}
        return held.get(reservation_id) or self.reservations[reservation_id]

    def lots(self) -> dict[float, int]:
        """What is available by the second, after the start, at which it expires."""
        return {(lot.expires_at - START) / SECOND: lot.amount for lot in self.wallet.available_lots}


change: Callable[..., Any] = replace
"""The same, but for some fields."""


def reason_of(outcome: Outcome) -> Reason | None:
    return outcome.reason if isinstance(outcome, Refusal) else None


INSIDE = (Account.PENDING, Account.AVAILABLE, Account.RESERVED, Account.FROZEN)


def check_step(before: Wallet, decision: Decision) -> None:
    """Whatever was decided: numbers without a gap, a chain that verifies, balances that add up, one new revision."""
    wallet = decision.wallet
    balances = dict(zip(INSIDE, before.balance, strict=False))
    head, seq, moment = before.head, before.version, before.touched_at
    for entry in decision.entries:
        seq += 1
        assert entry.seq == seq
        assert entry.amount > 0
        assert entry.source is not entry.target
        assert entry.at >= moment
        for account, sign in ((entry.source, -1), (entry.target, 1)):
            if account in balances:
                balances[account] += sign * entry.amount
        assert entry.balance == (*balances.values(), seq)
        head = sha256(head + canonical_of(entry)).digest()
        assert entry.hash == head
    assert wallet.balance == (*balances.values(), seq)
    assert wallet.head == head
    assert wallet.touched_at >= before.touched_at
    recorded = decision.entries or decision.reservations or decision.credit or decision.operation
    assert wallet.revision == before.revision + (wallet is not before)
    assert not recorded or wallet is not before


def canonical_of(entry: Entry) -> bytes:
    return canonical(
        entry.seq, entry.kind, entry.source, entry.target, entry.amount, entry.balance, entry.subject_id, entry.act_id,
        entry.lots, entry.detail, entry.at,
    )  # fmt: skip


def expired_of(gone: Iterable[Expired]) -> Counter[int]:
    """What expired unspent, by its expiry."""
    by_expiry: Counter[int] = Counter()
    for part in gone:
        assert part.amount > 0
        by_expiry[part.expires_at] += part.amount
    return by_expiry


def credit(book: Book, amount: int, *, expires: float | None = None, pending: bool = False) -> str:
    outcome = book.grant(amount, expires=expires, pending=pending)
    return str(outcome.credit.credit_id)


def in_debt(amount: int = 60, floor: int = -100) -> Book:
    book = Book(terms=Terms(floor_minor=floor))
    given = credit(book, amount)
    book.commit(book.held(amount))
    book.claw_back(given, amount)
    assert book.wallet.available == -amount
    return book
