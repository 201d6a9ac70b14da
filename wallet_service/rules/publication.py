"""What is kept of rulesets: drafts, published versions, segments. Documents are text here; `validate` reads them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wallet_service.kernel.clock import Instant
from wallet_service.rules.ruleset import Campaign, Finding, SegmentRule


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A ruleset that is being written; may hold anything that is text."""

    name: str
    revision: int
    document: str
    subject: str = ""
    """Whose token wrote it as it is; empty: not known."""


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
    maker: str
    """Whose token wrote the draft; empty for an older version that was brought back."""
    subject: str
    """Whose token published it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesPolicy:
    """How a program's rules come into force."""

    second_person: bool = False
    """Who wrote a draft cannot publish it."""
    revision: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredCampaign:
    """A campaign and how often it has changed."""

    campaign: Campaign
    revision: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """Customers that rules treat alike: those on its list, and those whose attributes pass its rule."""

    segment_id: str
    title: str
    revision: int
    members: int
    """On the list."""
    rule: SegmentRule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class SegmentChange:
    """What becomes of a segment."""

    title: str | None = None
    """None: stays as it is."""
    rule: SegmentRule | None = None
    """None: stays as it is; without tests: there is none any more."""
    add: Sequence[str] = ()
    remove: Sequence[str] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Accountable:
    """Who does something, and why."""

    actor: str
    """As the caller says."""
    reason: str
    subject: str = ""
    """As the token says: what tells one person from another."""
