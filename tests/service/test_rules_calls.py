"""Rules as their writers see them: over the wire, between two processes."""

from __future__ import annotations

import json

import grpc
import pytest
from rig import ACCOUNTABLE, Api, calling, open_shop, refusal, token
from wallet.v1 import rules_pb2

from wallet_service.transport.scopes import Scope


def document(basis_points: int, **fields) -> str:
    rule = {"rule_id": "base", "title": "On everything", "give": {"basis_points": basis_points}, **fields}
    return json.dumps({"time_zone": "UTC", "rules": [rule]})


@pytest.fixture
async def program_id(api: Api) -> str:
    return (await open_shop(api, 0)).program.program_id


async def put_draft(api: Api, program_id: str, text: str):
    return await api(
        rules_pb2.PutRulesetDraftRequest(
            program_id=program_id, name="next", document=text, accountability=ACCOUNTABLE
        )
    )


def publishing(program_id: str, expected: int, **source) -> rules_pb2.PublishRulesetRequest:
    return rules_pb2.PublishRulesetRequest(
        program_id=program_id, source=rules_pb2.RulesetSource(**source), expected_version=expected,
        accountability=ACCOUNTABLE,
    )  # fmt: skip


async def test_a_ruleset_is_written_checked_published_and_brought_back(api: Api, program_id: str):
    for expected, basis_points in enumerate((100, 200)):
        assert not (await put_draft(api, program_id, document(basis_points))).findings
        await api(publishing(program_id, expected, draft="next"))
    back = (await api(publishing(program_id, 2, version=1))).ruleset
    assert (back.version, back.origin, back.actor) == (3, "version:1", ACCOUNTABLE.actor)
    got = await api(rules_pb2.GetRulesetRequest(program_id=program_id, version=3))
    assert json.loads(got.ruleset.document)["rules"][0]["give"] == {"basis_points": 100}
    pages, token_of_page = [], ""
    while True:
        page = await api(
            rules_pb2.ListRulesetsRequest(program_id=program_id, page_size=2, page_token=token_of_page)
        )
        pages += [(each.version, each.document) for each in page.rulesets]
        if not (token_of_page := page.next_page_token):
            break
    assert pages == [(3, ""), (2, ""), (1, "")]


async def test_findings_are_answered_and_stop_a_publication(api: Api, program_id: str):
    kept = await put_draft(api, program_id, document(20_000, color="red"))
    assert [(each.path, each.problem) for each in kept.findings] == [("rules[0].color", "UNKNOWN_FIELD")]
    checked = await api(rules_pb2.ValidateRulesetRequest(program_id=program_id, draft="next"))
    assert (checked.revision, checked.findings) == (1, kept.findings)
    refused = await refusal(api(publishing(program_id, 0, draft="next")))
    assert (refused.status, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "RULESET_INVALID")
    assert refused.facts["path"] == "rules[0].color"
    absent = await refusal(api(rules_pb2.ValidateRulesetRequest(program_id=program_id, draft="nobody")))
    assert absent.reason == "RULESET_NOT_FOUND"


async def test_a_difference_names_the_rule_and_the_field(api: Api, program_id: str):
    await put_draft(api, program_id, document(100))
    await api(publishing(program_id, 0, draft="next"))
    await put_draft(api, program_id, document(300))
    before, after = rules_pb2.RulesetSource(version=1), rules_pb2.RulesetSource(draft="next")
    found = await api(rules_pb2.DiffRulesetsRequest(program_id=program_id, before=before, after=after))
    assert [each.path for each in found.differences] == ["rules[base].give"]


async def test_campaigns_and_segments_are_kept_and_listed(api: Api, program_id: str):
    june = rules_pb2.Campaign(
        campaign_id="june",
        title="=1+1 <b>",
        starts_at="2026-06-01T00:00",
        ends_at="2026-07-01T00:00",
        budget=500,
    )
    for _ in range(2):
        request = rules_pb2.PutCampaignRequest(
            program_id=program_id, campaign=june, accountability=ACCOUNTABLE
        )
        assert (await api(request)).revision == 1
    listed = await api(rules_pb2.ListCampaignsRequest(program_id=program_id))
    assert list(listed.campaigns) == [june]
    june.ends_at = "2026-05-01T00:00"
    backwards = rules_pb2.PutCampaignRequest(program_id=program_id, campaign=june, accountability=ACCOUNTABLE)
    refused = await refusal(api(backwards))
    assert (refused.reason, refused.field) == ("FIELD_INVALID", "campaign.ends_at")
    for add, remove in ((["anna", "ben"], []), ([], ["ben"])):
        await api(
            rules_pb2.PutSegmentRequest(
                program_id=program_id, segment_id="vip", title="VIP", add_customer_refs=add,
                remove_customer_refs=remove, accountability=ACCOUNTABLE,
            )
        )  # fmt: skip
    segments = (await api(rules_pb2.ListSegmentsRequest(program_id=program_id))).segments
    assert [(each.segment_id, each.members, each.revision) for each in segments] == [("vip", 1, 2)]


async def test_writing_rules_and_publishing_them_are_two_scopes(api: Api, pair, keys, program_id: str):
    await put_draft(api, program_id, document(100))
    async with calling(pair[0].address, token(keys, scopes=[Scope.RULES_WRITE, Scope.RULES_READ])) as writer:
        await put_draft(writer, program_id, document(200))
        refused = await refusal(writer(publishing(program_id, 0, draft="next")))
    assert refused.reason == "SCOPE_MISSING"
