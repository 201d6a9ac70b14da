"""Quote: every limit by name, at its edge; and what a quote token is good for."""

from __future__ import annotations

import asyncio

import pytest
from rig import (
    ACCOUNTABLE,
    Api,
    Shop,
    in_seconds,
    new_id,
    open_shop,
    order,
    program_message,
    put_program,
    refusal,
)
from wallet.v1 import checkout_pb2, types_pb2, wallet_pb2


def limits(quote: checkout_pb2.QuoteResponse) -> dict[str, int]:
    names = checkout_pb2.LimitKind
    return {names.Name(limit.kind).removeprefix("LIMIT_KIND_"): limit.bound_minor for limit in quote.limits}


@pytest.mark.parametrize(
    ("policy", "balance", "total", "wish", "amount", "named"),
    [
        # What the balance covers needs no reason.
        ({}, 500, 500, None, 500, {}),
        ({}, 500, 501, None, 500, {"BALANCE": 500}),
        ({}, 500, 501, 500, 500, {}),
        ({}, 500, 501, 501, 500, {"BALANCE": 500}),
        ({"minimum_purchase_minor": 1_000}, 500, 1_000, None, 500, {"BALANCE": 500}),
        ({"minimum_purchase_minor": 1_000}, 500, 999, None, 0, {"BALANCE": 500, "MINIMUM_PURCHASE": 1_000}),
        ({"minimum_redemption_minor": 500}, 500, 500, None, 500, {}),
        ({"minimum_redemption_minor": 501}, 500, 500, None, 0, {"MINIMUM_REDEMPTION": 501}),
        ({"minimum_redemption_minor": 100}, 500, 500, 99, 0, {"MINIMUM_REDEMPTION": 100}),
        ({"minimum_redemption_minor": 100}, 500, 500, 100, 100, {}),
        ({"maximum_redemption_minor": 300}, 500, 300, None, 300, {}),
        ({"maximum_redemption_minor": 300}, 500, 301, None, 300, {"MAXIMUM_REDEMPTION": 300}),
        ({"maximum_redemption_minor": 300}, 500, 400, 301, 300, {"MAXIMUM_REDEMPTION": 300}),
        ({"maximum_share_bp": 5_000}, 500, 1_001, None, 500, {"MAXIMUM_SHARE": 500}),
        ({"maximum_share_bp": 5_000}, 500, 999, None, 499, {"MAXIMUM_SHARE": 499}),
        ({"maximum_share_bp": 1}, 500, 9_999, None, 0, {"MAXIMUM_SHARE": 0}),
        ({"step_minor": 100}, 500, 450, None, 400, {"STEP": 100}),
        ({"step_minor": 100}, 500, 400, None, 400, {}),
        ({"step_minor": 100}, 500, 500, 199, 100, {"STEP": 100}),
        ({"step_minor": 100}, 99, 500, None, 0, {"BALANCE": 99, "STEP": 100}),
        # All of an order leaves exactly nothing, whatever the rate.
        ({"rate_numerator": 1, "rate_denominator": 3}, 10_000, 100, None, 300, {}),
        ({"rate_numerator": 3, "rate_denominator": 1}, 10_000, 100, None, 34, {}),
    ],
)  # fmt: skip
async def test_a_quote_names_what_limits_it(api: Api, policy, balance, total, wish, amount, named) -> None:
    shop = await open_shop(api, balance, **policy)
    quote = await api(shop.quote(total, **({} if wish is None else {"amount_minor": wish})))
    assert (quote.amount_minor, limits(quote)) == (amount, named)
    assert quote.value_minor + quote.left_to_pay_minor == total
    assert bool(quote.quote_token) == bool(amount)
    if amount:
        # What is offered can be had, and not one step more.
        held = await api(shop.reserve(amount, order=order(total), quote_token=quote.quote_token))
        assert held.reservation.value_minor == quote.value_minor
        if wish is None and policy and "rate_denominator" not in policy:
            step = policy.get("step_minor", 1)
            assert await refusal(api(shop.reserve(amount + step, order=order(total))))


