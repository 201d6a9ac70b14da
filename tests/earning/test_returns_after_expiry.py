"""Goods come back after their cashback has expired: what is left is what a return before the expiry had left."""

from __future__ import annotations

import pytest
from shop import DAY, PROGRAM, Policy, Shop, Stage, opened

from wallet_service.earning.model import ClawBackPolicy, ExpiryKind

PARTS = [{"amount_minor": 3_333}, {"amount_minor": 1}, {"everything": True}]


async def earn_what_expires_in_ten_days(shop: Shop, **more) -> None:
    policy = Policy(
        return_window_seconds=0, expiry=ExpiryKind.ROLLING, expires_after_seconds=10 * 86_400, **more
    )
    await shop.earning.put_policy(PROGRAM, policy, None, "t", "t", shop.soon())


async def goods_come_back(shop: Shop, anna: str, parts) -> None:
    for number, part in enumerate(parts):
        await shop.tell(anna, f"r{number}", shop.comes_back("o1", f"r{number}", **part))
        await shop.work()


@pytest.mark.parametrize("expired_after", [0, 1, 3])
async def test_returns_before_an_expiry_and_after_it_leave_the_same(shop, expired_after):
    await earn_what_expires_in_ten_days(shop)
    anna = await shop.customer()
    await shop.give(anna, 1_000)
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    for number, part in enumerate(PARTS):
        if number == expired_after:
            await shop.wait(12 * DAY)
            await shop.work()
        await shop.tell(anna, f"r{number}", shop.comes_back("o1", f"r{number}", **part))
        await shop.work()
    await shop.wait(12 * DAY)
    await shop.work()
    assert await shop.balance(anna) == (0, 1_000, 0, 0)
    bought = await shop.event(anna, "e1")
    assert (bought.clawed_back, bought.debt) == (500, 0)
    totals = (
        "select sum(case 7 when target then amount when source then -amount end)::bigint from ledger.entry"
    )
    assert not await shop.value(totals)
    await shop.is_sound()


@pytest.mark.parametrize("policy", list(ClawBackPolicy))
async def test_what_expired_is_neither_owed_nor_given_up_whatever_the_policy(policy, database_url, redis_url):
    async with opened(database_url, redis_url) as shop:
        await shop.begin(floor_minor=-100)
        await earn_what_expires_in_ten_days(shop, claw_back=policy)
        anna = await shop.customer()
        await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
        await shop.work()
        await shop.pay(anna, "other", 200)
        await shop.wait(12 * DAY)
        await shop.work()
        await goods_come_back(shop, anna, PARTS)
        bought = await shop.event(anna, "e1")
        below, owed, given_up = {
            ClawBackPolicy.ALLOW_NEGATIVE: (-100, 100, 0),
            ClawBackPolicy.UP_TO_ZERO_THEN_DEBT: (0, 200, 0),
            ClawBackPolicy.NEVER: (0, 0, 200),
        }[policy]
        assert await shop.balance(anna) == (0, below, 0, 0)
        assert (bought.debt, bought.result.given_up) == (owed, given_up)
        await shop.is_sound()


@pytest.mark.parametrize("end", [Stage.ACCEPTED, Stage.REJECTED])
async def test_an_open_return_freezes_nothing_for_what_expired(shop, end):
    await earn_what_expires_in_ten_days(shop)
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(12 * DAY)
    await shop.give(anna, 700)
    await shop.tell(anna, "r1", shop.comes_back("o1", stage=Stage.OPENED))
    await shop.work()
    assert await shop.balance(anna) == (0, 700, 0, 0)
    what = {"everything": True} if end is Stage.ACCEPTED else {}
    await shop.tell(anna, "r2", shop.comes_back("o1", stage=end, **what))
    await shop.work()
    assert await shop.balance(anna) == (0, 700, 0, 0)
    await shop.tell(anna, "e2", shop.purchase("o2", 10_000))
    await shop.work()
    assert await shop.balance(anna) == (0, 1_200, 0, 0)
    await shop.is_sound()
