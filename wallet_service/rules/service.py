"""How rules come to be: drafts, their findings, versions, campaigns."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.programs import Programs
from wallet_service.ledger.service import left
from wallet_service.rules import store
from wallet_service.rules.compiler import Compiled, compiled
from wallet_service.rules.differing import Diff, differences
from wallet_service.rules.document import parsed, written
from wallet_service.rules.live import Rulesets, read_all_campaigns, read_all_segments
from wallet_service.rules.publication import (
    Accountable,
    CheckedDraft,
    Draft,
    Publication,
    RulesPolicy,
    StoredCampaign,
)
from wallet_service.rules.ruleset import Campaign, Finding, Ruleset, SegmentRule
from wallet_service.rules.validate import findings_of_campaign, read_ruleset
from wallet_service.runtime.session import Statements

VERSION_LAST = 2**62


class Authoring:
    """What staff do with rules. Whatever is answered as a version is live here at once, elsewhere within seconds."""

    def __init__(self, db: Statements, programs: Programs, rulesets: Rulesets) -> None:
        self._db = db
        self._programs = programs
        self._rulesets = rulesets

    async def put_draft(
        self,
        program_id: ProgramId,
        name: str,
        text: str,
        expected: int | None,
        by: Accountable,
        deadline: float,
    ) -> CheckedDraft | Refusal:
        """Keep a draft, whatever it says; answers all that is wrong with it."""
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        revision = await store.put_draft(
            self._db, program_id, name, expected, text, by, timeout_seconds=left(deadline)
        )
        if revision is None:
            return Refusal(reason=Reason.VERSION_MISMATCH, field="expected_revision")
        draft = Draft(name=name, revision=revision, document=text)
        return CheckedDraft(draft=draft, findings=await self._findings(program_id, text, deadline))

    async def check_draft(self, program_id: ProgramId, name: str, deadline: float) -> CheckedDraft | Refusal:
        """Answer a draft and all that is wrong with it."""
        draft = await store.read_draft(self._db, program_id, name, timeout_seconds=left(deadline))
        if draft is None:
            return _no_ruleset("draft")
        findings = await self._findings(program_id, draft.document, deadline)
        return CheckedDraft(draft=draft, findings=findings)

    async def publish(
        self, program_id: ProgramId, source: str | int, expected: int, effective_at: Instant | None, by: Accountable,
        deadline: float, *, expected_revision: int | None = None,
    ) -> Publication | Refusal:  # fmt: skip
        """Make a draft, or an older version, the next version; without a time, in force at once.

        With an expected revision it is the draft that somebody has looked at, or nothing: what is published below is
        the very document whose revision is compared here.
        """
        program = await self._programs.reread(program_id, left(deadline))
        if program is None:
            return _no_program()
        found = await self._document(program_id, source, deadline)
        if isinstance(found, Refusal):
            return found
        if expected_revision is not None and _revision(found) != expected_revision:
            return _draft_changed(_revision(found))
        ruleset = await _read(found, await self._known(program_id, deadline))
        if isinstance(ruleset, Refusal):
            return ruleset
        policy = await self.policy(program_id, deadline)
        # An older version was looked at when it was published, and going back must be quick.
        maker = found.subject if isinstance(found, Draft) else ""
        second_person = policy.second_person and isinstance(found, Draft)
        if second_person and maker in {"", by.subject}:
            return _second_person_needed(maker)
        origin = f"draft:{source}" if isinstance(source, str) else f"version:{source}"
        version = await store.publish(
            self._db, program_id, expected, written(ruleset), origin,
            # A sandbox lives by its own clock.
            program.clock_at if effective_at is None else effective_at, maker, by, second_person=second_person,
            timeout_seconds=left(deadline),
        )  # fmt: skip
        if version is None:
            return Refusal(reason=Reason.VERSION_MISMATCH, field="expected_version")
        await self._rulesets.refresh()
        return await self.publication(program_id, version, deadline)

    async def publication(
        self, program_id: ProgramId, version: int, deadline: float
    ) -> Publication | Refusal:
        """Answer a published version."""
        found = await store.read_publication(self._db, program_id, version, timeout_seconds=left(deadline))
        return found or _no_ruleset("version")

    async def publications(
        self, program_id: ProgramId, below: int, limit: int, deadline: float
    ) -> Sequence[Publication]:
        """Answer a page of versions, the newest first."""
        return await store.read_publications(
            self._db, program_id, below, limit, timeout_seconds=left(deadline)
        )

    async def compare(
        self, program_id: ProgramId, before: str | int, after: str | int, deadline: float
    ) -> Diff | Refusal:
        """Answer what is different between two drafts or versions that can be read."""
        rulesets, revisions = [], []
        for source in (before, after):
            found = await self._document(program_id, source, deadline)
            if isinstance(found, Refusal):
                return found
            ruleset, findings = parsed(Ruleset, found.document)
            if ruleset is None:
                return _invalid(findings)
            rulesets.append(ruleset)
            revisions.append(_revision(found))
        return Diff(
            differences=differences(*rulesets), before_revision=revisions[0], after_revision=revisions[1]
        )

    async def put_campaign(
        self, program_id: ProgramId, campaign: Campaign, by: Accountable, deadline: float
    ) -> StoredCampaign | Refusal:
        """Write a campaign; its rules follow within seconds."""
        if findings := findings_of_campaign(campaign):
            return Refusal(
                reason=Reason.FIELD_INVALID, field=f"campaign.{findings[0].path}", detail=findings[0].message
            )
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        revision = await store.put_campaign(
            self._db, program_id, campaign, by, timeout_seconds=left(deadline)
        )
        await self._rulesets.refresh()
        return StoredCampaign(campaign=campaign, revision=revision)

    async def campaigns(
        self, program_id: ProgramId, after: str, limit: int, deadline: float
    ) -> Sequence[StoredCampaign]:
        """Answer a page of campaigns."""
        return await store.read_campaigns(self._db, program_id, after, limit, timeout_seconds=left(deadline))

    async def policy(self, program_id: ProgramId, deadline: float) -> RulesPolicy:
        """Answer how a program's rules come into force."""
        return await store.read_policy(self._db, program_id, timeout_seconds=left(deadline))

    async def put_policy(
        self, program_id: ProgramId, by: Accountable, deadline: float, *, second_person: bool
    ) -> RulesPolicy | Refusal:
        """Say whether a second person publishes what one has written."""
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        revision = await store.put_policy(
            self._db, program_id, by, second_person=second_person, timeout_seconds=left(deadline)
        )
        return RulesPolicy(second_person=second_person, revision=revision)

    async def trial(self, program_id: ProgramId, source: str | int, deadline: float) -> Compiled | Refusal:
        """Answer a draft or version ready to price, with the campaigns and segments of now."""
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        found = await self._document(program_id, source, deadline)
        if isinstance(found, Refusal):
            return found
        known = await self._known(program_id, deadline)
        ruleset = await _read(found, known)
        if isinstance(ruleset, Refusal):
            return ruleset
        return compiled(
            ruleset, source if isinstance(source, int) else 0, known.campaigns, known.by_attributes
        )

    async def _findings(self, program_id: ProgramId, text: str, deadline: float) -> tuple[Finding, ...]:
        known = await self._known(program_id, deadline)
        return (await asyncio.to_thread(read_ruleset, text, known.campaigns, known.segments))[1]

    async def _known(self, program_id: ProgramId, deadline: float) -> _Known:
        return _Known(
            campaigns=await read_all_campaigns(self._db, program_id, left(deadline)),
            segments=await read_all_segments(self._db, program_id, left(deadline)),
        )

    async def _document(
        self, program_id: ProgramId, source: str | int, deadline: float
    ) -> Draft | Publication | Refusal:
        if isinstance(source, int):
            return await self.publication(program_id, source, deadline)
        draft = await store.read_draft(self._db, program_id, source, timeout_seconds=left(deadline))
        return draft or _no_ruleset("draft")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Known:
    """What rules of a program may name."""

    campaigns: Mapping[str, Campaign]
    segments: Mapping[str, SegmentRule | None]

    @property
    def by_attributes(self) -> Mapping[str, SegmentRule]:
        """The segments that go by attributes."""
        return {name: rule for name, rule in self.segments.items() if rule is not None}


