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


async def test_advice_is_answered_and_stops_no_publication(api: Api, program_id: str):
    kept = await put_draft(api, program_id, document(100, when={"tiers": ["gold"]}))
    assert [(each.problem, each.advice) for each in kept.findings] == [("MATCHES_NOBODY_YET", True)]
    assert (await api(publishing(program_id, 0, draft="next"))).ruleset.version == 1


async def test_a_difference_names_the_rule_and_the_field(api: Api, program_id: str):
    await put_draft(api, program_id, document(100))
    await api(publishing(program_id, 0, draft="next"))
    await put_draft(api, program_id, document(300))
    before, after = rules_pb2.RulesetSource(version=1), rules_pb2.RulesetSource(draft="next")
    found = await api(rules_pb2.DiffRulesetsRequest(program_id=program_id, before=before, after=after))
    assert [each.path for each in found.differences] == ["rules[base].give"]


async def test_only_the_draft_that_was_looked_at_is_published(api: Api, program_id: str):
    await put_draft(api, program_id, document(100))
    await api(publishing(program_id, 0, draft="next"))
    await put_draft(api, program_id, document(200))
    before, after = rules_pb2.RulesetSource(version=1), rules_pb2.RulesetSource(draft="next")
    looked_at = await api(rules_pb2.DiffRulesetsRequest(program_id=program_id, before=before, after=after))
    assert (looked_at.before_revision, looked_at.after_revision) == (0, 2)
    await put_draft(api, program_id, document(9_000))
    request = publishing(program_id, 1, draft="next")
    request.expected_draft_revision = looked_at.after_revision
    refused = await refusal(api(request))
    assert (refused.reason, refused.field) == ("VERSION_MISMATCH", "expected_draft_revision")
    assert refused.facts["revision"] == "3"
    request.expected_draft_revision = 3
    assert [(await api(request)).ruleset.version for _ in range(2)] == [2, 2]
    request = publishing(program_id, 2, version=1)
    request.expected_draft_revision = 1
    assert (await refusal(api(request))).reason == "FIELD_INVALID"


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


async def test_segments_are_written_read_and_imported_over_the_wire(api: Api, program_id: str):
    rule = rules_pb2.SegmentRule(all_of=[rules_pb2.AttributeTest(name="age", at_least=18)])

    def put(**more) -> rules_pb2.PutSegmentRequest:
        return rules_pb2.PutSegmentRequest(
            program_id=program_id, segment_id="vip", accountability=ACCOUNTABLE, **more
        )

    def imported(*rows: rules_pb2.ImportRow, segment_id: str = "vip") -> rules_pb2.ImportSegmentRequest:
        return rules_pb2.ImportSegmentRequest(
            program_id=program_id, segment_id=segment_id, rows=rows, accountability=ACCOUNTABLE
        )

    await api(put(title="VIP", rule=rule))
    await api(put(add_customer_refs=["anna", "ben", "eve"]))
    rows = [rules_pb2.ImportRow(line=2, customer_ref="=1+1"), rules_pb2.ImportRow(line=3, customer_ref="")]
    bad = await api(imported(*rows))
    assert ([(each.line, each.problem) for each in bad.findings], bad.revision) == ([(3, "MISSING_FIELD")], 0)
    assert (await refusal(api(imported(rows[0], segment_id="nobody")))).reason == "SEGMENT_NOT_FOUND"
    taken_off = rules_pb2.ImportRow(line=4, customer_ref="eve", remove=True)
    assert (await api(imported(rows[0], taken_off))).revision == 3
    refs, page_token = [], ""
    while True:
        page = await api(
            rules_pb2.GetSegmentRequest(
                program_id=program_id, segment_id="vip", page_size=2, page_token=page_token
            )
        )
        refs += page.customer_refs
        if not (page_token := page.next_page_token):
            break
    assert refs == ["=1+1", "anna", "ben"]
    assert (page.segment.title, page.segment.members, page.segment.rule) == ("VIP", 3, rule)
    nonsense = rules_pb2.SegmentRule(all_of=[rules_pb2.AttributeTest(name="age")])
    refused = await refusal(api(put(rule=nonsense)))
    assert (refused.reason, refused.field) == ("FIELD_INVALID", "rule.all_of[0]")


async def test_what_is_recorded_of_customers_is_read_back(api: Api, pair, keys, program_id: str):
    anna = rules_pb2.CustomerRecord(customer_ref="anna", attributes={"age": "30", "=city": "<b>"})
    put = rules_pb2.PutCustomersRequest(program_id=program_id, customers=[anna], accountability=ACCOUNTABLE)
    assert [(await api(put)).changed for _ in range(2)] == [1, 0]
    get = rules_pb2.GetCustomerRequest(program_id=program_id, customer_ref="anna")
    assert (await api(get)).customer == anna
    put.customers.append(anna)
    assert (await refusal(api(put))).field == "customers"
    async with calling(pair[0].address, token(keys, scopes=[Scope.RULES_READ])) as reader:
        assert (await refusal(reader(get))).reason == "SCOPE_MISSING"


async def test_two_tokens_are_two_persons(api: Api, pair, keys, program_id: str):
    policy = rules_pb2.RulesPolicy(second_person=True)
    put = rules_pb2.PutRulesPolicyRequest(program_id=program_id, policy=policy, accountability=ACCOUNTABLE)
    assert (await api(put)).policy.revision == 1
    got = await api(rules_pb2.GetRulesPolicyRequest(program_id=program_id))
    assert got.policy.second_person
    await put_draft(api, program_id, document(100))
    refused = await refusal(api(publishing(program_id, 0, draft="next")))
    assert (refused.status, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SECOND_PERSON_NEEDED")
    async with calling(pair[0].address, token(keys, subject="somebody else")) as colleague:
        ruleset = (await colleague(publishing(program_id, 0, draft="next"))).ruleset
    assert (ruleset.maker, ruleset.publisher) == ("test", "somebody else")
