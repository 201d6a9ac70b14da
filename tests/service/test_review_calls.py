"""ReviewService on the wire: from a doubted event to a decision that earns, and everything that is not allowed."""

from __future__ import annotations

import grpc
import pytest
from rig import ACCOUNTABLE, Api, Shop, in_seconds, new_id, open_shop, refusal, token, until
from wallet.v1 import earning_pb2, review_pb2

from wallet_service.transport.scopes import Scope

APPROVE, REJECT = review_pb2.CaseDecision.VERDICT_APPROVE, review_pb2.CaseDecision.VERDICT_REJECT
DOUBTED_MINOR = 6_000_000
"""Without a policy of its own, a program doubts events above 50,000.00."""


@pytest.fixture
async def shop(api: Api) -> Shop:
    return await open_shop(api, 0)


async def tell(shop: Shop) -> str:
    line = earning_pb2.OrderLine(sku="<b>tv</b>", quantity=1, unit_price_minor=DOUBTED_MINOR)
    bought = earning_pb2.PurchaseEvent(order_ref=new_id(), currency="EUR", lines=[line])
    event = earning_pb2.EarnEvent(
        source="till", source_event_id=new_id(), wallet=shop.ref, occurred_at=in_seconds(0.5), purchase=bought
    )
    return (await shop.api(earning_pb2.RecordEventRequest(event=event))).event_id


async def doubted(shop: Shop) -> review_pb2.Case:
    """An event that waits for a person."""
    event_id = await tell(shop)
    found: list[review_pb2.Case] = []

    async def opened() -> bool:
        page = await shop.api(review_pb2.ListCasesRequest(wallet=shop.ref))
        found.extend(case for case in page.cases if case.subject_id == event_id)
        return bool(found)

    await until(opened)
    return found[0]


def decision(
    case_id: str, verdict=APPROVE, reason: str = "called her", name: str = ""
) -> review_pb2.CaseDecision:
    return review_pb2.CaseDecision(
        case_id=case_id, operation_id=name or new_id(), verdict=verdict, reason=reason
    )


async def test_a_doubted_event_is_shown_taken_decided_and_goes_on(api: Api, other_api: Api, shop: Shop):
    case = await doubted(shop)
    assert (case.amount_minor, case.reasons) == (DOUBTED_MINOR, ["HIGH_VALUE"])
    taken = (await api(review_pb2.AssignCaseRequest(case_id=case.case_id))).case
    assert (taken.state, taken.assigned_to) == (review_pb2.CASE_STATE_ASSIGNED, "test")
    refused = await refusal(
        other_api(review_pb2.DecideCaseRequest(decision=decision(case.case_id), reviewer="ralf"))
    )
    assert (refused.reason, refused.facts["assigned_to"]) == ("CASE_TAKEN", "test")
    said = decision(case.case_id)
    decided = await other_api(review_pb2.DecideCaseRequest(decision=said))
    assert (decided.case.state, decided.case.decided_by) == (review_pb2.CASE_STATE_APPROVED, "test")
    again = await api(review_pb2.DecideCaseRequest(decision=said))
    assert (again.replayed, again.case) == (True, decided.case)
    found = await api(review_pb2.GetCaseRequest(case_id=case.case_id))
    assert [act.kind for act in found.acts] == ["APPLIED", "APPROVED", "ASSIGNED", "OPENED"]

    async def went_on() -> bool:
        event = earning_pb2.GetEventRequest(wallet=shop.ref, event_id=case.subject_id)
        return (await api(event)).event.state == earning_pb2.EVENT_STATE_MATURED

    await until(went_on)


async def test_a_page_ends_where_the_next_begins(api: Api, shop: Shop):
    cases = {(await doubted(shop)).case_id for _ in range(3)}
    request = review_pb2.ListCasesRequest(wallet=shop.ref, page_size=2)
    first = await api(request)
    request.page_token = first.next_page_token
    second = await api(request)
    assert not second.next_page_token
    assert {case.case_id for case in (*first.cases, *second.cases)} == cases
    request.page_size, request.assigned_to = 2, "somebody else"
    assert (await refusal(api(request))).reason == "PAGE_TOKEN_INVALID"


