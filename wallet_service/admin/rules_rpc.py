"""AdminService: rules and campaigns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from wallet.v1 import rules_pb2

from wallet_service.admin.wire import accountable, next_page
from wallet_service.earning.wire import source_of
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.wire import answered, instant, plain, timestamp
from wallet_service.rules.publication import Publication, RulesPolicy
from wallet_service.rules.ruleset import Campaign, Finding
from wallet_service.rules.service import VERSION_LAST, Authoring
from wallet_service.transport.call import Call

_PAGE_DEFAULT: Final = 50


class RulesRpc:
    """How staff write rules and put them in force."""

    def __init__(self, authoring: Authoring, pages: PageTokens) -> None:
        self._authoring = authoring
        self._pages = pages

    async def put_ruleset_draft(
        self, request: rules_pb2.PutRulesetDraftRequest, call: Call
    ) -> rules_pb2.PutRulesetDraftResponse:
        """Keep a draft, whatever it says; answers all that is wrong with it."""
        checked = answered(
            await self._authoring.put_draft(
                ProgramId(request.program_id), request.name, plain(request.document, "document"),
                request.expected_revision if request.HasField("expected_revision") else None,
                accountable(request.accountability, call), call.deadline,
            )
        )  # fmt: skip
        return rules_pb2.PutRulesetDraftResponse(
            revision=checked.draft.revision, findings=_findings(checked.findings)
        )

    async def validate_ruleset(
        self, request: rules_pb2.ValidateRulesetRequest, call: Call
    ) -> rules_pb2.ValidateRulesetResponse:
        """Answer a draft and all that is wrong with it now."""
        checked = answered(
            await self._authoring.check_draft(ProgramId(request.program_id), request.draft, call.deadline)
        )
        return rules_pb2.ValidateRulesetResponse(
            revision=checked.draft.revision,
            findings=_findings(checked.findings),
            document=checked.draft.document,
        )

    async def diff_rulesets(
        self, request: rules_pb2.DiffRulesetsRequest, call: Call
    ) -> rules_pb2.DiffRulesetsResponse:
        """Answer what is different between two drafts or versions, rule by rule."""
        found = answered(
            await self._authoring.compare(
                ProgramId(request.program_id),
                source_of(request.before),
                source_of(request.after),
                call.deadline,
            )
        )
        return rules_pb2.DiffRulesetsResponse(
            differences=[
                rules_pb2.DiffRulesetsResponse.Difference(
                    path=each.path, before=each.before, after=each.after
                )
                for each in found.differences
            ],
            before_revision=found.before_revision,
            after_revision=found.after_revision,
        )

    async def publish_ruleset(
        self, request: rules_pb2.PublishRulesetRequest, call: Call
    ) -> rules_pb2.PublishRulesetResponse:
        """Make a draft, or an older version, the next version."""
        published = answered(
            await self._authoring.publish(
                ProgramId(request.program_id), source_of(request.source), request.expected_version,
                instant(request.effective_at, "effective_at") if request.HasField("effective_at") else None,
                accountable(request.accountability, call), call.deadline,
                expected_revision=(
                    request.expected_draft_revision if request.HasField("expected_draft_revision") else None
                ),
            )
        )  # fmt: skip
        return rules_pb2.PublishRulesetResponse(ruleset=_published(published, with_document=False))

    async def list_rulesets(
        self, request: rules_pb2.ListRulesetsRequest, call: Call
    ) -> rules_pb2.ListRulesetsResponse:
        """Answer a page of versions, the newest first."""
        size = request.page_size or _PAGE_DEFAULT
        below = int(self._pages.open("rulesets", request.program_id, request.page_token) or VERSION_LAST)
        found = await self._authoring.publications(
            ProgramId(request.program_id), below, size + 1, call.deadline
        )
        token = next_page(
            self._pages, "rulesets", request.program_id, [str(each.version) for each in found], size
        )
        return rules_pb2.ListRulesetsResponse(
            rulesets=[_published(each, with_document=False) for each in found[:size]], next_page_token=token
        )

    async def get_ruleset(
        self, request: rules_pb2.GetRulesetRequest, call: Call
    ) -> rules_pb2.GetRulesetResponse:
        """Answer one version with its document."""
        found = answered(
            await self._authoring.publication(ProgramId(request.program_id), request.version, call.deadline)
        )
        return rules_pb2.GetRulesetResponse(ruleset=_published(found, with_document=True))

    async def put_campaign(
        self, request: rules_pb2.PutCampaignRequest, call: Call
    ) -> rules_pb2.PutCampaignResponse:
        """Create a campaign, or replace its dates and budget."""
        sent = request.campaign
        campaign = Campaign(
            campaign_id=sent.campaign_id, title=plain(sent.title, "campaign.title"), starts_at=sent.starts_at,
            ends_at=sent.ends_at, budget=sent.budget, funding_account=plain(sent.funding_account, "campaign"),
        )  # fmt: skip
        stored = answered(
            await self._authoring.put_campaign(
                ProgramId(request.program_id),
                campaign,
                accountable(request.accountability, call),
                call.deadline,
            )
        )
        return rules_pb2.PutCampaignResponse(campaign=_campaign(stored.campaign), revision=stored.revision)

    async def list_campaigns(
        self, request: rules_pb2.ListCampaignsRequest, call: Call
    ) -> rules_pb2.ListCampaignsResponse:
        """Answer a page of campaigns, in order of their ids."""
        size = request.page_size or _PAGE_DEFAULT
        after = self._pages.open("campaigns", request.program_id, request.page_token) or ""
        found = [
            each.campaign
            for each in await self._authoring.campaigns(
                ProgramId(request.program_id), after, size + 1, call.deadline
            )
        ]
        token = next_page(
            self._pages, "campaigns", request.program_id, [each.campaign_id for each in found], size
        )
        return rules_pb2.ListCampaignsResponse(
            campaigns=[_campaign(each) for each in found[:size]], next_page_token=token
        )

    async def put_rules_policy(
        self, request: rules_pb2.PutRulesPolicyRequest, call: Call
    ) -> rules_pb2.PutRulesPolicyResponse:
        """Say whether a second person publishes what one has written."""
        policy = answered(
            await self._authoring.put_policy(
                ProgramId(request.program_id), accountable(request.accountability, call), call.deadline,
                second_person=request.policy.second_person,
            )
        )  # fmt: skip
        return rules_pb2.PutRulesPolicyResponse(policy=_policy(policy))

    async def get_rules_policy(
        self, request: rules_pb2.GetRulesPolicyRequest, call: Call
    ) -> rules_pb2.GetRulesPolicyResponse:
        """Answer how a program's rules come into force."""
        policy = await self._authoring.policy(ProgramId(request.program_id), call.deadline)
        return rules_pb2.GetRulesPolicyResponse(policy=_policy(policy))


def _policy(policy: RulesPolicy) -> rules_pb2.RulesPolicy:
    return rules_pb2.RulesPolicy(second_person=policy.second_person, revision=policy.revision)


def _findings(findings: Sequence[Finding]) -> list[rules_pb2.Finding]:
    return [
        rules_pb2.Finding(path=each.path, problem=each.problem, message=each.message, advice=each.advice)
        for each in findings
    ]


def _campaign(campaign: Campaign) -> rules_pb2.Campaign:
    return rules_pb2.Campaign(
        campaign_id=campaign.campaign_id, title=campaign.title, starts_at=campaign.starts_at, ends_at=campaign.ends_at,
        budget=campaign.budget, funding_account=campaign.funding_account,
    )  # fmt: skip


def _published(publication: Publication, *, with_document: bool) -> rules_pb2.PublishedRuleset:
    return rules_pb2.PublishedRuleset(
        version=publication.version, effective_at=timestamp(publication.effective_at),
        published_at=timestamp(publication.published_at), origin=publication.origin, actor=publication.actor,
        reason=publication.reason, document=publication.document if with_document else "", maker=publication.maker,
        publisher=publication.subject,
    )  # fmt: skip
