"""While others use the ledger, the worker does less at a time and rests; it never stops."""

from __future__ import annotations

import asyncio
import time

from wallet_service.earning.courtesy import CALM_SECONDS, COMMANDS_BESIDE_CALLS, Courtesy
from wallet_service.earning.worker import WALLETS, WALLETS_BESIDE_CALLS, EarningWorker
from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import uuid5
from wallet_service.ledger.commands import Grant


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


async def test_beside_calls_few_of_our_commands_are_in_the_ledger_at_once(shop):
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
    done = await asyncio.gather(*(courtesy.submit(grant(person, 2), 5.0) for person in people))
    watching.cancel()
    assert not any(isinstance(outcome, Refusal) for outcome in done)
    assert 0 < most <= COMMANDS_BESIDE_CALLS


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
