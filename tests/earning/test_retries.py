"""An event that was given up on is tried again when a person wants it: once, and never so that value is left behind."""

from __future__ import annotations

import asyncio
import time
import uuid

import pytest
from shop import Shop, Stage
from test_refills import C1, CAPPED, used
from test_surprises import Reason, Refusal, fill_with_lots, meeting, say, try_to_the_end

from wallet_service.earning import policy
from wallet_service.earning.model import EventState
from wallet_service.earning.service import Retried
from wallet_service.ledger.model import LOTS_MAX


def new_id() -> str:
    return str(uuid.uuid4())


async def retry(shop: Shop, wallet_id: str, name: str = "e1", retry_id: str = "", seconds: float = 10, **by):
    found = await shop.event(wallet_id, name)
    event_id = new_id() if isinstance(found, Refusal) else found.event_id
    said = {"actor": "eve", "reason": "there is room again"} | by
    return await shop.earning.retry(
        wallet_id, event_id, retry_id or new_id(), **said, deadline=time.monotonic() + seconds
    )


async def dead(shop: Shop) -> str:
    """A wallet whose only purchase was given up on, because there was no room for its lot; now there is."""
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 5_000))

    async def no_room(command):
        return Refusal(reason=Reason.TOO_MANY_LOTS) if isinstance(command, say.Grant) else None

    await try_to_the_end(shop, meeting(shop, no_room))
    assert (await shop.event(anna, "e1")).state is EventState.DEAD
    return anna


def reasons(outcomes) -> list[Reason | None]:
    return [one.reason if isinstance(one, Refusal) else None for one in outcomes]


async def test_a_dead_event_that_is_tried_again_is_credited_and_uses_caps_once(shop):
    anna = await dead(shop)
    assert set((await used(shop)).values()) == {0}
    retry_id = new_id()
    retried = await retry(shop, anna, retry_id=retry_id)
    assert (retried.event.state, retried.event.tries, retried.replayed) == (EventState.HELD, 0, False)
    assert shop.earning.arrived.is_set()
    await shop.is_sound()
    await shop.work()
    event = await shop.event(anna, "e1")
    assert (event.state, event.result.reasons) == (EventState.CREDITED, ())
    assert (await shop.balance(anna))[0] == event.amount > 0
    assert await used(shop) == {use.cap_key: use.amount for use in event.result.priced.caps}
    # Said again, it is the same; and nothing happens.
    again = await retry(shop, anna, retry_id=retry_id)
    assert (again.replayed, again.event.state) == (True, EventState.CREDITED)
    assert reasons([await retry(shop, anna)]) == [Reason.EVENT_NOT_DEAD]
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert set((await used(shop)).values()) == {0}
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await shop.is_sound()


async def test_who_retried_and_why_is_on_record(shop):
    anna = await dead(shop)
    await retry(shop, anna, actor="adam", reason="the customer called")
    found = await shop.db.fetch("select event_id, actor, reason from earning.retry", timeout_seconds=10)
    event_id = (await shop.event(anna, "e1")).event_id
    assert [(str(row[0]), row[1], row[2]) for row in found] == [(event_id, "adam", "the customer called")]


async def test_one_of_many_who_retry_at_once_has_it_tried_again(shop):
    anna = await dead(shop)
    one_id = new_id()
    same = await asyncio.gather(*(retry(shop, anna, retry_id=one_id) for _ in range(8)))
    assert sorted(one.replayed for one in same) == [False] + [True] * 7
    await shop.work()
    await shop.is_sound()
    assert (await shop.event(anna, "e1")).state is EventState.CREDITED


async def test_of_different_people_at_once_one_retries_while_workers_are_at_it(shop):
    anna = await dead(shop)
    workers = [shop.work(shop.worker()) for _ in range(2)]
    outcomes = (await asyncio.gather(*(retry(shop, anna) for _ in range(8)), *workers))[:8]
    assert sorted(map(str, reasons(outcomes))) == sorted(["None"] + [str(Reason.EVENT_NOT_DEAD)] * 7)
    await shop.work()
    event = await shop.event(anna, "e1")
    assert (await shop.balance(anna))[0] == event.amount > 0
    assert await used(shop) == {use.cap_key: use.amount for use in event.result.priced.caps}
    await shop.is_sound()


