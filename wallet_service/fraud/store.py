"""Policies, and what was seen of devices, in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec
from msgspec import Struct

from wallet_service.fraud.publication import PolicyVersion, ReportLine
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.fraud")
_encode: Final = msgspec.json.Encoder().encode
_members: Final = msgspec.json.Decoder(list[tuple[str, int]]).decode


class Sighting(Struct, frozen=True, kw_only=True):
    """A wallet was seen with a device, address, payment method or referrer."""

    program_id: ProgramId
    wallet_id: WalletId
    kind: str
    key: str
    others: tuple[str, ...]
    at: Instant


class Wanted(Struct, frozen=True, kw_only=True):
    """A question to what is remembered: of a `thing`, of a `link` between a thing and a wallet, or of a `wallet`."""

    n: int
    what: str
    program_id: ProgramId
    wallet_id: WalletId
    kind: str = ""
    keys: tuple[str, ...] = ()


class Remembered(Struct, frozen=True, kw_only=True):
    """The answer: when it was first seen, and whom it was seen with last."""

    first_second: int | None
    members: list[tuple[str, int]]


async def read_remembered(
    db: Statements, wanted: Sequence[Wanted], *, timeout_seconds: float
) -> dict[int, Remembered]:
    """Answer questions by their numbers."""
    rows = await db.fetch(_SQL["remembered"], _encode(wanted).decode(), timeout_seconds=timeout_seconds)
    return {
        row["n"]: Remembered(first_second=row["first_second"], members=_members(row["members"]))
        for row in rows
    }


async def note_sightings(db: Statements, sightings: Sequence[Sighting], *, timeout_seconds: float) -> None:
    """Note that wallets were seen with things."""
    await db.fetchval(_SQL["note_sightings"], _encode(sightings).decode(), timeout_seconds=timeout_seconds)


async def forget_sightings(
    db: Statements, program_id: ProgramId, before: Instant, limit: int, *, timeout_seconds: float
) -> int:
    """Forget at most so many that were last seen before a moment; returns how many went."""
    return int(
        await db.fetchval(
            _SQL["forget_sightings"], program_id, before, limit, timeout_seconds=timeout_seconds
        )
    )


async def read_versions(db: Statements, *, timeout_seconds: float) -> Mapping[ProgramId, int]:
    """Return the number of the newest policy of every program that has one."""
    rows = await db.fetch(_SQL["versions_in_force"], timeout_seconds=timeout_seconds)
    return {ProgramId(row["program_id"]): row["version"] for row in rows}


async def read_in_force(db: Statements, *, timeout_seconds: float) -> Mapping[ProgramId, tuple[int, str]]:
    """Return the newest policy of every program that has one: its number and its document."""
    rows = await db.fetch(_SQL["policies_in_force"], timeout_seconds=timeout_seconds)
    return {ProgramId(row["program_id"]): (row["version"], row["document"]) for row in rows}


async def put_policy(
    db: Statements, program_id: ProgramId, expected: int | None, document: str, origin: str, actor: str, reason: str,
    *, timeout_seconds: float,
) -> int | None:  # fmt: skip
    """Write the next version of a policy; returns its number, or None if somebody was faster."""
    version: int | None = await db.fetchval(
        _SQL["put_policy"],
        program_id,
        expected,
        document,
        origin,
        actor,
        reason,
        timeout_seconds=timeout_seconds,
    )
    return version


async def read_policy(
    db: Statements, program_id: ProgramId, version: int, *, timeout_seconds: float
) -> PolicyVersion | None:
    """Return one version; 0: the newest."""
    row = await db.fetchrow(_SQL["policy"], program_id, version, timeout_seconds=timeout_seconds)
    return None if row is None else _version(row)


async def read_policies(
    db: Statements, program_id: ProgramId, below: int, limit: int, *, timeout_seconds: float
) -> list[PolicyVersion]:
    """Return the versions below a number, the newest first."""
    rows = await db.fetch(_SQL["policies"], program_id, below, limit, timeout_seconds=timeout_seconds)
    return [_version(row) for row in rows]


def _version(row: Row) -> PolicyVersion:
    return PolicyVersion(
        version=row["version"], document=row["document"], origin=row["origin"], actor=row["actor"],
        reason=row["reason"], at=Instant(row["at"]),
    )  # fmt: skip


async def read_report(
    db: Statements, program_id: ProgramId, since: Instant, until: Instant, *, timeout_seconds: float
) -> list[ReportLine]:
    """Return how often each reason was given in a span of time, and what was done about it."""
    rows = await db.fetch(_SQL["report"], program_id, since, until, timeout_seconds=timeout_seconds)
    return [ReportLine(**row) for row in rows]
