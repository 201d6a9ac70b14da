"""Input at the edge of the allowed: kept as it was said, answered and never a surprise."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from asking import adjusting, advancing, extending, saying
from google.protobuf.timestamp_pb2 import Timestamp
from rig import (
    Api,
    Shop,
    open_shop,
    order,
    refusal,
    stamp,
)
from wallet.v1 import checkout_pb2, types_pb2, wallet_pb2

NASTY = [
    "<script>alert(1)</script>",
    "'; drop table ledger.entry; --",
    '=HYPERLINK("http://evil","x")',
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "%s %d {0} ${jndi:ldap://x} {{7*7}}",
    'quote " backslash \\ slash / newline \n return \r tab \t bell \x07 delete \x7f',
    "\\u0000 \\x00 \\",
    "line\u2028paragraph\u2029 rtl \u202e bom \ufeff nel \u0085",
    "😀" * 30 + "\U0010ffff",
    "e\u0301 vs é",
    "|".join("1:2,3" for _ in range(5)),
    "null",
    "[]",
    " leading and trailing ",
]


@pytest.mark.parametrize("text", NASTY, ids=range(len(NASTY)))
async def test_a_text_is_kept_as_it_was_said_and_nothing_in_it_is_obeyed(api: Api, text: str) -> None:
    shop = await open_shop(api, display_name=text)
    assert shop.program.display_name == text
    wallet_id = await shop.open(text, 0)
    mine = Shop(api=api, program=shop.program, wallet_id=wallet_id)
    assert (await mine.snapshot()).customer_ref == text
    await api(adjusting(mine, delta_minor=100, accountability=saying(text, text)))
    quote = await api(mine.quote(50, order=order(50, ref=text)))
    held = await api(
        mine.reserve(
            50,
            order=order(50, ref=text),
            quote_token=quote.quote_token,
            device=types_pb2.Device(fingerprint=text),
        )
    )
    assert held.reservation.order_ref == text
    reservation_id = held.reservation.reservation_id
    assert (await mine.snapshot()).open_reservations[0].order_ref == text
    await api(mine.commit(reservation_id))
    found = await api(checkout_pb2.GetReservationRequest(wallet=mine.ref, reservation_id=reservation_id))
    assert found.reservation.order_ref == text
    listed = (await api(wallet_pb2.ListEntriesRequest(wallet=mine.ref, oldest_first=True))).entries
    assert (listed[0].actor, listed[0].reason) == (text, text)
    assert (await api(wallet_pb2.VerifyWalletRequest(wallet=mine.ref))).sound


async def test_numbers_at_the_edge_of_the_allowed_are_answered_not_broken(api: Api) -> None:
    shop = await open_shop(
        api,
        10**15,
        rate_numerator=1,
        rate_denominator=1_000_000,
        maximum_share_bp=9_999,
        minimum_purchase_minor=0,
        maximum_redemption_minor=2**63 - 1,
    )
    total = 10**15
    quote = await api(shop.quote(total))
    assert (quote.amount_minor, quote.value_minor) == (10**15, 10**9)
    held = await api(shop.reserve(10**15, order=order(total), quote_token=quote.quote_token))
    assert held.balance.reserved_minor == 10**15


async def test_a_limit_beyond_64_bits_is_not_a_surprise(api: Api) -> None:
    shop = await open_shop(
        api, 5, rate_numerator=1, rate_denominator=1_000_000, maximum_share_bp=9_999, step_minor=10**9
    )
    quote = await api(shop.quote(10**15))
    assert quote.amount_minor == 0
    refused = await refusal(api(shop.reserve(10**15, order=order(1))))
    assert refused.reason == "ABOVE_MAXIMUM_SHARE"


async def test_moments_at_the_edge_of_the_calendar_are_answered_not_broken(api: Api) -> None:
    shop = await open_shop(api, 0, sandbox=True)
    last = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    await api(adjusting(shop, delta_minor=10, expires_at=stamp(last)))
    await api(adjusting(shop, delta_minor=10, expires_at=stamp(last - timedelta(seconds=1))))
    for moment in (datetime(1, 1, 1, tzinfo=UTC), last + timedelta(microseconds=999_999)):
        await api(wallet_pb2.GetBalanceAtRequest(wallet=shop.ref, at=stamp(moment)))
        for said in ({"since": stamp(moment)}, {"until": stamp(moment)}):
            await api(wallet_pb2.ListEntriesRequest(wallet=shop.ref, **said))
    assert (await refusal(api(adjusting(shop, expires_at=Timestamp(seconds=-62_135_596_800))))).reason == (
        "EXPIRY_IN_THE_PAST"
    )
    await api(advancing(shop, stamp(last - timedelta(seconds=2))))
    held = await api(shop.reserve(5, ttl_seconds=3_600))
    await api(extending(shop, reservation_id=held.reservation.reservation_id, ttl_seconds=3_600))
    await api(shop.commit(held.reservation.reservation_id, amount_minor=2))
    await api(advancing(shop, stamp(last)))
    assert (await api(wallet_pb2.VerifyWalletRequest(wallet=shop.ref))).sound
    await shop.snapshot()
