"""Release and extend, and what a decision leaves untouched."""

from __future__ import annotations

import pytest
from wallets import ORDER, SECOND, START, Book, new_id, reason_of

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason
from wallet_service.ledger.commands import Commit, Release
from wallet_service.ledger.model import (
    ACTS_MAX,
    EntryKind,
    ReservationState,
)

HELD, COMMITTED, RELEASED, EXPIRED, REFUSED = ReservationState


def kinds(book: Book, after: int = 0) -> list[EntryKind]:
    return [entry.kind for entry in book.entries if entry.seq > after]


# Reserve


def test_a_release_gives_back_what_is_held_to_its_own_lots() -> None:
    book = Book()
    book.grant(10, expires=20)
    book.grant(10, expires=50)
    held = book.held(15)
    outcome = book.release(held)
    assert (outcome.reservation.state, outcome.balance[:4]) == (RELEASED, (0, 20, 0, 0))
    assert book.lots() == {20: 10, 50: 10}


def test_releasing_twice_is_releasing_once() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    first = book.release(held)
    version = book.wallet.version
    book.grant(5)
    again = book.release(held)
    assert again.replayed
    assert (again.balance, again.reservation) == (first.balance, first.reservation)
    assert book.wallet.version == version + 1


def test_a_release_after_partial_commits_gives_back_only_the_rest() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    book.commit(held, 20, final=False)
    outcome = book.release(held)
    assert (outcome.reservation.state, outcome.reservation.committed) == (RELEASED, 20)
    assert outcome.balance[:4] == (0, 80, 0, 0)


def test_value_that_comes_back_after_its_own_expiry_is_gone_and_the_answer_says_so() -> None:
    book = Book()
    book.grant(10, expires=20)
    book.grant(10)
    held = book.held(20, ttl=100)
    outcome = book.later(20).release(held)
    assert outcome.balance[:4] == (0, 10, 0, 0)
    assert kinds(book, after=3) == [EntryKind.RELEASE, EntryKind.EXPIRE_LOT]


def test_held_value_can_be_spent_after_its_own_expiry() -> None:
    book = Book()
    book.grant(10, expires=20)
    held = book.held(10, ttl=100)
    assert reason_of(book.later(20).commit(held)) is None


def test_cancel_and_time_out_loops_create_no_value() -> None:
    book = Book()
    book.grant(100, expires=10_000)
    for turn in range(50):
        held = book.held(100, ttl=5)
        if turn % 2:
            book.release(held)
        else:
            book.later(5)
    book.settle()
    assert book.wallet.balance[:4] == (0, 100, 0, 0)
    assert book.lots() == {10_000: 100}


# Extend


def test_an_extension_counts_from_now_and_never_shortens() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60, ttl=50)
    assert book.later(10).extend(held, 20).reservation.expires_at == START + 50 * SECOND
    assert book.extend(held, 41).reservation.expires_at == START + 51 * SECOND
    assert book.wallet.version == 2, "no value moved, so no entry was written"
    assert reason_of(book.later(40).commit(held)) is None


@pytest.mark.parametrize(("ttl", "reason"), [(89, None), (90, None), (91, Reason.TTL_OUT_OF_RANGE)])
def test_a_reservation_lives_no_longer_than_its_program_allows(ttl: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(100)
    held = book.held(60, ttl=50)
    assert reason_of(book.later(10).extend(held, ttl, lifetime=100)) is reason


def test_a_time_that_no_reservation_may_have_is_told_before_the_reservation_has_ended() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60, ttl=50)
    book.release(held)
    assert reason_of(book.extend(held, 101, lifetime=100)) is Reason.TTL_OUT_OF_RANGE
    assert reason_of(book.extend(held, 100, lifetime=100)) is Reason.RESERVATION_RELEASED


def test_a_repeated_extension_id_returns_the_first_outcome() -> None:
    book = Book()
    book.grant(100)
    held, extension_id = book.held(60, ttl=50), new_id()
    first = book.extend(held, 60, extension_id=extension_id)
    book.later(20).extend(held, 90)
    again = book.extend(held, 60, extension_id=extension_id)
    assert again.replayed
    assert (again.balance, again.reservation) == (first.balance, first.reservation)
    assert reason_of(book.extend(held, 61, extension_id=extension_id)) is Reason.ID_REUSED


def test_extensions_are_counted_among_the_parts() -> None:
    book = Book()
    book.grant(100)
    held = book.held(60)
    for _ in range(ACTS_MAX):
        book.extend(held, 1)
    assert reason_of(book.extend(held, 1)) is Reason.TOO_MANY_COMMITS


# Over all


def test_a_command_that_finds_its_wallet_unchanged_writes_nothing() -> None:
    book = Book()
    book.grant(100)
    held = book.held(10)
    before = book.wallet
    for command in (
        Commit(wallet_id=before.wallet_id, reservation_id=held, commit_id=new_id(), amount=11, final=True),
        Release(wallet_id=before.wallet_id, reservation_id=new_id()),
    ):
        decision = book.decide(command)
        assert decision.wallet is before
        assert decision.entries == ()


def test_a_settle_with_nothing_due_writes_nothing() -> None:
    book = Book()
    book.grant(100, expires=50)
    before = book.wallet
    assert book.later(49).settle().balance == before.balance
    assert book.wallet is before


def test_a_moment_remembered_too_early_is_set_right_once() -> None:
    book = Book()
    book.grant(100)
    held = book.held(10, ttl=10)
    book.extend(held, 500)
    book.later(10).settle()
    assert book.wallet.next_due_at == START + 500 * SECOND
    before = book.wallet
    book.settle()
    assert book.wallet is before


def test_a_wallet_in_which_nothing_can_fall_due_says_so() -> None:
    book = Book()
    book.grant(100)
    held = book.held(10, ttl=10)
    book.commit(held)
    book.later(10).settle()
    assert book.wallet.next_due_at == NEVER


def test_the_order_travels_with_the_reservation() -> None:
    book = Book()
    book.grant(100)
    outcome = book.reserve(10)
    assert outcome.reservation.order == ORDER
    assert outcome.reservation.opened == outcome.balance
