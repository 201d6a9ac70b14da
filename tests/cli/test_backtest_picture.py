"""The picture of a backtest: whatever its texts hold, it is one well-formed document, the same each time."""

from __future__ import annotations

from xml.etree import ElementTree as ET

from wallet.v1.backtest_pb2 import (
    BacktestCampaign,
    BacktestCampaignDay,
    BacktestDay,
    BacktestResult,
    BacktestRule,
    BacktestSides,
)

from wallet_service.cli.rules.picture import drawn

NASTY = '<script>alert(1)</script>&"\u0000\u202e'
SVG = "{http://www.w3.org/2000/svg}"


def result(days: int) -> BacktestResult:
    sides = BacktestSides(trial=10, in_force=20)
    return BacktestResult(
        days=[
            BacktestDay(
                day=f"2026-06-{n + 1:02d}", events=1, given=sides,
                campaigns=[BacktestCampaignDay(campaign_id=NASTY, given=sides, used=sides)],
            )
            for n in range(days)
        ],
        campaigns=[BacktestCampaign(campaign_id=NASTY, budget=100, given=sides)],
        rules=[BacktestRule(rule_id=NASTY, title=NASTY, given=sides)],
    )  # fmt: skip


def test_a_picture_is_well_formed_whatever_its_texts_hold():
    for found in (BacktestResult(), result(1), result(30)):
        page = ET.fromstring(drawn(found, NASTY))
        assert not page.findall(f".//{SVG}script")
        assert drawn(found, NASTY) == drawn(found, NASTY)
    texts = [each.text for each in page.findall(f".//{SVG}text")]
    assert any("<script>alert(1)</script>" in text for text in texts)


def test_a_budget_burns_down_from_left_to_right():
    page = ET.fromstring(drawn(result(4), "demo: next"))
    given_in_force, given_trial, left_in_force, left_trial = (
        [int(point.split(",")[1]) for point in line.get("points").split()]
        for line in page.findall(f".//{SVG}polyline")
    )
    # Further down the page is less.
    assert given_trial == sorted(given_trial, reverse=True)
    assert left_trial == sorted(left_trial)
    assert given_in_force[-1] < given_trial[-1]
    assert left_in_force[-1] > left_trial[-1]
