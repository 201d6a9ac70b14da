"""Rulesets, campaigns and segments in PostgreSQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules import document
from wallet_service.rules.model import Profile
from wallet_service.rules.publication import (
    Accountable,
    Draft,
    Publication,
    RulesPolicy,
    Segment,
    SegmentChange,
    StoredCampaign,
)
from wallet_service.rules.ruleset import Campaign, SegmentRule
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.rules")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_attributes: Final = msgspec.json.Decoder(dict[str, str]).decode


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
        by.subject,
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
    maker: str, by: Accountable, *, second_person: bool, timeout_seconds: float,
) -> int | None:  # fmt: skip
    """Write a version; returns its number (also of the same one before), or None if another was published."""
    version: int | None = await db.fetchval(
        _SQL["publish"], program_id, expected, text, origin, effective_at, maker, by.subject, second_person,
        by.actor, by.reason, timeout_seconds=timeout_seconds,
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


async def read_policy(db: Statements, program_id: ProgramId, *, timeout_seconds: float) -> RulesPolicy:
    """Return how a program's rules come into force."""
    row = await db.fetchrow(_SQL["policy"], program_id, timeout_seconds=timeout_seconds)
    return RulesPolicy() if row is None else RulesPolicy(**row)


async def put_policy(
    db: Statements, program_id: ProgramId, by: Accountable, *, second_person: bool, timeout_seconds: float
) -> int:
    """Write how a program's rules come into force; returns its revision."""
    revision: int = await db.fetchval(
        _SQL["put_policy"], program_id, second_person, by.actor, by.reason, timeout_seconds=timeout_seconds
    )
    return revision


async def put_segment(
    db: Statements, program_id: ProgramId, segment_id: str, change: SegmentChange, by: Accountable,
    *, timeout_seconds: float,
) -> int:  # fmt: skip
    """Change a segment; returns its revision."""
    rule = change.rule
    revision: int = await db.fetchval(
        _SQL["put_segment"], program_id, segment_id, change.title,
        None if rule is None else document.written(rule) if rule.all_of else "",
        list(change.add), list(change.remove), by.actor, by.reason, timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return revision


async def read_segments(
    db: Statements, program_id: ProgramId, after: str, limit: int, *, timeout_seconds: float
) -> list[Segment]:
    """Return the segments after an id, in order."""
    rows = await db.fetch(_SQL["segments"], program_id, after, limit, timeout_seconds=timeout_seconds)
    return [_segment(row) for row in rows]


async def read_segment(
    db: Statements, program_id: ProgramId, segment_id: str, *, timeout_seconds: float
) -> Segment | None:
    """Return a segment, or None."""
    row = await db.fetchrow(_SQL["segment"], program_id, segment_id, timeout_seconds=timeout_seconds)
    return None if row is None else _segment(row)


async def read_members(
    db: Statements, program_id: ProgramId, segment_id: str, after: str, limit: int, *, timeout_seconds: float
) -> list[str]:
    """Return who is on a list after a customer, in order."""
    rows = await db.fetch(
        _SQL["segment_members"], program_id, segment_id, after, limit, timeout_seconds=timeout_seconds
    )
    return [row[0] for row in rows]


async def read_segment_rules(
    db: Statements, program_id: ProgramId, after: str, limit: int, *, timeout_seconds: float
) -> list[tuple[str, SegmentRule | None]]:
    """Return the segments after an id, in order, each with its rule."""
    rows = await db.fetch(_SQL["segment_rules"], program_id, after, limit, timeout_seconds=timeout_seconds)
    return [(row[0], _rule(row[1])) for row in rows]


def _segment(row: Row) -> Segment:
    return Segment(
        segment_id=row["segment_id"], title=row["title"], revision=row["revision"], members=row["members"],
        rule=_rule(row["rule"]),
    )  # fmt: skip


def _rule(text: str) -> SegmentRule | None:
    if not text:
        return None
    rule, findings = document.parsed(SegmentRule, text)
    assert rule is not None, findings
    return rule


async def put_customers(
    db: Statements, program_id: ProgramId, customers: Mapping[str, Mapping[str, str]], by: Accountable,
    *, timeout_seconds: float,
) -> int:  # fmt: skip
    """Write what is recorded of customers; returns how many are different now."""
    texts = [_encode(attributes).decode() for attributes in customers.values()]
    changed: int = await db.fetchval(
        _SQL["put_customers"], program_id, list(customers), texts, by.actor, by.reason,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return changed


async def read_profiles(
    db: Statements, program_id: ProgramId, customer_refs: Sequence[str], *, timeout_seconds: float
) -> Mapping[str, Profile]:
    """Return what is recorded of each customer of whom something is."""
    rows = await db.fetch(
        _SQL["profiles_of"], program_id, list(customer_refs), timeout_seconds=timeout_seconds
    )
    return {row[0]: _profile(row[1], row[2]) for row in rows if row[1] or row[2]}


def _profile(segment_ids: Sequence[str], attributes: str | None) -> Profile:
    return Profile(
        segments=frozenset(segment_ids), attributes=_attributes(attributes) if attributes is not None else {}
    )
