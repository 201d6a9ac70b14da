"""What is kept of rulesets: drafts, published versions, segments. Documents are text here; `validate` reads them."""

from __future__ import annotations

from dataclasses import dataclass

from wallet_service.kernel.clock import Instant
from wallet_service.rules.ruleset import Campaign, Finding


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A ruleset that is being written; may hold anything that is text."""

    name: str
    revision: int
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckedDraft:
    """A draft and what is wrong with it now."""

    draft: Draft
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """A version: never changes. In force is the newest whose time has come."""

    version: int
    document: str
    origin: str
    """What it was made of: `draft:summer`, or `version:3` when it brings an older one back."""
    effective_at: Instant
    published_at: Instant
    actor: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCampaign:
    """A campaign and how often it has changed."""

    campaign: Campaign
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A static list of customers."""

    segment_id: str
    title: str
    revision: int
    members: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Accountable:
    """Who does something, and why."""

    actor: str
    reason: str
