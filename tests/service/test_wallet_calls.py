"""WalletService over the wire: opening, reading, history, care."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import grpc
from rig import (
    ACCOUNTABLE,
    Api,
    Shop,
    in_seconds,
    new_id,
    open_shop,
    refusal,
    stamp,
    without_replay,
)
from wallet.v1 import admin_pb2, checkout_pb2, types_pb2, wallet_pb2

ACTIVE, FROZEN, CLOSED = (
    types_pb2.WALLET_STATE_ACTIVE,
    types_pb2.WALLET_STATE_FROZEN,
    types_pb2.WALLET_STATE_CLOSED,
)


def care(kind: type, shop: Shop, **more):
    return kind(**{"wallet": shop.ref, "operation_id": new_id(), "accountability": ACCOUNTABLE, **more})


async def entries(shop: Shop, **more) -> list[types_pb2.Entry]:
    found: list[types_pb2.Entry] = []
    request = wallet_pb2.ListEntriesRequest(wallet=shop.ref, **more)
    while True:
        page = await shop.api(request)
        found += page.entries
        if not page.next_page_token:
            return found
        request.page_token = page.next_page_token


async def test_opening_a_wallet_twice_opens_it_once(api: Api) -> None:
    shop = await open_shop(api, 0)
    request = wallet_pb2.OpenWalletRequest(
        customer=types_pb2.Customer(program_id=shop.program.program_id, customer_ref="new")
    )
    first, again = await api(request), await api(request)
    assert (first.replayed, again.replayed) == (False, True)
    assert first.wallet == again.wallet
    assert (first.wallet.state, first.wallet.asset, first.wallet.exponent) == (ACTIVE, "EUR", 2)
    request.customer.program_id = "nobody-knows-it"
    refused = await refusal(api(request))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.NOT_FOUND,
        "PROGRAM_NOT_FOUND",
        "customer.program_id",
    )


async def test_a_wallet_shows_one_consistent_snapshot(api: Api) -> None:
    shop = await open_shop(api, 100)
    sooner, later = in_seconds(3_600), in_seconds(7_200)
    await shop.adjust(20, expires_at=later)
    await shop.adjust(10, expires_at=sooner)
    reservation_id = await shop.held(15)
    wallet = await shop.snapshot()
    assert [r.reservation_id for r in wallet.open_reservations] == [reservation_id]
    # The soonest expiring was taken first.
    assert [(lot.amount_minor, lot.expires_at.seconds) for lot in wallet.lots] == [
        (15, later.seconds),
        (100, 0),
    ]
    assert sum(lot.amount_minor for lot in wallet.lots) == wallet.balance.available_minor
    assert wallet.balance.reserved_minor == 15


async def test_the_history_is_paged_in_both_directions_without_a_gap(api: Api) -> None:
    shop = await open_shop(api)
    for _ in range(6):
        await api(shop.release(await shop.held(10)))
    up = await entries(shop, oldest_first=True, page_size=5)
    down = await entries(shop, page_size=4)
    assert [entry.seq for entry in up] == list(range(1, 14))
    assert down == up[::-1]
    assert (await entries(shop))[0].balance == await shop.balance()


async def test_the_history_is_filtered_by_kind_and_time(api: Api) -> None:
    shop = await open_shop(api)
    for _ in range(3):
        await api(shop.commit(await shop.held(10)))
    everything = await entries(shop, oldest_first=True)
    commits = await entries(shop, kinds=[types_pb2.ENTRY_KIND_COMMIT], page_size=1)
    assert [e.seq for e in commits] == [7, 5, 3]
    since, until_ = everything[2].at, everything[5].at
    between = await entries(shop, since=since, until=until_, oldest_first=True, page_size=2)
    expected = [
        e.seq for e in everything if since.ToNanoseconds() <= e.at.ToNanoseconds() < until_.ToNanoseconds()
    ]
    assert [e.seq for e in between] == expected
    assert 3 in expected
    assert 6 not in expected


async def test_a_page_token_is_good_only_for_its_own_request(api: Api) -> None:
    shop = await open_shop(api)
    await shop.adjust(1)
    other = Shop(api=api, program=shop.program, wallet_id=await shop.open("berta", 5))
    token = (await api(wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_size=1))).next_page_token
    assert token
    for request in (
        wallet_pb2.ListEntriesRequest(wallet=other.ref, page_token=token),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_token=token, oldest_first=True),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_token=token, kinds=[1]),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_token=token[:-2] + "xx"),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_token="eyJhIjoxfQ"),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_token="a.b.c"),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref, page_token="käse.käse.käse"),
        checkout_pb2.ListReservationsRequest(wallet=shop.ref, page_token=token),
        admin_pb2.ListProgramsRequest(page_token=token),
    ):
        refused = await refusal(api(request))
        assert (refused.status, refused.reason, refused.field) == (
            grpc.StatusCode.INVALID_ARGUMENT,
            "PAGE_TOKEN_INVALID",
            "page_token",
        )


async def test_an_entry_says_who_why_and_which_lots(api: Api) -> None:
    shop = await open_shop(api, 0)
    expires = in_seconds(3_600)
    await shop.adjust(50, expires_at=expires)
    (entry,) = await entries(shop)
    assert (entry.kind, entry.source, entry.target, entry.amount_minor) == (
        types_pb2.ENTRY_KIND_ADJUST,
        types_pb2.ACCOUNT_ADJUSTED,
        types_pb2.ACCOUNT_AVAILABLE,
        50,
    )
    assert (entry.actor, entry.reason) == (ACCOUNTABLE.actor, ACCOUNTABLE.reason)
    assert [(lot.amount_minor, lot.expires_at) for lot in entry.lots] == [
        (50, stamp(expires.ToDatetime(UTC).replace(microsecond=expires.nanos // 1_000)))
    ]
    assert len(entry.hash) == 32


async def test_a_past_balance_is_the_one_after_the_last_entry_then(api: Api) -> None:
    shop = await open_shop(api, 100)
    await shop.adjust(50)
    history = await entries(shop, oldest_first=True)

    async def at(moment: datetime) -> types_pb2.Balance:
        return (await api(wallet_pb2.GetBalanceAtRequest(wallet=shop.ref, at=stamp(moment)))).balance

    for entry in history:
        moment = entry.at.ToDatetime(UTC)
        assert await at(moment) == entry.balance
        before = await at(moment - timedelta(microseconds=1))
        assert before.version == entry.seq - 1
    assert await at(datetime(1990, 1, 1, tzinfo=UTC)) == types_pb2.Balance()
    assert await at(datetime(2200, 1, 1, tzinfo=UTC)) == history[-1].balance


async def test_an_adjustment_counts_once(api: Api) -> None:
    shop = await open_shop(api, 100)
    said = {"delta": -30, "operation_id": new_id()}
    first, again = await shop.adjust(**said), await shop.adjust(**said)
    assert (first.replayed, again.replayed) == (False, True)
    assert without_replay(first) == without_replay(again)
    refused = await refusal(shop.adjust(-31, operation_id=said["operation_id"]))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.ALREADY_EXISTS,
        "ID_REUSED",
        "operation_id",
    )
    assert (await shop.balance()).available_minor == 70


async def test_an_adjustment_stops_at_the_floor_of_the_program(api: Api) -> None:
    shop = await open_shop(api, 100, floor_minor=-50)
    await shop.adjust(-150)
    refused = await refusal(shop.adjust(-1))
    assert (refused.reason, refused.field) == ("BELOW_FLOOR", "delta_minor")
    assert (await shop.balance()).available_minor == -50
    assert (await refusal(api(shop.reserve(1)))).reason == "INSUFFICIENT_BALANCE"
    await shop.adjust(60)
    await shop.held(10)
    past = await refusal(shop.adjust(10, expires_at=in_seconds(-1)))
    assert (past.reason, past.field) == ("EXPIRY_IN_THE_PAST", "expires_at")


async def test_a_frozen_wallet_reserves_nothing_new_but_keeps_its_promises(api: Api) -> None:
    shop = await open_shop(api)
    to_commit, to_release = await shop.held(100), await shop.held(100)
    request = care(wallet_pb2.FreezeWalletRequest, shop)
    frozen, again = await api(request), await api(request)
    assert (frozen.wallet.state, frozen.replayed, again.replayed) == (FROZEN, False, True)
    refused = await refusal(api(shop.reserve(1)))
    assert (refused.status, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WALLET_FROZEN")
    await api(shop.commit(to_commit))
    await api(shop.release(to_release))
    thawed = await api(care(wallet_pb2.UnfreezeWalletRequest, shop))
    assert thawed.wallet.state == ACTIVE
    await shop.held(1)
    # A repeated freeze is the first one, not a new one.
    assert (await api(request)).replayed
    assert (await shop.snapshot()).state == ACTIVE


async def test_a_frozen_amount_cannot_be_spent(api: Api) -> None:
    shop = await open_shop(api, 100)
    frozen = await api(care(wallet_pb2.FreezeWalletRequest, shop, amount_minor=60))
    assert (frozen.wallet.balance.available_minor, frozen.wallet.balance.frozen_minor) == (40, 60)
    assert (await refusal(api(shop.reserve(41)))).reason == "INSUFFICIENT_BALANCE"
    above = await refusal(api(care(wallet_pb2.FreezeWalletRequest, shop, amount_minor=41)))
    assert (above.reason, above.field) == ("INSUFFICIENT_BALANCE", "amount_minor")
    too_much = await refusal(api(care(wallet_pb2.UnfreezeWalletRequest, shop, amount_minor=61)))
    assert too_much.facts["frozen_minor"] == "60"
    thawed = await api(care(wallet_pb2.UnfreezeWalletRequest, shop, amount_minor=60))
    assert (thawed.wallet.balance.available_minor, thawed.wallet.balance.frozen_minor) == (100, 0)


async def test_a_wallet_that_holds_value_is_closed_only_when_it_may_be_forfeited(api: Api) -> None:
    shop = await open_shop(api, 100)
    held = await shop.held(10)
    for forfeit in (False, True):
        refused = await refusal(api(care(wallet_pb2.CloseWalletRequest, shop, forfeit=forfeit)))
        assert (refused.reason, refused.field) == ("WALLET_NOT_EMPTY", "wallet")
    await api(shop.release(held))
    assert (await refusal(api(care(wallet_pb2.CloseWalletRequest, shop)))).reason == "WALLET_NOT_EMPTY"
    request = care(wallet_pb2.CloseWalletRequest, shop, forfeit=True)
    closed, again = await api(request), await api(request)
    assert (closed.wallet.state, closed.wallet.balance.available_minor, again.replayed) == (CLOSED, 0, True)
    for call in (
        api(shop.reserve(1)),
        shop.adjust(1),
        api(care(wallet_pb2.FreezeWalletRequest, shop)),
        api(care(wallet_pb2.UnfreezeWalletRequest, shop)),
        api(care(wallet_pb2.CloseWalletRequest, shop)),
    ):
        refused = await refusal(call)
        assert (refused.status, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "WALLET_CLOSED")
    assert (await entries(shop))[0].kind == types_pb2.ENTRY_KIND_EXPIRE_LOT


async def test_a_history_verifies_and_names_its_head(api: Api) -> None:
    shop = await open_shop(api)
    await api(shop.commit(await shop.held(10), amount_minor=4))
    verdict = await api(wallet_pb2.VerifyWalletRequest(wallet=shop.ref))
    newest = (await entries(shop))[0]
    assert (verdict.sound, verdict.entries, list(verdict.faults)) == (True, newest.seq, [])
    assert verdict.head_hash == newest.hash


async def test_a_version_that_is_not_there_yet_is_refused_not_waited_for(api: Api, other_api: Api) -> None:
    shop = await open_shop(api)
    for _ in range(10):
        version = (await api(shop.reserve(1))).balance.version
        request = wallet_pb2.GetWalletRequest(wallet=shop.ref, min_version=version)
        assert (await other_api(request)).wallet.balance.version >= version
    request.min_version = version + 1
    refused = await refusal(api(request))
    assert (refused.status, refused.reason, refused.field) == (
        grpc.StatusCode.OUT_OF_RANGE,
        "VERSION_UNKNOWN",
        "min_version",
    )
