"""What a look ahead at all wallets reads and writes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from wallet_service.earning.model import (
    DAY_SECONDS,
    ExpiryKind,
    ExpiryWarning,
    Policy,
    Standing,
)
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.earning")
_lots: Final = msgspec.json.Decoder(tuple[tuple[int, int], ...]).decode


async def claim_lookout(
    db: Statements, lease: str, lease_seconds: int, pause_seconds: int, share: int, *, timeout_seconds: float
) -> WalletId | None:
    """Lease the look ahead; returns the wallet after which it goes on, None if it is not our turn or too soon."""
    place = await db.fetchval(
        _SQL["claim_lookout"], lease, lease_seconds, pause_seconds, share, timeout_seconds=timeout_seconds
    )
    return None if place is None else WalletId(str(place))


async def read_standings(
    db: Statements,
    after: WalletId,
    limit: int,
    policies: Mapping[ProgramId, Policy],
    *,
    timeout_seconds: float,
) -> tuple[list[Standing], WalletId | None]:
    """Return those of the next wallets in which something may be about to expire, and the last one; None: no more."""
    rows = await db.fetch(
        _SQL["standings"], after, limit, list(policies),
        [max(policy.warn_before_seconds, default=0) * MICROSECONDS_PER_SECOND for policy in policies.values()],
        [_idle_microseconds(policy) for policy in policies.values()],
        [policy.inactivity_from for policy in policies.values()], timeout_seconds=timeout_seconds,
    )  # fmt: skip
    last = next((WalletId(str(row["wallet_id"])) for row in rows if row["now"] is None), None)
    return [_standing(row) for row in rows if row["now"] is not None], last


def _idle_microseconds(policy: Policy) -> int | None:
    if policy.expiry is not ExpiryKind.INACTIVITY:
        return None
    return policy.inactivity_days * DAY_SECONDS * MICROSECONDS_PER_SECOND


def _standing(row: Row) -> Standing:
    return Standing(
        wallet_id=WalletId(str(row["wallet_id"])), program_id=ProgramId(row["program_id"]), now=Instant(row["now"]),
        version=row["version"], reserved=row["reserved"], active_at=Instant(row["active_at"]),
        lots=tuple((Instant(at), amount) for at, amount in _lots(row["lots"])),
    )  # fmt: skip


async def record_warnings(
    db: Statements, lease: str, lease_seconds: int, warnings: Sequence[ExpiryWarning], after: WalletId,
    last: WalletId | None, keep_days: int, *, timeout_seconds: float,
) -> int | None:  # fmt: skip
    """Write warnings and go on after the last wallet, or end; returns how many are new, None: the lease is lost."""
    rows = [
        {
            "wallet_id": warning.wallet_id, "warning_id": warning.warning_id, "program_id": warning.program_id,
            "expires": warning.expires_at, "before_seconds": warning.before_seconds, "amount": warning.amount,
            "inactivity": warning.inactivity,
        }
        for warning in warnings
    ]  # fmt: skip
    written = await db.fetchval(
        _SQL["record_warnings"], lease, lease_seconds, json.dumps(rows), after, last, keep_days,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return None if written is None else int(written)


async def read_warnings(
    db: Statements, of: ProgramId | WalletId, position: tuple[Instant, str], limit: int,
    *, by_wallet: bool, timeout_seconds: float,
) -> list[ExpiryWarning]:  # fmt: skip
    """Return a page of the warnings of a program, or of a wallet, the oldest first."""
    name = "wallet_warnings" if by_wallet else "warnings"
    rows = await db.fetch(_SQL[name], of, *position, limit, timeout_seconds=timeout_seconds)
    return [
        ExpiryWarning(
            warning_id=str(row["warning_id"]), wallet_id=WalletId(str(row["wallet_id"])),
            program_id=ProgramId(row["program_id"]), customer_ref=row["customer_ref"],
            expires_at=Instant(row["expires_at"]), before_seconds=row["before_seconds"], amount=row["amount"],
            inactivity=row["inactivity"], warned_at=Instant(row["warned_at"]),
        )
        for row in rows
    ]  # fmt: skip
