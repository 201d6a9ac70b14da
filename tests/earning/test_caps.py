"""Caps and budgets are exact: to the last unit, whoever and however many work at once."""

from __future__ import annotations

import asyncio

import pytest
from shop import DAY, Campaign, Caps, Give, Rule, Ruleset, percent, ruleset, together

from wallet_service.earning.budgets import Budgets
from wallet_service.rules.model import CapKey, Period
from wallet_service.rules.ruleset import Group, Level, Mode

CAMPAIGN = {
    "campaign_id": "c1",
    "title": "Autumn",
    "starts_at": "2020-01-01T00:00",
    "ends_at": "2030-01-01T00:00",
}


async def work_together(shop, workers: int) -> None:
    """Work with as many workers at once until nothing is due; small claims, so that they meet often."""

    async def one() -> None:
        pipeline = shop.worker()
        for _ in range(200):
            if not await pipeline.run(7) and not await shop.earning.backlog():
                break
        await pipeline.close()

    await together(*(one() for _ in range(workers)))


async def test_a_customers_cap_trims_the_last_award_and_a_new_day_begins_anew(shop):
    shop.use(ruleset(percent(caps=Caps(per_customer_day=700))))
    anna = await shop.customer()
    for n in range(3):
        await shop.tell(anna, f"e{n}", shop.purchase(f"o{n}", 10_000))
        await shop.wait(1)
    await shop.work()
    assert await shop.balance(anna) == (700, 0, 0, 0)
    (award,) = (await shop.event(anna, "e1")).result.priced.awards
    assert (award.amount, award.trims[0].by) == (200, 300)
    await shop.wait(DAY)
    await shop.tell(anna, "e9", shop.purchase("o9", 10_000))
    await shop.work()
    assert await shop.balance(anna) == (1_200, 0, 0, 0)


async def test_eight_workers_never_exceed_a_customers_cap(shop):
    shop.use(ruleset(percent(caps=Caps(per_customer_lifetime=1_234))))
    people = [await shop.customer(f"c{n}") for n in range(5)]
    for n in range(8):
        await shop.tell_all(
            [(person, f"{person}-{n}", shop.purchase(f"{person}-{n}", 5_000)) for person in people]
        )
        if n == 3:
            await work_together(shop, 8)
    await work_together(shop, 8)
    assert [await shop.balance(person) for person in people] == [(1_234, 0, 0, 0)] * 5
    await shop.is_sound()


@pytest.mark.parametrize("budget", [9_973, 101])
async def test_eight_workers_spend_a_budget_to_the_last_unit_and_not_beyond(shop, budget):
    shop.use(ruleset(percent(campaign="c1")), Campaign(**CAMPAIGN, budget=budget))
    people = [await shop.customer(f"c{n}") for n in range(60)]
    for n in range(4):
        await shop.tell_all(
            [(person, f"{person}-{n}", shop.purchase(f"{person}-{n}", 1_337 + n)) for person in people]
        )
    await work_together(shop, 8)
    assert await shop.earning.backlog() == 0
    assert await shop.value("select sum(amount) from earning.event") == budget
    assert await shop.value("select sum(used) from earning.budget_slice") == budget
    assert await shop.value("select taken from earning.budget") == budget
    assert await shop.value("select sum(pending) from ledger.wallet") == budget
    await shop.is_sound()


async def test_what_a_worker_has_not_used_of_a_budget_returns(shop):
    shop.use(ruleset(percent(campaign="c1")), Campaign(**CAMPAIGN, budget=100_000))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 1_000))
    await shop.work()
    assert await shop.value("select taken from earning.budget") > 50
    await shop.pipeline.close()
    assert await shop.value("select taken from earning.budget") == 50
    await shop.pipeline.close()
    assert await shop.value("select taken from earning.budget") == 50


async def test_the_slice_of_a_worker_that_died_returns_when_its_lease_has_run_out(shop):
    key = CapKey(key="budget:c1", period=Period.BUDGET, limit=640, campaign_id="c1")
    dead, living = Budgets(shop.db), Budgets(shop.db)
    assert await dead.take("shop", key, 1)
    await living.give_back(all_of_them=True)
    assert await shop.value("select taken from earning.budget") == 10
    await shop._as_owner("update earning.budget_slice set leased_until = '1970-01-01'")
    await living.give_back(all_of_them=True)
    assert await shop.value("select taken from earning.budget") == 0


