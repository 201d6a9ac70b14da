"""Pages of entries and reservations, versions for watchers, wallets in which something is due."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ReservationId, WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.model import (
    Account,
    Balance,
    Entry,
    EntryFilter,
    EntryKind,
    Reservation,
    ReservationState,
    Versions,
)
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.ledger")
SEQ_MAX: Final = 2**63 - 1


def _entry(row: Row) -> Entry:
    return Entry(
        seq=row["seq"], kind=EntryKind(row["kind"]), source=Account(row["source"]), target=Account(row["target"]),
        amount=row["amount"],
        balance=Balance(
            row["pending_after"], row["available_after"], row["reserved_after"], row["frozen_after"], row["seq"]
        ),
        subject_id=row["subject_id"], act_id=row["act_id"], lots=codec.lots_of(row["lots"]),
        detail=row["detail"] or "", at=Instant(row["at"]), hash=row["hash"],
    )  # fmt: skip


async def read_entries(
    db: Statements, wallet_id: WalletId, after: int, limit: int, *, oldest_first: bool, chosen: EntryFilter,
    timeout_seconds: float,
) -> list[Entry]:  # fmt: skip
    """Return a page of entries: after a number going up, or before it going down (0: from the last)."""
    rows = await db.fetch(
        _SQL["entries_oldest" if oldest_first else "entries_newest"], wallet_id,
        after if oldest_first or after else SEQ_MAX, limit, list(chosen.kinds) or None, chosen.since, chosen.until,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [_entry(row) for row in rows]


async def read_entry_at(
    db: Statements, wallet_id: WalletId, at: Instant, *, timeout_seconds: float
) -> Entry | None:
    """Return the last entry at or before a moment."""
    row = await db.fetchrow(_SQL["entry_at"], wallet_id, at, timeout_seconds=timeout_seconds)
    return None if row is None else _entry(row)


async def read_reservations(
    db: Statements, wallet_id: WalletId, before: tuple[Instant, ReservationId], limit: int,
    states: Collection[ReservationState], *, timeout_seconds: float,
) -> list[Reservation]:  # fmt: skip
    """Return a page of ended reservations, the latest to end first."""
    rows = await db.fetch(
        _SQL["reservations"], wallet_id, before[0], before[1], limit, list(states) or None,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [codec.reservation_of(row["document"]) for row in rows]


async def read_versions(
    db: Statements, wallets: Collection[WalletId], *, timeout_seconds: float
) -> dict[WalletId, Versions]:
    """Return how far each of these wallets is."""
    rows = await db.fetch(_SQL["versions"], list(wallets), timeout_seconds=timeout_seconds)
    return {WalletId(row[0]): Versions(row[1], row[2]) for row in rows}


async def due_wallets(db: Statements, limit: int, *, timeout_seconds: float) -> list[WalletId]:
    """Return wallets in which something is due by their program's clock, at most so many of each program."""
    rows = await db.fetch(_SQL["due_wallets"], limit, timeout_seconds=timeout_seconds)
    return [WalletId(str(row[0])) for row in rows]
