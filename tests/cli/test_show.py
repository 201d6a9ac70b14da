from __future__ import annotations

import io

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from rich.console import Console
from wallet_client import Entry, EntryKind, Lot, Reservation, ReservationState, Wallet

from wallet_service.cli.show import json_line, money, plain, word
from wallet_service.cli.wallets import _EntryTable, _tables


@pytest.mark.parametrize(
    ("amount_minor", "exponent", "written"),
    [
        (4_950, 2, "49.50"),
        (5, 2, "0.05"),
        (0, 2, "0.00"),
        (-5, 2, "-0.05"),
        (1_234_567, 2, "12,345.67"),
        (1_234_567, 0, "1,234,567"),
        (1, 8, "0.00000001"),
        (-(10**15), 2, "-10,000,000,000,000.00"),
    ],
)
def test_money_is_written_to_the_last_minor_unit(amount_minor: int, exponent: int, written: str) -> None:
    assert money(amount_minor, exponent) == written


def test_enums_are_words() -> None:
    assert word(EntryKind, EntryKind.ENTRY_KIND_CLAW_BACK) == "claw back"
    assert word(ReservationState, ReservationState.RESERVATION_STATE_HELD) == "held"
    assert word(EntryKind, 999) == "999"


def test_json_keeps_whole_numbers_whole_and_says_what_is_absent() -> None:
    entry = Entry(
        seq=2**53 + 1, kind=EntryKind.ENTRY_KIND_COMMIT, hash=b"\x01\xff", lots=[Lot(amount_minor=1)]
    )
    shown = plain(entry)
    assert shown["seq"] == 2**53 + 1
    assert shown["kind"] == "ENTRY_KIND_COMMIT"
    assert shown["hash"] == "01ff"
    assert shown["lots"] == [{"amount_minor": 1, "expires_at": None}]
    assert shown["at"] is None
    assert '"seq": 9007199254740993' in json_line(shown)


def test_what_callers_wrote_cannot_paint_the_terminal() -> None:
    wallet = Wallet(
        exponent=2,
        asset="EUR",
        open_reservations=[Reservation(reservation_id="r", order_ref="[red]x\x1b[31m\n", amount_minor=5)],
    )
    table = _EntryTable(wallet)
    table.add(Entry(seq=1, actor="[blink]a\x07", reason="\x1b]0;title\x07", at=Timestamp(seconds=1)))
    out = io.StringIO()
    for shown in (*_tables(wallet), table.table):
        Console(file=out, width=200).print(shown)
    assert "[red]x" in out.getvalue()
    assert "[blink]a" in out.getvalue()
    assert "\x1b" not in out.getvalue()
    assert "\x07" not in out.getvalue()
