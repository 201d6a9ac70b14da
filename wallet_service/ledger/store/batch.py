"""What a batch loads and what it appends: one statement each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.decide import Decision
from wallet_service.ledger.model import Credit, OperationRecord, Reservation, Terms, Wallet
from wallet_service.runtime.session import Session, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.ledger")
_WALLET, _RESERVATION, _CREDIT, _OPERATION, _TIME = range(5)

Key = tuple[WalletId, str]
Row = tuple[Any, ...]


@dataclass(slots=True, kw_only=True)
class Loaded:
    """What a batch named, as the database has it."""

    now: Instant = NEVER
    wallets: dict[WalletId, Wallet] = field(default_factory=dict)
    clocks: dict[WalletId, Instant] = field(default_factory=dict)
    programs: dict[ProgramId, int] = field(default_factory=dict)
    """The version of each program that the wallets belong to."""
    reservations: dict[Key, Reservation] = field(default_factory=dict)
    credits: dict[Key, Credit] = field(default_factory=dict)
    operations: dict[Key, OperationRecord] = field(default_factory=dict)


async def load(
    session: Statements,
    wallets: Sequence[WalletId],
    reservations: Sequence[Key],
    credit_keys: Sequence[Key],
    operations: Sequence[Key],
    *,
    timeout_seconds: float,
) -> Loaded:
    """Read the named wallets and documents, and the time, in one statement."""
    rows = await session.fetch(
        _SQL["load"],
        wallets,
        [k[0] for k in reservations], [k[1] for k in reservations],
        [k[0] for k in credit_keys], [k[1] for k in credit_keys],
        [k[0] for k in operations], [k[1] for k in operations],
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    loaded = Loaded()
    for row in rows:
        what, position = row[0], row[1] - 1
        if what == _WALLET:
            wallet_id = wallets[position]
            loaded.wallets[wallet_id] = codec.wallet_of(
                wallet_id, row[2], row[3], row[4], row[5:9], row[9], row[10], row[11], row[12]
            )
            loaded.programs[row[2]] = row[16]
            if row[13] is not None:
                loaded.clocks[wallet_id] = row[13]
        elif what == _RESERVATION:
            loaded.reservations[reservations[position]] = codec.reservation_of(row[12])
        elif what == _CREDIT:
            key = credit_keys[position]
            loaded.credits[key] = codec.credit_of(key[1], row[5:10], row[2], row[12])
        elif what == _OPERATION:
            key = operations[position]
            loaded.operations[key] = codec.operation_of(key[1], row[2], row[3], row[14], row[15], row[12])
        else:
            loaded.now = row[13]
    return loaded


async def lock(session: Statements, wallets: Sequence[WalletId], *, timeout_seconds: float) -> None:
    """Hold the wallets until the session's transaction ends."""
    await session.execute(_SQL["lock"], sorted(wallets), timeout_seconds=timeout_seconds)


async def free_of(
    session: Statements, wallets: Sequence[WalletId], *, timeout_seconds: float
) -> frozenset[WalletId]:
    """Return which of the wallets nobody holds at this moment."""
    rows = await session.fetch(_SQL["free_wallets"], sorted(wallets), timeout_seconds=timeout_seconds)
    return frozenset(WalletId(str(row["wallet_id"])) for row in rows)


@dataclass(slots=True)
class Written:
    """What a batch decided, gathered as the rows that are written."""

    wallets: dict[WalletId, tuple[int, Wallet, Terms]] = field(default_factory=dict)
    entries: list[Row] = field(default_factory=list)
    reservations: dict[Key, Reservation] = field(default_factory=dict)
    credits: dict[Key, Credit] = field(default_factory=dict)
    operations: dict[Key, OperationRecord] = field(default_factory=dict)

    def add(self, before: Wallet, decision: Decision, terms: Terms) -> None:
        """Add a decision; `before` is the wallet that it was made on."""
        wallet = decision.wallet
        if wallet is before:
            return
        wallet_id = wallet.wallet_id
        known = self.wallets.get(wallet_id)
        self.wallets[wallet_id] = (before.revision if known is None else known[0], wallet, terms)
        for e in decision.entries:
            b = e.balance
            self.entries.append(
                (
                    wallet_id, e.seq, e.kind, e.source, e.target, e.amount, b[0], b[1], b[2], b[3], e.subject_id, e.act_id,
                    codec.lots_text(e.lots), e.detail or None, e.at, e.hash,
                )
            )  # fmt: skip
        for reservation in decision.reservations:
            self.reservations[wallet_id, reservation.reservation_id] = reservation
        if decision.credit is not None:
            self.credits[wallet_id, decision.credit.credit_id] = decision.credit
        if decision.operation is not None:
            self.operations[wallet_id, decision.operation.operation_id] = decision.operation


async def append(session: Session, written: Written, *, timeout_seconds: float) -> frozenset[WalletId]:
    """Write a batch in one transaction; returns the wallets that somebody else changed, of which nothing was written."""
    # Rows, not columns: the driver looks at every element of an array for what it might be, but at a row only once.
    rows = [_wallet_rows(written), written.entries, _reservation_rows(written)]
    name = "append"
    if written.credits or written.operations:
        rows += [_credit_rows(written), _operation_rows(written)]
        name = "append_with_records"
    lost = await session.fetchval(_SQL[name], *rows, timeout_seconds=timeout_seconds)
    return frozenset(WalletId(str(wallet_id)) for wallet_id in lost) if lost else frozenset()


def _wallet_rows(written: Written) -> list[Row]:
    return [
        (
            wallet_id, expected, w.revision, w.state, w.pending, w.available, w.reserved, w.frozen, w.version,
            terms.floor_minor, w.head, codec.wallet_text(w), w.next_due_at,
        )
        for wallet_id, (expected, w, terms) in written.wallets.items()
    ]  # fmt: skip


def _reservation_rows(written: Written) -> list[Row]:
    return [
        (
            wallet_id, r.reservation_id, r.state, r.amount, r.committed, sum([lot.amount for lot in r.restored]),
            r.order_ref, r.created_at, r.closed_at, codec.reservation_text(r),
        )
        for (wallet_id, _), r in written.reservations.items()
    ]  # fmt: skip


def _credit_rows(written: Written) -> list[Row]:
    return [
        (
            wallet_id, c.credit_id, c.amount, c.pending, c.frozen, c.frozen_from_pending, c.clawed_back, c.reference,
            c.expires_at, c.created_at, codec.credit_text(c),
        )
        for (wallet_id, _), c in written.credits.items()
    ]  # fmt: skip


def _operation_rows(written: Written) -> list[Row]:
    return [
        (wallet_id, o.operation_id, o.kind, o.content, o.actor, o.reason, o.at, codec.operation_text(o))
        for (wallet_id, _), o in written.operations.items()
    ]
