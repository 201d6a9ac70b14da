"""The worker: runs rounds while there is something due, any number of workers side by side."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from typing import Final

from wallet_service.earning.courtesy import CALM_SECONDS, Courtesy
from wallet_service.earning.lookout import Lookout
from wallet_service.earning.pipeline import Pipeline
from wallet_service.earning.rounds import TakenOver
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
WALLETS: Final = 200
"""In one round: enough to fill the ledger's batches, few enough to give way to calls in between."""
WALLETS_BESIDE_CALLS: Final = 20
LANES: Final = 2
"""Rounds side by side: while one waits for the database, the other decides."""
TIDY_SECONDS: Final = 10.0
APART_SECONDS: Final = 0.02
"""Between two rounds that arrivals wake it for: what comes in one by one is worked on in groups."""


class EarningWorker:
    """Works at an interval, sooner when something has arrived, and without a pause while there is a backlog."""

    def __init__(
        self, pipeline: Pipeline, interval_seconds: float, arrived: asyncio.Event | None = None
    ) -> None:
        self._lanes = (pipeline, *(pipeline.beside() for _ in range(LANES - 1)))
        self._interval_seconds = interval_seconds
        self._arrived = arrived or asyncio.Event()
        self._in_work = {lane: asyncio.Lock() for lane in self._lanes}
        self._stopping = False
        self.backlog = 0
        """Wallets with something due when last looked at, counted up to ten thousand."""
        self.worked = 0

    async def run(self) -> None:
        """Work until cancelled; a round that is cut short is taken up again when its lease has run out."""
        async with asyncio.TaskGroup() as group:
            for lane in self._lanes:
                group.create_task(self._run(lane))

    async def _run(self, lane: Pipeline) -> None:
        # Beside calls one lane is enough.
        first, courtesy = lane is self._lanes[0], lane.courtesy
        tidied_at = time.monotonic()
        while True:
            try:
                if first:
                    # Before the claim: what arrives from here on is seen by it, or asks for another.
                    self._arrived.clear()
                begun, limit = time.monotonic(), WALLETS_BESIDE_CALLS if courtesy.pressed else WALLETS
                claimed = await self._round(lane, limit) if first or limit == WALLETS else 0
                if time.monotonic() - tidied_at > TIDY_SECONDS:
                    tidied_at = time.monotonic()
                    await self._tidy(lane)
                if claimed >= limit // 4:
                    await courtesy.rest_after(time.monotonic() - begun)
                    continue
            except (DatabaseError, TakenOver, OSError) as fault:
                _log.warning("a round was cut short: %s", fault or type(fault).__name__)
            await (self._until_due(courtesy) if first else asyncio.sleep(self._interval_seconds))

    async def _until_due(self, courtesy: Courtesy) -> None:
        """Wait for the interval, or for an arrival; beside calls arrivals wait for the interval, too."""
        waits_until = time.monotonic() + self._interval_seconds
        await asyncio.sleep(min(APART_SECONDS, self._interval_seconds))
        while (left := waits_until - time.monotonic()) > 0:
            if courtesy.pressed:
                await asyncio.sleep(min(CALM_SECONDS, left))
            elif self._arrived.is_set():
                return
            else:
                with suppress(TimeoutError):
                    async with asyncio.timeout(left):
                        await self._arrived.wait()

    async def _round(self, lane: Pipeline, limit: int) -> int:
        async with self._in_work[lane]:
            claimed = 0 if self._stopping else await lane.run(limit)
            self.worked += claimed
            return claimed

    async def _tidy(self, lane: Pipeline) -> None:
        await lane.budgets.give_back(all_of_them=False)
        self.backlog = await lane.backlog()

    async def drain(self) -> None:
        """Begin nothing new, let the rounds in work end, and give back what was not spent of budgets."""
        self._stopping = True
        try:
            for lane in self._lanes:
                async with self._in_work[lane]:
                    await lane.close()
        except DatabaseError as fault:
            _log.warning("slices of budgets come back when their leases run out: %s", fault)


class LookoutWorker:
    """Looks ahead at all wallets, again and again; of all workers one at a time does."""

    def __init__(self, lookout: Lookout, interval_seconds: float) -> None:
        self._lookout = lookout
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Look until cancelled; a look that is cut short is gone on with when its lease has run out."""
        while True:
            await asyncio.sleep(self._interval_seconds)
            try:
                await self._lookout.run()
            except DatabaseError as fault:
                _log.warning("a look ahead was cut short: %s", fault)
