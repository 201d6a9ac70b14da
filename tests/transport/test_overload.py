"""Overload and closing time: refused early, with room for what finishes something, and nothing cut off."""

import asyncio
import time

import grpc
import pytest
from fake_rooms import COMMIT, EXECUTE, QUOTE, RELEASE, RESERVE, WATCH, auth, refused, until
from grpc_health.v1 import health_pb2, health_pb2_grpc
from wallet.v1 import checkout_pb2

from wallet_service.transport.door import DoorLimits
from wallet_service.transport.gate import GateLimits
from wallet_service.transport.server import ConnectionLimits, ServerLimits

SMALL = ServerLimits(gate=GateLimits(in_flight_max=5, in_flight_reserved=2, watchers_max=2))

RUSH = ConnectionLimits(streams_max=10_000)


def held(house, *names):
    """Make these methods wait until the returned event is set."""
    gate = asyncio.Event()

    async def wait(request, call):
        await gate.wait()
        return checkout_pb2.ReserveResponse()

    house.checkout_rooms.behaviour.update(dict.fromkeys(names, wait))
    return gate


async def test_above_the_limit_calls_are_refused_early_with_room_for_what_finishes(open_with):
    house = await open_with(limits=SMALL)
    gate = held(house, "reserve")
    waiting = [house.checkout.Reserve(RESERVE, metadata=auth()) for _ in range(3)]
    await until(lambda: house.server.in_flight == 3)

    call = house.checkout.Quote(QUOTE, metadata=auth())
    assert (await refused(call))[:2] == ("RESOURCE_EXHAUSTED", "OVERLOADED")
    assert dict(await call.trailing_metadata())["grpc-retry-pushback-ms"] == "100"
    # Even without a token: saying no must be the cheapest thing that the process does.
    assert (await refused(house.checkout.Reserve(RESERVE)))[1] == "OVERLOADED"

    await house.checkout.Commit(COMMIT, metadata=auth())
    await house.checkout.Release(RELEASE, metadata=auth())
    await house.checkout.Execute(EXECUTE, metadata=auth())
    gate.set()
    await asyncio.gather(*waiting)
    await house.checkout.Quote(QUOTE, metadata=auth())
    assert house.server.in_flight == 0


async def test_a_rush_while_the_process_is_busy_is_answered_or_refused_by_name(open_with):
    house = await open_with(limits=ServerLimits(gate=GateLimits(in_flight_max=500), connection=RUSH))

    async def busy(request, call):
        time.sleep(0.7)
        return checkout_pb2.QuoteResponse()

    house.checkout_rooms.behaviour["quote"] = busy
    first = house.checkout.Quote(QUOTE, metadata=auth(), timeout=30)
    calls = [house.checkout.Commit(COMMIT, metadata=auth(), timeout=30) for _ in range(3_500)]
    ends = await asyncio.gather(first, *calls, return_exceptions=True)
    codes = {end.code().name for end in ends if isinstance(end, grpc.aio.AioRpcError)}
    # The host's own protection answers CANCELLED, which says neither why nor when to come again.
    assert codes <= {"RESOURCE_EXHAUSTED"}


async def test_the_reserved_room_has_an_end_too(open_with):
    house = await open_with(limits=SMALL)
    gate = held(house, "commit")
    waiting = [house.checkout.Commit(COMMIT, metadata=auth()) for _ in range(5)]
    await until(lambda: house.server.in_flight == 5)
    assert (await refused(house.checkout.Commit(COMMIT, metadata=auth())))[1] == "OVERLOADED"
    gate.set()
    await asyncio.gather(*waiting)


async def test_draining_finishes_what_is_in_flight_and_refuses_the_rest(open_with):
    house = await open_with()
    health = health_pb2_grpc.HealthStub(house.channel)
    gate = held(house, "reserve")
    underway = house.checkout.Reserve(RESERVE, metadata=auth())
    await until(lambda: house.server.in_flight == 1)

    drain = asyncio.create_task(house.server.drain(10))
    await asyncio.sleep(0.05)
    state = await health.Check(health_pb2.HealthCheckRequest(service="wallet.v1.CheckoutService"))
    assert state.status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert (await refused(house.checkout.Commit(COMMIT, metadata=auth())))[:2] == (
        "UNAVAILABLE",
        "SHUTTING_DOWN",
    )
    assert (await refused(house.wallets.WatchWallet(WATCH, metadata=auth())))[1] == "SHUTTING_DOWN"
    gate.set()
    assert await underway == checkout_pb2.ReserveResponse()
    assert await drain


async def test_draining_ends_after_its_time_whatever_is_in_flight(open_with):
    house = await open_with()
    held(house, "reserve")
    underway = house.checkout.Reserve(RESERVE, metadata=auth(), timeout=30)
    await until(lambda: house.server.in_flight == 1)
    started = time.monotonic()
    assert not await house.server.drain(0.2)
    assert time.monotonic() - started < 2
    assert (await refused(underway))[0] in {"UNAVAILABLE", "CANCELLED", "UNKNOWN"}


