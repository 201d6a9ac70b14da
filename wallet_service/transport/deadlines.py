"""Ending calls that take too long: one timer for all of them. A timer for each cost more than most calls' own work."""

from __future__ import annotations

import asyncio
from typing import Any, Final

TICK_SECONDS: Final = 0.02
"""A call is ended at most this long after its deadline."""


class Watch:
    """One call under a deadline: enter it in the task that works, leave it in any case."""

    __slots__ = ("_deadlines", "_task", "deadline", "expired")

    def __init__(self, deadlines: Deadlines, deadline: float) -> None:
        self._deadlines = deadlines
        self._task: asyncio.Task[Any] | None = None
        self.deadline = deadline
        self.expired = False

    def __enter__(self) -> None:
        self._task = asyncio.current_task()
        self._deadlines.add(self)

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        self._deadlines.discard(self)
        cancelled = self.expired and isinstance(fault, asyncio.CancelledError)
        # As asyncio.timeout: only our own request to cancel becomes a time-out; somebody else's stays one.
        if cancelled and self._task is not None and self._task.uncancel() <= 0:
            raise TimeoutError from fault

    def end(self) -> None:
        """Interrupt the call; whatever it awaits is cancelled."""
        self.expired = True
        if self._task is not None:
            self._task.cancel()


class Deadlines:
    """All calls of one event loop that are under way."""

    def __init__(self) -> None:
        self._watches: set[Watch] = set()
        self._timer: asyncio.TimerHandle | None = None

    def until(self, deadline: float) -> Watch:
        """Return a context that ends at the deadline, a moment of the loop's clock, with TimeoutError."""
        return Watch(self, deadline)

    def add(self, watch: Watch) -> None:
        """Watch a call."""
        self._watches.add(watch)
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TICK_SECONDS, self._tick)

    def discard(self, watch: Watch) -> None:
        """Forget a call."""
        self._watches.discard(watch)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for watch in [watch for watch in self._watches if watch.deadline <= now]:
            self._watches.discard(watch)
            watch.end()
        # Idle processes do not tick.
        self._timer = loop.call_later(TICK_SECONDS, self._tick) if self._watches else None
