"""One batch at a time, and calls come in meanwhile.

The host takes in one call in about five turns of the event loop. If each of these turns also reads and checks a batch, calls
come faster than they are taken in, and stand where nobody sees them until their time is nearly up: a service that is
asked for three times what it can do then does next to nothing. So batches pass one by one with a few turns between them, and
what waits, waits here, where the wait can be foretold.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Final

from wallet_service.runtime.patience import FINISHING_SHARE, is_too_long

TURNS: Final = 12
"""Of the event loop, from one batch to the next: twice what it takes the host to take in a call."""
UNHURRIED: Final = 4
"""So few batches are never too many, but for who has hardly any time left."""
_KEPT: Final = 0.9
"""How much older waits weigh against the next."""


class Turnstile:
    """One per event loop. Deadlines are moments of the loop's clock."""

    def __init__(self) -> None:
        self._finishing: deque[asyncio.Future[bool]] = deque()
        self._beginning: deque[asyncio.Future[bool]] = deque()
        self._taken = False
        self._passed_at = 0.0
        self._seconds_each = 0.0

    def is_too_late(self, deadline: float, *, finishes: bool) -> bool:
        """Whether who comes now would wait too long. What finishes something does not wait for what begins."""
        if not self._taken:
            return False
        before = len(self._finishing) if finishes else len(self._finishing) + len(self._beginning)
        left = deadline - asyncio.get_running_loop().time()
        wait = (before + 1) * self._seconds_each
        return is_too_long(wait, left, finishes=finishes or before < UNHURRIED)

    async def passes(self, deadline: float, *, finishes: bool) -> bool:
        """Wait for one's turn; it ends with the next await. False: it would come, or has come, too late."""
        if self.is_too_late(deadline, finishes=finishes):
            return False
        loop = asyncio.get_running_loop()
        if not self._taken:
            self._let_pass(loop)
            return True
        waiting: asyncio.Future[bool] = loop.create_future()
        (self._finishing if finishes else self._beginning).append(waiting)
        now = loop.time()
        patience = loop.call_at(now + FINISHING_SHARE * (deadline - now), _answer, waiting, False)
        try:
            return await waiting
        finally:
            patience.cancel()

    def _let_pass(self, loop: asyncio.AbstractEventLoop) -> None:
        self._taken = True
        self._passed_at = loop.time()
        loop.call_soon(self._turn, loop, TURNS)

    def _turn(self, loop: asyncio.AbstractEventLoop, left: int) -> None:
        """Count a turn of the loop; after the last the next may pass. Does not depend on who passed still being there."""
        if left > 1:
            loop.call_soon(self._turn, loop, left - 1)
            return
        self._taken = False
        for line in (self._finishing, self._beginning):
            while line:
                if _answer(line.popleft(), True):
                    took = loop.time() - self._passed_at
                    self._seconds_each += (1.0 - _KEPT) * (took - self._seconds_each)
                    self._let_pass(loop)
                    return


def _answer(waiting: asyncio.Future[bool], passes: bool) -> bool:  # noqa: FBT001
    """Tell one who waits; whether it still does."""
    if waiting.done():
        return False
    waiting.set_result(passes)
    return True
