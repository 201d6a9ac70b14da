"""Bad input of every kind: a clear typed refusal that names the field, and not one row is changed."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import grpc
import jwt
import pytest
from asking import adjusting, advancing, customer, extending, putting, saying
from evidence import fingerprint
from google.protobuf.timestamp_pb2 import Timestamp
from rig import (
    ACCOUNTABLE,
    Api,
    Shop,
    in_seconds,
    new_id,
    open_shop,
    order,
    refusal,
    refused_of,
    token,
)
from wallet.v1 import admin_pb2, checkout_pb2, types_pb2, wallet_pb2

from wallet_service.transport.scopes import Scope
from wallet_service.wiring import development_secret

INVALID = grpc.StatusCode.INVALID_ARGUMENT
ABSENT = grpc.StatusCode.NOT_FOUND
MEGABYTE = "x" * 900_000
FAR = Timestamp(seconds=253_402_300_800)


Case = tuple[str, Callable[[Shop], Any], str]

MALFORMED: list[Case] = [
    # Amounts.
    ("reserve nothing", lambda s: s.reserve(0), "amount_minor"),
    ("reserve less than nothing", lambda s: s.reserve(-1), "amount_minor"),
    ("reserve too much for a number", lambda s: s.reserve(10**15 + 1), "amount_minor"),
    ("reserve the largest number", lambda s: s.reserve(2**63 - 1), "amount_minor"),
    ("quote nothing", lambda s: s.quote(amount_minor=0), "amount_minor"),
    ("quote less than nothing", lambda s: s.quote(amount_minor=-5), "amount_minor"),
    ("quote without a wish", lambda s: checkout_pb2.QuoteRequest(wallet=s.ref, order=order()), "wish"),
    ("quote maximum=false", lambda s: checkout_pb2.QuoteRequest(wallet=s.ref, order=order(), maximum=False), "maximum"),
    ("commit nothing", lambda s: s.commit(new_id(), amount_minor=0), "amount_minor"),
    ("commit less than nothing", lambda s: s.commit(new_id(), amount_minor=-1), "amount_minor"),
    ("an order of nothing", lambda s: s.reserve(1, order=order(0)), "order.total_minor"),
    ("an order of less", lambda s: s.reserve(1, order=order(-1)), "order.total_minor"),
    ("an order beyond amounts", lambda s: s.quote(10**15 + 1), "order.total_minor"),
    ("adjust by nothing", lambda s: adjusting(s, delta_minor=0), "delta_minor"),
    ("adjust beyond amounts", lambda s: adjusting(s, delta_minor=-(10**15) - 1), "delta_minor"),
    ("freeze nothing", lambda s: wallet_pb2.FreezeWalletRequest(
        wallet=s.ref, operation_id=new_id(), accountability=ACCOUNTABLE, amount_minor=0), "amount_minor"),
    ("unfreeze less than nothing", lambda s: wallet_pb2.UnfreezeWalletRequest(
        wallet=s.ref, operation_id=new_id(), accountability=ACCOUNTABLE, amount_minor=-1), "amount_minor"),
    # Times.
    ("hold for no time", lambda s: s.reserve(1, ttl_seconds=0), "ttl_seconds"),
    ("hold for negative time", lambda s: s.reserve(1, ttl_seconds=-1), "ttl_seconds"),
    ("hold for more than a year", lambda s: s.reserve(1, ttl_seconds=31_622_401), "ttl_seconds"),
    ("extend by nothing", lambda s: extending(s, ttl_seconds=0), "ttl_seconds"),
    ("no moment of the calendar", lambda s: adjusting(s, expires_at=FAR), "expires_at"),
    ("half a nanosecond too many", lambda s: adjusting(s, expires_at=Timestamp(seconds=1, nanos=-1)), "expires_at"),
    ("a balance at no time", lambda s: wallet_pb2.GetBalanceAtRequest(wallet=s.ref), "at"),
    ("a balance after all time", lambda s: wallet_pb2.GetBalanceAtRequest(wallet=s.ref, at=FAR), "at"),
    ("entries since before all time", lambda s: wallet_pb2.ListEntriesRequest(
        wallet=s.ref, since=Timestamp(seconds=-62_135_596_801)), "since"),
    ("a clock after all time", lambda s: advancing(s, FAR), "to"),
    # Ids.
    ("no reservation id", lambda s: s.reserve(1, reservation_id=""), "reservation_id"),
    ("no uuid", lambda s: s.reserve(1, reservation_id="12345"), "reservation_id"),
    ("a uuid in braces", lambda s: s.reserve(1, reservation_id="{" + new_id() + "}"), "reservation_id"),
    ("a uuid as a urn", lambda s: s.reserve(1, reservation_id="urn:uuid:" + new_id()), "reservation_id"),
    ("a uuid without dashes", lambda s: s.reserve(1, reservation_id=new_id().replace("-", "")), "reservation_id"),
    ("a megabyte of id", lambda s: s.reserve(1, reservation_id=MEGABYTE), "reservation_id"),
    ("no commit id", lambda s: s.commit(new_id(), commit_id=""), "commit_id"),
    ("release without an id", lambda s: s.release(""), "reservation_id"),
    ("no extension id", lambda s: extending(s, extension_id="x"), "extension_id"),
    ("no operation id", lambda s: adjusting(s, operation_id=""), "operation_id"),
    ("no wallet", lambda s: s.reserve(1, wallet=None), "wallet"),
    ("a wallet named by nothing", lambda s: s.reserve(1, wallet=types_pb2.WalletRef()), "wallet.by"),
    ("a wallet that is no uuid", lambda s: s.reserve(1, wallet=types_pb2.WalletRef(wallet_id="1; drop table")),
     "wallet.wallet_id"),
    ("a customer without a name", lambda s: s.reserve(1, wallet=customer("")), "wallet.customer.customer_ref"),
    ("a customer of a megabyte", lambda s: s.reserve(1, wallet=customer(MEGABYTE)), "wallet.customer.customer_ref"),
    ("a program that cannot be", lambda s: s.reserve(1, wallet=customer("a", "../etc")), "wallet.customer.program_id"),
    # Texts.
    ("no order", lambda s: s.reserve(1, order=None), "order"),
    ("an order without a name", lambda s: s.reserve(1, order=order(ref="")), "order.order_ref"),
    ("a long order name", lambda s: s.reserve(1, order=order(ref="x" * 129)), "order.order_ref"),
    ("a zero character", lambda s: s.reserve(1, order=order(ref="a\0b")), "order.order_ref"),
    ("a zero character in a customer", lambda s: s.reserve(1, wallet=customer("a\0")), "wallet.customer"),
    ("a zero character in a reason", lambda s: adjusting(s, accountability=saying("a", "b\0")), "accountability.reason"),
    ("no currency", lambda s: s.reserve(1, order=order(currency="")), "order.currency"),
    ("half a currency", lambda s: s.reserve(1, order=order(currency="EU")), "order.currency"),
    ("a currency in small letters", lambda s: s.reserve(1, order=order(currency="eur")), "order.currency"),
    ("a long fingerprint", lambda s: s.reserve(1, device=types_pb2.Device(fingerprint="x" * 513)), "device.fingerprint"),
    ("a long quote token", lambda s: s.reserve(1, quote_token="x" * 1_025), "quote_token"),
    ("nobody did it", lambda s: adjusting(s, accountability=saying("", "why")), "accountability.actor"),
    ("no reason", lambda s: adjusting(s, accountability=saying("me", "")), "accountability.reason"),
    ("a long reason", lambda s: adjusting(s, accountability=saying("me", "x" * 513)), "accountability.reason"),
    ("no accountability", lambda s: adjusting(s, accountability=None), "accountability"),
    # Numbers of pages, versions and enums.
    ("a page of 501", lambda s: wallet_pb2.ListEntriesRequest(wallet=s.ref, page_size=501), "page_size"),
    ("a page of less than none", lambda s: checkout_pb2.ListReservationsRequest(wallet=s.ref, page_size=-1), "page_size"),
    ("a kind nobody knows", lambda s: wallet_pb2.ListEntriesRequest(wallet=s.ref, kinds=[99]), "kinds[0]"),
    ("a state nobody knows", lambda s: checkout_pb2.ListReservationsRequest(wallet=s.ref, states=[1, 77]), "states[1]"),
    ("a negative version", lambda s: s.reserve(1, expected_version=-1), "expected_version"),
    ("watch after less than nothing", lambda s: wallet_pb2.WatchWalletRequest(wallet=s.ref, after_version=-1),
     "after_version"),
    # Programs.
    ("a program with a bad name", lambda s: putting(program_id="Upper"), "program.program_id"),
    ("a program without a mode", lambda s: putting(mode=0), "program.mode"),
    ("a program of an unknown mode", lambda s: putting(mode=9), "program.mode"),
    ("a share of nothing", lambda s: putting(maximum_share_bp=0), "program.redemption.maximum_share_bp"),
    ("a share above all", lambda s: putting(maximum_share_bp=10_001), "program.redemption.maximum_share_bp"),
    ("no step", lambda s: putting(step_minor=0), "program.redemption.step_minor"),
    ("a rate of nothing", lambda s: putting(rate_numerator=0), "program.rate_numerator"),
    ("a rate by nothing", lambda s: putting(rate_denominator=0), "program.rate_denominator"),
    ("a floor above zero", lambda s: putting(floor_minor=1), "program.floor_minor"),
    ("a negative grace", lambda s: putting(commit_grace_seconds=-1), "program.redemption.commit_grace_seconds"),
    ("a default beyond the longest", lambda s: putting(reservation_ttl_seconds=3_601),
     "program.redemption.reservation_ttl_seconds"),
    ("a maximum below the minimum", lambda s: putting(minimum_redemption_minor=10, maximum_redemption_minor=9),
     "program.redemption.maximum_redemption_minor"),
    ("a maximum below the step", lambda s: putting(step_minor=10, maximum_redemption_minor=9),
     "program.redemption.maximum_redemption_minor"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "field"), [case[1:] for case in MALFORMED], ids=[case[0] for case in MALFORMED]
)
async def test_what_cannot_be_is_refused_by_its_field_and_changes_nothing(
    api: Api, shared_database_url: str, ask, field: str
) -> None:
    shop = await open_shop(api)
    before = await fingerprint(shared_database_url)
    call = api(ask(shop))
    refused = await refusal(anext(aiter(call)) if hasattr(call, "__aiter__") else call)
    assert (refused.status, refused.reason, refused.field) == (INVALID, "FIELD_INVALID", field)
    assert MEGABYTE[:100] not in refused.message
    assert await fingerprint(shared_database_url) == before


def absent() -> types_pb2.WalletRef:
    return types_pb2.WalletRef(wallet_id=new_id())


NOT_THERE: list[tuple[str, Callable[[Shop], Any], str, str]] = [
    ("reserve in an absent wallet", lambda s: s.reserve(1, wallet=absent()), "WALLET_NOT_FOUND", "wallet"),
    ("commit in an absent wallet", lambda s: s.commit(new_id(), wallet=absent()), "WALLET_NOT_FOUND", "wallet"),
    ("release in an absent wallet", lambda s: s.release(new_id(), wallet=absent()), "WALLET_NOT_FOUND", "wallet"),
    ("extend in an absent wallet", lambda s: extending(s, wallet=absent()), "WALLET_NOT_FOUND", "wallet"),
    ("adjust an absent wallet", lambda s: adjusting(s, wallet=absent()), "WALLET_NOT_FOUND", "wallet"),
    ("verify an absent wallet", lambda s: wallet_pb2.VerifyWalletRequest(wallet=absent()), "WALLET_NOT_FOUND", "wallet"),
    ("a wallet of another program", lambda s: s.reserve(1, wallet=customer("anna", "no-such-program")),
     "WALLET_NOT_FOUND", "wallet"),
    ("commit what was never reserved", lambda s: s.commit(new_id()), "RESERVATION_NOT_FOUND", "reservation_id"),
    ("release what was never reserved", lambda s: s.release(new_id()), "RESERVATION_NOT_FOUND", "reservation_id"),
    ("extend what was never reserved", extending, "RESERVATION_NOT_FOUND", "reservation_id"),
    ("advance an absent program", lambda s: admin_pb2.AdvanceClockRequest(
        program_id="nobody-knows-it", to=in_seconds(1), accountability=ACCOUNTABLE), "PROGRAM_NOT_FOUND", "program_id"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("ask", "reason", "field"), [case[1:] for case in NOT_THERE], ids=[case[0] for case in NOT_THERE]
)
async def test_what_is_not_there_is_not_made_by_asking(
    api: Api, shared_database_url: str, ask, reason: str, field: str
) -> None:
    shop = await open_shop(api)
    before = await fingerprint(shared_database_url)
    refused = await refusal(api(ask(shop)))
    assert (refused.status, refused.reason, refused.field) == (ABSENT, reason, field)
    assert await fingerprint(shared_database_url) == before


def forged(keys, **changes: Any) -> str:
    now = int(datetime.now(UTC).timestamp())
    claims = {
        "sub": "x",
        "aud": "wallet-service",
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "scope": " ".join(Scope),
    }
    return jwt.encode({**claims, **changes}, development_secret(keys), algorithm="HS256")


def unsigned(keys) -> str:
    def part(content: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(content).encode()).rstrip(b"=").decode()

    claims = jwt.decode(forged(keys), options={"verify_signature": False})
    return f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims)}."


UNAUTHENTICATED, DENIED = grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED
LATER = 4_102_444_800
TOKENS: list[tuple[str, Callable[[Any], str], grpc.StatusCode, str]] = [
    ("none", lambda keys: "", UNAUTHENTICATED, "TOKEN_MISSING"),
    ("nonsense", lambda keys: "abc", UNAUTHENTICATED, "TOKEN_INVALID"),
    ("expired", lambda keys: forged(keys, exp=1_700_000_000), UNAUTHENTICATED, "TOKEN_EXPIRED"),
    ("not yet valid", lambda keys: forged(keys, nbf=LATER, exp=LATER + 60), UNAUTHENTICATED, "TOKEN_EXPIRED"),
    ("for another audience", lambda keys: forged(keys, aud="shop"), UNAUTHENTICATED, "TOKEN_INVALID"),
    ("signed by nobody", unsigned, UNAUTHENTICATED, "TOKEN_INVALID"),
    ("by another key", lambda keys: jwt.encode(jwt.decode(forged(keys), options={"verify_signature": False}),
                                               "k" * 64, algorithm="HS256"), UNAUTHENTICATED, "TOKEN_INVALID"),
    ("without the scope", lambda keys: token(keys, scopes=[Scope.WALLET_READ]), DENIED, "SCOPE_MISSING"),
    ("of a customer", lambda keys: token(keys, customer=("p-1", "anna")), DENIED, "SCOPE_MISSING"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("bearer_of", "status", "reason"), [case[1:] for case in TOKENS], ids=[case[0] for case in TOKENS]
)
async def test_who_may_not_changes_nothing_and_learns_nothing(
    api: Api, keys, shared_database_url: str, bearer_of, status, reason
) -> None:
    shop = await open_shop(api)
    before = await fingerprint(shared_database_url)
    bearer = bearer_of(keys)
    seen = [
        await refusal(api(request, bearer=bearer))
        for request in (shop.reserve(1), shop.reserve(1, wallet=absent()))
    ]
    assert {(s.status, s.reason) for s in seen} == {(status, reason)}
    assert seen[0].raw == seen[1].raw
    assert await fingerprint(shared_database_url) == before


RAW: list[tuple[str, bytes]] = [
    ("cut short", b"\x0a\x24abc"),
    ("a text that is not UTF-8", b"\x0a\x02\xff\xfe"),
    ("a wire type that is not one", b"\x0f\x0f"),
    ("nested without a bottom", b"\x12\xff\xff\xff\xff\x07" * 100),
    ("groups without an end", b"\x0b" * 10_000),
    ("a number that never ends", b"\x18" + b"\xff" * 11),
]


@pytest.mark.parametrize("raw", [case[1] for case in RAW], ids=[case[0] for case in RAW])
async def test_bytes_that_are_no_message_are_refused_as_such(
    api: Api, shared_database_url: str, raw: bytes
) -> None:
    before = await fingerprint(shared_database_url)
    call = api.channel.unary_unary("/wallet.v1.CheckoutService/Reserve")
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call(raw, metadata=[("authorization", f"Bearer {api.bearer}")], timeout=5)
    refused = refused_of(error.value)
    assert (refused.status, refused.reason) == (INVALID, "MESSAGE_INVALID")
    assert await fingerprint(shared_database_url) == before


async def test_a_message_beyond_the_limit_is_refused(api: Api) -> None:
    shop = await open_shop(api)
    refused = await refusal(api(shop.reserve(1, quote_token="x" * 1_100_000)))
    assert (refused.status, refused.reason) == (INVALID, "MESSAGE_INVALID")


async def test_fields_that_nobody_knows_are_ignored(api: Api) -> None:
    shop = await open_shop(api)
    request = shop.reserve(5)
    raw = request.SerializeToString() + b"\xfa\x7f\x03new"
    call = api.channel.unary_unary("/wallet.v1.CheckoutService/Reserve")
    answer = await call(raw, metadata=[("authorization", f"Bearer {api.bearer}")], timeout=5)
    assert checkout_pb2.ReserveResponse.FromString(answer).balance.reserved_minor == 5


async def test_a_call_without_a_deadline_is_given_one_and_answered(api: Api) -> None:
    shop = await open_shop(api)
    assert (await api(shop.reserve(5), seconds=None)).balance.reserved_minor == 5


async def test_a_call_of_one_millisecond_is_resolved_by_its_repetition(api: Api) -> None:
    shop = await open_shop(api)
    requests = [shop.reserve(1) for _ in range(20)]
    seen = await asyncio.gather(
        *(api(request, seconds=0.001) for request in requests), return_exceptions=True
    )
    statuses = {error.code() for error in seen if isinstance(error, grpc.aio.AioRpcError)}
    assert statuses <= {grpc.StatusCode.DEADLINE_EXCEEDED, grpc.StatusCode.UNAVAILABLE}
    for request in requests:
        assert (await api(request)).reservation.amount_minor == 1
    assert (await shop.balance()).reserved_minor == 20
