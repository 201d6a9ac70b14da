"""Awards are read out in the program's asset and the order's currency, each with its own decimal places."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from wallet_service.rules.model import Award, AwardKind, Beaten, Period, Trim
from wallet_service.rules.units import Units
from wallet_service.rules.wording import explain

EUR = Units(asset="EUR", exponent=2, currency="EUR")
RATE = Award(
    rule_id="dairy", title="Dairy week", ruleset_version=3, campaign_id=None, kind=AwardKind.BASIS_POINTS, amount=50,
    lines=(50,), base=999, rate=500, uncapped=50,
)  # fmt: skip


@pytest.mark.parametrize(
    ("units", "said"),
    [
        (EUR, "5 % of 9.99 EUR gives 0.50 EUR."),
        (Units(asset="POINTS", exponent=0, currency="EUR"), "5 % of 9.99 EUR gives 50 POINTS."),
        (Units(asset="JPY", exponent=0, currency="JPY"), "5 % of 999 JPY gives 50 JPY."),
        (Units(asset="STARS", exponent=1, currency="JPY"), "5 % of 999 JPY gives 5.0 STARS."),
        (Units(asset="STARS", exponent=0, currency="KWD"), "5 % of 0.999 KWD gives 50 STARS."),
    ],
)
def test_amounts_have_the_decimal_places_of_their_asset_and_money_those_of_its_currency(units, said):
    assert explain(RATE, units) == f"Dairy week: {said} (Rule dairy, version 3.)"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"kind": AwardKind.FIXED, "rate": 50, "base": 1}, "0.50 EUR once."),
        ({"kind": AwardKind.FIXED_PER_LINE, "rate": 50, "base": 1}, "0.50 EUR for each of 1 line gives 0.50 EUR."),
        ({"kind": AwardKind.PER_UNIT, "rate": 5, "base": 10}, "0.05 EUR for each of 10 pieces gives 0.50 EUR."),
        (
            {"kind": AwardKind.LADDER, "base": 12_000, "threshold_minor": 10_000},
            "120.00 EUR reaches the step from 100.00 EUR, which gives 0.50 EUR.",
        ),
        ({"kind": AwardKind.MULTIPLIER, "rate": 200, "base": 50}, "100 % on top of 0.50 EUR gives 0.50 EUR."),
    ],
)  # fmt: skip
def test_every_kind_of_award_names_its_units(changes, said):
    assert explain(replace(RATE, **changes), EUR) == f"Dairy week: {said} (Rule dairy, version 3.)"


def test_what_trimmed_an_award_and_what_lost_to_it_is_said_in_the_same_units():
    trim = Trim(cap_key="rule/dairy/order", period=Period.ORDER, limit=300, left=20, by=30)
    spent = Trim(cap_key="campaign/june", period=Period.BUDGET, limit=100_000, left=0, by=20)
    award = replace(
        RATE, amount=0, trims=(trim, spent), beaten=(Beaten(rule_id="base", group="rates", amount=10),)
    )
    assert explain(award, EUR) == (
        "Dairy week: 5 % of 9.99 EUR gives 0.50 EUR."
        " At most 3.00 EUR for one order by this rule, of which 0.20 EUR was left: 0.30 EUR less."
        " At most 1000.00 EUR for the whole campaign by this campaign, of which nothing was left: 0.20 EUR less."
        " So it gives nothing. Instead of 0.10 EUR by rule base, which gave way (rates). (Rule dairy, version 3.)"
    )
