"""Reserve, commit, release, extend: what they promise, said one sentence at a time."""

from __future__ import annotations

import pytest
from wallets import ORDER, SECOND, START, Book, change, new_id, reason_of

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Commit, Release
from wallet_service.ledger.model import (
    ACTS_MAX,
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
