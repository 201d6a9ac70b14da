"""The compiled rules against the plain ones, and what holds whatever the rules say."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st
from naive_rules import naive_price, share_out, whole
from shopping import CAMPAIGNS, MONDAY_NOON, baskets, customers, moments, rulesets

from wallet_service.rules.compiler import compiled
from wallet_service.rules.model import Basket, Customer, Headroom, Line
from wallet_service.rules.policy import cap_keys, price
from wallet_service.rules.rounding import apportioned, rounded, rounded_each
from wallet_service.rules.ruleset import Give, Group, Level, Mode, Rounding, Rule, Ruleset, When
from wallet_service.rules.units import Units
from wallet_service.rules.wording import explain

EUR = Units(asset="EUR", exponent=2, currency="EUR")
lefts = st.lists(st.integers(0, 50), min_size=30, max_size=30)


@settings(max_examples=400)
@given(rulesets(), baskets, customers, moments, lefts)
def test_compiled_rules_give_what_the_rules_say(ruleset, basket, customer, moment, lefts):
    program = compiled(ruleset, 3, CAMPAIGNS)
    keys = cap_keys(program, basket, customer, moment)
    # Every other cap is partly used.
    room = {key.key: left for key, left in zip(keys[::2], lefts, strict=False)}
    priced = price(basket, customer, moment, program, Headroom(by_cap=room))
    expected, used = naive_price(ruleset, CAMPAIGNS, basket, customer, moment, room)
    # What gives nothing is shown only if it can say why.
    found = [(a.rule_id, a.amount, a.lines, a.uncapped) for a in priced.awards if a.amount or a.uncapped]
    assert found == [award for award in expected if award[1] or award[3]]
    assert {use.cap_key: use.amount for use in priced.caps} == used


@settings(max_examples=150)
@given(rulesets(), baskets, customers, moments, lefts)
def test_lines_sum_to_the_order_and_caps_hold(ruleset, basket, customer, moment, lefts):
    program = compiled(ruleset, 3, CAMPAIGNS)
    keys = cap_keys(program, basket, customer, moment)
    room = {key.key: left for key, left in zip(keys, lefts, strict=False)}
    priced = price(basket, customer, moment, program, Headroom(by_cap=room))
    assert priced.amount == sum(award.amount for award in priced.awards)
    if basket.lines:
        for award in priced.awards:
            assert sum(award.lines) == award.amount
            assert min(award.lines) >= 0
        assert (
            priced.lines == tuple(map(sum, zip(*(a.lines for a in priced.awards), strict=True)))
            or not priced.awards
        )
    for use in priced.caps:
        assert 0 < use.amount <= room.get(use.cap_key, next(k.limit for k in keys if k.key == use.cap_key))
    for award in priced.awards:
        assert award.uncapped == award.amount + sum(trim.by for trim in award.trims)
    assert all(explain(award, EUR).count(award.title) for award in priced.awards)


@given(rulesets(), baskets, customers, moments)
def test_the_same_event_is_priced_the_same_again(ruleset, basket, customer, moment):
    program, other = compiled(ruleset, 3, CAMPAIGNS), compiled(ruleset, 3, CAMPAIGNS)
    first = price(basket, customer, moment, program, Headroom())
    assert first == price(basket, customer, moment, program, Headroom())
    assert first == price(basket, customer, moment, other, Headroom())


@given(st.integers(0, 10**15), st.lists(st.integers(0, 10**12), max_size=8))
def test_what_is_shared_out_sums_and_nobody_is_off_by_a_unit(amount, weights):
    parts = apportioned(amount, weights)
    assert sum(parts) == (amount if weights else 0)
    if sum(weights):
        exact = [Fraction(amount * weight, sum(weights)) for weight in weights]
        assert all(abs(part - fair) < 1 for part, fair in zip(parts, exact, strict=True))


@given(st.integers(0, 60), st.lists(st.integers(0, 9), max_size=6))
def test_odd_units_go_to_the_largest_remainders_the_earlier_line_first(amount, weights):
    assert list(apportioned(amount, weights)) == share_out(amount, weights)


@given(st.integers(0, 10**12), st.integers(1, 10**5), st.sampled_from(Rounding))
def test_each_rounding_is_what_its_name_says(numerator, denominator, rounding):
    assert rounded(numerator, denominator, rounding) == whole(
        Fraction(numerator, denominator), rounding.value
    )


@given(
    st.lists(st.integers(0, 10**12), min_size=1, max_size=6), st.integers(0, 10**5),
    st.integers(1, 10**5), st.sampled_from(Rounding),
)  # fmt: skip
def test_many_are_rounded_as_each_by_itself(values, factor, denominator, rounding):
    each = [rounded(value * factor, denominator, rounding) for value in values]
    assert rounded_each(values, factor, denominator, rounding) == each


RIVALS = st.lists(
    st.tuples(st.integers(1, 4), st.sampled_from([(), ("a",), ("b",), ("a", "c")])), min_size=1, max_size=8
)


@given(
    RIVALS,
    st.lists(st.sampled_from("abc"), min_size=1, max_size=5),
    st.sampled_from([Mode.BEST, Mode.EXCLUDE]),
)
def test_who_gives_way_on_a_line_is_named_with_what_it_would_have_given(rivals, categories, mode):
    rules = tuple(
        Rule(rule_id=f"r{n}", title="t", group="g", give=Give(basis_points=rate * 100), when=When(categories=about))
        for n, (rate, about) in enumerate(rivals)
    )  # fmt: skip
    groups = (Group(name="g", mode=mode, level=Level.LINE),)
    program = compiled(Ruleset(time_zone="UTC", groups=groups, rules=rules), 1, {})
    lines = tuple(
        Line(sku="s", category=name, net_minor=1_000 * (n + 1), gross_minor=1_000 * (n + 1))
        for n, name in enumerate(categories)
    )
    priced = price(Basket(order_ref="o", lines=lines), Customer(), MONDAY_NOON, program, Headroom())

    lost: dict[tuple[int, int], int] = {}
    for line in lines:
        offers = [(-rate if mode is Mode.BEST else 0, n) for n, (rate, about) in enumerate(rivals)
                  if not about or line.category in about]  # fmt: skip
        for _, loser in sorted(offers)[1:]:
            key = (min(offers)[1], loser)
            lost[key] = lost.get(key, 0) + line.net_minor * rivals[loser][0] // 100
    told = {(int(a.rule_id[1:]), int(b.rule_id[1:])): b.amount for a in priced.awards for b in a.beaten}
    assert told == lost
    for award in priced.awards:
        assert [b.rule_id for b in award.beaten] == sorted(b.rule_id for b in award.beaten)
