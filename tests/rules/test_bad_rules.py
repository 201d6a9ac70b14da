"""Rules that must not be published: every finding at once, with its place."""

from __future__ import annotations

import itertools
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.rules import conflicts as conflicts_room
from wallet_service.rules import document
from wallet_service.rules.conflicts import conflicts
from wallet_service.rules.ruleset import Campaign, Ruleset
from wallet_service.rules.validate import CONDITIONS_MAX, GROUPS_MAX, findings_of_campaign, read_ruleset

CAMPAIGNS = {
    "june": Campaign(campaign_id="june", title="", starts_at="2026-06-01T00:00", ends_at="2026-07-01T00:00", budget=9)
}  # fmt: skip
OK = {"rule_id": "r", "title": "R", "give": {"basis_points": 100}}
LINE_GROUP = {"name": "g", "mode": "exclude", "level": "line"}


def findings(*rules, **fields):
    text = json.dumps({"time_zone": "Europe/Berlin", "rules": list(rules), **fields})
    ruleset, found = read_ruleset(text, CAMPAIGNS)
    assert (ruleset is None) == bool(found)
    return [(each.path, each.problem) for each in found]


def rule(**fields):
    return {**OK, **fields}


def test_a_condition_on_tiers_is_advised_against_and_published_all_the_same():
    text = {"time_zone": "UTC", "rules": [OK, rule(rule_id="gold", when={"tiers": ["gold"]})]}
    ruleset, (found,) = read_ruleset(json.dumps(text), {})
    assert ruleset is not None
    assert (found.path, found.problem, found.advice) == ("rules[1].when.tiers", "MATCHES_NOBODY_YET", True)
    text["rules"][0] = rule(group="nowhere")
    ruleset, found = read_ruleset(json.dumps(text), {})
    assert ruleset is None
    assert [(each.problem, each.advice) for each in found] == [
        ("UNKNOWN_GROUP", False), ("MATCHES_NOBODY_YET", True),
    ]  # fmt: skip


