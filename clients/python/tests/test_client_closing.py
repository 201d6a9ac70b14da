"""A client that is closed leaves nothing open, however the closing went."""

import asyncio
import contextlib
import time

import grpc
import pytest
from wallet_client import AsyncWalletClient, OutcomeUnknown, errors

CUSTOMER = ("demo", "anna")


def states(client) -> set[grpc.ChannelConnectivity]:
    return {line.channel.get_state() for line in client._calls._lines._lines}


async def cancelled_close(client) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.close()


async def test_a_close_that_is_cancelled_still_closes_and_ends_every_call(target, service, order):
    service.delay_seconds["Execute"] = 3
    client = AsyncWalletClient(target, token="t")
    calls = []
    for _ in range(4):
        calls.append(asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order)))
        await asyncio.sleep(0.02)
    begun = time.monotonic()
    await cancelled_close(client)
    assert time.monotonic() - begun < 2.5
    assert states(client) == {grpc.ChannelConnectivity.SHUTDOWN}
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert all(isinstance(end, OutcomeUnknown) for end in ends[:2])
    assert [type(end) for end in ends[2:]] == [errors.TurnedAway] * 2


async def test_a_close_that_is_cancelled_while_it_gives_back_still_closes(target, service, order):
    service.delay_seconds.update(Reserve=3, Release=3)
    client = AsyncWalletClient(target, token="t", gather=False)

    async def shop():
        async with client.reservation(CUSTOMER, 5, order):
            pytest.fail("entered")

    shopper = asyncio.create_task(shop())
    await asyncio.sleep(0.05)
    shopper.cancel()
    await asyncio.gather(shopper, return_exceptions=True)
    await cancelled_close(client)
    assert states(client) == {grpc.ChannelConnectivity.SHUTDOWN}
    assert not client._giving_back


async def test_a_second_close_finishes_what_the_first_did_not(target, service, order, monkeypatch):
    client = AsyncWalletClient(target, token="t")
    await client.checkout.reserve(CUSTOMER, 5, order)

    async def broken():
        raise OSError

    with monkeypatch.context() as patched:
        patched.setattr(client._calls._lines._lines[0].channel, "close", broken)
        with pytest.raises(OSError):  # noqa: PT011 - what it is does not matter
            await client.close()
    await client.close()
    assert states(client) == {grpc.ChannelConnectivity.SHUTDOWN}