async def test_a_full_redemption_leaves_exactly_nothing_at_an_odd_rate(api: Api) -> None:
    shop = await open_shop(api, 1_000, rate_numerator=7, rate_denominator=3)
    quote = await api(shop.quote(100))
    assert (quote.amount_minor, quote.value_minor, quote.left_to_pay_minor) == (43, 100, 0)


async def test_a_quote_says_what_is_held_frozen_and_about_to_expire(api: Api) -> None:
    shop = await open_shop(api, 300)
    soon = in_seconds(3_600)
    await shop.adjust(200, expires_at=soon)
    await shop.held(50)
    freeze = wallet_pb2.FreezeWalletRequest(
        wallet=shop.ref, operation_id=new_id(), accountability=ACCOUNTABLE, amount_minor=70
    )
    await api(freeze)
    quote = await api(shop.quote(10_000))
    assert limits(quote) == {"BALANCE": 380, "RESERVED": 50, "FROZEN": 70}
    assert (quote.expiring.amount_minor, quote.expiring.expires_at.seconds) == (80, soon.seconds)
    assert quote.balance == await shop.balance()


async def test_nothing_can_be_quoted_from_a_frozen_or_closed_wallet_or_beyond_the_open_reservations(
    api: Api,
) -> None:
    shop = await open_shop(api, 300, open_reservations_max=1)
    reservation_id = await shop.held(10)
    quote = await api(shop.quote(100))
    assert (quote.amount_minor, limits(quote)) == (0, {"OPEN_RESERVATIONS": 1})
    await api(shop.release(reservation_id))
    said = {"wallet": shop.ref, "accountability": ACCOUNTABLE}
    await api(wallet_pb2.FreezeWalletRequest(operation_id=new_id(), **said))
    frozen = await api(shop.quote(100))
    assert (frozen.amount_minor, limits(frozen)) == (0, {"WALLET_FROZEN": 0})
    await api(wallet_pb2.CloseWalletRequest(operation_id=new_id(), forfeit=True, **said))
    closed = await api(shop.quote(100))
    assert (closed.amount_minor, limits(closed)["WALLET_CLOSED"]) == (0, 0)


async def test_a_quote_never_writes(api: Api) -> None:
    shop = await open_shop(api)
    before = await shop.snapshot()
    for _ in range(3):
        await api(shop.quote(100))
    assert await shop.snapshot() == before


async def test_a_quote_answers_from_a_state_at_least_as_new_as_was_asked(api: Api, other_api: Api) -> None:
    shop = await open_shop(api)
    for _ in range(10):
        version = (await api(shop.reserve(1))).balance.version
        quote = await other_api(shop.quote(100, min_version=version))
        assert quote.balance.version >= version
    refused = await refusal(api(shop.quote(100, min_version=version + 1)))
    assert (refused.reason, refused.field) == ("VERSION_UNKNOWN", "min_version")


