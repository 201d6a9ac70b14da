"""How the worker gives way to calls: it shares one event loop, one ledger and one database with them.

Deciding is pure arithmetic, and a round of it would keep the loop busy for a tenth of a second; its commands would
fill the ledger's batches for as long. So it works in slices, and gives the ledger few commands at a time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from wallet_service.ledger.commands import Command, Outcome
from wallet_service.ledger.service import Ledger

SLICE_SECONDS: Final = 0.002
COMMANDS_AT_ONCE: Final = 256
"""In the ledger, when nobody else is there: enough for a batch while the next one gathers."""
COMMANDS_BESIDE_CALLS: Final = 24
"""While a call waits: it shares its batch with few of ours."""
REST_SHARE: Final = 2.0
"""While a call waits, every second of work is followed by so many of rest."""
REST_SECONDS_MAX: Final = 0.1


class Courtesy:
    """One per process, shared by its lanes."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._room = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._beside_calls = asyncio.Semaphore(COMMANDS_BESIDE_CALLS)
        self._own = 0
        self._since = clock()

    @property
    def pressed(self) -> bool:
        """Whether somebody else waits for the ledger."""
        return self._ledger.batcher.waiting > self._own

    async def submit(self, command: Command, seconds: float) -> Outcome:
        """Give the ledger a command when it is our turn; its time begins then."""
        async with self._room:
            if not self.pressed:
                return await self._submit(command, seconds)
            async with self._beside_calls:
                return await self._submit(command, seconds)

    async def _submit(self, command: Command, seconds: float) -> Outcome:
        self._own += 1
        try:
            return await self._ledger.submit(command, self._clock() + seconds)
        finally:
            self._own -= 1

    async def pause(self) -> None:
        """Let others go on, if it is time: for long if they wait for what we use, else for a moment."""
        worked = self._clock() - self._since
        if worked < SLICE_SECONDS:
            return
        await asyncio.sleep(min(worked * REST_SHARE, REST_SECONDS_MAX) if self.pressed else 0)
        self._since = self._clock()

    def begin(self) -> None:
        """Forget how long ago the last slice was: what comes now is a new one."""
        self._since = self._clock()
