"""What arrives wakes the worker: an event without a hold time does not wait for the next look."""

from __future__ import annotations

import asyncio

from wallet_service.earning.desk import event_id_of
from wallet_service.earning.model import EventState
from wallet_service.earning.worker import EarningWorker


async def credited_within(shop, wallet_id: str, name: str, worker) -> float:
    """Tell of an event while a worker works that looks by itself once in a minute; how long until it is credited."""
    running = asyncio.create_task(worker.run())
    try:
        # Its first look finds nothing.
        await asyncio.sleep(0.2)
        await shop.tell(wallet_id, name, shop.purchase(name, 10_000))
        began = asyncio.get_running_loop().time()
        async with asyncio.timeout(30):
            while (await shop.event(wallet_id, name)).state is not EventState.CREDITED:
                await asyncio.sleep(0.005)
        return asyncio.get_running_loop().time() - began
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def test_an_event_that_arrives_wakes_the_worker_long_before_its_interval(shop):
    anna = await shop.customer()
    worker = EarningWorker(shop.worker(), 60.0, shop.earning.arrived)
    took = await credited_within(shop, anna, "o1", worker)
    # 0.01 s on an idle machine; a minute without the waking.
    assert took < 20


async def test_an_event_that_was_let_pass_by_a_reviewer_wakes_the_worker_too(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop._as_owner("update earning.event set state = 2, due_at = '9999-12-31T23:59:59Z'")
    shop.earning.arrived.clear()
    assert not await shop.earning.review(anna, event_id_of("till", "e2"), approve=True, deadline=shop.soon())
    assert not shop.earning.arrived.is_set()
    assert await shop.earning.review(anna, event_id_of("till", "e1"), approve=True, deadline=shop.soon())
    assert shop.earning.arrived.is_set()


async def test_an_event_that_is_known_wakes_nobody(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    shop.earning.arrived.clear()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.tell(anna, "e1", shop.purchase("o1", 10_001))
    assert not shop.earning.arrived.is_set()
