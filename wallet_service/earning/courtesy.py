"""How the worker gives way to calls: it shares one event loop, one ledger and one database with them.

Deciding is pure arithmetic, and a round of it would keep the loop busy for a tenth of a second; its commands would
fill the ledger's batches for as long. So it works in slices. While others give the ledger commands, it also does less at
a time and rests in between; while nobody does, it takes all there is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Final, TypeVar

from wallet_service.earning.apart import foreseen
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Command, Outcome
from wallet_service.ledger.service import Ledger

_log = logging.getLogger(__name__)
T = TypeVar("T")
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
        (outcome,) = await self.submit_all([command], seconds)
        return outcome

    async def submit_all(self, commands: Sequence[Command], seconds: float) -> list[Outcome]:
        """Give the ledger many commands, each when it is our turn; answers as `submit` does, in their order."""
        begun: list[asyncio.Future[Outcome] | Refusal] = []
        try:
            for command in commands:
                begun.append(await self._begun(command, seconds))  # noqa: PERF401 - those begun are cancelled with us
            if futures := [each for each in begun if not isinstance(each, Refusal)]:
                # All come to their end before the first fault is raised.
                await asyncio.wait(futures)
            return [each if isinstance(each, Refusal) else _told(each.result) for each in begun]
        finally:
            for each in begun:
                if not isinstance(each, Refusal):
                    each.cancel()

    async def _begun(self, command: Command, seconds: float) -> asyncio.Future[Outcome] | Refusal:
        """Give a command when it is our turn; the room that it takes is free again when it is through."""
        taken: list[asyncio.Semaphore] = []
        try:
            await self._room.acquire()
            taken.append(self._room)
            if self.pressed:
                await self._beside_calls.acquire()
                taken.append(self._beside_calls)
            begun = _told(partial(self._ledger.submit, command, self._clock() + seconds))
            if not isinstance(begun, Refusal):
                self._own += 1
                begun.add_done_callback(partial(_leave, tuple(taken)))
                taken.clear()
            return begun
        finally:
            for gate in taken:
                gate.release()

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


def _told(answer: Callable[[], T]) -> T | Refusal:
    try:
        return answer()
    except Exception as fault:
        if foreseen(fault):
            raise
        _log.exception("a command of an event failed")
        return Refusal(reason=Reason.INTERNAL)


def _leave(taken: tuple[asyncio.Semaphore, ...], _: asyncio.Future[Outcome]) -> None:
    for gate in taken:
        gate.release()
