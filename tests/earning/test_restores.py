"""A return of an order that was partly paid with the wallet: what it gives back comes first, and pays what it takes."""

from __future__ import annotations

import asyncio

import pytest
from shop import DAY, PROGRAM, Policy, Stage
from test_crashes import outlived

from wallet_service.earning.model import ClawBackPolicy, EventState
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger import commands as say

SPLITS = {
    "at once": [{"everything": True}],
    "in two": [{"amount_minor": 5_000}, {"everything": True}],
    "in two lines": [{"lines": [{"line": 1, "quantity": 1}]}, {"lines": [{"line": 0, "quantity": 1}]}],
}


async def half_paid_and_spent(shop, policy: ClawBackPolicy) -> str:
    """Anna pays half of 100.00 with her wallet, earns 250 by the rest, and spends them."""
    settings = Policy(return_window_seconds=0, claw_back=policy)
    await shop.earning.put_policy(PROGRAM, settings, None, "t", "t", shop.soon())
    anna = await shop.customer()
    await shop.give(anna, 5_000)
    reservation = await shop.pay(anna, "o1", 5_000)
    paid = {"reservation_id": reservation, "redeemed_minor": 5_000, "redeemed_value_minor": 5_000}
    await shop.tell(anna, "e1", shop.purchase("o1", 9_000, 1_000, **paid))
    await shop.work()
    await shop.pay(anna, "other", 250)
    assert await shop.balance(anna) == (0, 0, 0, 0)
    return anna


@pytest.mark.parametrize("policy", ClawBackPolicy)
@pytest.mark.parametrize("split", SPLITS)
async def test_what_a_return_gives_back_pays_what_it_takes_however_it_is_split(shop, policy, split):
    anna = await half_paid_and_spent(shop, policy)
    for number, what in enumerate(SPLITS[split]):
        await shop.tell(anna, f"r{number}", shop.comes_back("o1", **what))
        await shop.work()
    bought = await shop.event(anna, "e1")
    assert (bought.state, bought.clawed_back, bought.debt) == (EventState.CLAWED_BACK, 250, 0)
    assert (bought.result.given_up, bought.result.under_way) == (0, 0)
    assert await shop.balance(anna) == (0, 4_750, 0, 0)
    await shop.is_sound()


@pytest.mark.parametrize("done_first", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_at_any_call_gives_back_and_takes_once(shop, done_first):
    anna = await half_paid_and_spent(shop, ClawBackPolicy.NEVER)
    await shop.tell(anna, "opened", shop.comes_back("o1", stage=Stage.OPENED))
    for number, what in enumerate(SPLITS["in two"]):
        await shop.tell(anna, f"r{number}", shop.comes_back("o1", **what))
    await outlived(shop, done_first=done_first)
    bought = await shop.event(anna, "e1")
    assert (bought.clawed_back, bought.result.given_up, bought.result.under_way) == (250, 0, 0)
    assert await shop.balance(anna) == (0, 4_750, 0, 0)
    await shop.is_sound()


async def test_what_there_is_no_room_for_comes_last_and_keeps_nothing_frozen(shop, monkeypatch):
    anna = await half_paid_and_spent(shop, ClawBackPolicy.UP_TO_ZERO_THEN_DEBT)
    await shop.give(anna, 250)
    await shop.tell(anna, "opened", shop.comes_back("o1", stage=Stage.OPENED))
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 250)
    submit = shop.ledger.submit

    def full(command, deadline):
        if not isinstance(command, say.Restore):
            return submit(command, deadline)
        refused = asyncio.get_running_loop().create_future()
        refused.set_result(Refusal(reason=Reason.TOO_MANY_LOTS))
        return refused

    with monkeypatch.context() as patch:
        patch.setattr(shop.ledger, "submit", full)
        await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=2_000))
        await shop.work()
        assert await shop.balance(anna) == (0, 200, 0, 0)
    await shop.wait(DAY)
    await shop.work()
    assert (await shop.event(anna, "r1")).state is EventState.APPLIED
    assert await shop.balance(anna) == (0, 1_200, 0, 0)
    await shop.is_sound()
