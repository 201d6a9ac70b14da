"""What the demo asks is decided by the seed; its books follow from what is acknowledged."""

from __future__ import annotations

import json
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest

from wallet_service.cli.demo.baskets import Basket, Campaign, Line, Reading
from wallet_service.cli.demo.books import Book, Sale
from wallet_service.cli.demo.comebacks import Comeback, Portion, comebacks
from wallet_service.cli.demo.offers import budget_of, dates_of, document, segment_of, segments
from wallet_service.cli.demo.plan import Redemption, plan
from wallet_service.rules.ruleset import Campaign as RuleCampaign
from wallet_service.rules.validate import read_ruleset

START = datetime(2017, 1, 1, 9, tzinfo=UTC)


def basket(household=1, basket_id=1, at=START, prices=(600, 400)):
    lines = tuple(Line(sku=str(n), category="g", brand="", unit_price_minor=p) for n, p in enumerate(prices))
    return Basket(household=household, basket_id=basket_id, at=at, lines=lines)


def baskets(households, days):
    return [
        basket(household, day * 1_000 + household, START + timedelta(days=day, minutes=household))
        for day in range(days)
        for household in range(households)
    ]


def visits_of(days):
    return [visit for day in days for those in day.visits for visit in those]


def test_every_fifth_visit_of_a_household_redeems():
    visits = visits_of(plan(baskets(7, 23), 1))
    assert {visit.number for visit in visits if visit.redemption is not None} == {5, 10, 15, 20}


def test_redemptions_go_the_ways_that_are_wanted_in_their_shares():
    visits = visits_of(plan(baskets(100, 50), 1))
    ways = Counter(visit.redemption for visit in visits if visit.redemption is not None)
    assert {way: ways[way] for way in Redemption} == {way: 10 * way.percent for way in Redemption}
    assert sum(way.percent for way in Redemption) == 100


def test_the_same_seed_asks_the_same_and_another_something_else():
    asked = baskets(20, 10)
    assert plan(asked, 1) == plan(asked, 1)
    assert plan(asked, 1) != plan(asked, 2)


def test_a_day_keeps_the_order_of_a_households_visits():
    twice = [*baskets(3, 2), basket(1, 9, START + timedelta(days=1, hours=5))]
    second = plan(twice, 1)[1]
    (of_one,) = [those for those in second.visits if those[0].basket.household == 1]
    assert [visit.number for visit in of_one] == [2, 3]


def test_every_month_closes_on_its_last_day():
    days = plan(baskets(2, 70), 1)
    assert [day.date for day in days if day.closes_month] == [
        date(2017, 1, 31), date(2017, 2, 28), date(2017, 3, 31)
    ]  # fmt: skip
    assert days[-1].closes_month


def test_nothing_is_told_late_on_the_last_day():
    on_the_last = [basket(n, n, START.replace(day=31)) for n in range(200)]
    assert not any(visit.told_late for visit in visits_of(plan(on_the_last, 1)))


def test_eight_percent_come_back_a_third_of_them_in_part_and_some_in_three():
    found = comebacks(baskets(100, 50), 1)
    firsts = Counter(one.portion for one in found if one.part == 1)
    assert firsts.total() == 400
    assert 0.25 < (firsts[Portion.LINES] + firsts[Portion.AMOUNT]) / 400 < 0.42
    assert firsts[Portion.IN_THREE] > 30
    assert any(not one.accepted for one in found)
    assert sum(portion.percent for portion in Portion) == 100


def test_a_return_in_three_begins_again_only_when_it_has_ended_and_ends_with_everything():
    of_basket = {}
    for one in comebacks(baskets(100, 20), 1):
        if one.portion is Portion.IN_THREE:
            of_basket.setdefault(one.basket.basket_id, []).append(one)
    assert of_basket
    for parts in of_basket.values():
        assert [part.part for part in parts] == [1, 2, 3]
        assert parts[-1].everything
        assert parts[0].ended < parts[1].opened
        assert parts[1].ended < parts[2].opened


def comes_back(**what):
    day = date(2017, 1, 9)
    return Comeback(basket=basket(), portion=Portion.AMOUNT, opened=day, ended=day, **what)


def test_books_take_back_in_proportion_and_in_the_end_all():
    sale = Sale(basket=basket(), paid=101, earned=50, shares=(30, 20))
    assert sale.come_back(comes_back(lines=(0,))) == (30, 60)
    assert sale.come_back(comes_back(amount_minor=100)) == (5, 10)
    assert sale.come_back(comes_back(everything=True)) == (15, 31)
    assert (sale.due, sale.restored) == (50, 101)


def test_amounts_of_a_whole_order_are_all_of_it():
    sale = Sale(basket=basket(), paid=7, earned=50, shares=(30, 20))
    taken = [sale.come_back(comes_back(amount_minor=250)) for _ in range(4)]
    assert [sum(column) for column in zip(*taken, strict=True)] == [50, 7]


def test_books_let_overdue_holds_expire():
    book = Book()
    book.hold("r", 50, START)
    book.hold("s", 30, START + timedelta(days=1))
    book.spend("s", 10)
    book.pass_time(START)
    assert (book.reserved, book.holds_expired, book.redeemed) == (20, 1, 10)
    assert book.end("s") == 20


@pytest.mark.parametrize("households", [(), (1, 2)])
def test_the_rules_of_the_year_can_be_published(households):
    campaigns = tuple(
        Campaign(
            number=n, kind=f"Type {'ABC'[n % 3]}", first=date(2017, 1, 1), last=date(2017, 2, 1), households=(1, 2),
            coupons=("1", "2"),
        )
        for n in range(1, 28)
    )  # fmt: skip
    reading = Reading(
        baskets=(basket(),), campaigns=campaigns, seniors=households, lines=1, zero_lines=0, zero_baskets=0
    )
    known = {
        segment_of(one): RuleCampaign(
            campaign_id=segment_of(one), title="t", starts_at=dates_of(one)[0], ends_at=dates_of(one)[1],
            budget=budget_of(one),
        )
        for one in campaigns
    }  # fmt: skip
    ruleset, findings = read_ruleset(document(reading), known)
    assert findings == ()
    assert ruleset is not None
    asked = {
        segment
        for rule in json.loads(document(reading))["rules"]
        for segment in rule.get("when", {}).get("segments", ())
    }
    assert asked == set(segments(reading))
