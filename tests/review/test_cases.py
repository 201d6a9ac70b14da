"""From a doubted hold or event to a case, to a decision, to what the ledger does."""

from __future__ import annotations

import pytest
from office import RALF, RITA, SECOND, SENIOR, Office, new_id, said
from wallet.v1 import types_pb2

from wallet_service.earning.model import EventState
from wallet_service.fraud.judged import SubjectKind
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.model import EntryFilter, ReservationState, ReviewState
from wallet_service.ledger.wire import reservation_message
from wallet_service.review.model import CaseState, ReviewerTerms
from wallet_service.review.wire import evidence_message

HOUR = 3_600 * SECOND


# What is doubted has a case.


async def test_a_doubted_hold_gets_one_case_with_what_was_known(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    await office.worker.work()
    await office.another_worker().work()
    (case,) = await office.cases()
    assert (case.case_id, case.subject_id, case.wallet_id) == (case_id, reservation_id, anna)
    assert (case.state, case.amount, case.reasons) == (CaseState.OPEN, 40_000, ("HIGH_VALUE", "NEW_DEVICE"))
    evidence = case.evidence
    assert evidence.signals == {"amount_day": 50_000, "devices": ["d1"]}
    assert (evidence.policy_version, evidence.order_ref) == (3, "order-1")
    assert (evidence.available, evidence.reserved) == (60_000, 40_000)
    assert [line.kind for line in evidence.history] == ["RESERVE", "CREDIT"]
    await office.is_sound()


async def test_a_signal_of_a_kind_that_nobody_foresaw_does_not_keep_cases_from_being_opened(office: Office):
    anna = await office.customer()
    reservation_id = await office.reserve(anna, 100)
    signals = {"score": 0.5, "none": None, "ids": [1, 2], "more": {"a": 1}}
    await office.doubt(anna, reservation_id, 100, signals=signals)
    await office.worker.work()
    (case,) = await office.cases()
    said_so = {"score": "0.5", "none": "null", "ids": ["1", "2"], "more": '{"a": 1}'}
    assert case.evidence.signals == said_so
    assert evidence_message(case.evidence).signals[0].value == '["1", "2"]'


async def test_a_hold_says_on_the_wire_that_it_waits(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    message = reservation_message(anna, await office.hold(anna, reservation_id))
    assert (message.state, message.review) == (
        types_pb2.RESERVATION_STATE_HELD,
        types_pb2.REVIEW_STATE_WAITING,
    )
    await office.decide(case_id, approve=False)
    message = reservation_message(anna, await office.hold(anna, reservation_id))
    assert message.review == types_pb2.REVIEW_STATE_REJECTED


async def test_the_more_is_at_stake_the_sooner_it_is_shown(office: Office):
    anna = await office.customer()
    ids = [(await office.doubted(anna, amount))[0] for amount in (1_000, 30_000, 9_000)]
    assert [case.subject_id for case in await office.cases()] == [ids[1], ids[2], ids[0]]


async def test_a_judgement_of_a_hold_that_never_came_to_be_is_withdrawn_after_a_while(office: Office):
    anna = await office.customer()
    await office.doubt(anna, new_id(), 10)
    await office.worker.work()
    assert await office.cases(*CaseState) == []
    await office.shop._as_owner("update fraud.judgement set judged_at = judged_at - interval '2 minutes'")
    await office.worker.work()
    (case,) = await office.cases(*CaseState)
    assert case.state is CaseState.WITHDRAWN
    await office.is_sound()


async def test_a_doubted_event_goes_on_once_it_is_approved(office: Office):
    shop, anna = office.shop, await office.shop.customer()
    await shop.tell(anna, "o1", shop.purchase("o1", 20_000))
    await shop.work()
    await office.worker.work()
    (case,) = await office.cases()
    assert (case.subject_kind, case.amount, case.reasons) == (SubjectKind.EVENT, 20_000, ("HIGH_VALUE",))
    assert said(await office.decide(case.case_id, approve=True)) is CaseState.APPROVED
    await shop.work()
    event = await shop.event(anna, "o1")
    assert (event.state, event.amount) == (EventState.CREDITED, 1_000)
    assert await shop.balance(anna) == (1_000, 0, 0, 0)
    assert await office.labels() == ["honest"]
    await office.is_sound()


async def test_a_rejected_event_earns_nothing_and_its_returns_need_not_wait(office: Office):
    shop, anna = office.shop, await office.shop.customer()
    await shop.tell(anna, "o1", shop.purchase("o1", 20_000))
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    await office.worker.work()
    (case,) = await office.cases()
    assert said(await office.decide(case.case_id, approve=False)) is CaseState.REJECTED
    await shop.work()
    event, returned = await shop.event(anna, "o1"), await shop.event(anna, "r1")
    assert (event.state, event.result.reasons) == (EventState.REJECTED, ("HIGH_VALUE", "REVIEW_REJECTED"))
    assert returned.state is EventState.APPLIED
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await office.is_sound()


# A decision is carried out.


async def test_an_approved_hold_is_committed_by_its_checkout(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    assert await office.commit(anna, reservation_id) is Reason.UNDER_REVIEW
    outcome = await office.decide(case_id, approve=True)
    assert said(outcome) is CaseState.APPROVED
    assert outcome.case.applied
    assert (await office.hold(anna, reservation_id)).review is ReviewState.APPROVED
    assert await office.commit(anna, reservation_id) is None
    assert await office.acts(case_id) == ["OPENED", "APPROVED", "APPLIED"]
    assert await office.labels() == ["honest"]
    await office.is_sound()


async def test_a_rejected_hold_gives_its_value_back_with_who_and_why_in_the_history(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    assert said(await office.decide(case_id, approve=False, reason="a farm")) is CaseState.REJECTED
    assert (await office.hold(anna, reservation_id)).state is ReservationState.RELEASED
    assert await office.shop.balance(anna) == (0, 100_000, 0, 0)
    (entry,) = await office.shop.ledger.entries(
        anna, 0, 1, office.soon(), oldest_first=False, chosen=EntryFilter()
    )
    assert entry.detail == '{"actor":"rita","reason":"a farm"}'
    assert await office.commit(anna, reservation_id) is Reason.RESERVATION_REJECTED
    assert await office.labels() == ["fraud"]
    await office.is_sound()


async def test_a_repeated_decision_is_the_same_decision_and_another_one_comes_too_late(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    decision_id = new_id()
    await office.decide(case_id, approve=True, as_id=decision_id)
    again = await office.decide(case_id, approve=True, as_id=decision_id)
    assert not isinstance(again, Refusal)
    assert again.replayed
    assert said(await office.decide(case_id, approve=False, as_id=decision_id)) is Reason.ID_REUSED
    assert said(await office.decide(case_id, RALF, approve=True, as_id=decision_id)) is Reason.ID_REUSED
    assert said(await office.decide(case_id, approve=False)) is Reason.CASE_DECIDED
    assert await office.acts(case_id) == ["OPENED", "APPROVED", "APPLIED"]


async def test_a_decision_stands_even_if_its_process_dies_before_it_is_carried_out(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)

    class Dying:
        async def carry_out(self, *_):
            raise ConnectionError

    living, office.review._carrying = office.review._carrying, Dying()
    with pytest.raises(ConnectionError):
        await office.decide(case_id, approve=True)
    office.review._carrying = living
    assert said(await office.decide(case_id, RALF, approve=False)) is Reason.CASE_DECIDED
    assert (await office.hold(anna, reservation_id)).review is ReviewState.WAITING
    await office.worker.work()
    assert (await office.case(case_id)).applied
    assert (await office.hold(anna, reservation_id)).review is ReviewState.APPROVED
    await office.is_sound()


# Who may decide.


async def test_a_case_that_somebody_has_taken_is_nobody_elses_until_the_lease_runs_out(office: Office):
    await office.rules(lease_seconds=900)
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    taken = await office.review.assign(case_id, RITA, office.soon())
    assert said(taken) is CaseState.ASSIGNED
    refused = await office.decide(case_id, RALF, approve=True)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.facts["assigned_to"]) == (Reason.CASE_TAKEN, "rita")
    assert said(await office.review.assign(case_id, RALF, office.soon())) is Reason.CASE_TAKEN
    assert said(await office.review.unassign(case_id, RALF, office.soon())) is Reason.CASE_TAKEN
    assert [case.case_id for case in await office.cases(assigned_to="rita")] == [case_id]
    assert (await office.review.assign(case_id, RITA, office.soon())).replayed
    await office.shop._as_owner("update review.case_file set leased_until = '1970-01-01'")
    assert await office.cases(assigned_to="rita") == []
    assert [case.case_id for case in await office.cases(CaseState.OPEN)] == [case_id]
    assert said(await office.review.assign(case_id, RALF, office.soon())) is CaseState.ASSIGNED
    assert said(await office.decide(case_id, RITA, approve=True)) is Reason.CASE_TAKEN
    assert said(await office.review.unassign(case_id, RALF, office.soon())) is CaseState.OPEN
    assert said(await office.decide(case_id, RITA, approve=True)) is CaseState.APPROVED


async def test_nobody_decides_about_himself_or_his_own(office: Office):
    await office.rules(reviewers=(ReviewerTerms(name="ralf", own_customers=("anna",)),))
    anna, rita = await office.customer("anna"), await office.customer("rita")
    _, of_anna = await office.doubted(anna)
    _, of_rita = await office.doubted(rita)
    assert said(await office.decide(of_rita, RITA, approve=True)) is Reason.REVIEWER_CONFLICT
    assert said(await office.review.assign(of_rita, RITA, office.soon())) is Reason.REVIEWER_CONFLICT
    assert said(await office.decide(of_anna, RALF, approve=False)) is Reason.REVIEWER_CONFLICT
    assert said(await office.decide(of_anna, RITA, approve=True)) is CaseState.APPROVED
    assert said(await office.decide(of_rita, RALF, approve=True)) is CaseState.APPROVED


async def test_nobody_decides_above_his_limit_but_a_senior(office: Office):
    await office.rules(
        reviewer_limit_minor=40_000, reviewers=(ReviewerTerms(name="ralf", limit_minor=10_000),)
    )
    anna = await office.customer()
    _, edge = await office.doubted(anna, 40_000)
    _, above = await office.doubted(anna, 40_001)
    refused = await office.decide(above, RITA, approve=False)
    assert isinstance(refused, Refusal)
    assert (refused.reason, refused.facts) == (Reason.ABOVE_REVIEWER_LIMIT, {"limit_minor": "40000"})
    assert said(await office.decide(edge, RALF, approve=True)) is Reason.ABOVE_REVIEWER_LIMIT
    assert said(await office.decide(edge, RITA, approve=True)) is CaseState.APPROVED
    assert said(await office.decide(above, SENIOR, approve=True)) is CaseState.APPROVED


async def test_what_is_escalated_is_shown_first_and_decided_by_a_senior(office: Office):
    anna = await office.customer()
    _, small = await office.doubted(anna, 10)
    _, large = await office.doubted(anna, 50_000)
    name = new_id()
    first = await office.review.escalate(small, name, RITA, "odd", office.soon())
    assert said(first) is CaseState.ESCALATED
    again = await office.review.escalate(small, name, RITA, "odd", office.soon())
    assert not isinstance(again, Refusal)
    assert again.replayed
    assert said(await office.review.escalate(small, name, RITA, "other", office.soon())) is Reason.ID_REUSED
    assert [case.case_id for case in await office.cases()] == [small, large]
    assert said(await office.decide(small, RALF, approve=True)) is Reason.ABOVE_REVIEWER_LIMIT
    assert said(await office.decide(small, SENIOR, approve=True)) is CaseState.APPROVED
    assert await office.acts(small) == ["OPENED", "ESCALATED", "APPROVED", "APPLIED"]


async def test_above_an_amount_two_must_approve(office: Office):
    await office.rules(second_approver_above_minor=40_000)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, 40_001)
    name = new_id()
    first = await office.decide(case_id, RITA, approve=True, as_id=name)
    assert not isinstance(first, Refusal)
    assert (first.case.state, first.case.approvals) == (CaseState.OPEN, ("rita",))
    assert await office.commit(anna, reservation_id) is Reason.UNDER_REVIEW
    again = await office.decide(case_id, RITA, approve=True, as_id=name)
    assert not isinstance(again, Refusal)
    assert again.replayed
    assert said(await office.decide(case_id, RITA, approve=True)) is Reason.REVIEWER_CONFLICT
    second = await office.decide(case_id, RALF, approve=True)
    assert not isinstance(second, Refusal)
    assert (second.case.state, second.case.approvals) == (CaseState.APPROVED, ("rita", "ralf"))
    assert await office.commit(anna, reservation_id) is None


async def test_one_is_enough_to_reject_and_up_to_the_amount_to_approve(office: Office):
    await office.rules(second_approver_above_minor=40_000)
    anna = await office.customer()
    _, at_edge = await office.doubted(anna, 40_000)
    _, above = await office.doubted(anna, 40_001)
    assert said(await office.decide(at_edge, RITA, approve=True)) is CaseState.APPROVED
    assert said(await office.decide(above, RITA, approve=True)) is CaseState.OPEN
    assert said(await office.decide(above, RALF, approve=False)) is CaseState.REJECTED
