"""A worker may die at any of its reads, writes and commands, before or after they were done: it costs and gives nothing."""

from __future__ import annotations

import pytest
from shop import DAY, Stage

from wallet_service.earning.pipeline import Pipeline


class Died(BaseException):
    """The process is gone: nothing may catch it."""


class Fuse:
    """Burns a little with every call; the one that it breaks at dies, before it is done or after."""

    def __init__(self, left: int, *, done_first: bool) -> None:
        self.left, self.done_first = left, done_first

    def burnt(self) -> bool:
        self.left -= 1
        return self.left < 0

    def around(self, method):
        async def call(*args, **kwargs):
            dies = self.burnt()
            if dies and not self.done_first:
                raise Died
            answer = await method(*args, **kwargs)
            if dies:
                raise Died
            return answer

        return call


class Frail:
    """Something whose methods go through the fuse."""

    def __init__(self, whole, fuse: Fuse, *names: str) -> None:
        self._whole, self._fuse, self._names = whole, fuse, names

    def __getattr__(self, name):
        found = getattr(self._whole, name)
        return self._fuse.around(found) if name in self._names else found


def frail_worker(shop, fuse: Fuse) -> Pipeline:
    pipeline = shop.worker(Frail(shop.db, fuse, "fetch", "fetchval", "fetchrow"))
    pipeline.courtesy = Frail(pipeline.courtesy, fuse, "submit", "submit_all")
    return pipeline


async def stands(shop) -> object:
    """Return what is recorded: of all that happens next, this is where it begins."""
    return await shop.value(
        """
        select array[
          (select string_agg(concat(e.event_id, e.state, e.amount, e.clawed_back, e.debt, e.result), '' order by e.event_id)
           from earning.event as e),
          (select string_agg(w.version::text, ',' order by w.wallet_id) from ledger.wallet as w)
        ]
        """
    )


async def outlived(shop, *, done_first: bool) -> int:
    """From each state that is ever recorded, let a worker die at each call in turn; returns how many died."""
    died = calls = 0
    before = await stands(shop)
    while True:
        worker = frail_worker(shop, Fuse(calls, done_first=done_first))
        try:
            while await worker.run(50):
                pass
        except Died:
            died += 1
            await shop.forget_leases()
            now = await stands(shop)
            calls = calls + 1 if now == before else 0
            before = now
        else:
            return died


@pytest.mark.parametrize("done_first", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_at_any_call_changes_nothing_of_the_end(shop, done_first):
    """Bert pays with cashback, spends what he earned, returns all: grant, freeze, restore, claw-back, debt, mature."""
    bert = await shop.customer("bert")
    await shop.give(bert, 300)
    reservation = await shop.pay(bert, "o1", 300)
    paid = {"reservation_id": reservation, "redeemed_minor": 300, "redeemed_value_minor": 300}
    await shop.tell(bert, "e1", shop.purchase("o1", 10_000, **paid))
    died = await outlived(shop, done_first=done_first)
    assert died > 12
    assert await shop.balance(bert) == (485, 0, 0, 0)
    await shop.wait(14 * DAY)
    died += await outlived(shop, done_first=done_first)
    assert await shop.balance(bert) == (0, 485, 0, 0)
    await shop.pay(bert, "other", 400)
    await shop.tell(bert, "r1", shop.comes_back("o1", stage=Stage.OPENED))
    died += await outlived(shop, done_first=done_first)
    assert await shop.balance(bert) == (0, 0, 0, 85)
    await shop.tell(bert, "r2", shop.comes_back("o1", everything=True))
    died += await outlived(shop, done_first=done_first)
    bought = await shop.event(bert, "e1")
    # The 300 that he had paid with come back first, and pay most of what he had spent.
    assert (bought.clawed_back, bought.debt) == (385, 100)
    assert await shop.balance(bert) == (0, 0, 0, 0)
    await shop.tell(bert, "e2", shop.purchase("o2", 10_000))
    died += await outlived(shop, done_first=done_first)
    assert (await shop.event(bert, "e1")).debt == 0
    assert await shop.balance(bert) == (400, 0, 0, 0)
    assert died > 80
    await shop.is_sound()


@pytest.mark.parametrize("done_first", [False, True], ids=["before", "after"])
async def test_caps_and_budgets_are_used_once_whenever_a_worker_dies(shop, done_first):
    from shop import Campaign, Caps, percent, ruleset

    campaign = {
        "campaign_id": "c1", "title": "C", "starts_at": "2020-01-01T00:00", "ends_at": "2030-01-01T00:00",
    }  # fmt: skip
    shop.use(
        ruleset(percent(campaign="c1", caps=Caps(per_customer_lifetime=800))),
        Campaign(budget=1_200, **campaign),
    )
    people = [await shop.customer(name) for name in ("anna", "bert")]
    for person in people:
        await shop.tell_all([(person, f"{person}-{n}", shop.purchase(f"o{n}", 10_000)) for n in range(2)])
    assert await outlived(shop, done_first=done_first) > 10
    # What dead workers held of the budget comes back when their slices run out: here it may go unspent, never twice.
    pending = [(await shop.balance(person))[0] for person in people]
    assert max(pending) <= 800
    assert sum(pending) <= 1_200
    assert await shop.value("select sum(used)::bigint from earning.budget_slice") == sum(pending)
    used = await shop.value("select sum(used)::bigint from earning.cap_use where cap_key like 'rule/%'")
    assert used == sum(pending)
    await shop.is_sound()
