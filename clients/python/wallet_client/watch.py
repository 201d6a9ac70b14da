"""A wallet's changes as one unbroken stream over connections that break."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from wallet.v1.types_pb2 import Entry, WalletRef
from wallet.v1.wallet_pb2 import Wallet, WatchWalletRequest, WatchWalletResponse

from wallet_client.calls import Calls
from wallet_client.deadlines import bounded
from wallet_client.errors import DeadlinePassed, TimedOut, WalletError

HEALTHY_SECONDS: Final = 5.0
"""A stream that stood so long was up: its end begins a new count of attempts, as a message does."""


async def watched(
    calls: Calls, wallet: WalletRef, *, after_version: int | None, timeout_seconds: float | None
) -> AsyncGenerator[Wallet | Entry, None]:
    """Yield each change once and in order, resuming after the last version that was seen."""
    clock = asyncio.get_running_loop().time
    deadline = None if timeout_seconds is None else clock() + timeout_seconds
    seen = after_version
    attempts = 0
    while True:
        attempts += 1
        begun = clock()
        remaining = None if deadline is None else bounded(deadline - begun)
        request = WatchWalletRequest(wallet=wallet, after_version=seen)
        stream = calls.stream(lambda line: line.wallet.WatchWallet, request, timeout_seconds=remaining)
        try:
            async with aclosing(stream):
                async for response in stream:
                    attempts = 1
                    change = _change(response)
                    version = change.seq if isinstance(change, Entry) else change.balance.version
                    if isinstance(change, Entry) and seen is not None and version <= seen:
                        continue
                    seen = version
                    yield change
            return  # noqa: TRY300 - an else would hide that the stream ended by itself
        except WalletError as error:
            if clock() - begun > HEALTHY_SECONDS:
                attempts = 1
            pause = _pause(calls, error, attempts, None if deadline is None else deadline - clock())
            if pause is None:
                raise
        await asyncio.sleep(pause)


def _pause(calls: Calls, error: WalletError, attempts: int, remaining: float | None) -> float | None:
    """Return how long to wait before resuming; None when the watch is over."""
    if remaining is not None and remaining <= 0:
        return None
    longest = float("inf") if remaining is None else remaining
    if isinstance(error, TimedOut | DeadlinePassed):
        # The service bounds the life of a stream; ours is not over.
        return calls.retries.rest(attempts, longest)
    return calls.retries.pause(error, attempts, longest)


def _change(response: WatchWalletResponse) -> Wallet | Entry:
    return response.snapshot if response.HasField("snapshot") else response.entry
