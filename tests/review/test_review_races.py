"""Reviewers, customers and the clock at the same moment: one of them ends the hold, and everybody is told the same."""

from __future__ import annotations

import asyncio
import random

from office import RALF, RITA, SECOND, Office, new_id, said
from shop import PROGRAM, Shop

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.model import ReservationState, ReviewState
from wallet_service.review.model import CaseState

ROUNDS = 50


async def test_of_two_reviewers_one_decides_each_case(office: Office):
    anna = await office.customer()
    for _ in range(15):
        reservation_id, case_id = await office.doubted(anna, 100)
        outcomes = await asyncio.gather(
            office.decide(case_id, RITA, approve=True),
            office.decide(case_id, RALF, approve=False),
            office.decide(case_id, RITA, approve=False),
            office.decide(case_id, RALF, approve=True),
        )
        answers = [said(outcome) for outcome in outcomes]
        assert answers.count(Reason.CASE_DECIDED) == 3, answers
        case = await office.case(case_id)
        hold = await office.hold(anna, reservation_id)
        assert case.state in answers
        assert hold.review.name == case.state.name
    await office.is_sound()


async def test_of_two_who_take_a_case_one_has_it(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    outcomes = await asyncio.gather(
        *(office.review.assign(case_id, who, office.soon()) for who in (RITA, RALF) * 4)
    )
    has_it = (await office.case(case_id)).assigned_to
    for outcome, who in zip(outcomes, (RITA, RALF) * 4, strict=True):
        assert isinstance(outcome, Refusal) is (who.name != has_it)


async def test_one_first_approval_does_not_count_as_two(office: Office):
    await office.rules(second_approver_above_minor=10)
    anna = await office.customer()
    for _ in range(10):
        reservation_id, case_id = await office.doubted(anna, 100)
        outcomes = await asyncio.gather(*(office.decide(case_id, RITA, approve=True) for _ in range(4)))
        assert sorted(str(said(outcome)) for outcome in outcomes) == sorted(
            [str(CaseState.OPEN), *[str(Reason.REVIEWER_CONFLICT)] * 3]
        )
        assert (await office.hold(anna, reservation_id)).review is ReviewState.WAITING


async def test_approval_expiry_and_release_at_one_moment_end_a_hold_once(office: Office):
    """Fifty times, in an order that chance makes: whoever is first ends the hold, and case and ledger agree."""
    chance, shop, ends = random.Random(7), office.shop, []
    anna = await office.customer()

    async def a_little_later(work):
        await asyncio.sleep(chance.random() * 0.01)
        return await work

    for _ in range(ROUNDS):
        reservation_id, case_id = await office.doubted(anna, 100, ttl=3_600)
        shop.now = Instant(shop.now + 3_600 * SECOND)
        clock = shop.ledger.advance_clock(PROGRAM, shop.now, "t", "t", Shop.soon())
        work = [
            a_little_later(office.decide(case_id, RITA, approve=True)),
            a_little_later(office.release(anna, reservation_id)),
            a_little_later(clock),
            a_little_later(office.commit(anna, reservation_id)),
            a_little_later(office.worker.work()),
        ]
        await asyncio.gather(*work)
        await office.worker.work()
        hold, case = await office.hold(anna, reservation_id), await office.case(case_id)
        assert not case.is_open
        assert case.applied
        assert hold.state is not ReservationState.HELD
        approved = case.state is CaseState.APPROVED
        assert approved is (hold.review is ReviewState.APPROVED)
        assert approved or hold.state in {ReservationState.RELEASED, ReservationState.EXPIRED}
        ends.append((case.state, hold.state))
    spent = sum(100 for _, state in ends if state is ReservationState.COMMITTED)
    assert await shop.balance(anna) == (0, 100_000 - spent, 0, 0)
    assert len(set(ends)) > 1, "chance has tried only one order"
    await office.is_sound()


async def test_any_number_of_workers_open_a_case_once(office: Office):
    anna = await office.customer()
    ids = [await office.reserve(anna, 100) for _ in range(20)]
    for reservation_id in ids:
        await office.doubt(anna, reservation_id, 100)
    await asyncio.gather(*(office.another_worker().work() for _ in range(4)))
    assert {case.subject_id for case in await office.cases()} == set(ids)
    for case in await office.cases():
        assert await office.acts(case.case_id) == ["OPENED"]


async def test_many_workers_end_what_timed_out_once(office: Office):
    await office.rules(timeout_seconds=60)
    anna = await office.customer()
    found = [await office.doubted(anna, 100) for _ in range(10)]
    await office.shop.wait(60 * SECOND)
    await asyncio.gather(*(office.another_worker().work() for _ in range(4)), return_exceptions=False)
    for reservation_id, case_id in found:
        assert (await office.hold(anna, reservation_id)).review is ReviewState.REJECTED
        assert await office.acts(case_id) == ["OPENED", "TIMED_OUT", "APPLIED"]
    assert said(await office.decide(found[0][1], approve=True, as_id=new_id())) is Reason.CASE_DECIDED
    await office.is_sound()


async def test_the_same_note_told_many_times_at_once_is_written_once(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    for _ in range(5):
        note_id = new_id()
        outcomes = await asyncio.gather(
            *(office.review.note(case_id, note_id, RITA, "hello", office.soon()) for _ in range(4))
        )
        assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True, True]
    assert await office.acts(case_id) == ["OPENED", *["NOTED"] * 5]


async def test_an_escalation_told_many_times_at_once_is_written_once(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    escalation_id = new_id()
    outcomes = await asyncio.gather(
        *(office.review.escalate(case_id, escalation_id, RITA, "too much", office.soon()) for _ in range(4))
    )
    assert sorted(outcome.replayed for outcome in outcomes) == [False, True, True, True]
    assert await office.acts(case_id) == ["OPENED", "ESCALATED"]
