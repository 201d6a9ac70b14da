"""What an event had begun and could not finish leaves nothing behind that is not so."""

from __future__ import annotations

import asyncio

import pytest
from shop import DAY, Policy, Shop, Stage

from wallet_service.earning.model import EventState
from wallet_service.earning.pipeline import Pipeline
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger import commands as say
from wallet_service.ledger.model import LOTS_MAX


class Ledger:
    """The ledger of a shop in which some commands meet something first; everything else is passed on."""

    def __init__(self, shop: Shop, meets) -> None:
        self._ledger, self._meets = shop.ledger, meets

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def submit(self, command, deadline):
        return asyncio.ensure_future(self._met(command, deadline))

    async def _met(self, command, deadline):
        return await self._meets(command) or await self._ledger.submit(command, deadline)


def meeting(shop: Shop, meets):
    """A worker whose commands meet something first."""
    return Pipeline(shop.db, Ledger(shop, meets), shop.rules, shop.policies, shop.limits, shop.fraud)


async def spent_before_its_return(shop: Shop, name: str = "anna") -> str:
    """A wallet that owes 400 of what its returned order had earned."""
    wallet_id = await shop.customer(name)
    await shop.tell(wallet_id, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    await shop.pay(wallet_id, "other", 400)
    await shop.tell(wallet_id, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert (await shop.event(wallet_id, "e1")).debt == 400
    return wallet_id


async def fill_with_lots(shop: Shop, wallet_id: str) -> None:
    """As many lots as a wallet may have: it can take in nothing more."""
    gifts = [
        say.Adjust(
            wallet_id=wallet_id, operation_id=f"00000000-0000-4000-8000-{n:012d}", delta=1, actor="t", reason="t",
            expires_at=Instant(shop.now + (n + 500) * DAY),
        )
        for n in range(LOTS_MAX)
    ]  # fmt: skip
    outcomes = await asyncio.gather(*(shop.ledger.submit(gift, shop.soon() + 50) for gift in gifts))
    assert not any(isinstance(outcome, Refusal) for outcome in outcomes)


async def try_to_the_end(shop: Shop, pipeline=None) -> None:
    for _ in range(6):
        await shop.work(pipeline)
        await shop.wait(64_000_000)
    await shop.work(pipeline)


async def test_an_event_that_dies_gives_back_the_debt_that_it_had_paid(shop):
    anna = await spent_before_its_return(shop)
    await fill_with_lots(shop, anna)
    await shop.tell(anna, "e2", shop.purchase("o2", 6_000))
    await try_to_the_end(shop)
    dead = await shop.event(anna, "e2")
    assert (dead.state, dead.amount, dead.clawed_back) == (EventState.DEAD, 0, 0)
    assert (await shop.event(anna, "e1")).debt == 400
    await shop.ledger.submit(
        say.Adjust(
            wallet_id=anna,
            operation_id="00000000-0000-4000-8000-999999999999",
            delta=-9,
            actor="t",
            reason="t",
        ),
        shop.soon(),
    )
    await shop.tell(anna, "e3", shop.purchase("o3", 4_000))
    await shop.work()
    assert (await shop.event(anna, "e1")).debt == 200
    await shop.is_sound()


async def test_a_return_of_an_order_whose_event_died_takes_nothing(shop):
    anna = await shop.customer()
    await fill_with_lots(shop, anna)
    await shop.tell(anna, "e1", shop.purchase("o1", 6_000))
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=1_000))
    await try_to_the_end(shop)
    await shop.tell(anna, "r2", shop.comes_back("o1", everything=True))
    await shop.work()
    event = await shop.event(anna, "e1")
    assert (event.state, event.amount, event.clawed_back, event.debt) == (EventState.DEAD, 0, 0, 0)
    assert [(await shop.event(anna, name)).state for name in ("r1", "r2")] == [EventState.APPLIED] * 2
    assert (await shop.balance(anna))[1] == LOTS_MAX
    await shop.is_sound()


async def test_a_debt_that_found_its_payment_spent_already_is_owed_still(shop):
    await shop.earning.put_policy("shop", Policy(return_window_seconds=0), None, "t", "t", shop.soon())
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.pay(anna, "other", 400)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    await shop.tell(anna, "e2", shop.purchase("o2", 6_000))

    async def a_checkout_is_faster(command):
        if isinstance(command, say.ClawBack) and command.amount == 300:
            await shop.pay(anna, "fast", 250)

    await shop.work(meeting(shop, a_checkout_is_faster))
    event = await shop.event(anna, "e2")
    assert (event.state, event.clawed_back, event.result.paid_debt) == (EventState.MATURED, 50, 50)
    assert (await shop.event(anna, "e1")).debt == 350
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await shop.is_sound()


async def test_a_return_that_dies_leaves_owed_what_it_did_not_take(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=4_000))

    async def something_unforeseen(command):
        if isinstance(command, say.ClawBack):
            return Refusal(reason=Reason.INTERNAL)
        return None

    await try_to_the_end(shop, meeting(shop, something_unforeseen))
    assert (await shop.event(anna, "r1")).state is EventState.DEAD
    bought = await shop.event(anna, "e1")
    assert (bought.clawed_back, bought.debt) == (0, 200)
    await shop.tell(anna, "e2", shop.purchase("o2", 10_000))
    await shop.work()
    assert (await shop.event(anna, "e1")).debt == 0
    await shop.is_sound()


@pytest.mark.parametrize("stage", [Stage.OPENED, Stage.ACCEPTED])
async def test_a_return_waits_while_the_credit_of_its_purchase_is_under_way(shop, stage):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    what = {"everything": True} if stage is Stage.ACCEPTED else {}
    await shop.tell(anna, "r1", shop.comes_back("o1", stage=stage, **what))

    async def too_much_at_once(command):
        return Refusal(reason=Reason.OVERLOADED) if isinstance(command, say.Grant) else None

    await shop.work(meeting(shop, too_much_at_once))
    assert [(await shop.event(anna, name)).state for name in ("e1", "r1")] == [EventState.CLEARED] * 2
    await shop.wait(2_000_000)
    await shop.work()
    assert (await shop.event(anna, "r1")).state is EventState.APPLIED
    assert await shop.balance(anna) == ((0, 0, 0, 0) if stage is Stage.ACCEPTED else (0, 0, 0, 500))
    await shop.is_sound()


async def test_a_return_that_is_opened_as_the_window_closes_keeps_the_value_frozen_and_then_lets_it_mature(
    shop,
):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.tell(anna, "r1", shop.comes_back("o1", stage=Stage.OPENED))
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 500)
    assert (await shop.event(anna, "e1")).state is EventState.CREDITED
    await shop.tell(anna, "r2", shop.comes_back("o1", stage=Stage.REJECTED))
    await shop.work()
    assert await shop.balance(anna) == (0, 500, 0, 0)
    assert (await shop.event(anna, "e1")).state is EventState.MATURED
    await shop.is_sound()
