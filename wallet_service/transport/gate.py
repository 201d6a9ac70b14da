"""Who may come in: how much is in flight, what is kept free for calls that finish something, and closing time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Final

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.transport.scopes import MethodRule

_SHUTTING_DOWN: Final = Refusal(reason=Reason.SHUTTING_DOWN)
_OVERLOADED: Final = Refusal(reason=Reason.OVERLOADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateLimits:
    """How many calls and streams one process works on at a time."""

    in_flight_max: int = 1_024
    in_flight_reserved: int = 256
    """The part of `in_flight_max` that only calls which finish something may use."""
    watchers_max: int = 1_000


class Gate:
    """Counts calls and streams in and out. Single-threaded: it lives on the event loop of its server."""

    def __init__(self, limits: GateLimits) -> None:
        self._ordinary_max = limits.in_flight_max - limits.in_flight_reserved
        self._finishing_max = limits.in_flight_max
        self._watchers_max = limits.watchers_max
        self._empty = asyncio.Event()
        self._empty.set()
        self._open_streams: set[asyncio.Timeout] = set()
        self.in_flight = 0
        self.watchers = 0
        self.closing = False

    def refusal(self, rule: MethodRule) -> Refusal | None:
        """Return why a call may not come in now, or None. Costs nothing, so that overload is answered cheaply."""
        if self.closing:
            return _SHUTTING_DOWN
        if self.in_flight >= (self._finishing_max if rule.finishes else self._ordinary_max):
            return _OVERLOADED
        return None

    @property
    def crowded(self) -> bool:
        """Whether only the room is left that is kept for calls that finish something."""
        return self.in_flight >= self._ordinary_max

    def stream_refusal(self) -> Refusal | None:
        """Return why a stream may not be opened now, or None."""
        if self.closing:
            return _SHUTTING_DOWN
        return _OVERLOADED if self.watchers >= self._watchers_max else None

    def enter(self) -> None:
        """Count a call in; `leave` must follow."""
        self.in_flight += 1

    def leave(self) -> None:
        """Count a call out."""
        self.in_flight -= 1
        self._note_empty()

    def enter_stream(self, timeout: asyncio.Timeout) -> None:
        """Count a stream in; its timeout is what `close` ends it with."""
        self.watchers += 1
        self._open_streams.add(timeout)

    def leave_stream(self, timeout: asyncio.Timeout) -> None:
        """Count a stream out."""
        self.watchers -= 1
        self._open_streams.discard(timeout)
        self._note_empty()

    async def close(self, wait_seconds: float) -> bool:
        """Refuse what comes, end the streams, wait for the calls; returns whether all were done in time."""
        self.closing = True
        self._empty.clear()
        now = asyncio.get_running_loop().time()
        for timeout in tuple(self._open_streams):
            # One that is running out by itself this moment cannot be set anew, and need not be.
            if not timeout.expired():
                timeout.reschedule(now)
        self._note_empty()
        try:
            async with asyncio.timeout(wait_seconds):
                await self._empty.wait()
        except TimeoutError:
            return False
        return True

    def _note_empty(self) -> None:
        if self.closing and not self.in_flight and not self.watchers:
            self._empty.set()
