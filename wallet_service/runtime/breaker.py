"""A circuit breaker: after a few failures in a row nobody waits for a server that is away; one call probes it."""

from __future__ import annotations

from typing import Final

_FAILURES_MAX: Final = 5
_PAUSE_SECONDS_MIN: Final = 0.5
_PAUSE_SECONDS_MAX: Final = 5.0


class Breaker:
    """Closed: every call passes. Open: none. After a pause, half-open: one call passes and decides.

    Times are seconds of any clock that never runs backwards, given by the caller.
    """

    __slots__ = ("_failures", "_open_until", "_pause", "_probing")

    def __init__(self) -> None:
        self._failures = 0
        self._pause = 0.0
        self._open_until: float | None = None
        self._probing = False

    @property
    def is_open(self) -> bool:
        """Whether calls are held back."""
        return self._open_until is not None

    def allows(self, now: float) -> bool:
        """Whether a call may be made now; a True answer is followed by `succeeded`, `failed` or `abandoned`."""
        if self._open_until is None:
            return True
        if self._probing or now < self._open_until:
            return False
        self._probing = True
        return True

    def succeeded(self) -> None:
        """Close: the server answers."""
        self._failures, self._pause = 0, 0.0
        self._open_until, self._probing = None, False

    def failed(self, now: float) -> None:
        """Count a failure; opens after a few, and for longer after a failed probe."""
        self._failures += 1
        if self._probing or self._failures >= _FAILURES_MAX:
            self._pause = min(max(self._pause * 2, _PAUSE_SECONDS_MIN), _PAUSE_SECONDS_MAX)
            self._open_until, self._probing = now + self._pause, False

    def abandoned(self) -> None:
        """Say that a call ended without a verdict (it was cancelled): the next one may probe."""
        self._probing = False
