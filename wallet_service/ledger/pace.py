"""How fast commands have been answered lately, and so whether one that comes now would be answered in time.

A queue that is served in order and only drops what is already late spends all its strength, under overload, on
commands that are about to be late. So what would wait too long is refused at once, while its caller can still go on.
"""

from __future__ import annotations

from typing import Final

UNHURRIED: Final = 64
"""So few commands are never too many."""
ORDINARY_SHARE: Final = 0.125
FINISHING_SHARE: Final = 0.9
"""The part of its time that a command may be expected to wait. Little for a Reserve, which begins something: who begins will
want to finish. With a half, a third of capacity was left of the useful work under three times its load; with an eighth,
nearly all of it."""
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
        if before <= UNHURRIED:
            return False
        share = FINISHING_SHARE if finishes else ORDINARY_SHARE
        return self.wait_seconds(before) > share * left_seconds
