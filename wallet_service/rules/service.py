"""How rules come to be: drafts, their findings, versions, campaigns and segments."""

from __future__ import annotations

from collections.abc import Sequence

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.programs import Programs
from wallet_service.ledger.service import left
from wallet_service.rules import store
from wallet_service.rules.differing import Difference, differences
from wallet_service.rules.document import parsed, written
from wallet_service.rules.live import Rulesets, read_all_campaigns
from wallet_service.rules.publication import (
    Accountable,
    CheckedDraft,
    Draft,
    Publication,
    Segment,
    StoredCampaign,
)
from wallet_service.rules.ruleset import Campaign, Finding, Ruleset
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
        deadline: float,
    ) -> Publication | Refusal:  # fmt: skip
        """Make a draft, or an older version, the next version; without a time, in force at once."""
        program = await self._programs.reread(program_id, left(deadline))
        if program is None:
            return _no_program()
        text = await self._document(program_id, source, deadline)
        if isinstance(text, Refusal):
            return text
        campaigns = await read_all_campaigns(self._db, program_id, left(deadline))
        ruleset, findings = read_ruleset(text, campaigns)
        if ruleset is None:
            return _invalid(findings)
        origin = f"draft:{source}" if isinstance(source, str) else f"version:{source}"
        version = await store.publish(
            self._db, program_id, expected, written(ruleset), origin,
            # A sandbox lives by its own clock.
            program.clock_at if effective_at is None else effective_at, by, timeout_seconds=left(deadline),
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
    ) -> tuple[Difference, ...] | Refusal:
        """Answer what is different between two drafts or versions that can be read."""
        rulesets = []
        for source in (before, after):
            text = await self._document(program_id, source, deadline)
            if isinstance(text, Refusal):
                return text
            ruleset, findings = parsed(Ruleset, text)
            if ruleset is None:
                return _invalid(findings)
            rulesets.append(ruleset)
        return differences(*rulesets)

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

    async def put_segment(
        self, program_id: ProgramId, segment_id: str, title: str, add: Sequence[str], remove: Sequence[str],
        by: Accountable, deadline: float,
    ) -> int | Refusal:  # fmt: skip
        """Write a static list's title and change who is on it; answers its revision."""
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        return await store.put_segment(
            self._db, program_id, segment_id, title, add, remove, by, timeout_seconds=left(deadline)
        )

    async def segments(
        self, program_id: ProgramId, after: str, limit: int, deadline: float
    ) -> Sequence[Segment]:
        """Answer a page of segments."""
        return await store.read_segments(self._db, program_id, after, limit, timeout_seconds=left(deadline))

    async def _findings(self, program_id: ProgramId, text: str, deadline: float) -> tuple[Finding, ...]:
        campaigns = await read_all_campaigns(self._db, program_id, left(deadline))
        return read_ruleset(text, campaigns)[1]

    async def _document(self, program_id: ProgramId, source: str | int, deadline: float) -> str | Refusal:
        if isinstance(source, int):
            publication = await self.publication(program_id, source, deadline)
            return publication if isinstance(publication, Refusal) else publication.document
        draft = await store.read_draft(self._db, program_id, source, timeout_seconds=left(deadline))
        return _no_ruleset("draft") if draft is None else draft.document


def _no_program() -> Refusal:
    return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")


def _no_ruleset(field: str) -> Refusal:
    return Refusal(reason=Reason.RULESET_NOT_FOUND, field=field)


def _invalid(findings: Sequence[Finding]) -> Refusal:
    first = findings[0]
    return Refusal(
        reason=Reason.RULESET_INVALID, field="draft", detail=f"{first.path}: {first.message}",
        facts={"findings": str(len(findings)), "path": first.path, "problem": first.problem},
    )  # fmt: skip
