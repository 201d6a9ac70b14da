"""More than forty baskets reckoned by hand, with the words that explain them: `golden.json`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from wallet_service.kernel.clock import from_datetime
from wallet_service.rules.compiler import compiled
from wallet_service.rules.document import parsed
from wallet_service.rules.model import Basket, Customer, Headroom, Line
from wallet_service.rules.policy import price
from wallet_service.rules.ruleset import Campaign
from wallet_service.rules.units import Units
from wallet_service.rules.validate import read_ruleset
from wallet_service.rules.wording import explain

GOLDEN = Path(__file__).with_name("golden.json")
POINTS = Units(asset="POINTS", exponent=0, currency="EUR")
CASES = json.loads(GOLDEN.read_text()) if GOLDEN.exists() else []


def play(case):
    """Return what a case is priced to, and what is said of each award."""
    read = [parsed(Campaign, json.dumps(text)) for text in case["campaigns"]]
    campaigns = {campaign.campaign_id: campaign for campaign, _ in read}
    ruleset, findings = read_ruleset(json.dumps(case["ruleset"]), campaigns)
    assert all(each.advice for each in findings)
    told = case["basket"]
    basket = Basket(
        order_ref="order", lines=tuple(Line(**line) for line in told["lines"]),
        **{name: value for name, value in told.items() if name not in {"lines", "coupons"}},
        coupons=frozenset(told.get("coupons", ())),
    )  # fmt: skip
    customer = Customer(**{**case["customer"], "segments": frozenset(case["customer"].get("segments", ()))})
    moment = from_datetime(datetime.fromisoformat(case["at"]).replace(tzinfo=ZoneInfo(ruleset.time_zone)))
    priced = price(basket, customer, moment, compiled(ruleset, 7, campaigns), Headroom(by_cap=case["left"]))
    return priced, [explain(award, POINTS) for award in priced.awards]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_basket_earns_what_was_reckoned_by_hand(case):
    priced, says = play(case)
    expected = case["awards"]
    assert [(a.rule_id, a.amount, list(a.lines)) for a in priced.awards] == [
        (award["rule_id"], award["amount"], award["lines"]) for award in expected
    ]
    assert priced.amount == case["amount"]
    assert says == [award["says"] for award in expected]


def test_there_are_forty_of_them_at_least():
    assert len(CASES) >= 40
