"""What is earned: drafts of rules, published versions, campaigns and segments."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from wallet.v1.rules_pb2 import (
    Campaign,
    DiffRulesetsRequest,
    DiffRulesetsResponse,
    GetRulesetRequest,
    ListCampaignsRequest,
    ListRulesetsRequest,
    ListSegmentsRequest,
    PublishedRuleset,
    PublishRulesetRequest,
    PutCampaignRequest,
    PutRulesetDraftRequest,
    PutRulesetDraftResponse,
    PutSegmentRequest,
    RulesetSource,
    Segment,
    ValidateRulesetRequest,
    ValidateRulesetResponse,
)
from wallet.v1.wallet_pb2 import Accountability

from wallet_client.calls import Calls
from wallet_client.times import stamp


def _source(named: str | int) -> RulesetSource:
    return RulesetSource(version=named) if isinstance(named, int) else RulesetSource(draft=named)


class Rules:
    """The calls of AdminService about rules. A draft is named by its name, a published version by its number."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def put_draft(
        self,
        program_id: str,
        name: str,
        document: str,
        *,
        actor: str,
        reason: str,
        expected_revision: int | None = None,
        timeout_seconds: float | None = None,
    ) -> PutRulesetDraftResponse:
        """Keep a draft, whatever it says; answers all that is wrong with it."""
        request = PutRulesetDraftRequest(
            program_id=program_id, name=name, document=document, expected_revision=expected_revision,
            accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        return await self._calls.unary(
            lambda line: line.admin.PutRulesetDraft, request, timeout_seconds=timeout_seconds
        )

    async def validate(
        self, program_id: str, draft: str, *, timeout_seconds: float | None = None
    ) -> ValidateRulesetResponse:
        """Answer a draft and all that is wrong with it now."""
        request = ValidateRulesetRequest(program_id=program_id, draft=draft)
        return await self._calls.unary(
            lambda line: line.admin.ValidateRuleset, request, timeout_seconds=timeout_seconds
        )

    async def diff(
        self, program_id: str, before: str | int, after: str | int, *, timeout_seconds: float | None = None
    ) -> Sequence[DiffRulesetsResponse.Difference]:
        """Answer what is different between two drafts or versions."""
        request = DiffRulesetsRequest(program_id=program_id, before=_source(before), after=_source(after))
        response = await self._calls.unary(
            lambda line: line.admin.DiffRulesets, request, timeout_seconds=timeout_seconds
        )
        return response.differences

    async def publish(
        self,
        program_id: str,
        source: str | int,
        *,
        expected_version: int,
        actor: str,
        reason: str,
        effective_at: datetime | None = None,
        timeout_seconds: float | None = None,
    ) -> PublishedRuleset:
        """Make a draft, or an older version, the version after the expected one; in force at once unless said."""
        request = PublishRulesetRequest(
            program_id=program_id, source=_source(source), expected_version=expected_version,
            effective_at=None if effective_at is None else stamp(effective_at),
            accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        response = await self._calls.unary(
            lambda line: line.admin.PublishRuleset, request, timeout_seconds=timeout_seconds
        )
        return response.ruleset

    async def get(
        self, program_id: str, version: int, *, timeout_seconds: float | None = None
    ) -> PublishedRuleset:
        """Return a published version with its document."""
        request = GetRulesetRequest(program_id=program_id, version=version)
        response = await self._calls.unary(
            lambda line: line.admin.GetRuleset, request, timeout_seconds=timeout_seconds
        )
        return response.ruleset

    async def history(
        self, program_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[PublishedRuleset]:
        """Yield every version, the newest first, without documents; the timeout is a page's."""
        request = ListRulesetsRequest(program_id=program_id, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.admin.ListRulesets, request, timeout_seconds=timeout_seconds
            )
            for ruleset in page.rulesets:
                yield ruleset
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def put_campaign(
        self,
        program_id: str,
        campaign: Campaign,
        *,
        actor: str,
        reason: str,
        timeout_seconds: float | None = None,
    ) -> Campaign:
        """Create a campaign, or replace its dates and budget."""
        request = PutCampaignRequest(
            program_id=program_id,
            campaign=campaign,
            accountability=Accountability(actor=actor, reason=reason),
        )
        response = await self._calls.unary(
            lambda line: line.admin.PutCampaign, request, timeout_seconds=timeout_seconds
        )
        return response.campaign

    async def campaigns(
        self, program_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[Campaign]:
        """Yield every campaign."""
        request = ListCampaignsRequest(program_id=program_id, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.admin.ListCampaigns, request, timeout_seconds=timeout_seconds
            )
            for campaign in page.campaigns:
                yield campaign
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def put_segment(
        self,
        program_id: str,
        segment_id: str,
        *,
        actor: str,
        reason: str,
        title: str = "",
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        timeout_seconds: float | None = None,
    ) -> int:
        """Create a list of customers, add some and take some out; at most 10,000 of each a call."""
        request = PutSegmentRequest(
            program_id=program_id, segment_id=segment_id, title=title, add_customer_refs=add,
            remove_customer_refs=remove, accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        response = await self._calls.unary(
            lambda line: line.admin.PutSegment, request, timeout_seconds=timeout_seconds
        )
        return response.revision

    async def segments(
        self, program_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[Segment]:
        """Yield every list, with how many are on it."""
        request = ListSegmentsRequest(program_id=program_id, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.admin.ListSegments, request, timeout_seconds=timeout_seconds
            )
            for segment in page.segments:
                yield segment
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token
