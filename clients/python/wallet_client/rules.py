"""What is earned: drafts of rules, published versions, backtests, campaigns, segments and customers."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime

from wallet.v1.backtest_pb2 import BacktestProgress, BacktestResult, BacktestRulesetRequest
from wallet.v1.rules_pb2 import (
    Campaign,
    CustomerRecord,
    DiffRulesetsRequest,
    DiffRulesetsResponse,
    GetCustomerRequest,
    GetCustomerResponse,
    GetRulesetRequest,
    GetRulesPolicyRequest,
    GetSegmentRequest,
    ImportRow,
    ImportSegmentRequest,
    ImportSegmentResponse,
    ListCampaignsRequest,
    ListRulesetsRequest,
    ListSegmentsRequest,
    PublishedRuleset,
    PublishRulesetRequest,
    PutCampaignRequest,
    PutCustomersRequest,
    PutRulesetDraftRequest,
    PutRulesetDraftResponse,
    PutRulesPolicyRequest,
    PutSegmentRequest,
    RulesetSource,
    RulesPolicy,
    Segment,
    SegmentRule,
    ValidateRulesetRequest,
    ValidateRulesetResponse,
)
from wallet.v1.wallet_pb2 import Accountability

from wallet_client.calls import Calls
from wallet_client.times import stamp


def ruleset_source(named: str | int) -> RulesetSource:
    """Return the source of a ruleset: a version by its number, a draft by its name."""
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
        request = DiffRulesetsRequest(
            program_id=program_id, before=ruleset_source(before), after=ruleset_source(after)
        )
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
        expected_draft_revision: int | None = None,
        timeout_seconds: float | None = None,
    ) -> PublishedRuleset:
        """Make a draft, or an older version, the version after the expected one; in force at once unless said.

        With the revision of the draft that was looked at, a draft that has changed since is refused.
        """
        request = PublishRulesetRequest(
            program_id=program_id, source=ruleset_source(source), expected_version=expected_version,
            effective_at=None if effective_at is None else stamp(effective_at),
            expected_draft_revision=expected_draft_revision,
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
        rule: SegmentRule | None = None,
        add: Sequence[str] = (),
        remove: Sequence[str] = (),
        timeout_seconds: float | None = None,
    ) -> int:
        """Write a segment's title and rule, add customers to its list and take some out; at most 10,000 of each a call.

        An empty title and an absent rule stay as they are; a rule without tests: there is none any more.
        """
        request = PutSegmentRequest(
            program_id=program_id, segment_id=segment_id, title=title, add_customer_refs=add, rule=rule,
            remove_customer_refs=remove, accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        response = await self._calls.unary(
            lambda line: line.admin.PutSegment, request, timeout_seconds=timeout_seconds
        )
        return response.revision

    async def segments(
        self, program_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[Segment]:
        """Yield every segment, with how many are on its list."""
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

    async def segment(
        self, program_id: str, segment_id: str, *, timeout_seconds: float | None = None
    ) -> Segment:
        """Return one segment, with how many are on its list."""
        request = GetSegmentRequest(program_id=program_id, segment_id=segment_id, page_size=1)
        response = await self._calls.unary(
            lambda line: line.admin.GetSegment, request, timeout_seconds=timeout_seconds
        )
        return response.segment

    async def members(
        self, program_id: str, segment_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[str]:
        """Yield who is on a segment's list."""
        request = GetSegmentRequest(program_id=program_id, segment_id=segment_id, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.admin.GetSegment, request, timeout_seconds=timeout_seconds
            )
            for customer_ref in page.customer_refs:
                yield customer_ref
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def import_segment(
        self,
        program_id: str,
        segment_id: str,
        rows: Sequence[ImportRow],
        *,
        actor: str,
        reason: str,
        timeout_seconds: float | None = None,
    ) -> ImportSegmentResponse:
        """Put at most 10,000 customers on a list or take them off: all, or none and everything that is wrong."""
        request = ImportSegmentRequest(
            program_id=program_id, segment_id=segment_id, rows=rows,
            accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        return await self._calls.unary(
            lambda line: line.admin.ImportSegment, request, timeout_seconds=timeout_seconds
        )

    async def put_customers(
        self,
        program_id: str,
        customers: Mapping[str, Mapping[str, str]],
        *,
        actor: str,
        reason: str,
        timeout_seconds: float | None = None,
    ) -> int:
        """Record the attributes of at most 1,000 customers, each as a whole; returns how many are different now."""
        request = PutCustomersRequest(
            program_id=program_id,
            customers=[CustomerRecord(customer_ref=ref, attributes=said) for ref, said in customers.items()],
            accountability=Accountability(actor=actor, reason=reason),
        )
        response = await self._calls.unary(
            lambda line: line.admin.PutCustomers, request, timeout_seconds=timeout_seconds
        )
        return response.changed

    async def customer(
        self, program_id: str, customer_ref: str, *, timeout_seconds: float | None = None
    ) -> GetCustomerResponse:
        """Return what is recorded of a customer, and the lists it is on."""
        request = GetCustomerRequest(program_id=program_id, customer_ref=customer_ref)
        return await self._calls.unary(
            lambda line: line.admin.GetCustomer, request, timeout_seconds=timeout_seconds
        )

    async def put_policy(
        self,
        program_id: str,
        *,
        second_person: bool,
        actor: str,
        reason: str,
        timeout_seconds: float | None = None,
    ) -> RulesPolicy:
        """Say whether a second person publishes what one has written."""
        request = PutRulesPolicyRequest(
            program_id=program_id, policy=RulesPolicy(second_person=second_person),
            accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        response = await self._calls.unary(
            lambda line: line.admin.PutRulesPolicy, request, timeout_seconds=timeout_seconds
        )
        return response.policy

    async def policy(self, program_id: str, *, timeout_seconds: float | None = None) -> RulesPolicy:
        """Return how a program's rules come into force."""
        request = GetRulesPolicyRequest(program_id=program_id)
        response = await self._calls.unary(
            lambda line: line.admin.GetRulesPolicy, request, timeout_seconds=timeout_seconds
        )
        return response.policy

    async def backtest(
        self,
        program_id: str,
        source: str | int,
        *,
        starts_at: datetime,
        ends_at: datetime,
        top: int = 10,
        unused_caps: bool = False,
        timeout_seconds: float | None = 900.0,
    ) -> AsyncIterator[BacktestProgress | BacktestResult]:
        """Yield how far the backtest of a draft or version is, and at last its result.

        Caps and budgets begin with what events before had used of them, or unused if so asked.
        """
        request = BacktestRulesetRequest(
            program_id=program_id, source=ruleset_source(source), starts_at=stamp(starts_at), ends_at=stamp(ends_at), top=top,
            unused_caps=unused_caps,
        )  # fmt: skip
        steps = self._calls.stream(
            lambda line: line.admin.BacktestRuleset, request, timeout_seconds=timeout_seconds
        )
        async with aclosing(steps):
            async for step in steps:
                yield step.result if step.HasField("result") else step.progress
