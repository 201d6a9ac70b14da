"""A replay that begins in the middle begins with what had been used by then."""

from __future__ import annotations

import pytest
from shopping import HOUR, MONDAY_NOON
from test_replay import DAY, JUNE, bought, rules

from wallet_service.kernel.clock import Instant
from wallet_service.rules.beginning import EVER, Before, needed_since
from wallet_service.rules.compiler import compiled
from wallet_service.rules.replay import Replay
from wallet_service.rules.ruleset import Caps, Ruleset


def before(*used) -> Before:
    found = Before()
    for ref, by_cap in used:
        found.count(ref, by_cap)
    return found


def replayed(ruleset: Ruleset, known: Before, *pasts):
    program = compiled(ruleset, 1, {JUNE.campaign_id: JUNE})
    replay = Replay(program, lambda _: program, known, Instant(MONDAY_NOON))
    for past in pasts:
        replay.take(past)
    return replay.compared(10)


def test_a_customer_begins_with_what_is_left_of_this_day_and_month():
    capped = rules(1_000, caps=Caps(per_customer_day=80, per_customer_month=150))
    known = before(
        ("anna", {"rule/base/day/2026-06-01": 50, "rule/base/month/2026-06": 50}),
        ("anna", {"rule/base/day/2026-05-31": 80, "rule/base/month/2026-05": 150}),
    )
    found = replayed(capped, known, bought(0, "anna"), bought(0, "ben"), bought(1, "anna"))
    # anna: 30 of the day, then 70 of the month; ben 80.
    assert found.given.trial == 30 + 80 + 70


def test_a_budget_begins_with_what_is_left_of_it():
    known = before(("anna", {"campaign/june": 70}), ("ben", {"campaign/june": 5, "all/lifetime": 5}))
    found = replayed(rules(400, campaign="june"), known, bought(0, "c1"), bought(1, "c2"))
    (campaign,) = found.campaigns
    assert (campaign.used_before, campaign.given.trial, campaign.trial_spent_at) == (75, 25, MONDAY_NOON)


def test_a_budget_that_was_used_up_before_gives_nothing_and_says_so():
    found = replayed(rules(400, campaign="june"), before(("anna", {"campaign/june": 100})), bought(1, "c2"))
    (campaign,) = found.campaigns
    assert (campaign.given.trial, campaign.trial_spent_at) == (0, MONDAY_NOON)
    assert found.rules[0].trimmed.trial == 40


def test_what_has_come_back_since_does_not_count_against_a_cap():
    from msgspec.structs import replace

    capped = rules(1_000, campaign="june", caps=Caps(per_customer_lifetime=100))
    returned = replace(bought(0, "anna"), came_back=lambda p: {use.cap_key: use.amount for use in p.caps})
    found = replayed(capped, Before(), returned, bought(1, "anna"))
    assert [day.given.trial for day in found.days] == [100, 100]
    assert [day.campaigns[0].used.trial for day in found.days] == [0, 100]


WEDNESDAY = Instant(MONDAY_NOON + 2 * DAY)
FIRST_OF_JUNE, THIRD_OF_JUNE = (Instant(MONDAY_NOON + n * DAY - 10 * HOUR) for n in (0, 2))


@pytest.mark.parametrize(
    ("ruleset", "since"),
    [
        (rules(100), None),
        (rules(100, caps=Caps(per_order=5)), None),
        (rules(100, caps=Caps(per_customer_day=5)), THIRD_OF_JUNE),
        (rules(100, caps=Caps(per_customer_day=5, per_customer_month=5)), FIRST_OF_JUNE),
        (rules(100, caps=Caps(per_customer_lifetime=5)), EVER),
        (rules(100, campaign="june"), FIRST_OF_JUNE),
        (Ruleset(time_zone="UTC", caps=Caps(per_customer_lifetime=5)), EVER),
    ],
)
def test_one_looks_back_as_far_as_a_cap_counts(ruleset, since):
    program = compiled(ruleset, 1, {JUNE.campaign_id: JUNE})
    assert needed_since([compiled(rules(100), 2, {}), program], WEDNESDAY) == since


def test_a_campaign_that_is_over_needs_not_be_known():
    program = compiled(rules(100, campaign="june"), 1, {JUNE.campaign_id: JUNE})
    assert needed_since([program], Instant(MONDAY_NOON + 45 * DAY)) is None
