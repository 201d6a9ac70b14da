"""What the demo asks is decided by the seed; its books follow from what is acknowledged."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from wallet_service.cli.demo.baskets import Basket
from wallet_service.cli.demo.books import Book
from wallet_service.cli.demo.plan import Redemption, cashback, plan

START = datetime(2017, 1, 1, 9, tzinfo=UTC)


def baskets(households, days):
    return [
        Basket(
            household=household,
            basket_id=day * 1_000 + household,
            at=START + timedelta(days=day, minutes=household),
            total_minor=1_000 + household,
        )
        for day in range(days)
        for household in range(households)
    ]


@pytest.mark.parametrize(("total", "earned"), [(49, 0), (50, 1), (99, 1), (100, 2), (12_345, 246)])
def test_cashback_is_two_percent_rounded_down(total, earned):
    assert cashback(total) == earned


def test_every_fifth_visit_of_a_household_redeems():
    visits = [visit for day in plan(baskets(7, 23), 1) for those in day.visits for visit in those]
    assert {visit.number for visit in visits if visit.redemption is not None} == {5, 10, 15, 20}


def test_redemptions_go_the_ways_that_are_wanted_in_their_shares():
    ways = Counter(
        visit.redemption
        for day in plan(baskets(100, 50), 1)
        for those in day.visits
        for visit in those
        if visit.redemption is not None
    )
    assert {way: ways[way] for way in Redemption} == {way: 10 * way.percent for way in Redemption}
    assert sum(way.percent for way in Redemption) == 100


def test_the_same_seed_asks_the_same_and_another_something_else():
    asked = baskets(20, 10)
    assert plan(asked, 1) == plan(asked, 1)
    assert plan(asked, 1) != plan(asked, 2)


def test_a_day_keeps_the_order_of_a_households_visits():
    twice = [
        *baskets(3, 2),
        Basket(household=1, basket_id=9, at=START + timedelta(days=1, hours=5), total_minor=500),
    ]
    (_, second) = plan(twice, 1)
    (of_one,) = [those for those in second.visits if those[0].basket.household == 1]
    assert [visit.number for visit in of_one] == [2, 3]


def test_books_spend_what_expires_first_and_give_back_what_was_not_spent():
    book, soon, later = Book(), START + timedelta(days=1), START + timedelta(days=9)
    book.credit(100, later)
    book.credit(50, soon)
    assert book.hold("r", 80, START + timedelta(minutes=15)) == 0
    assert book.lots == {later: 70}
    assert book.spend("r", 60) == 0
    book.end("r")
    assert (book.lots, book.redeemed, book.reserved) == ({later: 90}, 60, 0)


def test_books_let_overdue_holds_and_lots_expire():
    book, soon = Book(), START + timedelta(days=1)
    book.credit(50, soon)
    book.hold("r", 50, START + timedelta(minutes=15))
    book.pass_time(START + timedelta(minutes=15))
    assert (book.available, book.holds_expired) == (50, 1)
    book.pass_time(soon)
    assert (book.available, book.expired) == (0, 50)


def test_books_say_when_the_service_gave_more_than_there_is():
    book = Book()
    book.credit(50, START + timedelta(days=1))
    assert book.hold("r", 60, START + timedelta(minutes=15)) == 10
    assert book.spend("r", 60) == 10