async def test_only_a_back_office_speaks_for_others(api: Api, shop: Shop, keys):
    case = await doubted(shop)
    bearer = token(keys, scopes=[Scope.REVIEW_READ, Scope.REVIEW_DECIDE], subject="rita")
    call = review_pb2.DecideCaseRequest(decision=decision(case.case_id), reviewer="ralf")
    refused = await refusal(api(call, bearer=bearer))
    assert (refused.status, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    call.reviewer = "rita"
    assert (await api(call, bearer=bearer)).case.decided_by == "rita"


async def test_who_has_no_scope_of_review_sees_and_decides_nothing(api: Api, shop: Shop, keys):
    case = await doubted(shop)
    others = set(Scope) - {Scope.REVIEW_READ, Scope.REVIEW_DECIDE}
    for bearer in (
        token(keys, scopes=sorted(others)),
        token(keys, customer=(shop.program.program_id, "anna")),
    ):
        for call in (
            review_pb2.ListCasesRequest(),
            review_pb2.GetCaseRequest(case_id=case.case_id),
            review_pb2.GetCasePictureRequest(case_id=case.case_id),
            review_pb2.DecideCaseRequest(decision=decision(case.case_id)),
            review_pb2.AssignCaseRequest(case_id=case.case_id),
        ):
            assert (await refusal(api(call, bearer=bearer))).reason == "SCOPE_MISSING"


async def test_only_a_senior_decides_what_is_escalated(api: Api, shop: Shop, keys):
    case = await doubted(shop)
    await api(review_pb2.EscalateCaseRequest(case_id=case.case_id, operation_id=new_id(), reason="odd"))
    bearer = token(keys, scopes=[Scope.REVIEW_READ, Scope.REVIEW_DECIDE], subject="rita")
    call = review_pb2.DecideCaseRequest(decision=decision(case.case_id, REJECT))
    assert (await refusal(api(call, bearer=bearer))).reason == "ABOVE_REVIEWER_LIMIT"
    assert (await api(call)).case.state == review_pb2.CASE_STATE_REJECTED


BAD = {
    "a case that is no id": review_pb2.GetCaseRequest(case_id="1"),
    "a picture of what is no id": review_pb2.GetCasePictureRequest(case_id="../1"),
    "a case id of a megabyte": review_pb2.GetCaseRequest(case_id="1" * 1_000_000),
    "no decision": review_pb2.DecideCaseRequest(),
    "no verdict": review_pb2.DecideCaseRequest(decision=decision(new_id(), 0)),
    "a verdict that does not exist": review_pb2.DecideCaseRequest(decision=decision(new_id(), 99)),
    "no reason": review_pb2.DecideCaseRequest(decision=decision(new_id(), reason="")),
    "a reason without end": review_pb2.DecideCaseRequest(decision=decision(new_id(), reason="x" * 513)),
    "a zero in the reason": review_pb2.DecideCaseRequest(decision=decision(new_id(), reason="x\0")),
    "a reviewer without end": review_pb2.AssignCaseRequest(case_id=new_id(), reviewer="x" * 129),
    "a note without end": review_pb2.AddNoteRequest(case_id=new_id(), operation_id=new_id(), text="x" * 4_001),
    "no decisions": review_pb2.DecideCasesRequest(),
    "too many decisions": review_pb2.DecideCasesRequest(decisions=[decision(new_id())] * 101),
    "a program that is none": review_pb2.ListCasesRequest(program_id="'; drop table"),
    "a page of minus one": review_pb2.ListCasesRequest(page_size=-1),
    "a limit below zero": review_pb2.PutReviewPolicyRequest(
        program_id="demo", accountability=ACCOUNTABLE, policy=review_pb2.ReviewPolicy(reviewer_limit_minor=-1)
    ),
    "a reviewer without a name": review_pb2.PutReviewPolicyRequest(
        program_id="demo", accountability=ACCOUNTABLE,
        policy=review_pb2.ReviewPolicy(reviewers=[review_pb2.ReviewerTerms()]),
    ),
    "nobody who answers for it": review_pb2.PutReviewPolicyRequest(
        program_id="demo", policy=review_pb2.ReviewPolicy()
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
async def test_bad_input_is_refused_by_the_name_of_its_field(name: str, api: Api):
    refused = await refusal(api(BAD[name]))
    assert (refused.status, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.field


async def test_what_does_not_exist_is_not_found(api: Api):
    nothing = new_id()
    for call in (
        review_pb2.GetCaseRequest(case_id=nothing),
        review_pb2.GetCasePictureRequest(case_id=nothing),
        review_pb2.AssignCaseRequest(case_id=nothing),
        review_pb2.DecideCaseRequest(decision=decision(nothing)),
        review_pb2.EscalateCaseRequest(case_id=nothing, operation_id=new_id(), reason="x"),
        review_pb2.AddNoteRequest(case_id=nothing, operation_id=new_id(), text="x"),
    ):
        assert (await refusal(api(call))).reason == "CASE_NOT_FOUND"
    nowhere = review_pb2.GetReviewStatisticsRequest(program_id="nowhere")
    assert (await refusal(api(nowhere))).reason == "PROGRAM_NOT_FOUND"


async def test_one_bad_decision_leaves_the_others_untouched(api: Api, shop: Shop):
    case = await doubted(shop)
    good, gone, bad = decision(case.case_id, REJECT), decision(new_id()), decision("x")
    response = await api(review_pb2.DecideCasesRequest(decisions=[bad, good, gone]))
    first, second, third = response.outcomes
    assert (first.refusal.reason, first.refusal.field) == ("FIELD_INVALID", "decisions[0].case_id")
    assert second.decided.case.state == review_pb2.CASE_STATE_REJECTED
    assert third.refusal.reason == "CASE_NOT_FOUND"


async def test_a_case_whose_wallet_hangs_together_with_nobody_has_no_picture(api: Api, shop: Shop):
    case = await doubted(shop)
    refused = await refusal(api(review_pb2.GetCasePictureRequest(case_id=case.case_id)))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.FAILED_PRECONDITION, "CASE_WITHOUT_RING", "case_id",
    )  # fmt: skip


async def test_a_policy_comes_back_as_it_was_put(api: Api, shop: Shop):
    policy = review_pb2.ReviewPolicy(
        timeout_seconds=60, on_timeout=review_pb2.CASE_TIMEOUT_ESCALATE, second_approver_above_minor=5,
        reviewers=[review_pb2.ReviewerTerms(name="=cmd()", limit_minor=7, own_customers=["<anna>"])],
    )  # fmt: skip
    put = review_pb2.PutReviewPolicyRequest(
        program_id=shop.program.program_id, policy=policy, expected_version=0, accountability=ACCOUNTABLE
    )
    written = (await api(put)).policy
    assert (written.version, written.lease_seconds, list(written.reviewers)) == (
        1,
        900,
        list(policy.reviewers),
    )
    found = await api(review_pb2.GetReviewPolicyRequest(program_id=shop.program.program_id))
    assert found.policy == written
    assert (await refusal(api(put))).reason == "VERSION_MISMATCH"
