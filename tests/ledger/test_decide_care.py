"""Freeze, unfreeze and close, and what every operation promises."""

from __future__ import annotations

import json

import pytest
from wallets import Book, change, credit, in_debt, new_id, reason_of

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason
from wallet_service.ledger.commands import Adjust, ClawBack, Close, Expire, Freeze, Mature, Restore, Unfreeze
from wallet_service.ledger.model import Account, WalletState

# Freeze and unfreeze


@pytest.mark.parametrize(("amount", "reason"), [(9, None), (10, None), (11, Reason.INSUFFICIENT_BALANCE)])
def test_no_more_is_frozen_than_is_available_and_no_more_unfrozen_than_was_frozen(
    amount: int, reason: Reason | None
) -> None:
    book = Book()
    book.grant(10)
    assert reason_of(book.freeze(amount)) is reason
    book = Book()
    book.grant(20)
    book.freeze(10)
    assert reason_of(book.unfreeze(amount)) is reason


def test_a_frozen_credit_becomes_what_it_was() -> None:
    book = Book()
    waiting, given = credit(book, 30, expires=10, pending=True), credit(book, 20, expires=20)
    book.freeze(credit_id=waiting)
    book.freeze(credit_id=given)
    assert book.wallet.balance[:4] == (0, 0, 0, 50)
    assert reason_of(book.mature(waiting)) is Reason.CREDIT_NOT_PENDING
    book.unfreeze(credit_id=waiting)
    book.unfreeze(credit_id=given)
    assert book.wallet.balance[:4] == (30, 20, 0, 0)
    assert reason_of(book.mature(waiting)) is None
    assert book.lots() == {10: 30, 20: 20}


def test_unfreezing_by_hand_leaves_alone_what_an_open_return_set_aside() -> None:
    book = Book()
    waiting = credit(book, 100, expires=10, pending=True)
    credit(book, 50, expires=20)
    book.freeze(50)
    book.freeze(credit_id=waiting)
    book.unfreeze(50)
    assert book.lots() == {20: 50}
    book.unfreeze(credit_id=waiting)
    book.mature(waiting)
    assert book.lots() == {10: 100, 20: 50}


def test_one_returns_claw_back_leaves_alone_what_another_set_aside() -> None:
    book = Book()
    one = credit(book, 40, expires=30)
    other = credit(book, 40, expires=10, pending=True)
    book.commit(book.held(40))
    credit(book, 40, expires=20)
    book.freeze(credit_id=one)
    book.freeze(credit_id=other)
    book.claw_back(one, 40)
    book.unfreeze(credit_id=other)
    book.mature(other)
    assert book.lots() == {10: 40}


def test_what_expires_while_it_is_frozen_expires_when_it_is_free_again() -> None:
    book = Book()
    book.grant(10, expires=10)
    book.freeze(10)
    assert book.later(20).settle().balance[:4] == (0, 0, 0, 10)
    assert book.unfreeze(10).balance[:4] == (0, 0, 0, 0)


def test_freezing_a_spent_credit_sets_aside_nothing_and_is_remembered() -> None:
    book = Book()
    given = credit(book, 10)
    book.commit(book.held(10))
    command = book.an_operation(Freeze, credit_id=given)
    assert book.say(command).balance[:4] == (0, 0, 0, 0)
    assert book.say(command).replayed


# Close


@pytest.mark.parametrize("pile", ["available", "pending", "frozen"])
def test_a_wallet_that_holds_value_closes_only_with_forfeit(pile: str) -> None:
    book = Book()
    book.grant(10, pending=pile == "pending")
    if pile == "frozen":
        book.freeze(10)
    assert reason_of(book.close()) is Reason.WALLET_NOT_EMPTY
    assert book.close(forfeit=True).balance[:4] == (0, 0, 0, 0)
    assert (book.entries[-1].target, book.wallet.state) == (Account.EXPIRED, WalletState.CLOSED)


def test_a_wallet_with_an_open_reservation_does_not_close_even_with_forfeit() -> None:
    book = Book()
    book.grant(10)
    held = book.held(10)
    assert reason_of(book.close(forfeit=True)) is Reason.WALLET_NOT_EMPTY
    book.release(held)
    assert reason_of(book.close(forfeit=True)) is None


def test_a_wallet_in_debt_does_not_close() -> None:
    assert reason_of(in_debt().close(forfeit=True)) is Reason.WALLET_NOT_EMPTY


