"""Lots: taking, putting, removing and sharing lose nothing, invent nothing and keep the order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wallet_service.kernel.clock import Instant
from wallet_service.ledger.decide import lots as lot
from wallet_service.ledger.decide.lots import Lots
from wallet_service.ledger.model import Lot, lots_total

piles: st.SearchStrategy[Lots] = st.dictionaries(
    st.integers(1, 12).map(Instant), st.integers(1, 10**15), max_size=8
).map(lambda pile: tuple(Lot(at, pile[at]) for at in sorted(pile)))
small_piles: st.SearchStrategy[Lots] = st.dictionaries(
    st.integers(1, 12).map(Instant), st.integers(1, 9), min_size=1, max_size=8
).map(lambda pile: tuple(Lot(at, pile[at]) for at in sorted(pile)))


def in_order(lots: Lots) -> bool:
    return [part.expires_at for part in lots] == sorted({part.expires_at for part in lots}) and all(
        part.amount > 0 for part in lots
    )


def of(lots: Lots, expires_at: int) -> int:
    return sum(part.amount for part in lots if part.expires_at == expires_at)


def same(left: Lots, right: Lots) -> bool:
    return dict(left) == dict(right)


@given(piles, st.data())
def test_taking_splits_lots_into_two_piles_that_are_the_whole(lots: Lots, data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, lots_total(lots)))
    taken, rest = lot.take(lots, amount)
    assert lots_total(taken) == amount
    assert in_order(taken)
    assert in_order(rest)
    assert lot.put(taken, rest) == lots


@given(piles, st.data())
def test_taking_empties_each_lot_before_it_touches_one_that_expires_later(
    lots: Lots, data: st.DataObject
) -> None:
    amount = data.draw(st.integers(0, lots_total(lots)))
    taken, rest = lot.take(lots, amount)
    if taken and rest:
        assert taken[-1].expires_at <= rest[0].expires_at


@given(piles)
def test_more_cannot_be_taken_than_there_is(lots: Lots) -> None:
    with pytest.raises(ArithmeticError):
        lot.take(lots, lots_total(lots) + 1)


@given(piles, st.integers(0, 10**16))
def test_taking_up_to_an_amount_takes_all_where_there_is_less(lots: Lots, amount: int) -> None:
    taken, rest = lot.take_up_to(lots, amount)
    assert lots_total(taken) == min(amount, lots_total(lots))
    assert lot.put(taken, rest) == lots


@given(piles, st.integers(1, 12), st.data())
def test_taking_at_an_expiry_takes_that_lot_first(lots: Lots, expires_at: int, data: st.DataObject) -> None:
    amount = data.draw(st.integers(0, lots_total(lots)))
    taken, rest = lot.take_expiring_at(lots, Instant(expires_at), amount)
    assert lots_total(taken) == amount
    assert in_order(taken)
    assert in_order(rest)
    assert lot.put(taken, rest) == lots
    assert of(taken, expires_at) == min(amount, of(lots, expires_at))


@given(piles, piles)
def test_putting_keeps_every_unit_at_its_expiry(lots: Lots, added: Lots) -> None:
    merged = lot.put(lots, added)
    assert in_order(merged)
    assert merged == lot.put(added, lots)
    for expires_at in range(1, 13):
        assert of(merged, expires_at) == of(lots, expires_at) + of(added, expires_at)


@given(piles, piles)
def test_removing_what_was_put_gives_what_was_there(lots: Lots, added: Lots) -> None:
    assert lot.remove(lot.put(lots, added), added) == lots
    assert in_order(lot.remove(lot.put(lots, added), added))


@given(piles, st.integers(1, 12))
def test_no_lot_can_be_removed_that_is_not_there(lots: Lots, expires_at: int) -> None:
    with pytest.raises(ArithmeticError):
        lot.remove(lots, (Lot(Instant(expires_at), of(lots, expires_at) + 1),))


@given(small_piles, st.data())
def test_a_share_is_in_proportion_to_less_than_a_unit(lots: Lots, data: st.DataObject) -> None:
    total = lots_total(lots)
    amount = data.draw(st.integers(1, total))
    shared = lot.share(lots, amount)
    assert lots_total(shared) == amount
    assert in_order(shared)
    for part in lots:
        got = of(shared, part.expires_at)
        assert got <= part.amount
        assert abs(got * total - amount * part.amount) < total


@given(small_piles)
def test_sharing_all_gives_back_all(lots: Lots) -> None:
    assert lot.share(lots, lots_total(lots)) == lots


@given(small_piles, st.data())
def test_shares_of_what_is_left_always_end_with_all_given_back(lots: Lots, data: st.DataObject) -> None:
    left, back = lots, ()
    while left:
        part = lot.share(left, data.draw(st.integers(1, lots_total(left))))
        back, left = lot.put(back, part), lot.remove(left, part)
    assert same(back, lots)


def test_a_tie_goes_to_the_lot_that_expires_later() -> None:
    assert lot.share((Lot(Instant(1), 1), Lot(Instant(2), 1)), 1) == (Lot(Instant(2), 1),)


@pytest.mark.parametrize("amount", [0, -1, 3])
def test_nothing_and_more_than_all_cannot_be_shared(amount: int) -> None:
    with pytest.raises(ArithmeticError):
        lot.share((Lot(Instant(1), 2),), amount)


def test_an_amount_of_one_expiry_is_one_lot_and_nothing_is_none() -> None:
    assert lot.one(Instant(1), 5) == (Lot(Instant(1), 5),)
    assert lot.one(Instant(1), 0) == ()