async def test_a_quote_stands_as_it_was_made_whatever_the_policy_has_become(api: Api) -> None:
    shop = await open_shop(api, 1_000)
    quote = await api(shop.quote(1_000))
    stricter = program_message(shop.program.program_id, maximum_redemption_minor=10)
    await put_program(api, stricter)
    said = {"order": order(1_000)}
    await api(shop.reserve(1_000, quote_token=quote.quote_token, **said))
    assert (await refusal(api(shop.reserve(11, **said)))).reason == "ABOVE_MAXIMUM_REDEMPTION"


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"order": order(1_000, ref="order-2")}, "QUOTE_MISMATCH", "order"),
        ({"order": order(999)}, "QUOTE_MISMATCH", "order"),
        ({"amount_minor": 501}, "QUOTE_MISMATCH", "amount_minor"),
        ({"order": order(1_000, currency="USD")}, "QUOTE_MISMATCH", "order"),
        ({"wallet": "other"}, "QUOTE_MISMATCH", "wallet"),
        ({"quote_token": "edited"}, "QUOTE_INVALID", "quote_token"),
        ({"quote_token": "page"}, "QUOTE_INVALID", "quote_token"),
        ({"quote_token": "nonsense"}, "QUOTE_INVALID", "quote_token"),
    ],
)
async def test_a_quote_is_good_only_for_what_it_was_made_for(api: Api, change, reason, field) -> None:
    shop = await open_shop(api, 1_000)
    token = (await api(shop.quote(1_000, amount_minor=500))).quote_token
    said = {"amount_minor": 500, "order": order(1_000), "quote_token": token, **change}
    if said.get("wallet") == "other":
        said["wallet"] = types_pb2.WalletRef(wallet_id=await shop.open("berta", 1_000))
    if said["quote_token"] == "edited":
        said["quote_token"] = token[:-1] + ("A" if token[-1] != "A" else "B")
    elif said["quote_token"] == "page":
        await shop.adjust(1)
        page = await api(wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_size=1))
        said["quote_token"] = page.next_page_token
    amount = said.pop("amount_minor")
    refused = await refusal(api(shop.reserve(amount, **said)))
    assert (refused.reason, refused.field) == (reason, field)
    assert (await shop.balance()).reserved_minor == 0


async def test_an_expired_quote_is_refused_but_a_repeated_reserve_finds_its_first_outcome(api: Api) -> None:
    shop = await open_shop(api, 1_000, quote_ttl_seconds=1)
    quote = await api(shop.quote(1_000))
    used = shop.reserve(400, order=order(1_000), quote_token=quote.quote_token)
    first = await api(used)
    await asyncio.sleep(1.05)
    refused = await refusal(api(shop.reserve(400, order=order(1_000), quote_token=quote.quote_token)))
    assert (refused.reason, refused.field) == ("QUOTE_EXPIRED", "quote_token")
    again = await api(used)
    assert (again.replayed, again.balance) == (True, first.balance)


@pytest.mark.parametrize(
    ("policy", "amount", "said", "reason", "field", "bound"),
    [
        ({}, 100, {"order": order(currency="USD")}, "CURRENCY_MISMATCH", "order.currency", None),
        ({"reservation_ttl_seconds_max": 900}, 100, {"ttl_seconds": 901}, "TTL_OUT_OF_RANGE", "ttl_seconds", None),
        ({"minimum_purchase_minor": 500}, 100, {"order": order(499)}, "BELOW_MINIMUM_PURCHASE", "order.total_minor", 500),
        ({"minimum_redemption_minor": 101}, 100, {}, "BELOW_MINIMUM_REDEMPTION", "amount_minor", 101),
        ({"maximum_redemption_minor": 99}, 100, {}, "ABOVE_MAXIMUM_REDEMPTION", "amount_minor", 99),
        ({"maximum_share_bp": 1_000}, 100, {"order": order(999)}, "ABOVE_MAXIMUM_SHARE", "amount_minor", 99),
        ({}, 101, {"order": order(100)}, "ABOVE_MAXIMUM_SHARE", "amount_minor", 100),
        ({"step_minor": 30}, 100, {}, "NOT_A_STEP", "amount_minor", 30),
        # Where several apply, the first in the order of precedence is answered.
        ({"step_minor": 30, "maximum_redemption_minor": 60}, 100, {"order": order(currency="USD")}, "CURRENCY_MISMATCH",
         "order.currency", None),
        ({"step_minor": 30, "maximum_redemption_minor": 60}, 100, {}, "ABOVE_MAXIMUM_REDEMPTION", "amount_minor", 60),
    ],
)  # fmt: skip
async def test_without_a_quote_the_order_is_held_to_the_same_policy(
    api: Api, policy, amount, said, reason, field, bound
) -> None:
    shop: Shop = await open_shop(api, 1_000, **policy)
    request = shop.reserve(amount, **said)
    refused = await refusal(api(request))
    assert (refused.reason, refused.field) == (reason, field)
    if bound is not None:
        assert refused.facts["bound_minor"] == str(bound)
    assert (await shop.balance()).reserved_minor == 0
    assert (await refusal(api(request))).reason == reason
