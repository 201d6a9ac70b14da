"""The only file that talks to PostgreSQL for the anomaly model."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

import msgspec

from wallet_service.fraud.anomaly.model import Accountable, Metrics, Origin, Redemption, Version
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.session import Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.fraud.anomaly")
_metrics: Final = msgspec.json.Decoder(Metrics).decode
ENTRIES_LOOKED_AT: Final = 500
"""Of a wallet: redemptions that lie further back are not looked for."""
STREAM_VERSIONS_KEPT: Final = 20


async def record_model(
    db: Statements, parent: int, origin: Origin, document: bytes, metrics: Metrics, by: Accountable,
    *, timeout_seconds: float,
) -> int:  # fmt: skip
    """Keep a version; returns its number."""
    version: int = await db.fetchval(
        _SQL["record_model"], parent, str(origin), document, msgspec.json.encode(metrics).decode(), by.actor,
        by.reason, STREAM_VERSIONS_KEPT, timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return version


async def publish_model(
    db: Statements, version: int, scoring: int | None, by: Accountable, *, timeout_seconds: float
) -> int | None:
    """Let a version score; returns the publication's number, or None if `scoring` does not score any more."""
    revision: int | None = await db.fetchval(
        _SQL["publish_model"], version, scoring, by.actor, by.reason, timeout_seconds=timeout_seconds
    )
    return revision


async def read_publications(db: Statements, limit: int, *, timeout_seconds: float) -> list[int]:
    """Return which versions were published, the last first."""
    rows = await db.fetch(_SQL["publications"], limit, timeout_seconds=timeout_seconds)
    return [row["version"] for row in rows]


async def read_models(db: Statements, below: int, limit: int, *, timeout_seconds: float) -> list[Version]:
    """Return versions below a number, the newest first."""
    rows = await db.fetch(_SQL["models"], below, limit, timeout_seconds=timeout_seconds)
    return [
        Version(
            version=row["version"], parent=row["parent"], origin=Origin(row["origin"]),
            metrics=_metrics(row["metrics"]), trained_at=Instant(row["trained_at"]), actor=row["actor"],
            reason=row["reason"], published=row["published"],
        )
        for row in rows
    ]  # fmt: skip


async def read_model(db: Statements, version: int, *, timeout_seconds: float) -> bytes | None:
    """Return a version's document, or None."""
    document: bytes | None = await db.fetchval(_SQL["model"], version, timeout_seconds=timeout_seconds)
    return document


async def sample_wallets(
    db: Statements, after: WalletId, limit: int, *, timeout_seconds: float
) -> list[WalletId]:
    """Return wallets after an id, in order of their ids."""
    rows = await db.fetch(_SQL["sample_wallets"], after, limit, timeout_seconds=timeout_seconds)
    return [WalletId(str(row["wallet_id"])) for row in rows]


async def read_wallets(
    db: Statements, wallets: Collection[WalletId], *, timeout_seconds: float
) -> dict[WalletId, tuple[Instant, int]]:
    """Return when wallets were opened, and what stands available in them."""
    rows = await db.fetch(_SQL["wallets"], list(wallets), timeout_seconds=timeout_seconds)
    return {
        WalletId(str(row["wallet_id"])): (Instant(row["opened_at"] or 0), row["available"]) for row in rows
    }


async def read_redemptions(
    db: Statements, wallets: Collection[WalletId], each_max: int, *, timeout_seconds: float
) -> dict[WalletId, list[Redemption]]:
    """Return the last redemptions of each wallet, the oldest first."""
    rows = await db.fetch(
        _SQL["redemptions"], list(wallets), each_max, ENTRIES_LOOKED_AT, timeout_seconds=timeout_seconds
    )
    found: dict[WalletId, list[Redemption]] = {wallet_id: [] for wallet_id in wallets}
    for row in rows:
        wallet_id = WalletId(str(row["wallet_id"]))
        found[wallet_id].append(
            Redemption(
                wallet_id=wallet_id, reservation_id=str(row["subject_id"]), amount=row["amount"],
                at=Instant(row["at"]), available=row["available"], device=row["device"],
            )
        )  # fmt: skip
    return found
