"""A backtest gives what would have been given: the same pricing, with caps and budgets kept in order of time."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from shopping import CAMPAIGNS, HOUR, MONDAY_NOON, baskets, rulesets

from wallet_service.kernel.clock import Instant
from wallet_service.rules.compiler import compiled
from wallet_service.rules.model import Basket, Customer, Headroom, Line, Period
from wallet_service.rules.policy import cap_keys, price
from wallet_service.rules.replay import Past, Replay
from wallet_service.rules.ruleset import Campaign, Caps, Give, Rule, Ruleset

JUNE = Campaign(
    campaign_id="june", title="June", starts_at="2026-06-01T00:00", ends_at="2026-07-01T00:00", budget=100
)
DAY = 24 * HOUR


def bought(number: int, ref: str, net: int = 1_000, recorded: int = 0) -> Past:
    line = Line(sku="a", net_minor=net, gross_minor=net)
    basket = Basket(order_ref=f"o{number}", lines=(line,))
    moment = Instant(MONDAY_NOON + number * DAY)
    return Past(customer_ref=ref, moment=moment, basket=basket, customer=Customer(), recorded=recorded)


def rules(basis_points: int, **more) -> Ruleset:
    rule = Rule(rule_id="base", title="Base", give=Give(basis_points=basis_points), **more)
    return Ruleset(time_zone="UTC", rules=(rule,))


def replayed(trial: Ruleset, in_force: Ruleset, *pasts: Past):
    campaigns = {JUNE.campaign_id: JUNE}
    before = compiled(in_force, 1, campaigns)
    replay = Replay(compiled(trial, 2, campaigns), lambda _: before)
    for past in pasts:
        replay.take(past)
    return replay.compared(10)


def test_who_gains_and_who_loses_is_told_by_customer():
    small, large = bought(1, "anna", 1_000, recorded=9), bought(2, "ben", 10_000)
    ladder = Rule(rule_id="large", title="Large", give=Give(basis_points=500))
    floor = Rule(rule_id="small", title="Small", give=Give(amount=100))
    found = replayed(
        Ruleset(time_zone="UTC", rules=(floor,)), Ruleset(time_zone="UTC", rules=(ladder,)), small, large
    )
    assert (found.given.trial, found.given.in_force, found.recorded) == (200, 550, 9)
    assert (found.gaining, found.gained, found.losing, found.lost) == (1, 50, 1, 400)
    assert [(each.customer_ref, each.given.difference) for each in found.winners] == [("anna", 50)]
    assert [(each.customer_ref, each.given.difference) for each in found.losers] == [("ben", -400)]
    assert [(each.rule_id, each.given.trial, each.given.in_force) for each in found.rules] == [
        ("large", 0, 550), ("small", 200, 0),
    ]  # fmt: skip


def test_a_budget_burns_down_day_by_day_and_says_when_it_was_used_up():
    pasts = [bought(number, f"c{number}") for number in range(4)]
    found = replayed(rules(400, campaign="june"), rules(200, campaign="june"), *pasts)
    (campaign,) = found.campaigns
    assert (campaign.given.trial, campaign.given.in_force, campaign.budget) == (100, 80, 100)
    assert (campaign.trial_spent_at, campaign.in_force_spent_at) == (pasts[2].moment, None)
    assert [day.campaigns[0].given.trial for day in found.days] == [40, 40, 20, 0]
    assert [day.day for day in found.days] == ["2026-06-01", "2026-06-02", "2026-06-03", "2026-06-04"]
    assert found.rules[0].trimmed.trial == 60


def test_a_customer_s_caps_begin_anew_each_day_and_month():
    capped = rules(1_000, caps=Caps(per_customer_day=80, per_customer_month=150))
    pasts = [bought(0, "anna"), bought(0, "anna"), bought(0, "ben"), bought(1, "anna"), bought(30, "anna")]
    found = replayed(capped, rules(0), *pasts)
    # anna: 80 and nothing more on the first day, 70 of the month on the second, 80 in July; ben 80.
    assert {each.customer_ref: each.given.trial for each in found.winners} == {"anna": 230, "ben": 80}


def test_what_was_in_force_is_that_of_each_event_s_own_time():
    one, two = compiled(rules(100), 1, {}), compiled(rules(300), 2, {})
    change = Instant(MONDAY_NOON + DAY)
    replay = Replay(two, lambda at: None if at < MONDAY_NOON else one if at < change else two)
    for number in (-1, 0, 1):
        replay.take(bought(number, "anna"))
    assert [day.given.in_force for day in replay.compared(0).days] == [0, 10, 30]


def test_nothing_is_a_result_too():
    found = replayed(rules(100), rules(100))
    assert (found.events, found.days, found.rules, found.winners) == (0, (), (), ())


told = st.lists(
    st.tuples(st.integers(0, 70), st.sampled_from(["anna", "ben"]), baskets), min_size=1, max_size=12
)


@given(rulesets(), told)
def test_a_replay_gives_what_pricing_one_after_the_other_gives(ruleset, events):
    program = compiled(ruleset, 1, CAMPAIGNS)
    replay = Replay(program, lambda _: program)
    used: dict[tuple[str, str], int] = {}
    total = 0
    for hours, ref, basket in sorted(events, key=lambda each: each[0]):
        moment, customer = Instant(MONDAY_NOON + hours * HOUR), Customer()
        replay.take(Past(customer_ref=ref, moment=moment, basket=basket, customer=customer, recorded=0))
        keys = {key.key: key for key in cap_keys(program, basket, customer, moment)}
        owner = {name: "" if key.period is Period.BUDGET else ref for name, key in keys.items()}
        left = {name: key.limit - used.get((owner[name], name), 0) for name, key in keys.items()}
        priced = price(basket, customer, moment, program, Headroom(by_cap=left))
        for use in priced.caps:
            place = (owner[use.cap_key], use.cap_key)
            used[place] = used.get(place, 0) + use.amount
        total += priced.amount
    found = replay.compared(5)
    assert (found.given.trial, found.given.in_force) == (total, total)
    assert sum(day.given.trial for day in found.days) == total
    assert sum(rule.given.trial for rule in found.rules) == total
    assert (found.gaining, found.losing) == (0, 0)
