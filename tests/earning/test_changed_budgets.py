"""A campaign's budget that is raised or lowered counts at once: for what is given, and for what is said beforehand."""

from __future__ import annotations

import pytest
from shop import Campaign, StaticRules, percent, ruleset

RULES = ruleset(percent(campaign="june"))


def june(budget: int) -> Campaign:
    return Campaign(
        campaign_id="june",
        title="June",
        starts_at="2025-01-01T00:00",
        ends_at="2027-01-01T00:00",
        budget=budget,
    )


def change(shop, budget: int) -> None:
    """Change the budget under workers that hold slices of it."""
    shop.rules.compiled = StaticRules(RULES, (june(budget),)).compiled


async def earned(shop, anna, name: str, price: int, pipeline=None) -> int:
    await shop.tell(anna, name, shop.purchase(name, price))
    await shop.work(pipeline)
    return (await shop.event(anna, name)).amount


@pytest.mark.parametrize("restarted", [False, True])
@pytest.mark.parametrize(
    ("before", "after", "expected"), [(500, 2_000, 500), (5_000, 600, 100), (5_000, 300, 0)]
)
async def test_a_trial_says_what_is_given_after_a_budget_was_changed(
    shop, before, after, expected, restarted
):
    shop.use(RULES, june(before))
    anna = await shop.customer()
    assert await earned(shop, anna, "o1", 10_000) == 500
    # What a worker has not used comes back when it stops; a worker that goes on keeps it in hand.
    await shop.pipeline.close() if restarted else shop.pipeline.budgets._used_up.clear()
    change(shop, after)
    said = await shop.earning.simulate(anna, shop.purchase("o2", 10_000), shop.soon())
    assert said.amount == expected
    assert await earned(shop, anna, "o2", 10_000) == expected
    await shop.is_sound()


@pytest.mark.parametrize("workers", [1, 2])
async def test_a_budget_that_was_lowered_is_not_spent_beyond_by_slices_in_hand(shop, workers):
    shop.use(RULES, june(64_000))
    anna = await shop.customer()
    pipelines = [shop.worker() for _ in range(workers)]
    for number, pipeline in enumerate(pipelines):
        assert await earned(shop, anna, f"before-{number}", 200, pipeline) == 10
    change(shop, 10 * workers + 3)
    for number, pipeline in enumerate(pipelines):
        assert await earned(shop, anna, f"after-{number}", 20_000, pipeline) == (3 if number == 0 else 0)
    change(shop, 10 * workers + 50)
    for pipeline in pipelines:
        pipeline.budgets._used_up.clear()
    assert await earned(shop, anna, "raised", 20_000, pipelines[0]) == 47
    await shop.is_sound()
