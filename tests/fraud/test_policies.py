"""Policies as staff write them: over the wire, between two processes, in shadow first."""

from __future__ import annotations

import asyncio
import json
import time

import grpc
import pytest
from rig import ACCOUNTABLE, Api, calling, open_shop, refusal, token, until
from ruling import device, limit, only_case, open_ruled, rule
from wallet.v1 import fraud_pb2

from wallet_service.fraud.document import differences, parsed, pretty, written
from wallet_service.transport.scopes import Scope


@pytest.fixture
async def program_id(api: Api) -> str:
    return (await open_shop(api, 0)).program.program_id


def putting(program_id: str, **fields) -> fraud_pb2.PutFraudPolicyRequest:
    return fraud_pb2.PutFraudPolicyRequest(program_id=program_id, accountability=ACCOUNTABLE, **fields)


async def test_a_policy_is_put_in_force_looked_back_on_and_brought_back(api, program_id):
    assert (
        await refusal(api(fraud_pb2.GetFraudPolicyRequest(program_id=program_id)))
    ).reason == "FRAUD_POLICY_NOT_FOUND"
    assert [await rule(api, program_id, limit(above=bound)) for bound in (1, 2, 2)] == [1, 2, 2]
    back = (await api(putting(program_id, version=1, expected_version=2))).policy
    assert (back.version, back.origin, back.actor) == (3, "version:1", ACCOUNTABLE.actor)
    got = (await api(fraud_pb2.GetFraudPolicyRequest(program_id=program_id))).policy
    assert json.loads(got.document)["limits"][0]["above"] == 1
    pages, token_of_page = [], ""
    while True:
        page = await api(
            fraud_pb2.ListFraudPoliciesRequest(program_id=program_id, page_size=2, page_token=token_of_page)
        )
        pages.append([each.version for each in page.policies])
        token_of_page = page.next_page_token
        if not token_of_page:
            break
    assert pages == [[3, 2], [1]]


async def test_of_two_writers_one_learns_that_the_other_was_faster(api, other_api, program_id):
    texts = [json.dumps({"title": name}) for name in "ab"]
    puts = [
        where(putting(program_id, document=text, expected_version=0))
        for where, text in zip((api, other_api), texts, strict=True)
    ]
    answers = await asyncio.gather(*puts, return_exceptions=True)
    assert sorted(type(answer).__name__ for answer in answers) == ["AioRpcError", "PutFraudPolicyResponse"]
    assert (
        await refusal(api(putting(program_id, document="{}", expected_version=0)))
    ).reason == "VERSION_MISMATCH"


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ("{", ""), ("[]", ""), ('{"limit": []}', ""), ('{"limits": 3}', "limits"),
        (limit(measure="counts", above=1), "limits[0].measure"), (limit(above="2"), "limits[0].above"), (limit(above=1.5), "limits[0].above"),
        (limit(above=-1), "limits[0]"), (limit(above=10**18), "limits[0]"), (limit(below=3), "limits[0]"), (limit(window=None), "limits[0].window"),
        (limit(verdict="allow"), "limits[0].verdict"), (limit(name="lower"), "limits[0].name"), (limit(name="HIGH_VALUE"), "limits[0].name"),
        (limit(measure="wallets", by="device", window="day", above=251), "limits[0]"), (limit(measure="wallets", window="day", above=2), "limits[0].by"),
        (limit(measure="devices", by="device", window="day", above=2), "limits[0].by"), (limit(by="referrer"), "limits[0].by"),
        (limit(kind="share"), "limits[0].kind"), (limit(of="event", kind="theft"), "limits[0].kind"),
        (limit(of="event", measure="link_age", below=3), "limits[0].of"), (limit(of="event", measure="balance", above=3), "limits[0].of"),
        (limit(measure="anomaly", above=1001), "limits[0]"),
        (limit(from_share_bp=10_001), "limits[0]"), (limit(unknown_from_minor=-1), "limits[0]"), (limit(surprise=1), "limits[0]"),
        ('{"review": {"ttl_seconds": 0}}', "review.ttl_seconds"), ('{"retention_days": 0}', "retention_days"),
        ('{"trusted": {"wallets": ["anna"]}}', "trusted.wallets[0]"), ('{"trusted": {"devices": ["raw fingerprint"]}}', "trusted.devices[0]"),
        ('{"devices": {"unknown_from_minor": -1}}', "devices.unknown_from_minor"), ('{"devices": {"unknown": "maybe"}}', "devices.unknown"),
        ('{"title": "a\\u0000b"}', "title"), ('{"devices": {"second_device": "perhaps"}}', "devices.second_device"),
    ],
)  # fmt: skip
def test_everything_wrong_with_a_document_is_said_with_its_place(document, path):
    text = document if isinstance(document, str) else json.dumps({"limits": [document]})
    policy, findings = parsed(text)
    assert policy is None
    assert findings[0].path == path
    assert findings[0].message.endswith(".")


def test_two_limits_of_one_name_and_too_many_are_found():
    two = json.dumps({"limits": [limit("A"), limit("A")]})
    assert [finding.problem for finding in parsed(two)[1]] == ["NAME_REUSED"]
    assert parsed(json.dumps({"limits": [limit(f"L{n}") for n in range(101)]}))[1][0].problem == "TOO_MANY"
    assert parsed("[" * 100_000)[1][0].problem == "UNREADABLE"
    assert parsed(" " * 1_000_001)[1][0].problem == "TOO_LARGE"