def test_a_closed_wallet_refuses_every_operation_and_still_answers_repeats() -> None:
    book = Book()
    waiting = credit(book, 10, pending=True)
    given = book.a_grant(10)
    book.say(given)
    held = book.held(10)
    book.commit(held)
    frozen = book.an_operation(Freeze, credit_id=waiting)
    book.say(frozen)
    book.unfreeze(credit_id=waiting)
    book.close(forfeit=True)
    before = book.wallet
    for outcome in (
        book.grant(1), book.mature(waiting), book.freeze(), book.freeze(1), book.freeze(credit_id=waiting),
        book.unfreeze(), book.unfreeze(1), book.unfreeze(credit_id=waiting), book.claw_back(waiting, 1),
        book.restore(held, 1), book.adjust(1), book.adjust(-1), book.close(), book.close(forfeit=True),
    ):  # fmt: skip
        assert reason_of(outcome) is Reason.WALLET_CLOSED
    assert book.say(frozen).replayed
    assert book.say(given).replayed
    assert book.wallet is before


# Operations over all


OPERATIONS = [
    (Mature, {}),
    (Freeze, {"amount": 1}),
    (Freeze, {}),
    (Unfreeze, {}),
    (ClawBack, {"amount": 1}),
    (Restore, {"amount": 1}),
    (Adjust, {"delta": 1}),
    (Expire, {"expected_version": 1}),
    (Close, {"forfeit": True}),
]


def filled(book: Book, kind: type, fields: dict[str, object]) -> dict[str, object]:
    if kind in {Mature, ClawBack}:
        return {**fields, "credit_id": credit(book, 10, pending=True)}
    if kind is Restore:
        held = book.held(5)
        book.commit(held)
        return {**fields, "reservation_id": held}
    return fields


@pytest.mark.parametrize(("kind", "fields"), OPERATIONS)
def test_a_repeated_operation_id_returns_the_first_outcome(kind: type, fields: dict[str, object]) -> None:
    book = Book()
    book.grant(10)
    command = book.an_operation(kind, **filled(book, kind, fields))
    first = book.say(command)
    if kind is not Close:
        book.grant(10)
    before = book.wallet
    again = book.say(command)
    assert again.replayed
    assert again.balance == first.balance
    assert book.wallet is before


@pytest.mark.parametrize(("kind", "fields"), [o for o in OPERATIONS if o[0] is not Mature])
def test_an_operation_id_with_other_content_is_refused_and_changes_nothing(
    kind: type, fields: dict[str, object]
) -> None:
    book = Book()
    book.grant(10)
    command = book.an_operation(kind, **filled(book, kind, fields))
    book.say(command)
    before = book.wallet
    assert reason_of(book.say(change(command, reason="another"))) is Reason.ID_REUSED
    other_kind = Adjust if kind is not Adjust else Close
    other = book.an_operation(
        other_kind, operation_id=command.operation_id, **({"delta": 1} if other_kind is Adjust else {})
    )
    assert reason_of(book.say(other)) is Reason.ID_REUSED
    assert book.wallet is before


def test_no_text_in_one_field_can_pass_for_another_field() -> None:
    book = Book()
    book.grant(10)
    first = book.an_operation(Freeze, amount=1, actor="a", reason="b|reason=c")
    other = change(first, actor="a|reason=b", reason="c")
    book.say(first)
    assert reason_of(book.say(other)) is Reason.ID_REUSED


def test_an_operation_that_was_refused_may_be_tried_again_under_its_id() -> None:
    book = Book()
    command = book.an_operation(Freeze, amount=10)
    assert reason_of(book.say(command)) is Reason.INSUFFICIENT_BALANCE
    book.grant(10)
    outcome = book.say(command)
    assert (reason_of(outcome), outcome.replayed) == (None, False)


@pytest.mark.parametrize("state", ["open", "closed"])
def test_what_does_not_exist_is_told_first(state: str) -> None:
    book = Book()
    used = book.an_operation(Freeze)
    book.say(used)
    if state == "closed":
        book.close()
    for kind in (Mature, ClawBack, Freeze, Unfreeze):
        fields = {"amount": 1} if kind is ClawBack else {}
        command = book.an_operation(kind, operation_id=used.operation_id, credit_id=new_id(), **fields)
        assert reason_of(book.say(command)) is Reason.CREDIT_NOT_FOUND
    command = book.an_operation(Restore, operation_id=used.operation_id, reservation_id=new_id(), amount=1)
    assert reason_of(book.say(command)) is Reason.RESERVATION_NOT_FOUND


def test_a_person_who_changed_a_wallet_is_named_in_the_record_and_the_entry() -> None:
    book = Book()
    command = book.an_operation(Adjust, delta=5, expires_at=NEVER, actor="ann", reason="goodwill")
    book.say(command)
    record = book.operations[command.operation_id]
    assert (record.actor, record.reason, record.kind) == ("ann", "goodwill", "Adjust")
    assert json.loads(book.entries[-1].detail) == {"actor": "ann", "reason": "goodwill"}
