"""While others use the ledger, the worker does less at a time and rests; it never stops."""

from __future__ import annotations

import asyncio
import time
from types import SimpleNamespace

import pytest

from wallet_service.earning.courtesy import CALM_SECONDS, COMMANDS_AT_ONCE, COMMANDS_BESIDE_CALLS, Courtesy
from wallet_service.earning.worker import WALLETS, WALLETS_BESIDE_CALLS, EarningWorker
from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import uuid5
from wallet_service.ledger.commands import Grant
from wallet_service.runtime.errors import DatabaseUnavailable


def grant(wallet_id, number):
    return Grant(
        wallet_id=wallet_id, credit_id=uuid5(__import__("uuid").UUID(wallet_id), f"{number}"), amount=1, pending=False,
        expires_at=NEVER,
    )  # fmt: skip


async def test_what_others_give_the_ledger_is_felt_for_a_moment_and_our_own_is_not(shop):
    anna = await shop.customer()
    now = 0.0
    courtesy = Courtesy(shop.ledger, clock=lambda: time.monotonic() + now)
    assert not isinstance(await courtesy.submit(grant(anna, 1), 5.0), Refusal)
    assert not courtesy.pressed
    await shop.give(anna, 5)
    assert courtesy.pressed
    now += CALM_SECONDS + 0.01
    assert not courtesy.pressed


async def singly(courtesy, commands):
    return await asyncio.gather(*(courtesy.submit(command, 5.0) for command in commands))


async def together(courtesy, commands):
    return await courtesy.submit_all(commands, 5.0)


@pytest.mark.parametrize("given", [singly, together])
async def test_beside_calls_few_of_our_commands_are_in_the_ledger_at_once(shop, given):
    people = [await shop.customer(f"c{n}") for n in range(40)]
    courtesy = Courtesy(shop.ledger)
    most = 0

    async def watched():
        nonlocal most
        while True:
            most = max(most, shop.ledger.batcher.waiting)
            await asyncio.sleep(0)

    await shop.give(people[0], 5)
    watching = asyncio.create_task(watched())
    done = await given(courtesy, [grant(person, 2) for person in people])
    watching.cancel()
    assert not any(isinstance(outcome, Refusal) for outcome in done)
    assert 0 < most <= COMMANDS_BESIDE_CALLS


class Stubborn:
    """A ledger that answers each command as it is told: with an outcome, a fault, or never."""

    def __init__(self, *answers) -> None:
        self.batcher = SimpleNamespace(counts=SimpleNamespace(submitted=0))
        self.futures = []
        self._answers = iter(answers)

    def submit(self, _command, _deadline):
        self.futures.append(future := asyncio.get_running_loop().create_future())
        self.batcher.counts.submitted += 1
        match next(self._answers):
            case None:
                pass
            case Exception() as fault:
                future.set_exception(fault)
            case outcome:
                asyncio.get_running_loop().call_later(0.01, future.set_result, outcome)
        return future


async def test_many_commands_are_answered_in_their_order_and_a_surprise_is_one_of_the_answers():
    ledger = Stubborn("first", ValueError("unforeseen"), "third")
    first, second, third = await Courtesy(ledger).submit_all([1, 2, 3], 5.0)
    assert (first, third) == ("first", "third")
    assert second == Refusal(reason=Reason.INTERNAL)


async def test_a_lost_database_is_told_when_all_others_have_ended():
    ledger = Stubborn(DatabaseUnavailable("gone"), "late")
    with pytest.raises(DatabaseUnavailable):
        await Courtesy(ledger).submit_all([1, 2], 5.0)
    assert ledger.futures[1].done()


async def test_who_stops_waiting_takes_back_what_was_given_and_leaves_the_room_free():
    ledger = Stubborn(*[None] * COMMANDS_AT_ONCE, "at last")
    courtesy = Courtesy(ledger)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            # The last of them finds no room.
            await courtesy.submit_all(range(COMMANDS_AT_ONCE + 1), 5.0)
    assert all(future.cancelled() for future in ledger.futures)
    async with asyncio.timeout(5):
        assert await courtesy.submit(1, 5.0) == "at last"


async def test_a_slice_is_followed_by_a_rest_only_while_somebody_else_is_there(shop):
    anna = await shop.customer()
    courtesy = Courtesy(shop.ledger)

    async def rested() -> float:
        courtesy.begin()
        time.sleep(0.03)
        begun = time.perf_counter()
        await courtesy.pause()
        return time.perf_counter() - begun

    assert await rested() < 0.02
    await shop.give(anna, 5)
    assert await rested() >= 0.02


async def test_a_worker_beside_calls_takes_less_and_still_finishes(shop, monkeypatch):
    people = [await shop.customer(f"c{n}") for n in range(60)]
    await shop.tell_all([(person, f"e-{person}", shop.purchase(f"o-{person}", 1_000)) for person in people])
    limits = []
    worker = EarningWorker(shop.pipeline, 0.02)
    for lane in worker._lanes:
        run = lane.run

        async def ran(limit, run=run):
            limits.append(limit)
            return await run(limit)

        monkeypatch.setattr(lane, "run", ran)
    await shop.give(people[0], 1)
    async with asyncio.timeout(20):
        working = asyncio.create_task(worker.run())
        while await shop.earning.backlog():
            await shop.give(people[0], 1)
    await worker.drain()
    working.cancel()
    assert set(limits) <= {WALLETS, WALLETS_BESIDE_CALLS}
    assert WALLETS_BESIDE_CALLS in limits
    await shop.is_sound()
