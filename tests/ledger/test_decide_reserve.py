"""Reserve: what may be held, what is remembered, what is overdue."""

from __future__ import annotations

import pytest
from wallets import SECOND, START, Book, change, reason_of

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.model import (
    EntryKind,
    Order,
    ReservationState,
    Terms,
)

HELD, COMMITTED, RELEASED, EXPIRED, REFUSED = ReservationState


def kinds(book: Book, after: int = 0) -> list[EntryKind]:
    return [entry.kind for entry in book.entries if entry.seq > after]


# Reserve


@pytest.mark.parametrize(("amount", "reason"), [(99, None), (100, None), (101, Reason.INSUFFICIENT_BALANCE)])
def test_what_is_available_can_be_reserved_and_not_one_unit_more(amount: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(100)
    outcome = book.reserve(amount)
    assert reason_of(outcome) is reason
    if isinstance(outcome, Refusal):
        assert outcome.field == "amount_minor"
        assert outcome.facts["available_minor"] == "100"
        assert (book.wallet.available, book.wallet.reserved) == (100, 0)
    else:
        assert (book.wallet.available, book.wallet.reserved) == (100 - amount, amount)


def test_two_devices_cannot_reserve_the_same_value() -> None:
    book = Book()
    book.grant(100)
    assert reason_of(book.reserve(60, device="phone")) is None
    assert reason_of(book.reserve(60, device="laptop")) is Reason.INSUFFICIENT_BALANCE
    assert reason_of(book.reserve(40, device="laptop")) is None


def test_pending_and_frozen_value_cannot_be_reserved() -> None:
    book = Book()
    book.grant(100, pending=True)
    book.grant(50)
    book.freeze(50)
    assert reason_of(book.reserve(1)) is Reason.INSUFFICIENT_BALANCE


def test_a_frozen_wallet_reserves_nothing_and_keeps_what_it_promised() -> None:
    book = Book()
    book.grant(100)
    kept, other = book.held(30), book.held(30)
    book.freeze()
    assert reason_of(book.reserve(1)) is Reason.WALLET_FROZEN
    assert reason_of(book.commit(kept)) is None
    assert reason_of(book.release(other)) is None
    book.unfreeze()
    assert reason_of(book.reserve(1)) is None


def test_a_closed_wallet_reserves_nothing() -> None:
    book = Book()
    book.close()
    assert reason_of(book.reserve(1)) is Reason.WALLET_CLOSED


@pytest.mark.parametrize(
    ("off", "reason"), [(-1, Reason.VERSION_MISMATCH), (0, None), (1, Reason.VERSION_MISMATCH)]
)
def test_an_expected_version_must_be_the_present_one(off: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(10)
    book.grant(10)
    outcome = book.reserve(5, expected_version=book.wallet.version + off)
    assert reason_of(outcome) is reason
    if isinstance(outcome, Refusal):
        assert outcome.facts["version"] == "2"


@pytest.mark.parametrize(("open_now", "reason"), [(1, None), (2, Reason.TOO_MANY_RESERVATIONS)])
def test_a_wallet_has_no_more_open_reservations_than_its_program_allows(
    open_now: int, reason: Reason | None
) -> None:
    book = Book(terms=Terms(open_reservations_max=2))
    book.grant(100)
    held = [book.held(1) for _ in range(open_now)]
    assert reason_of(book.reserve(1)) is reason
    book.release(held[0])
    assert reason_of(book.reserve(1)) is None


@pytest.mark.parametrize(
    ("off", "reason"), [(-1, Reason.QUOTE_EXPIRED), (0, Reason.QUOTE_EXPIRED), (1, None)]
)
def test_a_quote_holds_until_the_moment_it_expires(off: int, reason: Reason | None) -> None:
    book = Book()
    book.grant(100)
    assert reason_of(book.reserve(1, quote_expires_at=book.now + off)) is reason


@pytest.mark.parametrize(
    ("verdict", "answered"),
    [
        (Reason.QUOTE_MISMATCH, Reason.QUOTE_MISMATCH),
        (Reason.CURRENCY_MISMATCH, Reason.QUOTE_EXPIRED),
        (Reason.NOT_A_STEP, Reason.QUOTE_EXPIRED),
    ],
)
def test_an_expired_quote_stands_in_its_place_among_the_policys_reasons(
    verdict: Reason, answered: Reason
) -> None:
    book = Book()
    refusal = Refusal(reason=verdict, field="amount_minor")
    assert reason_of(book.reserve(1, refusal=refusal, quote_expires_at=book.now)) is answered


def test_the_reason_with_the_lowest_number_is_answered() -> None:
    book = Book(terms=Terms(open_reservations_max=1))
    book.grant(10)
    book.held(5)
    wrong_in_every_way = {
        "expected_version": 99, "quote_expires_at": book.now, "refusal": Refusal(reason=Reason.QUOTE_MISMATCH),
    }  # fmt: skip
    answered = []
    for drop in ("refusal", "quote_expires_at", None):
        answered.append(reason_of(book.reserve(99, **wrong_in_every_way)))
        wrong_in_every_way.pop(drop or "", None)
    book.freeze()
    answered.append(reason_of(book.reserve(99, **wrong_in_every_way)))
    book.unfreeze()
    answered.append(reason_of(book.reserve(99, **wrong_in_every_way)))
    answered.append(reason_of(book.reserve(99)))
    book.release(book.wallet.holds[0].reservation_id)
    answered.append(reason_of(book.reserve(99)))
    assert answered == [
        Reason.QUOTE_MISMATCH, Reason.QUOTE_EXPIRED, Reason.VERSION_MISMATCH, Reason.WALLET_FROZEN,
        Reason.VERSION_MISMATCH, Reason.TOO_MANY_RESERVATIONS, Reason.INSUFFICIENT_BALANCE,
    ]  # fmt: skip


def test_a_refusal_is_remembered_and_its_repeat_is_refused_the_same_though_there_is_value_now() -> None:
    book = Book()
    command = book.a_reserve(10)
    first = book.say(command)
    book.grant(100)
    again = book.say(command)
    assert reason_of(first) is reason_of(again) is Reason.INSUFFICIENT_BALANCE
    assert again.facts == {**first.facts, "replayed": "true"}
    assert book.reservation(command.reservation_id).state is REFUSED


def test_a_repeated_reservation_id_returns_the_first_outcome() -> None:
    book = Book()
    book.grant(100)
    command = book.a_reserve(60)
    first = book.say(command)
    book.commit(command.reservation_id, 20, final=False)
    book.extend(command.reservation_id, 500)
    book.later(10).grant(7)
    version = book.wallet.version
    again = book.say(command)
    assert again.replayed
    assert again.balance == first.balance
    assert again.reservation.state is HELD
    assert again.reservation.expires_at == first.reservation.expires_at
    assert (again.reservation.committed, again.reservation.acts) == (0, ())
    assert book.wallet.version == version


@pytest.mark.parametrize("ending", [COMMITTED, RELEASED, EXPIRED])
def test_a_repeated_reservation_id_returns_the_first_outcome_after_the_reservation_has_ended(
    ending: ReservationState,
) -> None:
    book = Book()
    book.grant(100)
    command = book.a_reserve(60, ttl=5)
    first = book.say(command)
    if ending is COMMITTED:
        book.commit(command.reservation_id, 1)
    elif ending is RELEASED:
        book.release(command.reservation_id)
    else:
        book.later(5).settle()
    assert book.reservation(command.reservation_id).state is ending
    again = book.say(command)
    assert (again.replayed, again.balance) == (True, first.balance)
    assert (again.reservation.state, again.reservation.closed_at) == (HELD, None)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": 61},
        {"device": "laptop"},
        {"asked_ttl_seconds": 101},
        {"order": Order(order_ref="order-2", total_minor=10_000, currency="EUR")},
        {"order": Order(order_ref="order-1", total_minor=9_999, currency="EUR")},
        {"order": Order(order_ref="order-1", total_minor=10_000, currency="USD")},
    ],
    ids=lambda other: next(iter(other)),
)
@pytest.mark.parametrize("amount", [60, 600], ids=["held", "refused"])
def test_a_reservation_id_with_other_content_is_refused_and_changes_nothing(
    other: dict[str, object], amount: int
) -> None:
    book = Book()
    book.grant(100)
    command = book.a_reserve(amount)
    book.say(command)
    before = book.wallet
    assert reason_of(book.say(change(command, **other))) is Reason.ID_REUSED
    assert book.wallet is before