async def test_what_is_not_dead_not_there_or_said_differently_is_refused(shop):
    anna = await dead(shop)
    await shop.tell(anna, "e2", shop.purchase("o2", 1_000))
    await shop.work()
    retry_id = new_id()
    outcomes = [
        await retry(shop, anna, "e2"),
        await retry(shop, anna, "nothing"),
        await retry(shop, anna, retry_id=retry_id),
        await retry(shop, anna, retry_id=retry_id, reason="another"),
        await retry(shop, anna, "e2", retry_id=retry_id),
    ]
    assert reasons(outcomes) == [
        Reason.EVENT_NOT_DEAD, Reason.EVENT_NOT_FOUND, None, Reason.ID_REUSED, Reason.ID_REUSED,
    ]  # fmt: skip
    assert outcomes[0].facts == {"state": "CREDITED"}


@pytest.mark.parametrize("stage", [Stage.OPENED, Stage.ACCEPTED])
async def test_a_purchase_of_which_something_came_back_is_not_tried_again(shop, stage):
    anna = await dead(shop)
    what = {"amount_minor": 1} if stage is Stage.ACCEPTED else {}
    await shop.tell(anna, "r1", shop.comes_back("o1", stage=stage, **what))
    await shop.work()
    before = await shop.event(anna, "e1")
    assert reasons([await retry(shop, anna)]) == [Reason.EVENT_BEYOND_RETRY]
    await shop.work()
    assert await shop.event(anna, "e1") == before
    if stage is Stage.OPENED:
        await shop.tell(anna, "r2", shop.comes_back("o1", stage=Stage.REJECTED))
        await shop.work()
        assert isinstance(await retry(shop, anna), Retried)
        await shop.work()
        assert (await shop.event(anna, "e1")).state is EventState.CREDITED
    await shop.is_sound()


async def test_an_event_whose_credit_exists_and_a_return_that_had_its_effect_are_not_tried_again(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=4_000))

    async def something_unforeseen(command):
        return Refusal(reason=Reason.INTERNAL) if isinstance(command, say.ClawBack) else None

    await try_to_the_end(shop, meeting(shop, something_unforeseen))
    assert (await shop.event(anna, "r1")).state is EventState.DEAD
    # Its purchase paid part of what is owed and died at that: the credit is there.
    await shop.tell(anna, "e2", shop.purchase("o2", 10_000))
    await try_to_the_end(shop, meeting(shop, something_unforeseen))
    assert (await shop.event(anna, "e2")).state is EventState.DEAD
    refused = [await retry(shop, anna, name) for name in ("r1", "e2")]
    assert reasons(refused) == [Reason.EVENT_BEYOND_RETRY] * 2
    await shop.is_sound()


async def test_a_return_that_could_never_be_decided_is_tried_again_and_takes_back(shop, monkeypatch):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))

    def broken(*_):
        raise ArithmeticError

    with monkeypatch.context() as patch:
        patch.setattr(policy, "decide_return", broken)
        await try_to_the_end(shop)
    assert (await shop.event(anna, "r1")).state is EventState.DEAD
    assert isinstance(await retry(shop, anna, "r1"), Retried)
    await shop.work()
    assert (await shop.event(anna, "r1")).state is EventState.APPLIED
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await shop.is_sound()


async def test_a_retry_waits_for_the_worker_that_has_the_wallet_and_outlives_one_that_sleeps(shop):
    anna = await dead(shop)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    asleep = shop.worker()
    work = await asleep.claim(10)
    await asleep.gather(work)
    assert reasons([await retry(shop, anna, seconds=0.3)]) == [Reason.CONTENTION]
    await shop.forget_leases()
    assert isinstance(await retry(shop, anna), Retried)
    # It has seen the event dead and would write that down.
    await asleep.decide_and_record(work)
    assert work.claims == []
    await shop.work()
    assert ((await shop.event(anna, "e1")).state, (await shop.event(anna, "r1")).state) == (
        EventState.CLAWED_BACK,
        EventState.APPLIED,
    )
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await shop.is_sound()


async def test_an_event_that_dies_again_may_be_tried_again_again(shop):
    anna = await shop.customer()
    await fill_with_lots(shop, anna)
    await shop.tell(anna, "e1", shop.purchase("o1", 5_000))
    await try_to_the_end(shop)
    assert isinstance(await retry(shop, anna), Retried)
    await try_to_the_end(shop)
    assert (await shop.event(anna, "e1")).state is EventState.DEAD
    room = say.Adjust(wallet_id=anna, operation_id=new_id(), delta=-9, actor="t", reason="t")
    await shop.ledger.submit(room, shop.soon())
    assert isinstance(await retry(shop, anna), Retried)
    await shop.work()
    assert (await shop.event(anna, "e1")).state is EventState.CREDITED
    assert await shop.balance(anna) == (250, LOTS_MAX - 9, 0, 0)
    await shop.is_sound()
