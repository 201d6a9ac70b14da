"""A refund and an expiry meet: whichever comes first, the same value is left, in the same lots."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from wallets import Book, new_id, reason_of

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason
from wallet_service.ledger.commands import Expire
from wallet_service.ledger.model import EntryKind, Terms, Wallet

moments = st.one_of(st.none(), st.integers(1, 40))
grants = st.lists(st.tuples(st.integers(1, 60), moments), min_size=1, max_size=6)


def spent(lots: list[tuple[int, int | None]], share: int) -> tuple[Book, Any, int]:
    """A wallet that spent a part of what it was given."""
    book = Book(terms=Terms(floor_minor=-1_000))
    for amount, expires in lots:
        book.grant(amount, expires=expires)
    amount = max(1, sum(amount for amount, _ in lots) * share // 100)
    held = book.held(amount, ttl=10_000)
    book.commit(held)
    return book, held, amount


def what_is_left(wallet: Wallet) -> tuple[Any, ...]:
    return wallet.balance[:4], wallet.available_lots, wallet.pending_lots, wallet.frozen_lots


@given(grants, st.integers(1, 100), st.lists(st.integers(1, 100), min_size=1, max_size=4), st.integers(1, 50))
def test_refund_then_expire_and_expire_then_refund_leave_the_same_lots(
    lots: list[tuple[int, int | None]], share: int, parts: list[int], passed: int
) -> None:
    ends = []
    for refund_first in (True, False):
        book, held, amount = spent(lots, share)
        refunds = [max(1, amount * part // 400) for part in parts]
        if not refund_first:
            book.later(passed).settle()
        left = amount
        for refund in refunds:
            if refund <= left:
                left -= refund
                assert reason_of(book.restore(held, refund)) is None
        if refund_first:
            book.later(passed).settle()
        ends.append(what_is_left(book.wallet))
    assert ends[0] == ends[1]


@given(grants, st.integers(1, 100), st.integers(1, 100), st.integers(1, 50), st.integers(1, 80))
def test_a_debt_between_refund_and_expiry_is_paid_alike(
    lots: list[tuple[int, int | None]], share: int, part: int, passed: int, owed: int
) -> None:
    """A claw-back took more than there was: what comes back pays it, whether or not it expired meanwhile."""
    ends = []
    for refund_first in (True, False):
        book, held, amount = spent(lots, share)
        book.adjust(-book.wallet.available - owed)
        refund = max(1, amount * part // 100)
        if refund_first:
            book.restore(held, refund)
            book.later(passed).settle()
        else:
            book.later(passed).settle()
            book.restore(held, refund)
        ends.append(what_is_left(book.wallet))
    assert ends[0] == ends[1]


def test_what_has_no_expiry_of_its_own_expires_by_command_with_a_record_and_the_rest_stays() -> None:
    book = Book()
    book.grant(30)
    book.grant(20, expires=50)
    book.grant(10, pending=True)
    command = book.an_operation(Expire, expected_version=book.wallet.version)
    book.say(command)
    assert book.lots() == {50: 20}
    assert book.wallet.balance[:4] == (10, 20, 0, 0)
    (entry,) = book.entries[3:]
    assert (entry.kind, entry.amount, entry.subject_id) == (EntryKind.EXPIRE_LOT, 30, command.operation_id)
    assert entry.lots[0].expires_at == NEVER
    assert book.operations[command.operation_id].actor == "ann"
    assert book.say(command).replayed


def test_a_wallet_that_moved_since_it_was_judged_does_not_expire() -> None:
    book = Book()
    book.grant(30)
    judged = book.wallet.version
    book.release(book.held(5))
    outcome = book.operate(Expire, expected_version=judged)
    assert reason_of(outcome) is Reason.VERSION_MISMATCH
    assert outcome.facts == {"version": str(book.wallet.version)}
    assert book.wallet.available == 30
    book.close(forfeit=True)
    assert reason_of(book.operate(Expire, expected_version=book.wallet.version)) is Reason.WALLET_CLOSED


def test_an_idle_wallet_with_nothing_to_expire_is_left_as_it_is() -> None:
    book = Book()
    book.grant(20, expires=50)
    before = book.wallet.balance
    assert reason_of(book.operate(Expire, expected_version=1, operation_id=new_id())) is None
    assert book.wallet.balance == before
