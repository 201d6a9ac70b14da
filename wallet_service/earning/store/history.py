"""Past purchases, read page by page for a replay."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

import msgspec

from wallet_service.earning.model import Back, Content, EventId
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.rules.model import CapUse
from wallet_service.runtime.session import Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.earning")
_FIRST_EVENT: Final = EventId("00000000-0000-0000-0000-000000000000")
_FIRST_WALLET: Final = WalletId("00000000-0000-0000-0000-000000000000")
_content: Final = msgspec.json.Decoder(Content).decode
_back: Final = msgspec.json.Decoder(Back).decode
_uses: Final = msgspec.json.Decoder(tuple[CapUse, ...]).decode


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryPosition:
    """Where a page of past events ended; at first, before all of a moment."""

    occurred_at: Instant
    event_id: EventId = _FIRST_EVENT
    wallet_id: WalletId = _FIRST_WALLET


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An event that was priced, and what it was given."""

    position: HistoryPosition
    amount: int
    text: str
    """Its content, not read yet: a page is read in a moment, its contents one by one."""
    back_text: str | None = None

    @property
    def content(self) -> Content:
        """Read the content."""
        return _content(self.text)

    @property
    def back(self) -> Back | None:
        """Read what has come back of it; None: nothing."""
        return None if self.back_text is None else _back(self.back_text)

    @property
    def wallet_id(self) -> WalletId:
        """Whose it is."""
        return self.position.wallet_id


async def read_history(
    db: Statements, program_id: ProgramId, after: HistoryPosition, before: Instant, limit: int,
    *, timeout_seconds: float,
) -> list[Recorded]:  # fmt: skip
    """Return a page of events that were priced, in order of the time when they happened."""
    rows = await db.fetch(
        _SQL["history"], program_id, after.occurred_at, after.event_id, after.wallet_id, before, limit,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [
        Recorded(
            position=HistoryPosition(
                occurred_at=Instant(row[2]), event_id=EventId(str(row[1])), wallet_id=WalletId(str(row[0]))
            ),
            amount=row[3],
            text=row[4],
            back_text=row[5],
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What an event used of caps and has not given back."""

    position: HistoryPosition
    customer_ref: str
    by_cap: dict[str, int]


async def read_uses(
    db: Statements, program_id: ProgramId, after: HistoryPosition, before: Instant, limit: int,
    *, timeout_seconds: float,
) -> list[Used]:  # fmt: skip
    """Return a page of what events used, in order of the time when they happened."""
    rows = await db.fetch(
        _SQL["history_uses"], program_id, after.occurred_at, after.event_id, after.wallet_id, before, limit,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [
        Used(
            position=HistoryPosition(
                occurred_at=Instant(row[2]), event_id=EventId(str(row[1])), wallet_id=WalletId(str(row[0]))
            ),
            customer_ref=row[3],
            by_cap=_kept(row[4], row[5]),
        )
        for row in rows
    ]


def _kept(used: str | None, refilled: str | None) -> dict[str, int]:
    kept = {use.cap_key: use.amount for use in _uses(used)} if used else {}
    for use in _uses(refilled) if refilled else ():
        kept[use.cap_key] -= use.amount
    return kept


async def read_buyers(
    db: Statements, wallets: Collection[WalletId], before: Instant, *, timeout_seconds: float
) -> list[tuple[WalletId, str, bool]]:
    """Return whose these wallets are, and whether they had bought anything before a moment."""
    rows = await db.fetch(_SQL["history_customers"], list(wallets), before, timeout_seconds=timeout_seconds)
    return [(WalletId(str(row[0])), row[1], row[2]) for row in rows]
