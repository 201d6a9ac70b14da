"""What reconciliation reads: one statement for each thing to prove, and the cache. It writes nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.model import Account, Balance, EntryKind
from wallet_service.ledger.snapshots import key_of
from wallet_service.reconciliation.model import (
    Cached,
    Finding,
    Inside,
    Invariant,
    Movement,
    Recorded,
    Tolerance,
    Totals,
)
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.reconciliation")
_PROOFS: Final[Mapping[Invariant, tuple[str, ...]]] = MappingProxyType(
    {
        Invariant.BALANCES: ("balances_are_sums_of_entries",),
        Invariant.CONSERVATION: ("value_is_conserved",),
        Invariant.FLOOR: ("no_balance_below_its_floor",),
        Invariant.RESERVED: ("reserved_is_what_is_held",),
        Invariant.RESERVATIONS: ("reservations_end_once",),
        Invariant.HISTORY: ("history_is_a_chain",),
        Invariant.ONE_EFFECT: ("one_effect_for_each_id",),
        Invariant.REFUSALS: ("refusals_change_nothing",),
        Invariant.RETURNS: ("credits_and_returns_agree", "events_and_credits_agree"),
        Invariant.SPENDING: ("only_available_value_is_spent",),
        Invariant.LOTS: ("lots_sum_to_balances", "lots_are_what_entries_moved"),
        Invariant.EXPIRY: ("nothing_outlives_its_expiry",),
        Invariant.CAPS: ("caps_are_kept",),
        Invariant.GRANTS: ("the_service_cannot_rewrite",),
        Invariant.AUDIT: ("privileged_acts_are_on_record",),
        Invariant.QUIET: ("nobody_waits",),
        Invariant.REVIEW: ("what_waits_has_a_case",),
    }
)
"""All but CACHE, which is not in the database."""

PROVED_IN_SQL: Final = tuple(_PROOFS)
_CACHE_PAGE: Final = 100


async def prepare(view: Statements, *, timeout_seconds: float) -> None:
    """Give this transaction the room and the time to read whole tables."""
    milliseconds = max(int(timeout_seconds * 1_000), 1)
    await view.fetchrow(_SQL["prepare"], str(milliseconds), timeout_seconds=timeout_seconds)


async def read_findings(
    view: Statements, invariant: Invariant, program_id: ProgramId | None, limit: int, tolerance: Tolerance,
    *, timeout_seconds: float,
) -> list[Finding]:  # fmt: skip
    """Return where an invariant does not hold, at most so many places for each statement that proves it."""
    arguments: tuple[object, ...] = (program_id, limit)
    if invariant is Invariant.EXPIRY:
        arguments = (program_id, limit, tolerance.sweep_seconds)
    elif invariant is Invariant.REVIEW:
        arguments = (program_id, limit, tolerance.review_seconds)
    elif invariant is Invariant.GRANTS:
        arguments = (limit,)
    elif invariant is Invariant.QUIET:
        arguments = (tolerance.quiet_milliseconds, limit)
    findings: list[Finding] = []
    for name in _PROOFS[invariant]:
        rows = await view.fetch(_SQL[name], *arguments, timeout_seconds=timeout_seconds)
        findings += [_finding(invariant, row) for row in rows]
    return findings


def _finding(invariant: Invariant, row: Row) -> Finding:
    return Finding(
        invariant=invariant,
        sentence=row["sentence"],
        wallet_id=None if row["wallet_id"] is None else WalletId(str(row["wallet_id"])),
        program_id=row["program_id"],
        facts=json.loads(row["facts"]),
    )


async def count_hidden_sessions(view: Statements, *, timeout_seconds: float) -> int:
    """Return how many sessions of this database do what we are not shown."""
    hidden: int = await view.fetchval(_SQL["hidden_sessions"], timeout_seconds=timeout_seconds)
    return hidden


async def read_totals(view: Statements, program_id: ProgramId | None, *, timeout_seconds: float) -> Totals:
    """Return what moved and what stands inside."""
    moved = await view.fetch(_SQL["totals"], program_id, timeout_seconds=timeout_seconds)
    inside = await view.fetch(_SQL["inside"], program_id, timeout_seconds=timeout_seconds)
    return Totals(
        movements=tuple(
            Movement(
                program_id=row["program_id"], kind=EntryKind(row["kind"]), source=Account(row["source"]),
                target=Account(row["target"]), entries=row["entries"], amount=row["amount"],
            )
            for row in moved
        ),
        inside=tuple(Inside(**dict(row)) for row in inside),
    )  # fmt: skip


async def some_wallets(
    db: Statements, program_id: ProgramId | None, start: str, limit: int, *, timeout_seconds: float
) -> list[WalletId]:
    """Return the next wallets from a place in the order of their ids, going on at the beginning after the end."""
    rows = await db.fetch(_SQL["some_wallets"], program_id, start, limit, timeout_seconds=timeout_seconds)
    if len(rows) < limit:
        first = "00000000-0000-0000-0000-000000000000"
        rows += await db.fetch(
            _SQL["some_wallets"], program_id, first, limit - len(rows), timeout_seconds=timeout_seconds
        )
    return list(dict.fromkeys(WalletId(str(row["wallet_id"])) for row in rows))


async def read_recorded(
    view: Statements, wallets: Sequence[WalletId], *, timeout_seconds: float
) -> dict[WalletId, Recorded]:
    """Return these wallets as the database has them."""
    rows = await view.fetch(_SQL["recorded_wallets"], wallets, timeout_seconds=timeout_seconds)
    return {
        WalletId(str(row["wallet_id"])): Recorded(
            wallet_id=WalletId(str(row["wallet_id"])), program_id=row["program_id"], revision=row["revision"],
            balance=Balance(row["pending"], row["available"], row["reserved"], row["frozen"], row["version"]),
        )
        for row in rows
    }  # fmt: skip


async def read_cached(cache: Cache, wallets: Sequence[WalletId]) -> list[Cached]:
    """Return what the cache holds of these wallets; nothing for those it does not hold."""
    cached: list[Cached] = []
    for start in range(0, len(wallets), _CACHE_PAGE):
        page = wallets[start : start + _CACHE_PAGE]
        payloads = await cache.get_many([key_of(wallet_id) for wallet_id in page])
        cached += [
            _cached(wallet_id, payload)
            for wallet_id, payload in zip(page, payloads, strict=True)
            if payload is not None
        ]
    return cached


def _cached(wallet_id: WalletId, payload: bytes) -> Cached:
    try:
        return Cached(wallet_id=wallet_id, snapshot=codec.snapshot_of(payload))
    except ValueError:
        return Cached(wallet_id=wallet_id, snapshot=None)