def test_the_soonest_expiring_value_is_reserved_first_whatever_came_first() -> None:
    book = Book()
    book.grant(10)
    book.grant(20, expires=50)
    book.grant(30, expires=20)
    held = book.reserve(35).reservation
    assert [(lot.expires_at, lot.amount) for lot in held.lots] == [
        (START + 20 * SECOND, 30),
        (START + 50 * SECOND, 5),
    ]


# Overdue holds


@pytest.mark.parametrize(("early", "reason"), [(1, Reason.INSUFFICIENT_BALANCE), (0, None)])
def test_an_overdue_hold_never_blocks_a_reserve_though_no_sweeper_came(
    early: int, reason: Reason | None
) -> None:
    book = Book()
    book.grant(100)
    held = book.held(100, ttl=10)
    book.now += 10 * SECOND - early
    assert reason_of(book.reserve(100)) is reason
    if not early:
        assert book.reservation(held).state is EXPIRED
        assert kinds(book, after=2) == [EntryKind.EXPIRE_RESERVATION, EntryKind.RESERVE]


def test_overdue_holds_do_not_count_as_open() -> None:
    book = Book(terms=Terms(open_reservations_max=1))
    book.grant(100)
    book.held(1, ttl=10)
    assert reason_of(book.later(10).reserve(1)) is None