async def endless(request, call):
    seq = 0
    while True:
        seq += 1
        yield {"seq": seq}
        await asyncio.sleep(0.01)


async def test_a_watch_goes_through_the_same_door(house):
    house.wallet_rooms.behaviour["watch_wallet"] = endless
    for metadata, reason in (((), "TOKEN_MISSING"), (auth("wallet.read"), "SCOPE_MISSING")):
        assert (await refused(house.wallets.WatchWallet(WATCH, metadata=metadata)))[1] == reason
    empty = type(WATCH)()
    assert (await refused(house.wallets.WatchWallet(empty, metadata=auth())))[1] == "FIELD_INVALID"

    watch = house.wallets.WatchWallet(WATCH, metadata=auth())
    assert [(await watch.read()).entry.seq for _ in range(3)] == [1, 2, 3]
    watch.cancel()
    await until(lambda: house.server.watchers == 0)


async def test_a_watch_that_its_room_ends_is_ended_well(house):
    async def three(request, call):
        for seq in (1, 2, 3):
            yield {"seq": seq}

    house.wallet_rooms.behaviour["watch_wallet"] = three
    watch = house.wallets.WatchWallet(WATCH, metadata=auth())
    assert [change.entry.seq async for change in watch] == [1, 2, 3]
    assert await watch.code() is grpc.StatusCode.OK


@pytest.mark.parametrize("client_seconds", [None, 30])
async def test_a_watch_ends_at_its_time_limit_with_a_reason(open_with, client_seconds):
    house = await open_with(limits=ServerLimits(door=DoorLimits(stream_seconds_max=0.1)))
    house.wallet_rooms.behaviour["watch_wallet"] = endless
    watch = house.wallets.WatchWallet(WATCH, metadata=auth(), timeout=client_seconds)
    status, reason, _, message = await refused(watch)
    assert (status, reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")
    assert "resume" in message
    await until(lambda: house.server.watchers == 0)


async def test_draining_ends_a_watch_with_a_reason(open_with):
    house = await open_with()
    house.wallet_rooms.behaviour["watch_wallet"] = endless
    watch = house.wallets.WatchWallet(WATCH, metadata=auth())
    await watch.read()
    ended = asyncio.create_task(refused(watch))
    assert await house.server.drain(5)
    assert (await ended)[:2] == ("UNAVAILABLE", "SHUTTING_DOWN")


async def test_watchers_are_bounded_and_do_not_take_the_room_of_calls(open_with):
    house = await open_with(limits=SMALL)
    house.wallet_rooms.behaviour["watch_wallet"] = endless
    open_watches = [house.wallets.WatchWallet(WATCH, metadata=auth()) for _ in range(2)]
    await asyncio.gather(*(watch.read() for watch in open_watches))
    assert (await refused(house.wallets.WatchWallet(WATCH, metadata=auth())))[1] == "OVERLOADED"
    await house.checkout.Quote(QUOTE, metadata=auth())
    for watch in open_watches:
        watch.cancel()


async def test_a_watcher_that_takes_nothing_is_cut_off(open_with):
    limits = ServerLimits(door=DoorLimits(stream_write_seconds_max=0.2))
    house = await open_with(limits=limits)
    ended = asyncio.Event()

    async def flood(request, call):
        try:
            for seq in range(1_000_000):
                yield {"seq": seq, "reason": "x" * 10_000}
        finally:
            ended.set()

    house.wallet_rooms.behaviour["watch_wallet"] = flood
    watch = house.wallets.WatchWallet(WATCH, metadata=auth())
    await watch.read()
    async with asyncio.timeout(20):
        await ended.wait()
    assert (await refused(watch))[:2] == ("RESOURCE_EXHAUSTED", "WATCH_TOO_SLOW")
    await until(lambda: house.server.watchers == 0)


async def test_closing_while_a_watch_runs_out_by_itself_harms_nothing(open_with):
    """The moment at which a stream's own limit and the drain meet."""
    house = await open_with(limits=ServerLimits(door=DoorLimits(stream_seconds_max=0.1)))

    async def reluctant(request, call):
        try:
            yield {"seq": 1}
            await asyncio.sleep(30)
        finally:
            await asyncio.sleep(0.2)

    house.wallet_rooms.behaviour["watch_wallet"] = reluctant
    watch = house.wallets.WatchWallet(WATCH, metadata=auth())
    await watch.read()
    await asyncio.sleep(0.15)
    assert house.server.watchers == 1
    assert await house.server.drain(5)
    assert (await refused(watch))[1] == "SHUTTING_DOWN"
