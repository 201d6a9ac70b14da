"""Credits, refunds, freezing, adjusting, closing: what they promise, said one sentence at a time."""

from __future__ import annotations

import json

import pytest
from wallets import SECOND, START, Book, change, credit, in_debt, new_id, reason_of

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Adjust
from wallet_service.ledger.model import BALANCE_MAX, LOTS_MAX, EntryKind, Terms

# Grant


def test_a_pending_credit_cannot_be_spent_before_it_matures() -> None:
    book = Book()
    given = credit(book, 100, pending=True)
    assert book.wallet.balance[:4] == (100, 0, 0, 0)
    assert reason_of(book.reserve(1)) is Reason.INSUFFICIENT_BALANCE
    assert book.mature(given).balance[:4] == (0, 100, 0, 0)
    assert reason_of(book.reserve(100)) is None


def test_an_event_credits_once() -> None:
    book = Book()
    command = book.a_grant(100, pending=True)
    first = book.say(command)
    book.mature(command.credit_id)
    book.claw_back(command.credit_id, 30)
    before = book.wallet
    again = book.say(command)
    assert again.replayed
    assert (again.balance, again.credit) == (first.balance, first.credit)
    assert book.wallet is before


@pytest.mark.parametrize(
    "other", [{"amount": 99}, {"pending": True}, {"expires_at": START + 99 * SECOND}, {"reference": "else"}]
)
def test_a_credit_id_with_other_content_is_refused_and_changes_nothing(other: dict[str, object]) -> None:
    book = Book()
    command = book.a_grant(100)
    book.say(command)
    before = book.wallet
    assert reason_of(book.say(change(command, **other))) is Reason.ID_REUSED
    assert book.wallet is before


@pytest.mark.parametrize(
    ("off", "reason"), [(-1, Reason.EXPIRY_IN_THE_PAST), (0, Reason.EXPIRY_IN_THE_PAST), (1, None)]
)
def test_value_that_has_expired_cannot_be_given(off: int, reason: Reason | None) -> None:
    book = Book()
    assert reason_of(book.grant(1, expires_at=book.now + off)) is reason
    assert reason_of(book.operate(Adjust, delta=1, expires_at=book.now + off)) is reason


@pytest.mark.parametrize(("amount", "reason"), [(99, None), (100, None), (101, Reason.AMOUNT_OUT_OF_RANGE)])
def test_a_wallet_holds_no_more_than_a_balance_can_say(amount: int, reason: Reason | None) -> None:
    book = Book()
    for given in (50, 30, 20, BALANCE_MAX - 200):
        book.grant(given, pending=given == 30)
    book.held(20)
    book.freeze(10)
    assert reason_of(book.grant(amount)) is reason


def test_who_gave_value_and_why_is_in_the_entry() -> None:
    book = Book()
    book.grant(1, actor="ann", reason='said "so"', reference="order-7")
    assert json.loads(book.entries[0].detail) == {
        "actor": "ann",
        "reason": 'said "so"',
        "reference": "order-7",
    }
    book.grant(1)
    assert book.entries[1].detail == ""


# Lots


def full_of_lots(lots: int, *, pending: bool = False) -> Book:
    book = Book()
    for number in range(lots):
        book.grant(1, expires=100 + number, pending=pending)
    return book


@pytest.mark.parametrize("pending", [False, True])
def test_a_wallet_has_so_many_lots_and_no_more(pending: bool) -> None:
    book = full_of_lots(LOTS_MAX - 1, pending=pending)
    assert reason_of(book.grant(1, expires=50)) is None
    assert reason_of(book.grant(1, expires=51)) is Reason.TOO_MANY_LOTS
    assert reason_of(book.adjust(1, expires=51)) is Reason.TOO_MANY_LOTS
    assert reason_of(book.grant(1, expires=100)) is None, "equal expiry merges"


def test_lots_are_counted_wherever_they_stand_for_all_become_available_in_the_end() -> None:
    book = full_of_lots(LOTS_MAX - 3)
    book.freeze(1)
    book.held(1)
    book.grant(1, expires=50, pending=True)
    book.grant(1, expires=51)
    book.grant(1, expires=52)
    assert reason_of(book.grant(1, expires=53)) is Reason.TOO_MANY_LOTS


def test_expired_lots_make_room() -> None:
    book = full_of_lots(LOTS_MAX)
    assert reason_of(book.grant(1, expires=5_000)) is Reason.TOO_MANY_LOTS
    assert reason_of(book.later(100).grant(1, expires=5_000)) is None


