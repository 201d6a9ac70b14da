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
