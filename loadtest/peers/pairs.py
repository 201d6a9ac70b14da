"""The load that every peer gets: so many callers, each holding value and then spending a part of it."""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, Generic, TypeVar

from loadtest.measure import percentile

CALLERS: Final = (1, 16, 64, 256, 1_024)
WALLETS: Final = 10_000
BALANCE: Final = 10**12
HELD: Final = 100
SPENT: Final = 60
SEED_STEP: Final = 1_000
WARM_SECONDS: Final = 0.5

Item = TypeVar("Item")
Answer = TypeVar("Answer")


class GatheringCalls(Generic[Item, Answer]):
    """Concurrent calls in few batches, as the wallet's own client gathers them: while some are under way, the next collects."""

    def __init__(
        self,
        send: Callable[[list[Item]], Awaitable[Sequence[Answer]]],
        group: asyncio.TaskGroup,
        *,
        batch_max: int,
        under_way_max: int,
    ) -> None:
        self._send = send
        self._group = group
        self._batch_max = batch_max
        self._free = under_way_max
        self._waiting: deque[tuple[Item, asyncio.Future[Answer]]] = deque()

    def call(self, item: Item) -> asyncio.Future[Answer]:
        """Return the future answer to one item."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, future))
        if self._free:
            self._free -= 1
            self._group.create_task(self._drain())
        return future

    async def _drain(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(0)  # who is ready now comes along
                count = min(len(self._waiting), self._batch_max)
                batch = [self._waiting.popleft() for _ in range(count)]
                answers = await self._send([item for item, _ in batch])
                for (_, future), answer in zip(batch, answers, strict=True):
                    future.set_result(answer)
        finally:
            self._free += 1


async def measure(pair: Callable[[], Awaitable[None]], seconds: float) -> dict[str, Any]:
    """Return pairs a second and their latency for each number of callers."""
    found: dict[str, Any] = {}
    for callers in CALLERS:
        await _closed_loops(pair, callers, WARM_SECONDS)
        begun = time.perf_counter()
        latencies = sorted(await _closed_loops(pair, callers, seconds))
        found[str(callers)] = {
            "per_s": round(len(latencies) / (time.perf_counter() - begun), 1),
            "p50_ms": round(percentile(latencies, 0.5) * 1e3, 2),
            "p99_ms": round(percentile(latencies, 0.99) * 1e3, 2),
        }
    return {"batch": found}


async def _closed_loops(pair: Callable[[], Awaitable[None]], callers: int, seconds: float) -> list[float]:
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (begun := time.perf_counter()) < end:
            await pair()
            latencies.append(time.perf_counter() - begun)

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())
    return latencies


def run(description: str, work: Callable[[str, float], Awaitable[dict[str, Any]]]) -> None:
    """Do what the command line asks and print the figures as JSON."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("address")
    parser.add_argument("--seconds", type=float, default=4.0, help="for each number of callers")
    given = parser.parse_args()

    async def main() -> dict[str, Any]:
        return await work(given.address, given.seconds)

    print(json.dumps(asyncio.run(main()), indent=1))
