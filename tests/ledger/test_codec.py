"""What is written beside the columns is read back the same, whatever a merchant put into a text; what is forged is
refused as a ValueError.
"""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from wallets import Book, change

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger import codec
from wallet_service.ledger.model import (
    AMOUNT_MAX,
    BALANCE_MAX,
    Act,
    ActKind,
    Balance,
    Credit,
    Expired,
    Lot,
    OperationRecord,
    Reservation,
    ReservationState,
    ReviewState,
    Wallet,
    WalletState,
    lots_total,
)

ids: Any = st.uuids().map(str)
texts = st.text(max_size=40) | st.sampled_from(
    [
        "",
        '"',
        "\\",
        '","',
        "]]",
        "\u0000",
        "\u001f\u007f",
        "\u2028",
        "</script>",
        "'; drop table",
        "😀",
        "\ufeff",
    ]
)
amounts = st.integers(1, AMOUNT_MAX)
sums = st.integers(-BALANCE_MAX, BALANCE_MAX)
moments: Any = st.integers(0, NEVER).map(Instant)
balances = st.builds(Balance, sums, sums, sums, sums, st.integers(0, 2**62))
piles = st.lists(st.builds(Lot, moments, amounts), max_size=4).map(tuple)
gone = st.lists(st.builds(Expired, moments, amounts, st.integers(1, 2**62)), max_size=4).map(tuple)
refusals = st.builds(
    Refusal, reason=st.sampled_from(Reason), field=texts, detail=texts, facts=st.dictionaries(texts, texts, max_size=3)
)  # fmt: skip
acts = st.builds(
    Act, kind=st.sampled_from(ActKind), act_id=ids | texts, asked=st.none() | amounts, amount=st.integers(0, AMOUNT_MAX),
    final=st.booleans(), at=moments, expires_at=moments, balance=balances,
)  # fmt: skip
reservations = st.builds(
    Reservation, reservation_id=ids, state=st.sampled_from(ReservationState), amount=amounts, committed=st.integers(0, AMOUNT_MAX),
    value_minor=amounts, order_ref=texts, order_total_minor=amounts, currency=texts, device=texts,
    ttl_seconds=st.integers(0, 10**9), created_at=moments, expires_at=moments, lots=piles, spent=piles,
    acts=st.lists(acts, max_size=3).map(tuple), opened=balances, closed_at=st.none() | moments,
    closed=st.none() | balances, refused=st.none() | refusals, restored=piles,
    asked_ttl_seconds=st.none() | st.integers(0, 10**9), review=st.sampled_from(ReviewState),
)  # fmt: skip
wallets = st.builds(
    Wallet, wallet_id=ids, program_id=texts, customer_ref=texts, state=st.sampled_from(WalletState), pending=sums,
    available=sums, reserved=sums, frozen=sums, version=st.integers(0, 2**62), revision=st.integers(0, 2**62),
    pending_lots=piles, available_lots=piles, frozen_lots=piles, frozen_by_hand=piles,
    holds=st.lists(reservations, max_size=3).map(tuple), head=st.binary(min_size=32, max_size=32), next_due_at=moments,
    touched_at=moments, opened_at=moments, expired=gone,
)  # fmt: skip
credits_ = st.builds(
    Credit, credit_id=ids, amount=amounts, pending=amounts, frozen=amounts, frozen_from_pending=amounts,
    clawed_back=amounts, expires_at=moments, reference=texts, created_at=moments, opened=balances,
    granted_pending=st.booleans(), frozen_lots=piles, frozen_expired=gone,
)  # fmt: skip
operations = st.builds(
    OperationRecord, operation_id=ids, kind=texts, content=texts, balance=balances, at=moments, actor=texts, reason=texts
)  # fmt: skip


@given(reservations)
def test_a_reservation_is_read_back_as_it_was_written(reservation: Reservation) -> None:
    document = codec.reservation_text(reservation)
    assert codec.reservation_of(document) == reservation
    assert isinstance(json.loads(document), list)
    assert "\x00" not in document


@given(wallets)
def test_a_wallet_is_read_back_as_it_was_written(wallet: Wallet) -> None:
    row = (
        wallet.wallet_id, wallet.program_id, wallet.customer_ref, int(wallet.state), wallet.balance[:4], wallet.version,
        wallet.revision, wallet.head, codec.wallet_text(wallet),
    )  # fmt: skip
    assert codec.wallet_of(*row) == wallet
    older = json.dumps(json.loads(row[-1])[:8])
    assert codec.wallet_of(*row[:-1], older) == change(wallet, expired=())


@given(credits_)
def test_a_credit_is_read_back_as_it_was_written(credit: Credit) -> None:
    amounts_of = (
        credit.amount, credit.pending, credit.frozen, credit.frozen_from_pending, credit.clawed_back,
    )  # fmt: skip
    document = codec.credit_text(credit)
    assert codec.credit_of(credit.credit_id, amounts_of, credit.reference, document) == credit
    older = json.dumps(json.loads(document)[:5])
    found = codec.credit_of(credit.credit_id, amounts_of, credit.reference, older)
    assert found == change(credit, frozen_expired=())