def test_each_lot_expires_at_its_moment_and_only_what_is_left_of_it() -> None:
    book = Book()
    book.grant(10, expires=10)
    book.grant(20, expires=20)
    book.commit(book.held(4))
    assert book.later(9.999_999).settle().balance.available == 26
    assert book.later(0.000_001).settle().balance.available == 20
    assert book.later(10).settle().balance.available == 0
    assert [entry.amount for entry in book.entries if entry.kind is EntryKind.EXPIRE_LOT] == [6, 20]


def test_expired_value_cannot_be_reserved_though_no_sweeper_came() -> None:
    book = Book()
    book.grant(10, expires=10)
    assert reason_of(book.later(10).reserve(1)) is Reason.INSUFFICIENT_BALANCE


def test_a_credit_that_matures_after_its_expiry_expires_at_once() -> None:
    book = Book()
    given = credit(book, 10, expires=10, pending=True)
    assert book.later(10).mature(given).balance[:4] == (0, 0, 0, 0)
    assert [entry.kind for entry in book.entries[-2:]] == [EntryKind.MATURE, EntryKind.EXPIRE_LOT]


# Mature


def test_a_credit_matures_once() -> None:
    book = Book()
    given = credit(book, 10, pending=True)
    book.mature(given)
    assert reason_of(book.mature(given)) is Reason.CREDIT_NOT_PENDING


def test_what_was_clawed_back_does_not_mature() -> None:
    book = Book()
    given = credit(book, 10, pending=True)
    book.claw_back(given, 4)
    assert book.mature(given).balance[:4] == (0, 6, 0, 0)


# Claw back


@pytest.mark.parametrize(("amount", "reason"), [(69, None), (70, None), (71, Reason.ABOVE_CREDIT)])
def test_no_more_is_clawed_back_than_the_credit_brought(amount: int, reason: Reason | None) -> None:
    book = Book()
    given = credit(book, 100)
    book.claw_back(given, 30)
    outcome = book.claw_back(given, amount)
    assert reason_of(outcome) is reason
    if isinstance(outcome, Refusal):
        assert outcome.facts["left_minor"] == "70"


@pytest.mark.parametrize(
    ("floor", "reason"), [(-61, None), (-60, None), (-59, Reason.BELOW_FLOOR), (0, Reason.BELOW_FLOOR)]
)
def test_a_claw_back_of_spent_value_goes_into_debt_down_to_the_floor(
    floor: int, reason: Reason | None
) -> None:
    book = Book(terms=Terms(floor_minor=floor))
    given = credit(book, 100)
    book.commit(book.held(60))
    outcome = book.claw_back(given, 100)
    assert reason_of(outcome) is reason
    assert book.wallet.available == (40 if reason else -60)


def test_a_claw_back_never_touches_what_is_reserved() -> None:
    book = Book()
    given = credit(book, 100)
    held = book.held(100)
    assert reason_of(book.claw_back(given, 1)) is Reason.BELOW_FLOOR
    assert reason_of(book.commit(held)) is None


def test_a_claw_back_takes_frozen_then_pending_then_available_value() -> None:
    book = Book()
    given = credit(book, 100, pending=True)
    credit(book, 50)
    book.freeze(credit_id=given)
    book.unfreeze(credit_id=given)
    book.claw_back(given, 10)
    assert book.wallet.balance[:4] == (90, 50, 0, 0)
    book.freeze(credit_id=given)
    book.claw_back(given, 20)
    assert book.wallet.balance[:4] == (0, 50, 0, 70)
    book.unfreeze(credit_id=given)
    book.mature(given)
    book.claw_back(given, 30)
    assert book.wallet.balance[:4] == (0, 90, 0, 0)


def test_a_claw_back_takes_the_credits_own_lot_first_then_what_expires_soonest() -> None:
    book = Book()
    credit(book, 10, expires=10)
    given = credit(book, 10, expires=30)
    credit(book, 10, expires=20)
    book.claw_back(given, 8)
    assert book.lots() == {10: 10, 20: 10, 30: 2}
    book.reserve(15)
    book.claw_back(given, 1)
    assert book.lots() == {20: 5, 30: 1}
    book.claw_back(given, 1)
    assert book.lots() == {20: 5}


def test_a_claw_back_whose_own_lot_is_spent_takes_what_expires_soonest() -> None:
    book = Book()
    given = credit(book, 10, expires=5)
    book.commit(book.held(10))
    credit(book, 10, expires=30)
    credit(book, 10, expires=20)
    book.claw_back(given, 10)
    assert book.lots() == {30: 10}