async def _read(found: Draft | Publication, known: _Known) -> Ruleset | Refusal:
    if isinstance(found, Draft):
        # The largest takes a second; other calls of this process go on meanwhile.
        ruleset, findings = await asyncio.to_thread(
            read_ruleset, found.document, known.campaigns, known.segments
        )
    else:
        # What was published was sound by what was asked then; going back must not fail for what is asked since.
        ruleset, findings = parsed(Ruleset, found.document)
    return _invalid(findings) if ruleset is None else ruleset


def _revision(found: Draft | Publication) -> int:
    return found.revision if isinstance(found, Draft) else 0


def _draft_changed(revision: int) -> Refusal:
    detail = "The draft is another one than was looked at." if revision else "Only a draft has a revision."
    return Refusal(
        reason=Reason.VERSION_MISMATCH if revision else Reason.FIELD_INVALID, field="expected_draft_revision",
        detail=detail, facts={"revision": str(revision)} if revision else {},
    )  # fmt: skip


def _no_program() -> Refusal:
    return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")


def _no_ruleset(field: str) -> Refusal:
    return Refusal(reason=Reason.RULESET_NOT_FOUND, field=field)


def _second_person_needed(maker: str) -> Refusal:
    detail = "" if maker else "It is not known who wrote this draft: write it again."
    return Refusal(reason=Reason.SECOND_PERSON_NEEDED, field="source", detail=detail)


def _invalid(findings: Sequence[Finding]) -> Refusal:
    findings = [each for each in findings if not each.advice]
    first = findings[0]
    return Refusal(
        reason=Reason.RULESET_INVALID, field="draft", detail=f"{first.path}: {first.message}",
        facts={"findings": str(len(findings)), "path": first.path, "problem": first.problem},
    )  # fmt: skip
