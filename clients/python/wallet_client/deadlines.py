"""What a timeout can be; and the deadlines of many waits, with one timer for each hundredth of a second instead of one for each wait."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from typing import Final, Generic, TypeVar

T = TypeVar("T")

SECONDS_MAX: Final = 3_600.0
"""The longest timeout that counts: no service can be set to give a call more."""

_SLICES_PER_SECOND: Final = 100


def bounded(timeout_seconds: float) -> float:
    """Return the timeout, at most the longest that counts; ValueError for one that is no number."""
    if math.isnan(timeout_seconds):
        raise ValueError("timeout_seconds: not a number")
    return min(timeout_seconds, SECONDS_MAX)


class Deadlines(Generic[T]):
    """Tells which waits are past their deadline: never early, at most a slice late."""

    __slots__ = ("_late", "_loop", "_slices")

    def __init__(self, loop: asyncio.AbstractEventLoop, late: Callable[[T], None]) -> None:
        self._loop = loop
        self._late = late
        self._slices: dict[int, set[T]] = {}

    def join(self, wait: T, deadline: float) -> set[T]:
        """Watch over a wait; whoever ends it discards it from the set that is returned."""
        number = int(deadline * _SLICES_PER_SECOND) + 1
        together = self._slices.get(number)
        if together is None:
            together = self._slices[number] = set()
            self._loop.call_at(number / _SLICES_PER_SECOND, self._end, number)
        together.add(wait)
        return together

    def _end(self, number: int) -> None:
        for wait in self._slices.pop(number):
            self._late(wait)
