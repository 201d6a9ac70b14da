"""What the shop gives: rules over its departments, its campaigns and their coupons. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any, Final

from wallet_service.cli.demo.baskets import Campaign, Reading

SENIORS: Final = "seniors"
REFERRAL_MINOR: Final = 500
RATES_BP: Final = {"Type A": 200, "Type B": 100, "Type C": 300}
BUDGET_PER_HOUSEHOLD: Final = 120
"""In cents, and shared: whoever comes first has more of it."""
_NOTHING_ON: Final = ("fuel", "spirits", "misc-sales-tran", "coupon")
_CAMPAIGNS_ARE_ABOUT: Final = ("grocery", "drug-gm", "meat-pckgd", "nutrition", "cosmetics")

Rule = dict[str, Any]


def segment_of(campaign: Campaign) -> str:
    """Return the list of those whom a campaign invited; the campaign has the same name."""
    return f"campaign-{campaign.number}"


def segments(reading: Reading) -> dict[str, tuple[str, ...]]:
    """Return the lists of customers that the rules ask for."""
    named = {segment_of(campaign): campaign.households for campaign in reading.campaigns}
    named[SENIORS] = reading.seniors
    return {name: tuple(str(household) for household in households) for name, households in named.items()}


def budget_of(campaign: Campaign) -> int:
    """Return what a campaign may give in all."""
    return BUDGET_PER_HOUSEHOLD * len(campaign.households)


def dates_of(campaign: Campaign) -> tuple[str, str]:
    """Return from when until before when a campaign gives."""
    return f"{campaign.first}T00:00", f"{campaign.last + timedelta(days=1)}T00:00"


def document(reading: Reading) -> str:
    """Return the rules of the year as a draft takes them."""
    rules = [*_rates(), *_extras()]
    for campaign in reading.campaigns:
        rules += _campaign_rules(campaign)
    return json.dumps(
        {
            "time_zone": "UTC",
            "title": "Complete Journey",
            "rounding": "half_even",
            "groups": [{"name": "rates", "mode": "exclude", "level": "line"}],
            "caps": {"per_order": 2_500, "per_customer_month": 6_000},
            "rules": rules,
        }
    )


def _rate(rule_id: str, title: str, basis_points: int, priority: int, **when: Any) -> Rule:
    """Return a rule of which a line of the basket has one: that of the highest priority."""
    rule: Rule = {
        "rule_id": rule_id, "title": title, "group": "rates", "priority": priority,
        "give": {"basis_points": basis_points},
    }  # fmt: skip
    return {**rule, "when": when} if when else rule


def _rates() -> Iterator[Rule]:
    yield _rate("nothing", "Nothing on fuel and spirits", 0, 50, categories=list(_NOTHING_ON))
    yield _rate("produce", "3 % on fruit and vegetables", 300, 40, categories=["produce", "salad-bar"])
    yield _rate("counter", "2.5 % at the counter", 250, 30, categories=["meat", "seafood", "deli", "pastry"])
    yield _rate("own-brand", "2 % on our own brand", 200, 20, brands=["Private"])
    yield _rate("base", "1 % on everything", 100, 0)


def _extras() -> Iterator[Rule]:
    yield {
        "rule_id": "welcome", "title": "2.00 for the first purchase", "give": {"amount": 200},
        "when": {"first_purchase": True},
    }  # fmt: skip
    yield {
        "rule_id": "big-shop", "title": "A thank-you for a full trolley",
        "give": {"ladder": [{"from_minor": 5_000, "amount": 25}, {"from_minor": 10_000, "amount": 75}]},
    }  # fmt: skip
    yield {
        "rule_id": "friend", "title": "5.00 for a friend who came", "give": {"amount": REFERRAL_MINOR},
        "when": {"kinds": ["referral"]}, "caps": {"per_customer_month": 2 * REFERRAL_MINOR},
    }  # fmt: skip
    yield {
        "rule_id": "seniors", "title": "Half as much again for seniors on Tuesdays",
        "give": {"multiplier": {"percent": 150, "of": ["produce", "counter", "own-brand", "base"]}},
        "when": {"segments": [SENIORS], "weekdays": [2]},
    }  # fmt: skip


def _campaign_rules(campaign: Campaign) -> Iterator[Rule]:
    """Yield what a campaign gives on top; when its budget is used up, what the shop gives by itself stays."""
    name, rate = segment_of(campaign), RATES_BP[campaign.kind]
    yield {
        "rule_id": name, "title": f"{rate // 100} % more for those invited to campaign {campaign.number}",
        "give": {"basis_points": rate}, "campaign": name, "caps": {"per_order": 300},
        "when": {"segments": [name], "categories": list(_CAMPAIGNS_ARE_ABOUT)},
    }  # fmt: skip
    if campaign.coupons:
        yield {
            "rule_id": f"coupons-{campaign.number}", "title": f"0.50 for a coupon of campaign {campaign.number}",
            "give": {"amount": 50}, "campaign": name, "priority": 100, "when": {"coupons": list(campaign.coupons)},
        }  # fmt: skip
