"""WatchWallet: a snapshot, then every change in order, from whichever process it came; and where it ends."""

from __future__ import annotations

import asyncio
from functools import partial
from itertools import pairwise

import grpc
import pytest
from rig import (
    ACCOUNTABLE,
    Api,
    Shop,
    calling,
    in_process,
    in_seconds,
    new_id,
    open_shop,
    refusal,
    refused_of,
)
from wallet.v1 import checkout_pb2, types_pb2, wallet_pb2
from wallet_client import AsyncWalletClient

from wallet_service import wiring
from wallet_service.runtime.config import load_settings
from wallet_service.transport.door import DoorLimits

SOON = 3.0


class Stream:
    """A watch whose changes are read one by one."""

    def __init__(self, shop: Shop, after_version: int | None = None) -> None:
        request = wallet_pb2.WatchWalletRequest(wallet=shop.ref, after_version=after_version)
        self.call = shop.api(request, seconds=30)
        self._changes = aiter(self.call)

    async def next(self) -> wallet_pb2.WatchWalletResponse:
        return await asyncio.wait_for(anext(self._changes), SOON)

    async def entries(self, count: int) -> list[types_pb2.Entry]:
        found = [await self.next() for _ in range(count)]
        assert all(change.HasField("entry") for change in found)
        return [change.entry for change in found]


async def test_a_watch_begins_with_a_snapshot_and_goes_on_with_every_entry_in_order(
    api: Api, other_api: Api
) -> None:
    shop = await open_shop(api)
    stream = Stream(shop)
    snapshot = (await stream.next()).snapshot
    assert snapshot == await shop.snapshot()
    # Half of the changes come from another process.
    for n in range(6):
        caller = (api, other_api)[n % 2]
        await caller(shop.commit((await caller(shop.reserve(10))).reservation.reservation_id))
    found = await stream.entries(12)
    assert [entry.seq for entry in found] == list(range(2, 14))
    assert all(
        later.balance.reserved_minor != earlier.balance.reserved_minor for earlier, later in pairwise(found)
    )
    stream.call.cancel()


async def test_a_watch_hears_of_another_process_soon(api: Api, other_api: Api) -> None:
    shop = await open_shop(api)
    stream = Stream(shop)
    await stream.next()
    await other_api(shop.reserve(10))
    (entry,) = await stream.entries(1)
    assert entry.kind == types_pb2.ENTRY_KIND_RESERVE
    stream.call.cancel()


async def test_a_watch_resumes_after_the_last_version_seen(api: Api) -> None:
    shop = await open_shop(api)
    for _ in range(4):
        await shop.held(10)
    stream = Stream(shop, after_version=2)
    assert [entry.seq for entry in await stream.entries(3)] == [3, 4, 5]
    await shop.held(10)
    assert [entry.seq for entry in await stream.entries(1)] == [6]
    stream.call.cancel()
    everything = Stream(shop, after_version=0)
    assert [entry.seq for entry in await everything.entries(6)] == [1, 2, 3, 4, 5, 6]
    everything.call.cancel()


async def test_a_change_that_moves_no_value_is_told_as_a_snapshot(api: Api) -> None:
    shop = await open_shop(api)
    stream = Stream(shop)
    await stream.next()
    request = wallet_pb2.FreezeWalletRequest(
        wallet=shop.ref, operation_id=new_id(), accountability=ACCOUNTABLE
    )
    await api(request)
    assert (await stream.next()).snapshot.state == types_pb2.WALLET_STATE_FROZEN
    stream.call.cancel()


async def test_a_version_that_the_wallet_has_not_reached_cannot_be_watched(api: Api) -> None:
    shop = await open_shop(api)
    refused = await refusal(Stream(shop, after_version=2).next())
    assert (refused.status, refused.reason, refused.field, refused.facts["version"]) == (
        grpc.StatusCode.OUT_OF_RANGE,
        "VERSION_UNKNOWN",
        "after_version",
        "1",
    )


async def test_the_client_watches_over_both_processes_without_a_gap(pair, bearer, api: Api) -> None:
    shop = await open_shop(api)
    async with AsyncWalletClient(pair[1].address, token=bearer) as client:
        stream = client.wallet.watch(shop.wallet_id)
        seen = [(await anext(stream)).balance.version]
        for _ in range(5):
            await shop.held(1)
            seen.append((await asyncio.wait_for(anext(stream), SOON)).seq)
        await stream.aclose()
    assert seen == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wiring, "DoorLimits", partial(DoorLimits, stream_write_seconds_max=0.3))


async def test_a_slow_watcher_is_cut_off_with_a_reason_and_harms_nobody(
    impatient, shared_database_url: str, redis_server_url: str, keys, bearer: str
) -> None:
    settings = load_settings({"data_dir": keys.data_dir, "toy_database": True})
    async with (
        in_process(settings, shared_database_url, redis_server_url) as address,
        calling(address, bearer) as api,
        calling(address, bearer) as slow_api,
    ):
        shop = await open_shop(api)
        slow = slow_api(wallet_pb2.WatchWalletRequest(wallet=shop.ref, after_version=0), seconds=30)
        changes = aiter(slow)
        await anext(changes)
        # Entries that move many lots are long: more than the windows of a connection hold, while nobody reads.
        for n in range(150):
            await shop.adjust(1, expires_at=in_seconds(5_000 + n))
        for _ in range(2):
            reserves = [shop.reserve(10_150) for _ in range(500)]
            pairs = [(reserve, shop.release(reserve.reservation_id)) for reserve in reserves]
            operations = [
                operation
                for reserve, release in pairs
                for operation in (
                    checkout_pb2.Operation(reserve=reserve),
                    checkout_pb2.Operation(release=release),
                )
            ]
            answer = await api(checkout_pb2.ExecuteRequest(operations=operations))
            assert not any(outcome.HasField("refusal") for outcome in answer.outcomes)
        await asyncio.sleep(0.6)
        last = 1
        with pytest.raises(grpc.aio.AioRpcError) as cut:  # noqa: PT012 - the loop is what is cut
            async for change in changes:
                assert change.entry.seq == last + 1
                last = change.entry.seq
        refused = refused_of(cut.value)
        assert (refused.status, refused.reason) == (grpc.StatusCode.RESOURCE_EXHAUSTED, "WATCH_TOO_SLOW")
        # It resumes after what it has seen.
        resumed = Stream(shop, after_version=last)
        assert (await resumed.entries(1))[0].seq == last + 1
        resumed.call.cancel()
