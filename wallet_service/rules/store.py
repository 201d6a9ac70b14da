"""Rulesets, campaigns and segments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules import document
from wallet_service.rules.publication import Accountable, Draft, Publication, Segment, StoredCampaign
from wallet_service.rules.ruleset import Campaign
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.rules")


async def put_draft(
    db: Statements, program_id: ProgramId, name: str, expected: int | None, text: str, by: Accountable,
    *, timeout_seconds: float,
) -> int | None:  # fmt: skip
    """Write a draft; returns its revision, or None if somebody was faster."""
    revision: int | None = await db.fetchval(
        _SQL["put_draft"],
        program_id,
        name,
        expected,
        text,
        by.actor,
        by.reason,
        timeout_seconds=timeout_seconds,
    )
    return revision


async def read_draft(
    db: Statements, program_id: ProgramId, name: str, *, timeout_seconds: float
) -> Draft | None:
    """Return a draft, or None."""
    row = await db.fetchrow(_SQL["draft"], program_id, name, timeout_seconds=timeout_seconds)
    return None if row is None else Draft(**row)


async def publish(
    db: Statements, program_id: ProgramId, expected: int, text: str, origin: str, effective_at: Instant | None,
    by: Accountable, *, timeout_seconds: float,
) -> int | None:  # fmt: skip
    """Write a version; returns its number (also of the same one before), or None if another was published."""
    version: int | None = await db.fetchval(
        _SQL["publish"], program_id, expected, text, origin, effective_at, by.actor, by.reason,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return version


async def read_publication(
    db: Statements, program_id: ProgramId, version: int, *, timeout_seconds: float
) -> Publication | None:
    """Return a published version, or None."""
    row = await db.fetchrow(_SQL["ruleset"], program_id, version, timeout_seconds=timeout_seconds)
    return None if row is None else Publication(**row)


async def read_publications(
    db: Statements, program_id: ProgramId, below: int, limit: int, *, timeout_seconds: float
) -> list[Publication]:
    """Return the versions below a number, the newest first."""
    rows = await db.fetch(_SQL["rulesets"], program_id, below, limit, timeout_seconds=timeout_seconds)
    return [Publication(**row) for row in rows]


async def read_states(
    db: Statements, after: str, limit: int, *, timeout_seconds: float
) -> list[tuple[ProgramId, int]]:
    """Return how often the rules of each program after an id have changed."""
    rows = await db.fetch(_SQL["states"], after, limit, timeout_seconds=timeout_seconds)
    return [(ProgramId(row["program_id"]), row["revision"]) for row in rows]


async def put_campaign(
    db: Statements, program_id: ProgramId, campaign: Campaign, by: Accountable, *, timeout_seconds: float
) -> int:
    """Write a campaign; returns its revision."""
    revision: int = await db.fetchval(
        _SQL["put_campaign"], program_id, campaign.campaign_id, document.written(campaign), campaign.budget,
        campaign.funding_account, by.actor, by.reason, timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return revision


async def read_campaigns(
    db: Statements, program_id: ProgramId, after: str, limit: int, *, timeout_seconds: float
) -> list[StoredCampaign]:
    """Return the campaigns after an id, in order."""
    rows = await db.fetch(_SQL["campaigns"], program_id, after, limit, timeout_seconds=timeout_seconds)
    return [_campaign(row) for row in rows]


def _campaign(row: Row) -> StoredCampaign:
    campaign, findings = document.parsed(Campaign, row["document"])
    assert campaign is not None, findings
    return StoredCampaign(campaign=campaign, revision=row["revision"])


async def put_segment(
    db: Statements, program_id: ProgramId, segment_id: str, title: str, add: Sequence[str], remove: Sequence[str],
    by: Accountable, *, timeout_seconds: float,
) -> int:  # fmt: skip
    """Write a segment's title and change who is in it; returns its revision."""
    revision: int = await db.fetchval(
        _SQL["put_segment"], program_id, segment_id, title, list(add), list(remove), by.actor, by.reason,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return revision


async def read_segments(
    db: Statements, program_id: ProgramId, after: str, limit: int, *, timeout_seconds: float
) -> list[Segment]:
    """Return the segments after an id, in order."""
    rows = await db.fetch(_SQL["segments"], program_id, after, limit, timeout_seconds=timeout_seconds)
    return [Segment(**row) for row in rows]


async def read_segments_of(
    db: Statements, program_id: ProgramId, customer_refs: Sequence[str], *, timeout_seconds: float
) -> Mapping[str, frozenset[str]]:
    """Return the segments of each customer that is in one."""
    rows = await db.fetch(
        _SQL["segments_of"], program_id, list(customer_refs), timeout_seconds=timeout_seconds
    )
    return {row["customer_ref"]: frozenset(row["segment_ids"]) for row in rows}
