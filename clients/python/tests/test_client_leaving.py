"""Whoever stops waiting for an answer leaves nothing behind: neither here nor on the wire."""

import asyncio
import ctypes
import gc

import pytest
from fake_service import FakeService, served
from wallet_client import AsyncWalletClient

CUSTOMER = ("demo", "anna")
LEFT = 600
KEPT_BYTES_MAX = 200


class _Heap(ctypes.Structure):
    """What the C library says of its heap, in bytes."""

    _fields_ = [(f"of_no_interest_{number}", ctypes.c_size_t) for number in range(7)] + [
        (name, ctypes.c_size_t) for name in ("used", "free", "keepcost")
    ]


def heap_used():
    """Bytes that the C library has given out; libraries in C take theirs from it."""
    try:
        look = ctypes.CDLL(None).mallinfo2
    except (AttributeError, OSError):
        pytest.skip("this C library does not tell")
    look.restype = _Heap
    gc.collect()
    return look().used


class Slow(FakeService):
    """Takes its time for a quote, keeps nothing of it, and counts who did not wait."""

    def __init__(self):
        super().__init__()
        self.left = 0

    async def Quote(self, request, context):  # noqa: N802 - the name of the method
        try:
            await asyncio.sleep(30)
        except asyncio.CancelledError:
            self.left += 1
            raise


async def leave(client, order, times):
    """Begin so many calls, some at a time, and leave each while the service is at work on it."""

    async def one():
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await client.checkout.quote(CUSTOMER, order, maximum=True, timeout_seconds=30)

    for _ in range(times // 50):
        await asyncio.gather(*(one() for _ in range(50)))
    await asyncio.sleep(0.5)


async def test_calls_that_were_left_keep_no_memory_and_end_on_the_service(order):
    service = Slow()
    async with served(service) as target, AsyncWalletClient(target, token="t") as client:
        await leave(client, order, LEFT)
        assert service.left > 0
        before = heap_used()
        await leave(client, order, LEFT)
        kept = heap_used() - before
        assert kept < LEFT * KEPT_BYTES_MAX
        assert len(asyncio.all_tasks()) < 50