def test_within_the_grace_a_hold_still_holds() -> None:
    book = Book(terms=Terms(commit_grace_seconds=5))
    book.grant(100)
    book.held(100, ttl=10)
    assert reason_of(book.later(14).reserve(1)) is Reason.INSUFFICIENT_BALANCE
    assert reason_of(book.later(1).reserve(1)) is None


@pytest.mark.parametrize("grace", [0, 5])
@pytest.mark.parametrize(
    ("early", "reason"), [(1, None), (0, Reason.RESERVATION_EXPIRED), (-1, Reason.RESERVATION_EXPIRED)]
)
def test_a_late_commit_is_accepted_only_within_the_written_grace(
    grace: int, early: int, reason: Reason | None
) -> None:
    book = Book(terms=Terms(commit_grace_seconds=grace))
    book.grant(100)
    held = book.held(100, ttl=10)
    book.now += (10 + grace) * SECOND - early
    assert reason_of(book.commit(held)) is reason
    assert book.wallet.available == (100 if reason else 0)


def test_a_program_that_shortens_its_grace_binds_the_holds_it_has_already() -> None:
    book = Book(terms=Terms(commit_grace_seconds=60))
    book.grant(100)
    held = book.held(100, ttl=10)
    book.terms = Terms(commit_grace_seconds=0)
    assert reason_of(book.later(10).reserve(100)) is None
    assert reason_of(book.commit(held)) is Reason.RESERVATION_EXPIRED


def test_a_clock_that_jumps_back_revives_no_hold() -> None:
    book = Book()
    book.grant(100)
    held = book.held(100, ttl=10)
    book.later(10).settle()
    assert reason_of(book.later(-9).commit(held)) is Reason.RESERVATION_EXPIRED
    assert book.wallet.available == 100


def test_holds_that_lapse_together_are_recorded_in_the_order_in_which_they_lapsed() -> None:
    book = Book()
    book.grant(100)
    late, soon = book.held(1, ttl=20), book.held(2, ttl=10)
    book.later(30).settle()
    assert [entry.subject_id for entry in book.entries[-2:]] == [soon, late]
