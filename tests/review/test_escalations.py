"""A case about a hold that is escalated: its hold waits with it, and those above are not kept out of it."""

from __future__ import annotations

from office import RALF, RITA, SECOND, SENIOR, Office, new_id, said

from wallet_service.kernel.errors import Reason
from wallet_service.ledger.model import ReservationState, ReviewState
from wallet_service.review.holding import HELD_SECONDS_MAX
from wallet_service.review.model import CaseState, OnTimeout

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
