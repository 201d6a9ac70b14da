"""What becomes of cases in time and in number."""

from __future__ import annotations

from office import RALF, RITA, SECOND, Office, new_id, said
from shop import PROGRAM

from wallet_service.earning.model import EventState
from wallet_service.fraud.judged import SubjectKind
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.model import ReviewState
from wallet_service.review.model import CaseState, Decision, OnTimeout
from wallet_service.review.policy import act_id_of, case_id_of

HOUR = 3_600 * SECOND


# Time.


async def test_what_nobody_decides_in_time_is_rejected(office: Office):
    await office.rules(timeout_seconds=3_600)
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    await office.shop.wait(HOUR - 1)
    await office.worker.work()
    assert (await office.case(case_id)).is_open
    await office.shop.wait(1)
    await office.worker.work()
    case = await office.case(case_id)
    assert (case.state, case.decided_by, case.applied) == (CaseState.TIMED_OUT, "review", True)
    assert (await office.hold(anna, reservation_id)).review is ReviewState.REJECTED
    assert await office.labels() == [], "nobody has learnt anything"
    await office.is_sound()


async def test_what_nobody_decides_in_time_may_be_escalated_once(office: Office):
    await office.rules(timeout_seconds=3_600, on_timeout=OnTimeout.ESCALATE, escalated_timeout_seconds=600)
    shop, anna = office.shop, await office.shop.customer()
    await shop.tell(anna, "o1", shop.purchase("o1", 20_000))
    await shop.work()
    await office.worker.work()
    (case,) = await office.cases()
    await shop.wait(HOUR)
    await office.worker.work()
    assert (await office.case(case.case_id)).state is CaseState.ESCALATED
    await shop.wait(600 * SECOND)
    await office.worker.work()
    assert (await office.case(case.case_id)).state is CaseState.TIMED_OUT
    assert (await shop.event(anna, "o1")).state is EventState.REJECTED
    assert await office.acts(case.case_id) == ["OPENED", "ESCALATED", "TIMED_OUT", "APPLIED"]
    await office.is_sound()


async def test_a_hold_that_expires_or_is_released_ends_its_case(office: Office):
    anna = await office.customer()
    released, of_released = await office.doubted(anna, 10_000)
    _, of_expired = await office.doubted(anna, 20_000, ttl=3_600)
    await office.release(anna, released)
    await office.shop.wait(HOUR)
    await office.worker.work()
    assert (await office.case(of_released)).state is CaseState.WITHDRAWN
    assert (await office.case(of_expired)).state is CaseState.TIMED_OUT
    assert await office.shop.balance(anna) == (0, 100_000, 0, 0)
    await office.is_sound()


async def test_a_decision_that_comes_too_late_says_so(office: Office):
    anna = await office.customer()
    released, of_released = await office.doubted(anna, 10_000)
    _, of_expired = await office.doubted(anna, 20_000, ttl=3_600)
    await office.release(anna, released)
    assert said(await office.decide(of_released, approve=True)) is CaseState.WITHDRAWN
    await office.shop.wait(HOUR)
    assert said(await office.decide(of_expired, approve=True)) is CaseState.TIMED_OUT
    await office.is_sound()


# Many, and how it goes.


async def test_many_are_decided_in_one_call_each_for_itself(office: Office):
    anna, rita = await office.customer("anna"), await office.customer("rita")
    mine = [(await office.doubted(anna, 1_000))[1] for _ in range(5)]
    _, own = await office.doubted(rita)
    decisions = [
        Decision(case_id=case_id, operation_id=new_id(), approve=number % 2 == 0, reason="bulk")
        for number, case_id in enumerate([*mine, own, new_id()])
    ]
    outcomes = [said(each) for each in await office.review.decide_many(decisions, RITA, office.soon())]
    approved, rejected = CaseState.APPROVED, CaseState.REJECTED
    assert outcomes[:5] == [approved, rejected, approved, rejected, approved]
    assert outcomes[5:] == [Reason.REVIEWER_CONFLICT, Reason.CASE_NOT_FOUND]
    again = await office.review.decide_many(decisions, RITA, office.soon())
    assert [said(each) for each in again] == outcomes
    await office.is_sound()


async def test_notes_are_kept_also_after_the_decision(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    name = new_id()
    for _ in range(2):
        await office.review.note(case_id, name, RALF, "<b>called her</b>", office.soon())
    await office.decide(case_id, approve=True)
    await office.review.note(case_id, new_id(), RALF, "she was pleased", office.soon())
    assert await office.acts(case_id) == ["OPENED", "NOTED", "APPROVED", "APPLIED", "NOTED"]
    assert (await office.case(case_id)).state is CaseState.APPROVED


async def test_statistics_say_how_often_a_reason_was_right(office: Office):
    anna = await office.customer()
    for number, approve in enumerate((True, False, False, None)):
        reservation_id = await office.reserve(anna, 1_000)
        reasons = ("HIGH_VALUE",) if number < 2 else ("HIGH_VALUE", "RING")
        await office.doubt(anna, reservation_id, 1_000, reasons=reasons)
        await office.worker.work()
        await office.shop.wait(60 * SECOND)
        if approve is not None:
            case_id = case_id_of(anna, SubjectKind.RESERVATION, reservation_id)
            await office.decide(case_id, approve=approve)
    found = await office.review.statistics(PROGRAM, 0, 253_402_300_799_000_000, office.soon())
    assert not isinstance(found, Refusal)
    assert (found.open, found.approved, found.rejected, found.half_seconds) == (1, 1, 2, 60)
    assert {each.reason: (each.cases, each.precision_bp) for each in found.by_reason} == {
        "HIGH_VALUE": (4, 6_666),
        "RING": (2, 10_000),
    }
    nobody = await office.review.statistics("nowhere", 0, 1, office.soon())
    assert isinstance(nobody, Refusal)
    assert nobody.reason is Reason.PROGRAM_NOT_FOUND


async def test_a_policy_is_replaced_only_by_who_knows_it(office: Office):
    first = await office.rules(timeout_seconds=60)
    stale = await office.review.put_policy(PROGRAM, first, 0, "boss", "again", office.soon())
    assert isinstance(stale, Refusal)
    assert stale.reason is Reason.VERSION_MISMATCH
    assert (await office.rules(timeout_seconds=61)).version == first.version + 1


async def test_an_id_that_the_ledger_knows_from_elsewhere_does_not_stop_a_decision(office: Office):
    """The ledger's own id of a decision follows from the case, not from what a caller names it."""
    anna = await office.customer()
    reservation_id, case_id = await office.doubted(anna)
    case = await office.case(case_id)
    await office.decide(case_id, approve=True, as_id=anna)
    assert (await office.case(case_id)).operation_id == act_id_of(case, "decision")
    assert (await office.hold(anna, reservation_id)).review is ReviewState.APPROVED
