"""What is being gathered about attempts, while their caller already goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

from wallet_service.fraud.model import Signals


class Hearing:
    """Signals on their way. Whoever waits for them waits no longer than until `ends`, a moment of the loop's clock."""

    __slots__ = ("_ends", "_future")

    def __init__(self, future: asyncio.Future[list[Signals] | None], ends: float) -> None:
        self._future = future
        self._ends = ends

    def rest(self) -> Awaitable[None] | None:
        """Return what is left to wait for; None: nothing."""
        return None if self._future.done() else self._wait()

    async def _wait(self) -> None:
        seconds = self._ends - asyncio.get_running_loop().time()
        if seconds > 0:
            await asyncio.wait([self._future], timeout=seconds)

    def signals(self) -> list[Signals] | None:
        """Return what was heard; None: nothing in time, or it failed."""
        future = self._future
        if not future.done() or future.cancelled() or future.exception() is not None:
            return None
        return future.result()