def test_eleven_small_returns_take_back_as_much_as_one_large_one() -> None:
    book = Book()
    given = credit(book, 99)
    for _ in range(11):
        book.claw_back(given, 9)
    assert book.wallet.available == 0
    assert reason_of(book.claw_back(given, 1)) is Reason.ABOVE_CREDIT


# Debt


def test_later_credits_pay_the_debt_first_with_what_expires_soonest() -> None:
    book = in_debt(60)
    book.grant(40, expires=10)
    assert (book.wallet.available, book.lots()) == (-20, {})
    book.grant(50, expires=20)
    assert (book.wallet.available, book.lots()) == (30, {20: 30})
    assert reason_of(book.reserve(31)) is Reason.INSUFFICIENT_BALANCE
    assert reason_of(book.reserve(30)) is None


def test_what_paid_a_debt_does_not_expire_again() -> None:
    book = in_debt(60)
    book.grant(60, expires=10)
    assert book.later(10).settle().balance[:4] == (0, 0, 0, 0)


def test_nothing_can_be_reserved_out_of_debt() -> None:
    assert reason_of(in_debt().reserve(1)) is Reason.INSUFFICIENT_BALANCE


def test_a_restore_and_a_release_pay_the_debt_too() -> None:
    book = Book(terms=Terms(floor_minor=-100))
    given = credit(book, 100)
    spent, held = book.held(50), book.held(50)
    book.commit(spent)
    book.claw_back(given, 100)
    assert book.release(held).balance[:4] == (0, -50, 0, 0)
    assert book.restore(spent, 50).balance[:4] == (0, 0, 0, 0)
    assert book.lots() == {}


@pytest.mark.parametrize(("delta", "reason"), [(-39, None), (-40, None), (-41, Reason.BELOW_FLOOR)])
def test_an_adjustment_goes_down_to_the_floor(delta: int, reason: Reason | None) -> None:
    book = Book(terms=Terms(floor_minor=-30))
    book.grant(10)
    assert reason_of(book.adjust(delta)) is reason
    assert book.wallet.available == (10 if reason else 10 + delta)


def test_a_raised_floor_binds_from_the_next_decision_and_repairs_nothing() -> None:
    book = in_debt(60)
    book.terms = Terms(floor_minor=0)
    assert reason_of(book.adjust(-1)) is Reason.BELOW_FLOOR
    assert reason_of(book.grant(10)) is None
    assert book.wallet.available == -50


# Restore


@pytest.mark.parametrize(("amount", "reason"), [(29, None), (30, None), (31, Reason.ABOVE_COMMITTED)])
def test_no_more_is_restored_than_was_spent(amount: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    book.commit(held, 50)
    book.restore(held, 20)
    outcome = book.restore(held, amount)
    assert reason_of(outcome) is reason
    if isinstance(outcome, Refusal):
        assert outcome.facts["left_minor"] == "30"


def test_a_restore_keeps_the_original_expiry_and_shares_in_proportion() -> None:
    book = Book()
    book.grant(30, expires=100)
    book.grant(60, expires=200)
    held = book.held(90)
    book.commit(held)
    book.later(50).restore(held, 30)
    assert book.lots() == {100: 10, 200: 20}
    book.restore(held, 60)
    assert book.lots() == {100: 30, 200: 60}


def test_what_has_expired_meanwhile_expires_as_it_is_restored() -> None:
    book = Book()
    book.grant(30, expires=100)
    book.grant(60, expires=200)
    held = book.held(90)
    book.commit(held)
    assert book.later(100).restore(held, 90).balance[:4] == (0, 60, 0, 0)
    assert book.lots() == {200: 60}


def test_what_was_spent_of_a_reservation_still_held_can_be_restored() -> None:
    book = Book()
    book.grant(60)
    held = book.held(60)
    book.commit(held, 20, final=False)
    assert book.restore(held, 20).balance[:4] == (0, 20, 40, 0)
    assert book.commit(held).balance[:4] == (0, 20, 0, 0)
    assert book.restore(held, 40).balance[:4] == (0, 60, 0, 0)
    assert reason_of(book.restore(held, 1)) is Reason.ABOVE_COMMITTED


def test_nothing_was_spent_of_what_was_refused_released_or_never_made() -> None:
    book = Book()
    book.grant(10)
    refused = book.a_reserve(99)
    book.say(refused)
    released = book.held(10)
    book.release(released)
    assert reason_of(book.restore(refused.reservation_id, 1)) is Reason.RESERVATION_REFUSED
    assert reason_of(book.restore(released, 1)) is Reason.ABOVE_COMMITTED
    assert reason_of(book.restore(new_id(), 1)) is Reason.RESERVATION_NOT_FOUND