@given(operations)
def test_an_operation_is_read_back_as_it_was_written(said: OperationRecord) -> None:
    document = codec.operation_text(said)
    assert (
        codec.operation_of(said.operation_id, said.kind, said.content, said.actor, said.reason, document)
        == said
    )


@given(piles)
def test_lots_are_read_back_as_they_were_written(lots: tuple[Lot, ...]) -> None:
    assert codec.lots_of(codec.lots_text(lots)) == lots


def adding_up(wallet: Wallet) -> Wallet:
    return change(
        wallet, pending=lots_total(wallet.pending_lots), available=lots_total(wallet.available_lots),
        frozen=lots_total(wallet.frozen_lots), holds=wallet.holds, reserved=sum(hold.held for hold in wallet.holds),
    )  # fmt: skip


@given(wallets.map(adding_up))
def test_a_snapshot_is_read_back_as_it_was_written(wallet: Wallet) -> None:
    assert codec.snapshot_of(codec.snapshot_bytes(wallet)) == wallet


def test_the_document_that_opens_a_wallet_in_sql_is_one_that_the_code_reads() -> None:
    document = "[[],[],[],[],253402300799000000,7,7,[]]"
    wallet = codec.wallet_of(Book().wallet.wallet_id, "p", "c", 1, (0, 0, 0, 0), 0, 0, bytes(32), document)
    assert (wallet.next_due_at, wallet.touched_at, wallet.opened_at, wallet.holds) == (NEVER, 7, 7, ())


# Forgery


def _snapshot() -> bytes:
    book = Book()
    book.grant(100, expires=500)
    book.reserve(10)
    return codec.snapshot_bytes(book.wallet)


SNAPSHOT = _snapshot()


def forged(**fields: Any) -> bytes:
    raw = dict(zip(Wallet.__struct_fields__, msgspec.msgpack.decode(SNAPSHOT), strict=True), **fields)
    return msgspec.msgpack.encode(list(raw.values()))


def test_the_forger_of_these_tests_can_write() -> None:
    assert codec.snapshot_of(forged()) == codec.snapshot_of(SNAPSHOT)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"\x00", b"\xc1", b"null", b"{}", b"[]", b'["' + b"x" * 50, msgspec.msgpack.encode({}),
        msgspec.msgpack.encode([]), SNAPSHOT[:-1], SNAPSHOT + b"\x00", SNAPSHOT[1:],
        b"\x91" * 100_000, b"\xdc\x00\x13" + b"\x91" * 100_000,
        SNAPSHOT[:1] + b"\xdd\xff\xff\xff\xff" + SNAPSHOT[1:],
    ],
)  # fmt: skip
def test_what_is_no_snapshot_is_a_value_error(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ValueError is the promise
        codec.snapshot_of(raw)


@pytest.mark.parametrize(
    "fields",
    [
        {"available": "100"},
        {"available": 1.5},
        {"available": None},
        {"available": True},
        {"state": 9},
        {"state": "ACTIVE"},
        {"wallet_id": 7},
        {"customer_ref": b"\xff"},
        {"available_lots": [[1]]},
        {"available_lots": [[1, "2"]]},
        {"available_lots": [[1, 2, 3]]},
        {"available_lots": {"1": 2}},
        {"holds": [["x"]]},
        {"holds": "x"},
        {"head": "not bytes"},
    ],
    ids=repr,
)
def test_a_snapshot_with_a_field_of_another_kind_is_a_value_error(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ValueError is the promise
        codec.snapshot_of(forged(**fields))


@pytest.mark.parametrize(
    "fields",
    [
        {"available": 91},
        {"available": -1},
        {"pending": 5},
        {"reserved": 11},
        {"frozen": 1},
        {"head": b"short"},
        {"version": -1},
    ],
    ids=repr,
)
def test_a_snapshot_that_contradicts_itself_is_a_value_error(fields: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ValueError is the promise
        codec.snapshot_of(forged(**fields))


@given(st.binary(max_size=200))
def test_no_bytes_do_anything_but_be_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - ValueError is the promise
        codec.snapshot_of(raw)


@given(st.data())
def test_a_snapshot_with_flipped_bytes_is_refused_or_is_still_a_wallet(data: st.DataObject) -> None:
    raw = bytearray(SNAPSHOT)
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    try:
        wallet = codec.snapshot_of(bytes(raw))
    except ValueError:
        return
    assert isinstance(wallet, Wallet)
    assert wallet.reserved == sum(hold.held for hold in wallet.holds)


def test_a_wallet_with_everything_in_it_survives_the_cache() -> None:
    book = Book()
    given = book.grant(100, pending=True).credit.credit_id
    book.grant(100, expires=50)
    book.freeze(10)
    book.freeze(credit_id=given)
    held = book.held(20)
    book.commit(held, 5, final=False)
    book.extend(held, 200)
    book.restore(held, 2)
    assert codec.snapshot_of(codec.snapshot_bytes(book.wallet)) == book.wallet
    assert change(book.wallet, revision=0) != book.wallet
