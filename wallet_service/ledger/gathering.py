"""Concurrent reads gathered into one: while as many as allowed are under way, the next collects.

The counterpart of the batcher for reading. Who asks for the same key waits for the same answer, so a cold or flushed
cache costs the database one bounded read at a time, however many ask.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable, Mapping
from itertools import islice
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Gathering(Generic[Key, Value]):
    """Reads by key. `read` answers what it found; its fault is the fault of every caller in that read.

    A read takes keys up to `batch_max` in weight, at least one; unless said each weighs one.
    """

    def __init__(
        self,
        read: Callable[[list[Key]], Awaitable[Mapping[Key, Value]]],
        *,
        batch_max: int,
        in_flight_max: int,
        weight_of: Callable[[Key], int] | None = None,
    ) -> None:
        self._read = read
        self._batch_max = batch_max
        self._weight_of = weight_of
        self._free = in_flight_max
        self._waiting: dict[Key, list[asyncio.Future[Value | None]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    def get(self, key: Key) -> asyncio.Future[Value | None]:
        """Return a future of the value; None if there is none. Each caller has its own and may cancel it."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Value | None] = loop.create_future()
        self._waiting.setdefault(key, []).append(future)
        if self._free:
            self._free -= 1
            task = loop.create_task(self._drain(), name="gathered-read")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return future

    async def _drain(self) -> None:
        try:
            await asyncio.sleep(0)  # callers that are ready now join this read
            while self._waiting:
                await self._one_read()
        finally:
            self._free += 1

    def _next_keys(self) -> list[Key]:
        if self._weight_of is None:
            return list(islice(self._waiting, self._batch_max))
        keys: list[Key] = []
        room = self._batch_max
        for key in self._waiting:
            room -= self._weight_of(key)
            if keys and room < 0:
                break
            keys.append(key)
        return keys

    async def _one_read(self) -> None:
        keys = self._next_keys()
        asked = {key: self._waiting.pop(key) for key in keys}
        try:
            found = await self._read(keys)
        except Exception as fault:  # noqa: BLE001 - a worker's loop: the fault goes to whoever waits
            for futures in asked.values():
                for future in futures:
                    if not future.done():
                        future.set_exception(fault)
            return
        for key, futures in asked.items():
            value = found.get(key)
            for future in futures:
                if not future.done():
                    future.set_result(value)