def test_a_policy_has_one_text_whatever_way_it_was_written():
    wallets = [f"{number:08x}-0000-5000-8000-000000000000" for number in range(9)]
    one, _ = parsed(
        json.dumps({"limits": [limit(of="redemption", shadow=False)], "trusted": {"wallets": wallets}})
    )
    two, _ = parsed(json.dumps({"trusted": {"wallets": wallets[::-1]}, "limits": [limit()]}))
    assert written(one) == written(two)
    assert parsed(pretty(one))[0] == one


def test_differences_are_told_by_the_names_of_limits():
    before, _ = parsed(
        json.dumps({"limits": [limit("A", above=1), limit("B")], "review": {"above_minor": 5}})
    )
    after, _ = parsed(json.dumps({"limits": [limit("B"), limit("A", above=2)], "shadow": True}))
    assert differences(before, after) == [
        ("limits.A.above", "1", "2"),
        ("review.above_minor", "5", ""),
        ("shadow", "", "True"),
    ]


def test_conditions_are_told_apart_one_by_one():
    known = {"measure": "link_age", "by": "address", "below": 5}
    before, _ = parsed(json.dumps({"limits": [limit("A", all_of=[known])]}))
    after, _ = parsed(json.dumps({"limits": [limit("A", all_of=[{**known, "below": 6}])]}))
    assert differences(before, after) == [("limits.A.all_of[0].below", "5", "6")]
    assert parsed(pretty(before))[0] == before


async def test_a_wrong_document_is_refused_and_nothing_changes(api, program_id):
    document = json.dumps({"limits": [limit(verdict="allow"), limit("lower")]})
    refused = await refusal(api(putting(program_id, document=document)))
    assert refused.reason == "FRAUD_POLICY_INVALID"
    assert refused.facts == {"findings": "2", "path": "limits[0].verdict", "problem": "WRONG_VERDICT"}
    assert (await refusal(api(putting(program_id, version=7)))).reason == "FRAUD_POLICY_NOT_FOUND"
    assert (await refusal(api(putting("nobody", document="{}")))).reason == "PROGRAM_NOT_FOUND"


async def test_reading_and_writing_policies_need_scopes_of_their_own(pair, keys, program_id):
    async with calling(pair[0].address, token(keys, scopes=[Scope.FRAUD_READ])) as reader:
        assert (
            await refusal(reader(putting(program_id, document="{}")))
        ).status is grpc.StatusCode.PERMISSION_DENIED
        assert (await reader(fraud_pb2.GetFraudReportRequest(program_id=program_id))).lines == []


async def test_a_change_is_live_in_another_process_within_seconds(api, other_api):
    ruled = await open_ruled(api, limit(above=1_000))
    request = ruled.shop.reserve

    async def refused() -> bool:
        try:
            await other_api(request(1))
        except grpc.aio.AioRpcError as error:
            return "fraud policy" in (error.details() or "")
        return False

    assert not await refused()
    await ruled.rule(limit(above=0))
    begun = time.monotonic()
    await until(refused, 5)
    assert time.monotonic() - begun < 5


async def test_limits_in_shadow_change_nothing_and_are_reported(api):
    ruled = await open_ruled(
        api, limit("TRIED", above=1, shadow=True), limit("REAL", above=3), balance=10_000
    )
    for _ in range(3):
        await ruled.reserve(device=device("phone"))
    assert (await refusal(ruled.reserve())).facts == {"reasons": "REAL"}

    async def lines():
        report = await api(fraud_pb2.GetFraudReportRequest(program_id=ruled.program_id))
        return {
            (line.reason, line.shadow, line.verdict): (line.number, line.amount_minor, line.wallets)
            for line in report.lines
        }

    refuse = fraud_pb2.FRAUD_VERDICT_REFUSE
    expected = {("TRIED", True, refuse): (3, 300, 1), ("REAL", False, refuse): (1, 100, 1)}

    async def written_down() -> bool:
        return await lines() == expected

    await until(written_down, 5)


async def test_a_whole_policy_can_be_tried_in_shadow(api):
    ruled = await open_ruled(
        api, limit(above=0), shadow=True, review={"above_minor": 1}, devices={"missing": "refuse"}
    )
    held = (await ruled.reserve(500)).reservation
    await api(ruled.shop.commit(held.reservation_id))


async def test_a_hold_that_waits_has_a_case_with_the_signals_of_its_moment(api):
    caught = limit("MANY", above=1, verdict="review")
    ruled = await open_ruled(api, caught)
    await ruled.reserve(device=device("phone"))
    held = (await ruled.reserve(700, device=device("phone"))).reservation
    shown = await only_case(ruled)
    case = shown.case
    assert (case.subject_id, list(case.reasons), case.amount_minor) == (held.reservation_id, ["MANY"], 700)
    signals = {signal.name: signal.value for signal in shown.evidence.signals}
    assert signals["count.wallet.hour"] == "2"
    assert len(signals["device"]) == 32
    assert shown.evidence.policy_version == 1