BAD = {
    "an unknown field": ([rule(rate=5)], "rules[0].rate", "UNKNOWN_FIELD"),
    "an unknown field within": ([rule(when={"color": "red"})], "rules[0].when.color", "UNKNOWN_FIELD"),
    "a missing field": ([{"rule_id": "r", "give": {"amount": 1}}], "rules[0].title", "MISSING_FIELD"),
    "a fraction": ([rule(give={"basis_points": 1.5})], "rules[0].give.basis_points", "WRONG_TYPE"),
    "a number as text": ([rule(give={"basis_points": "5"})], "rules[0].give.basis_points", "WRONG_TYPE"),
    "true as a number": ([rule(priority=True)], "rules[0].priority", "WRONG_TYPE"),
    "a number beyond money": ([rule(give={"amount": 10**18})], "rules[0].give.amount", "WRONG_TYPE"),
    "a text that is no list": ([rule(when={"skus": "a"})], "rules[0].when.skus", "WRONG_TYPE"),
    "a control character": ([rule(title="a\u0000b")], "rules[0].title", "WRONG_TYPE"),
    "a bad id": ([rule(rule_id="Drop Table")], "rules[0].rule_id", "BAD_ID"),
    "no award": ([rule(give={})], "rules[0].give", "NOT_ONE_AWARD"),
    "two awards": ([rule(give={"amount": 1, "basis_points": 1})], "rules[0].give", "NOT_ONE_AWARD"),
    "a rate above 100 %": ([rule(give={"basis_points": 10_001})], "rules[0].give.basis_points", "RATE_TOO_HIGH"),
    "a negative rate": ([rule(give={"basis_points": -1})], "rules[0].give.basis_points", "OUT_OF_RANGE"),
    "a negative amount": ([rule(give={"amount": -1})], "rules[0].give.amount", "OUT_OF_RANGE"),
    "a rate of a step above 100 %": (
        [rule(give={"ladder": [{"from_minor": 0, "basis_points": 20_000}]})],
        "rules[0].give.ladder[0].basis_points",
        "RATE_TOO_HIGH",
    ),
    "the same step twice": (
        [rule(give={"ladder": [{"from_minor": 5, "amount": 1}, {"from_minor": 5, "amount": 2}]})],
        "rules[0].give.ladder[1].from_minor",
        "CONTRADICTION",
    ),
    "a multiplier that makes less": (
        [rule(give={"multiplier": {"percent": 50}})],
        "rules[0].give.multiplier.percent",
        "RATE_TOO_HIGH",
    ),
    "a multiplier of nothing": (
        [rule(give={"multiplier": {"percent": 200, "of": ["nobody"]}})],
        "rules[0].give.multiplier.of",
        "UNKNOWN_RULE",
    ),
    "dates reversed": (
        [rule(when={"starts_at": "2026-07-01T00:00", "ends_at": "2026-06-01T00:00"})],
        "rules[0].when.ends_at",
        "DATES_REVERSED",
    ),
    "a date that is none": ([rule(when={"starts_at": "2026-02-30"})], "rules[0].when.starts_at", "BAD_DATE"),
    "a date with a zone": ([rule(when={"starts_at": "2026-02-01T00:00+02:00"})], "rules[0].when.starts_at", "BAD_DATE"),
    "a date by its week": ([rule(when={"starts_at": "2026-W23-1"})], "rules[0].when.starts_at", "BAD_DATE"),
    "a date without dashes": ([rule(when={"ends_at": "20260601T00"})], "rules[0].when.ends_at", "BAD_DATE"),
    "bounds reversed": (
        [rule(when={"total_min_minor": 10, "total_max_minor": 9})],
        "rules[0].when.total_max_minor",
        "NEVER_MATCHES",
    ),
    "hours that end as they begin": ([rule(when={"hours": {"start": 8, "end": 8}})], "rules[0].when.hours", "NEVER_MATCHES"),
    "an eighth day": ([rule(when={"weekdays": [8]})], "rules[0].when.weekdays[0]", "OUT_OF_RANGE"),
    "a segment asked for and excluded": (
        [rule(when={"segments": ["vip"], "not_segments": ["vip"]})],
        "rules[0].when.not_segments",
        "CONTRADICTION",
    ),
    "an empty path": ([rule(when={"categories": ["food//milk"]})], "rules[0].when.categories[0]", "NEVER_MATCHES"),
    "an unknown group": ([rule(group="nobody")], "rules[0].group", "UNKNOWN_GROUP"),
    "an unknown campaign": ([rule(campaign="may")], "rules[0].campaign", "UNKNOWN_CAMPAIGN"),
    "a rule outside its campaign": (
        [rule(campaign="june", when={"starts_at": "2026-08-01T00:00"})],
        "rules[0].when.starts_at",
        "NEVER_MATCHES",
    ),
    "a month's cap below a day's": (
        [rule(caps={"per_customer_day": 9, "per_customer_month": 8})],
        "rules[0].caps.per_customer_month",
        "CONTRADICTION",
    ),
    "a kind that never comes": ([rule(when={"kinds": ["return"]})], "rules[0].when.kinds[0]", "NEVER_MATCHES"),
    "lines of what has none": (
        [rule(give={"amount": 1}, when={"kinds": ["review"], "skus": ["a"]})], "rules[0].when.skus", "NEVER_MATCHES",
    ),
    "a total of what has none": (
        [rule(give={"amount": 1}, when={"kinds": ["share"], "total_min_minor": 1})],
        "rules[0].when.total_min_minor", "NEVER_MATCHES",
    ),
    "a first purchase that is none": (
        [rule(give={"amount": 1}, when={"kinds": ["share"], "first_purchase": True})],
        "rules[0].when.first_purchase", "NEVER_MATCHES",
    ),
    "a rate of what has no price": ([rule(when={"kinds": ["referral"]})], "rules[0].give", "NEVER_MATCHES"),
    "an attribute of two values at once": (
        [rule(when={"attributes": [{"name": "a", "values": ["x"]}, {"name": "a", "values": ["y"]}]})],
        "rules[0].when.attributes[1].values", "NEVER_MATCHES",
    ),
    "a weekday outside its dates": (
        [rule(when={"weekdays": [7], "starts_at": "2026-06-01T00:00", "ends_at": "2026-06-07T00:00"})],
        "rules[0].when.weekdays", "NEVER_MATCHES",
    ),
    "the same id twice": ([OK, OK], "rules", "DUPLICATE_ID"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_rule_is_found_with_its_place(name):
    rules, path, problem = BAD[name]
    assert (path, problem) in findings(*rules)


def test_a_good_ruleset_has_no_findings():
    assert not findings(OK, rule(rule_id="s", campaign="june", when={"categories": ["food"]}))


def test_all_findings_come_at_once():
    found = findings(
        rule(give={"basis_points": 20_000}),
        rule(rule_id="B", group="x"),
        rule(rule_id="c", caps={"per_order": -1}),
    )
    assert found == [
        ("rules[0].give.basis_points", "RATE_TOO_HIGH"), ("rules[1].rule_id", "BAD_ID"),
        ("rules[1].group", "UNKNOWN_GROUP"), ("rules[2].caps.per_order", "OUT_OF_RANGE"),
    ]  # fmt: skip
    shapes = findings(rule(a=1), rule(b=2), color=3)
    assert [path for path, _ in shapes] == ["color", "rules[0].a", "rules[1].b"]


def test_multipliers_that_multiply_each_other_are_a_cycle():
    one = rule(rule_id="a", give={"multiplier": {"percent": 200, "of": ["b"]}})
    two = rule(rule_id="b", give={"multiplier": {"percent": 200, "of": ["a"]}})
    assert ("rules", "CYCLE") in findings(one, two)
    assert ("rules", "CYCLE") in findings(rule(give={"multiplier": {"percent": 200, "of": ["r"]}}))


def test_rules_of_one_group_are_of_one_depth():
    double = rule(rule_id="d", give={"multiplier": {"percent": 200}}, group="g")
    found = findings(rule(group="g"), double, groups=[{"name": "g", "mode": "best"}])
    assert ("groups", "CONTRADICTION") in found


def test_what_is_given_per_order_cannot_compete_line_by_line():
    assert ("rules[0].group", "CONTRADICTION") in findings(
        rule(give={"amount": 5}, group="g"), groups=[LINE_GROUP]
    )


def test_excluding_rules_that_may_meet_need_a_priority():
    dairy = rule(rule_id="a", group="g", when={"categories": ["food/dairy"]})
    food = rule(rule_id="b", group="g", when={"categories": ["food"]})
    toys = rule(rule_id="c", group="g", when={"categories": ["toys"]})
    assert findings(dairy, food, toys, groups=[LINE_GROUP]) == [("rules[1].priority", "OVERLAPPING_RULES")]
    assert not findings(dairy | {"priority": 1}, food, toys, groups=[LINE_GROUP])
    web, shop = dairy | {"when": {"channels": ["web"]}}, food | {"when": {"channels": ["shop"]}}
    assert not findings(web, shop, groups=[LINE_GROUP])


def test_a_rule_that_another_always_takes_before_never_matches():
    everything = rule(rule_id="a", group="g", priority=5)
    dairy = rule(rule_id="b", group="g", when={"categories": ["food/dairy"]})
    assert findings(everything, dairy, groups=[LINE_GROUP]) == [("rules[1]", "NEVER_MATCHES")]


def test_what_may_be_used_up_does_not_always_take_before():
    everything = rule(rule_id="a", group="g", priority=5, caps={"per_customer_month": 500})
    dairy = rule(rule_id="b", group="g", when={"categories": ["food/dairy"]})
    assert not findings(everything, dairy, groups=[LINE_GROUP])
    one_order = everything | {"caps": {"per_order": 500}}
    assert findings(one_order, dairy, groups=[LINE_GROUP]) == [("rules[1]", "NEVER_MATCHES")]


def test_what_asks_for_more_than_a_rule_before_it_never_matches():
    food = {"categories": ["food"], "not_segments": ["staff"], "total_min_minor": 100}
    dairy = {
        "categories": ["food/dairy"], "not_segments": ["staff", "guests"], "total_min_minor": 200, "channels": ["web"],
        "starts_at": "2026-01-01T00:00",
    }  # fmt: skip
    first, second = (
        rule(rule_id="a", group="g", priority=5, when=food),
        rule(rule_id="b", group="g", when=dairy),
    )
    assert findings(first, second, groups=[LINE_GROUP]) == [("rules[1]", "NEVER_MATCHES")]
    for wider in (
        {"categories": ["food", "toys"]}, {"not_segments": []}, {"total_min_minor": 50}, {"categories": []},
    ):  # fmt: skip
        assert not findings(first, rule(rule_id="b", group="g", when=dairy | wider), groups=[LINE_GROUP])
    # What may have nothing to give leaves the line to the next.
    for give in ({"amount_per_unit": 1}, {"multiplier": {"percent": 200}}):
        assert ("rules[1]", "NEVER_MATCHES") not in findings(
            first | {"give": give}, second, groups=[LINE_GROUP]
        )


def test_a_sunday_within_its_dates_is_no_finding():
    for ends_at in ("2026-06-07T00:01", "2026-06-30T00:00"):
        when = {"weekdays": [7], "starts_at": "2026-06-01T00:00", "ends_at": ends_at}
        assert not findings(rule(when=when))


paths = st.sampled_from(["food", "food/dairy", "food/dairy/milk", "food/dairyfree", "toys"])
telling = st.fixed_dictionaries(
    {},
    optional={
        "categories": st.lists(paths, max_size=2, unique=True), "skus": st.lists(st.sampled_from("ab"), max_size=2),
        "channels": st.lists(st.sampled_from(["web", "shop"]), max_size=1),
    },
)  # fmt: skip


@given(st.lists(st.tuples(telling, st.integers(0, 1)), max_size=7), st.sampled_from(["line", "order"]))
def test_rules_that_are_not_compared_could_not_have_met(drawn, level):
    made = [
        rule(rule_id=f"r{number}", group="g", priority=priority, when=when)
        for number, (when, priority) in enumerate(drawn)
    ]
    text = json.dumps({"time_zone": "UTC", "rules": made, "groups": [LINE_GROUP | {"level": level}]})
    ruleset, _ = document.parsed(Ruleset, text)
    found = sorted((each.path, each.message) for each in conflicts(ruleset))
    every = Ruleset(time_zone="UTC", rules=ruleset.rules, groups=ruleset.groups)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(conflicts_room, "_pairs", lambda rules, _level: itertools.combinations(rules, 2))
        assert sorted((each.path, each.message) for each in conflicts(every)) == found


def test_thousands_of_rules_are_looked_at_in_a_moment():
    made = [rule(rule_id=f"r{n}", group="g", when={"skus": [f"s{n}"]}) for n in range(2_000)]
    assert not findings(*made, groups=[LINE_GROUP])
    same = [rule(rule_id=f"r{n}", group="g", when={"coupons": [f"c{n}"]}) for n in range(600)]
    found = findings(*same, groups=[LINE_GROUP])
    assert len(found) == document.FINDINGS_MAX
    apart = [
        rule(rule_id=f"r{n}", group="g", when={"total_min_minor": n, "total_max_minor": n})
        for n in range(600)
    ]
    assert findings(*apart, groups=[LINE_GROUP]) == [("groups[0]", "TOO_MANY_CONDITIONS")]
    assert not findings(*(each | {"priority": n} for n, each in enumerate(apart)), groups=[LINE_GROUP])


def test_too_many_conditions_are_refused_before_they_are_compared():
    skus = [f"s{n}" for n in range(CONDITIONS_MAX)]
    assert findings(rule(when={"skus": skus})) == [("rules", "TOO_MANY_CONDITIONS")]
    steps = [{"from_minor": n, "amount": 1} for n in range(CONDITIONS_MAX)]
    assert findings(rule(give={"ladder": steps})) == [("rules", "TOO_MANY_CONDITIONS")]
    groups = [LINE_GROUP | {"name": f"g{n}"} for n in range(GROUPS_MAX + 1)]
    assert findings(groups=groups) == [("rules", "TOO_MANY_CONDITIONS")]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "NaN", '{"time_zone": "Mars/Base"}', "[" * 5_000, '{"a":"\\ud800"}']
)
def test_what_is_no_ruleset_is_a_finding_too(text):
    ruleset, found = read_ruleset(text, {})
    assert ruleset is None
    assert found


@pytest.mark.parametrize("zone", ["", "/etc/passwd", "../../etc/passwd", "europe/nowhere", "\u0000"])
def test_a_time_zone_that_does_not_exist_is_a_finding(zone):
    ruleset, found = read_ruleset(json.dumps({"time_zone": zone}), {})
    assert ruleset is None
    assert found[0].path == "time_zone"


def test_a_campaign_has_an_order_of_dates_and_no_negative_budget():
    bad = Campaign(
        campaign_id="J", title="", starts_at="2026-07-01T00:00", ends_at="2026-06-01T00:00", budget=-1
    )
    assert [each.problem for each in findings_of_campaign(bad)] == [
        "BAD_ID",
        "DATES_REVERSED",
        "OUT_OF_RANGE",
    ]


def test_a_document_reads_back_as_it_was_written():
    text = json.dumps(
        {"time_zone": "UTC", "rules": [rule(when={"skus": ["a"], "hours": {"start": 1, "end": 2}})]}
    )
    ruleset, _ = read_ruleset(text, {})
    for written in (document.written(ruleset), document.pretty(ruleset)):
        assert document.parsed(Ruleset, written) == (ruleset, ())
