"""A hold that a person must let pass: what may be done with it before, and what becomes of it after."""

from __future__ import annotations

from typing import Any

import pytest
from wallets import SECOND, START, Book, change, new_id, reason_of

from wallet_service.kernel.errors import Reason
from wallet_service.ledger.commands import Review
from wallet_service.ledger.model import Account, EntryKind, ReservationState, ReviewState


def waiting(book: Book, amount: int = 40, *, ttl: int = 100, review_ttl: int = 1_000) -> Any:
    book.grant(100)
    outcome = book.reserve(amount, ttl=ttl, review=True, review_ttl_seconds=review_ttl)
    return outcome.reservation.reservation_id


def test_a_hold_under_review_holds_its_value_and_says_that_it_waits() -> None:
    book = Book()
    reservation = book.reservation(waiting(book))
    assert (book.wallet.available, book.wallet.reserved) == (60, 40)
    assert (reservation.state, reservation.review) == (ReservationState.HELD, ReviewState.WAITING)
    assert reservation.under_review


@pytest.mark.parametrize(("ttl", "review_ttl", "seconds"), [(100, 1_000, 1_000), (100, 10, 100)])
def test_a_hold_under_review_is_held_for_the_longer_of_the_two_times(
    ttl: int, review_ttl: int, seconds: int
) -> None:
    book = Book()
    held = waiting(book, ttl=ttl, review_ttl=review_ttl)
    assert book.reservation(held).expires_at == START + seconds * SECOND


def test_a_reserve_that_is_refused_waits_for_nobody() -> None:
    book = Book()
    outcome = book.reserve(1, review=True)
    assert reason_of(outcome) is Reason.INSUFFICIENT_BALANCE
    (refused,) = book.reservations.values()
    assert refused.review is ReviewState.NONE


def test_a_hold_under_review_is_neither_committed_nor_extended() -> None:
    book = Book()
    held = waiting(book)
    before = book.wallet
    assert reason_of(book.commit(held)) is Reason.UNDER_REVIEW
    assert reason_of(book.commit(held, 10, final=False)) is Reason.UNDER_REVIEW
    assert reason_of(book.extend(held, 500, lifetime=5_000)) is Reason.UNDER_REVIEW
    assert book.wallet is before


def test_a_hold_under_review_is_released_by_its_customer() -> None:
    book = Book()
    held = waiting(book)
    assert book.release(held).reservation.state is ReservationState.RELEASED
    assert reason_of(book.review(held, approve=True, ttl=100)) is Reason.RESERVATION_RELEASED
    assert book.release(held).replayed


def test_a_hold_under_review_expires_by_itself() -> None:
    book = Book()
    held = waiting(book, review_ttl=1_000)
    book.later(1_000).settle()
    assert book.reservation(held).state is ReservationState.EXPIRED
    assert reason_of(book.review(held, approve=True, ttl=100)) is Reason.RESERVATION_EXPIRED
    assert book.wallet.available == 100


def test_an_approved_hold_is_committed_within_the_time_that_approval_gave() -> None:
    book = Book()
    held = waiting(book, review_ttl=1_000)
    book.later(990)
    assert book.review(held, approve=True, ttl=600).balance == book.wallet.balance
    approved = book.reservation(held)
    assert approved.review is ReviewState.APPROVED
    assert approved.expires_at == START + (990 + 600) * SECOND
    outcome = book.later(599).commit(held)
    assert outcome.reservation.state is ReservationState.COMMITTED
    assert outcome.reservation.review is ReviewState.APPROVED


def test_an_approval_never_shortens_what_the_checkout_was_told() -> None:
    book = Book()
    held = waiting(book, review_ttl=1_000)
    book.review(held, approve=True, ttl=1)
    assert book.reservation(held).expires_at == START + 1_000 * SECOND


def test_an_approved_hold_that_nobody_commits_expires() -> None:
    book = Book()
    held = waiting(book, ttl=10, review_ttl=10)
    book.review(held, approve=True, ttl=50)
    assert reason_of(book.later(50).commit(held)) is Reason.RESERVATION_EXPIRED


def test_a_rejected_hold_gives_its_value_back_and_says_by_whom_and_why() -> None:
    book = Book()
    held = waiting(book)
    command = book.an_operation(Review, reservation_id=held, approve=False, actor="rita", reason="a farm")
    book.say(command)
    entry = book.entries[-1]
    assert (entry.kind, entry.source, entry.target) == (
        EntryKind.RELEASE,
        Account.RESERVED,
        Account.AVAILABLE,
    )
    assert (entry.amount, entry.subject_id, entry.act_id) == (40, held, command.operation_id)
    assert entry.detail == '{"actor":"rita","reason":"a farm"}'
    rejected = book.reservation(held)
    assert (rejected.state, rejected.review) == (ReservationState.RELEASED, ReviewState.REJECTED)
    assert (book.wallet.available, book.wallet.reserved) == (100, 0)


def test_nothing_can_be_done_any_more_with_a_rejected_hold() -> None:
    book = Book()
    held = waiting(book)
    book.review(held, approve=False)
    before = book.wallet
    for outcome in (
        book.commit(held),
        book.release(held),
        book.extend(held, 10),
        book.review(held, approve=True),
    ):
        assert reason_of(outcome) is Reason.RESERVATION_REJECTED
    assert book.wallet is before


@pytest.mark.parametrize("approve", [True, False])
def test_a_repeated_decision_is_answered_as_the_first_time(approve: bool) -> None:
    book = Book()
    held = waiting(book)
    command = book.an_operation(Review, reservation_id=held, approve=approve, ttl_seconds=50)
    first = book.say(command)
    book.later(20)
    if approve:
        book.commit(held)
    before = book.wallet
    again = book.say(command)
    assert again.replayed
    assert again.balance == first.balance
    assert book.wallet is before


def test_a_decision_id_with_other_content_is_refused() -> None:
    book = Book()
    held = waiting(book)
    command = book.an_operation(Review, reservation_id=held, approve=True, ttl_seconds=50)
    book.say(command)
    assert reason_of(book.say(change(command, approve=False))) is Reason.ID_REUSED
    assert book.reservation(held).review is ReviewState.APPROVED


def test_two_reviewers_decide_a_hold_once() -> None:
    book = Book()
    held = waiting(book)
    book.review(held, approve=True, ttl=50)
    assert reason_of(book.review(held, approve=False)) is Reason.CASE_DECIDED


def test_what_was_never_under_review_is_not_decided() -> None:
    book = Book()
    book.grant(100)
    assert reason_of(book.review(book.held(10), approve=False)) is Reason.CASE_NOT_FOUND
    assert reason_of(book.review(new_id(), approve=False)) is Reason.RESERVATION_NOT_FOUND


def test_a_repeated_reserve_is_answered_as_it_was_before_the_decision() -> None:
    book = Book()
    book.grant(100)
    command = book.a_reserve(40, review=True, review_ttl_seconds=1_000)
    first = book.say(command)
    book.review(command.reservation_id, approve=True, ttl=5_000)
    # What speaks for a review now is not what makes two calls the same.
    again = book.say(change(command, review=False))
    assert again.replayed
    assert change(again, replayed=False) == first
