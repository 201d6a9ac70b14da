"""How fast commands have been answered lately, and so whether one that comes now would be answered in time."""

from __future__ import annotations

from typing import Final

from wallet_service.runtime.patience import is_too_long

UNHURRIED: Final = 64
"""So few commands are never too many."""
_KEPT: Final = 0.9
"""How much an older batch weighs against the next."""


class Pace:
    """Follows the pace of one batcher. Moments are of any clock that never runs backwards."""

    __slots__ = ("_busy_seconds", "_done", "_noted_at")

    def __init__(self) -> None:
        self._busy_seconds = 0.0
        self._done = 0.0
        self._noted_at = 0.0

    def resumed(self, now: float) -> None:
        """Say that work begins after a pause: a pause is no slowness."""
        self._noted_at = now

    def noted(self, answered: int, now: float) -> None:
        """Say that so many commands were answered since the last note."""
        self._busy_seconds = self._busy_seconds * _KEPT + now - self._noted_at
        self._done = self._done * _KEPT + answered
        self._noted_at = now

    def wait_seconds(self, before: int) -> float:
        """Return how long a command waits that has so many before it; nothing is foretold before the first batch."""
        return before * self._busy_seconds / self._done if self._done else 0.0

    def is_too_late(self, before: int, left_seconds: float, *, finishes: bool) -> bool:
        """Whether the wait would leave the caller too little of its time to go on."""
        return before > UNHURRIED and is_too_long(self.wait_seconds(before), left_seconds, finishes=finishes)
