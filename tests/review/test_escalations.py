"""A case about a hold that is escalated: its hold waits with it, and those above are not kept out of it."""

from __future__ import annotations

import json

from office import RALF, RITA, SECOND, SENIOR, Office, new_id, said

from wallet_service.kernel.errors import Reason
from wallet_service.ledger.model import ReservationState, ReviewState
from wallet_service.review.holding import HELD_SECONDS_MAX
from wallet_service.review.model import CaseState, OnTimeout, Reviewer, ReviewerTerms

HOUR = 3_600 * SECOND
DAY = 24 * HOUR


# Its hold.


async def test_a_hold_waits_for_the_senior_reviewers_when_its_case_is_escalated_at_the_time_out(
    office: Office,
):
    await office.rules(on_timeout=OnTimeout.ESCALATE)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, ttl=86_400)
    await office.shop.wait(DAY)
    await office.worker.work()
    case, hold = await office.case(case_id), await office.hold(anna, reservation_id)
    assert (case.state, hold.state) == (CaseState.ESCALATED, ReservationState.HELD)
    await office.shop.wait(DAY - HOUR)
    await office.worker.work()
    assert said(await office.decide(case_id, SENIOR, approve=True)) is CaseState.APPROVED
    assert await office.commit(anna, reservation_id) is None
    await office.is_sound()


async def test_a_worker_that_comes_an_hour_late_still_escalates(office: Office):
    await office.rules(on_timeout=OnTimeout.ESCALATE)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, ttl=86_400)
    await office.shop.wait(DAY + HOUR - SECOND)
    await office.worker.work()
    assert (await office.case(case_id)).state is CaseState.ESCALATED
    assert (await office.hold(anna, reservation_id)).under_review


async def test_a_hold_waits_as_long_as_its_case_when_a_person_escalates_it(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, ttl=86_400)
    await office.shop.wait(23 * HOUR)
    assert said(await office.review.escalate(case_id, new_id(), RITA, "too much", office.soon()))
    case, hold = await office.case(case_id), await office.hold(anna, reservation_id)
    assert case.due_at == hold.expires_at
    await office.shop.wait(23 * HOUR)
    await office.worker.work()
    assert said(await office.decide(case_id, SENIOR, approve=True)) is CaseState.APPROVED
    assert await office.commit(anna, reservation_id) is None
    await office.is_sound()


async def test_an_escalated_hold_that_nobody_decides_is_given_back_in_the_end(office: Office):
    await office.rules(on_timeout=OnTimeout.ESCALATE)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, ttl=86_400)
    for _ in range(2):
        await office.shop.wait(DAY)
        await office.worker.work()
    assert (await office.case(case_id)).state is CaseState.TIMED_OUT
    assert (await office.hold(anna, reservation_id)).state is not ReservationState.HELD
    assert await office.shop.balance(anna) == (0, 100_000, 0, 0)
    await office.is_sound()


async def test_no_escalation_keeps_a_hold_beyond_the_longest_time(office: Office):
    await office.rules(on_timeout=OnTimeout.ESCALATE, escalated_timeout_seconds=366 * 86_400)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, ttl=86_400)
    await office.shop.wait(DAY)
    await office.worker.work()
    case, hold = await office.case(case_id), await office.hold(anna, reservation_id)
    assert case.due_at == hold.expires_at == hold.created_at + HELD_SECONDS_MAX * SECOND


async def test_a_hold_that_has_ended_is_not_escalated(office: Office):
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    await office.release(anna, reservation_id)
    refused = await office.review.escalate(case_id, new_id(), RITA, "too much", office.soon())
    assert said(refused) is Reason.RESERVATION_RELEASED
    await office.worker.work()
    assert (await office.case(case_id)).state is CaseState.WITHDRAWN


async def test_a_hold_that_is_decided_is_not_made_longer(office: Office):
    await office.rules(on_timeout=OnTimeout.ESCALATE)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna, ttl=86_400)
    await office.decide(case_id, approve=True)
    before = await office.hold(anna, reservation_id)
    assert before.review is ReviewState.APPROVED
    assert (
        said(await office.review.escalate(case_id, new_id(), RALF, "late", office.soon()))
        is Reason.CASE_DECIDED
    )
    assert await office.hold(anna, reservation_id) == before


# Two approvals.


async def test_who_approved_first_may_still_reject_but_not_approve_again(office: Office):
    await office.rules(second_approver_above_minor=10)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    assert said(await office.decide(case_id, RITA, approve=True)) is CaseState.OPEN
    assert said(await office.decide(case_id, RITA, approve=True)) is Reason.REVIEWER_CONFLICT
    assert said(await office.review.assign(case_id, RITA, office.soon())) is Reason.REVIEWER_CONFLICT
    assert said(await office.decide(case_id, RITA, approve=False)) is CaseState.REJECTED
    assert (await office.hold(anna, reservation_id)).state is ReservationState.RELEASED
    assert await office.labels() == ["fraud"]
    await office.is_sound()


# Whose it is.


async def test_nobody_takes_what_he_may_not_decide(office: Office):
    await office.rules(reviewer_limit_minor=30_000)
    anna = await office.customer()
    _, large = await office.doubted(anna, 30_001)
    _, escalated = await office.doubted(anna, 100)
    await office.review.escalate(escalated, new_id(), RITA, "odd", office.soon())
    for case_id in (large, escalated):
        refused = await office.review.assign(case_id, RALF, office.soon())
        assert said(refused) is Reason.ABOVE_REVIEWER_LIMIT
        assert said(await office.review.assign(case_id, SENIOR, office.soon())) is CaseState.ASSIGNED


async def test_a_senior_takes_a_case_over_and_that_is_on_record(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    await office.review.assign(case_id, RALF, office.soon())
    assert said(await office.decide(case_id, SENIOR, approve=True)) is Reason.CASE_TAKEN
    assert said(await office.review.assign(case_id, RITA, office.soon())) is Reason.CASE_TAKEN
    assert said(await office.review.assign(case_id, SENIOR, office.soon())) is CaseState.ASSIGNED
    assert said(await office.review.assign(case_id, RALF, office.soon())) is Reason.CASE_TAKEN
    _, acts = await office.review.case(case_id, office.soon())
    assert (acts[0].kind, acts[0].actor) == ("ASSIGNED", "sina")
    assert json.loads(acts[0].before)["assigned_to"] == "ralf"
    assert said(await office.decide(case_id, SENIOR, approve=True)) is CaseState.APPROVED


async def test_no_senior_takes_a_case_from_another(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    await office.review.assign(case_id, SENIOR, office.soon())
    other = Reviewer(name="sepp", senior=True)
    assert said(await office.review.assign(case_id, other, office.soon())) is Reason.CASE_TAKEN
    assert said(await office.review.unassign(case_id, SENIOR, office.soon())) is CaseState.OPEN
    assert said(await office.review.assign(case_id, other, office.soon())) is CaseState.ASSIGNED


async def test_what_is_above_its_holders_new_limit_is_taken_over_by_who_may_decide_it(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna, 20_000)
    await office.review.assign(case_id, RALF, office.soon())
    await office.rules(reviewers=(ReviewerTerms(name="ralf", limit_minor=10_000),))
    assert said(await office.review.assign(case_id, RITA, office.soon())) is CaseState.ASSIGNED
    assert said(await office.review.assign(case_id, RALF, office.soon())) is Reason.CASE_TAKEN
