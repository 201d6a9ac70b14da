"""Commit: in full, in part, in several parts, and what has ended."""

from __future__ import annotations

import pytest
from wallets import Book, new_id, reason_of

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.model import (
    ACTS_MAX,
    EntryKind,
    ReservationState,
)

HELD, COMMITTED, RELEASED, EXPIRED, REFUSED = ReservationState


def kinds(book: Book, after: int = 0) -> list[EntryKind]:
    return [entry.kind for entry in book.entries if entry.seq > after]


# Reserve


# Commit


def test_a_commit_without_an_amount_spends_all_that_is_held_and_leaves_exactly_nothing() -> None:
    book = Book()
    book.grant(99_999)
    held = book.held(99_999)
    outcome = book.commit(held)
    assert outcome.balance[:4] == (0, 0, 0, 0)
    assert book.wallet.available_lots == ()
    assert (outcome.reservation.state, outcome.reservation.committed) == (COMMITTED, 99_999)
    assert kinds(book) == [EntryKind.CREDIT, EntryKind.RESERVE, EntryKind.COMMIT]


@pytest.mark.parametrize(
    ("amount", "reason"), [(59, None), (60, None), (61, Reason.COMMIT_ABOVE_RESERVATION)]
)
def test_no_more_than_is_held_can_be_committed(amount: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    outcome = book.commit(held, amount)
    assert reason_of(outcome) is reason
    if isinstance(outcome, Refusal):
        assert outcome.facts["held_minor"] == "60"
        assert book.wallet.reserved == 60
    else:
        assert book.wallet.balance[:4] == (0, 100 - amount, 0, 0)


def test_a_final_partial_commit_gives_the_rest_back_at_once_to_its_own_lots() -> None:
    book = Book()
    book.grant(10, expires=20)
    book.grant(10, expires=50)
    held = book.held(20)
    outcome = book.commit(held, 12)
    assert (outcome.reservation.state, outcome.balance[:4]) == (COMMITTED, (0, 8, 0, 0))
    assert book.lots() == {50: 8}
    assert kinds(book, after=3) == [EntryKind.COMMIT, EntryKind.RELEASE]


def test_several_commits_spend_one_reservation_and_the_one_that_empties_it_ends_it() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    first = book.commit(held, 20, final=False)
    assert (first.reservation.state, first.reservation.held) == (HELD, 40)
    last = book.commit(held, 40, final=False)
    assert (last.reservation.state, last.reservation.committed) == (COMMITTED, 60)
    assert book.wallet.balance[:4] == (0, 40, 0, 0)


def test_a_final_commit_after_partial_ones_takes_what_is_left() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    book.commit(held, 20, final=False)
    assert reason_of(book.commit(held, 41)) is Reason.COMMIT_ABOVE_RESERVATION
    outcome = book.commit(held)
    assert [act.amount for act in outcome.reservation.acts] == [20, 40]
    assert book.wallet.balance[:4] == (0, 40, 0, 0)


@pytest.mark.parametrize("final", [True, False])
def test_a_repeated_commit_id_returns_the_first_outcome(final: bool) -> None:
    book = Book()
    book.grant(100)
    held, commit_id = book.held(60), new_id()
    first = book.commit(held, 20, final=final, commit_id=commit_id)
    if not final:
        book.commit(held, 5, final=False)
        book.release(held)
    version = book.wallet.version
    again = book.commit(held, 20, final=final, commit_id=commit_id)
    assert again.replayed
    assert again.balance == first.balance
    assert again.reservation.state is first.reservation.state
    assert again.reservation.acts == first.reservation.acts
    assert again.reservation.committed == 20
    assert book.wallet.version == version


@pytest.mark.parametrize(("amount", "final"), [(21, False), (20, True), (None, False)])
def test_a_commit_id_with_other_content_is_refused_and_changes_nothing(
    amount: int | None, final: bool
) -> None:
    book = Book()
    book.grant(100)
    held, commit_id = book.held(60), new_id()
    book.commit(held, 20, final=False, commit_id=commit_id)
    before = book.wallet
    assert reason_of(book.commit(held, amount, final=final, commit_id=commit_id)) is Reason.ID_REUSED
    assert book.wallet is before


def test_an_extension_id_is_no_commit_id() -> None:
    book = Book()
    book.grant(100)
    held, act_id = book.held(60), new_id()
    book.extend(held, 200, extension_id=act_id)
    assert reason_of(book.commit(held, commit_id=act_id)) is Reason.ID_REUSED
    book.commit(held, 1, final=False, commit_id=(spent := new_id()))
    assert reason_of(book.extend(held, 200, extension_id=spent)) is Reason.ID_REUSED


@pytest.mark.parametrize(("parts", "reason"), [(ACTS_MAX - 1, None), (ACTS_MAX, Reason.TOO_MANY_COMMITS)])
def test_a_reservation_has_so_many_parts_and_can_always_be_ended(parts: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(1_000)
    held = book.held(1_000)
    for _ in range(parts):
        book.commit(held, 1, final=False)
    assert reason_of(book.commit(held, 1, final=False)) is reason
    assert reason_of(book.commit(held)) is None


def end(book: Book, ending: ReservationState) -> str:
    if ending is REFUSED:
        return book.reserve(10_000).reason and book.last.reservations[0].reservation_id  # type: ignore[union-attr]
    held = book.held(10, ttl=5)
    if ending is COMMITTED:
        book.commit(held)
    elif ending is RELEASED:
        book.release(held)
    else:
        book.later(5).settle()
    return str(held)


ENDED = [
    (REFUSED, Reason.RESERVATION_REFUSED),
    (COMMITTED, Reason.RESERVATION_COMMITTED),
    (RELEASED, Reason.RESERVATION_RELEASED),
    (EXPIRED, Reason.RESERVATION_EXPIRED),
]


@pytest.mark.parametrize(("ending", "reason"), ENDED)
def test_what_has_ended_cannot_be_committed_released_or_extended(
    ending: ReservationState, reason: Reason
) -> None:
    book = Book()
    book.grant(100)
    ended = end(book, ending)
    before = book.wallet
    assert reason_of(book.commit(ended)) is reason
    assert reason_of(book.commit(ended, 10**9)) is reason
    assert reason_of(book.extend(ended, 5)) is reason
    released = book.release(ended)
    if ending is RELEASED:
        assert released.replayed
    else:
        assert reason_of(released) is reason
    assert book.wallet is before


def test_a_reservation_nobody_made_is_not_found() -> None:
    book = Book()
    book.grant(100)
    before = book.wallet
    for outcome in (book.commit(new_id()), book.release(new_id()), book.extend(new_id(), 5)):
        assert reason_of(outcome) is Reason.RESERVATION_NOT_FOUND
        assert outcome.field == "reservation_id"
    assert book.wallet is before


def test_a_reused_commit_id_is_told_before_the_reservation_has_ended() -> None:
    book = Book()
    book.grant(100)
    held, commit_id = book.held(10), new_id()
    book.commit(held, 5, commit_id=commit_id)
    assert reason_of(book.commit(held, 6, commit_id=commit_id)) is Reason.ID_REUSED


# Release