async def test_slices_that_many_take_at_once_never_sum_to_more_than_the_budget(shop):
    key = CapKey(key="budget:c1", period=Period.BUDGET, limit=1_000, campaign_id="c1")
    takers = [Budgets(shop.db) for _ in range(8)]
    for short in (1, 200, 17):
        await asyncio.gather(*(taker.take("shop", key, short) for taker in takers))
        granted = await shop.value("select sum(granted) from earning.budget_slice where open")
        assert granted == await shop.value("select taken from earning.budget") <= 1_000


async def test_a_budget_that_was_lowered_gives_nothing_more(shop):
    budgets = Budgets(shop.db)
    await budgets.take("shop", CapKey(key="b", period=Period.BUDGET, limit=1_000), 500)
    other = Budgets(shop.db)
    lowered = CapKey(key="b", period=Period.BUDGET, limit=100)
    # What the first had not used comes back, but the new limit holds.
    await other.take("shop", lowered, 300)
    assert sum(other.in_hand("shop")[0].values()) <= 100


async def test_a_dead_worker_after_any_step_leaves_a_budget_exact(shop):
    shop.use(ruleset(percent(campaign="c1")), Campaign(**CAMPAIGN, budget=120))
    people = [await shop.customer(f"c{n}") for n in range(5)]
    for steps, person in enumerate(people):
        await shop.tell(person, f"{person}", shop.purchase(person, 1_000))
        await shop.die_after(steps)
        await shop.forget_leases()
    await shop.work()
    assert await shop.value("select sum(amount) from earning.event") == 120
    await shop.is_sound()


async def test_when_a_campaigns_budget_is_spent_the_rate_that_it_excluded_counts_again(shop):
    rates = Group(name="rates", mode=Mode.EXCLUDE, level=Level.LINE)
    on_top = Rule(
        rule_id="top", title="Top", group="rates", priority=5, campaign="c1", give=Give(basis_points=1_000)
    )
    base = Rule(rule_id="base", title="Base", group="rates", give=Give(basis_points=100))
    shop.use(
        Ruleset(time_zone="UTC", groups=(rates,), rules=(on_top, base)), Campaign(**CAMPAIGN, budget=1_500)
    )
    anna = await shop.customer()
    earned = []
    for n in range(4):
        await shop.tell(anna, f"e{n}", shop.purchase(f"o{n}", 10_000))
        # A worker that has no slice yet must not take that for a budget that is spent.
        worker = shop.worker()
        await shop.work(worker)
        await worker.close()
        earned.append((await shop.event(anna, f"e{n}")).amount)
    assert earned == [1_000, 500, 100, 100]
    await shop.is_sound()


async def test_eight_workers_keep_caps_and_budgets_while_orders_come_back(shop):
    shop.use(
        ruleset(percent(campaign="c1", caps=Caps(per_customer_lifetime=400))),
        Campaign(**CAMPAIGN, budget=2_003),
    )
    people = [await shop.customer(f"c{n}") for n in range(12)]
    for n in range(4):
        told = [(person, f"{person}-{n}", shop.purchase(f"{person}-{n}", 3_337 + n)) for person in people]
        told += [
            (
                person,
                f"{person}-r{n}",
                shop.comes_back(f"{person}-{n}", ref=f"r{n}", amount_minor=1_111 * (n + 1) // 2),
            )
            for person in people[::2]
        ]
        await shop.tell_all(told)
        await work_together(shop, 8)
    kept = await shop.db.fetch(
        "select wallet_id, sum(amount - clawed_back)::bigint from earning.event where kind = 1 group by 1",
        timeout_seconds=10,
    )
    assert max(row[1] for row in kept) <= 400
    assert sum(row[1] for row in kept) <= 2_003
    assert await shop.value("select refilled from earning.budget") > 0
    await shop.is_sound()
