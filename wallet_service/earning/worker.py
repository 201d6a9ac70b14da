"""The worker: runs rounds while there is something due, any number of workers side by side."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from wallet_service.earning.lookout import Lookout
from wallet_service.earning.pipeline import Pipeline, TakenOver
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
WALLETS: Final = 400
"""In one round: enough to fill the ledger's batches, few enough for a lease."""
TIDY_SECONDS: Final = 10.0


class EarningWorker:
    """Works at an interval, and without a pause while there is a backlog."""

    def __init__(self, pipeline: Pipeline, interval_seconds: float) -> None:
        self._pipeline = pipeline
        self._interval_seconds = interval_seconds
        self._tidied_at = time.monotonic()
        self._in_work = asyncio.Lock()
        self._stopping = False
        self.backlog = 0
        """Wallets with something due when last looked at, counted up to ten thousand."""
        self.worked = 0

    async def run(self) -> None:
        """Work until cancelled; a round that is cut short is taken up again when its lease has run out."""
        while True:
            try:
                while await self._round() >= WALLETS // 4:
                    await self._tidy()
                await self._tidy()
            except (DatabaseError, TakenOver) as fault:
                _log.warning("a round was cut short: %s", fault or type(fault).__name__)
            await asyncio.sleep(self._interval_seconds)

    async def _round(self) -> int:
        async with self._in_work:
            claimed = 0 if self._stopping else await self._pipeline.run(WALLETS)
            self.worked += claimed
            return claimed

    async def _tidy(self) -> None:
        if time.monotonic() - self._tidied_at > TIDY_SECONDS:
            self._tidied_at = time.monotonic()
            await self._pipeline.budgets.give_back(all_of_them=False)
            self.backlog = await self._pipeline.backlog()

    async def drain(self) -> None:
        """Begin nothing new, let the round in work end, and give back what was not spent of budgets."""
        self._stopping = True
        try:
            async with self._in_work:
                await self._pipeline.close()
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
