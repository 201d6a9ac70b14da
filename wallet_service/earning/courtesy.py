"""How the worker gives way to calls: it shares one event loop, one ledger and one database with them.

Deciding is pure arithmetic, and a round of it would keep the loop busy for a tenth of a second; its commands would
fill the ledger's batches for as long. So it works in slices. While others give the ledger commands, it also does less at
a time and rests in between; while nobody does, it takes all there is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Final

from wallet_service.earning.apart import foreseen
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Command, Outcome
from wallet_service.ledger.service import Ledger

_log = logging.getLogger(__name__)
SLICE_SECONDS: Final = 0.002
COMMANDS_AT_ONCE: Final = 256
"""In the ledger, when nobody else is there: enough for a batch while the next one gathers."""
COMMANDS_BESIDE_CALLS: Final = 8
"""When somebody is: a call shares its batch with few of ours."""
CALM_SECONDS: Final = 0.1
"""After the last command of somebody else."""
REST_SHARE: Final = 4.0
"""Beside calls, every second of work is followed by so many of rest."""
REST_SECONDS_MAX: Final = 1.0


class Courtesy:
    """One per process, shared by its lanes."""

    def __init__(self, ledger: Ledger, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._ledger = ledger
        self._clock = clock
        self._room = asyncio.Semaphore(COMMANDS_AT_ONCE)
        self._beside_calls = asyncio.Semaphore(COMMANDS_BESIDE_CALLS)
        self._own = 0
        """How many commands were ours, of all that the ledger was ever given."""
        self._others = ledger.batcher.counts.submitted
        self._calm_at = 0.0
        self._since = clock()

    @property
    def pressed(self) -> bool:
        """Whether somebody else uses the ledger."""
        others = self._ledger.batcher.counts.submitted - self._own
        if others != self._others:
            self._others, self._calm_at = others, self._clock() + CALM_SECONDS
        return self._clock() < self._calm_at

    async def submit(self, command: Command, seconds: float) -> Outcome:
        """Give the ledger a command when it is our turn; its time begins then.

        What nobody foresaw is answered as INTERNAL: the one event counts a try, and the others of its round go on.
        """
        try:
            return await self._in_turn(command, seconds)
        except Exception as fault:
            if foreseen(fault):
                raise
            _log.exception("a command of an event failed")
            return Refusal(reason=Reason.INTERNAL)

    async def _in_turn(self, command: Command, seconds: float) -> Outcome:
        async with self._room:
            if not self.pressed:
                return await self._submit(command, seconds)
            async with self._beside_calls:
                return await self._submit(command, seconds)

    async def _submit(self, command: Command, seconds: float) -> Outcome:
        future = self._ledger.submit(command, self._clock() + seconds)
        self._own += 1
        return await future

    async def pause(self) -> None:
        """Let others go on, if it is time."""
        worked = self._clock() - self._since
        if worked >= SLICE_SECONDS:
            await self._rest(worked)

    async def rest_after(self, worked_seconds: float) -> None:
        """Rest after a round, if somebody else uses the ledger."""
        if self.pressed:
            await self._rest(worked_seconds)

    async def _rest(self, worked_seconds: float) -> None:
        await asyncio.sleep(min(worked_seconds * REST_SHARE, REST_SECONDS_MAX) if self.pressed else 0)
        self.begin()

    def begin(self) -> None:
        """Begin a slice."""
        self._since = self._clock()
