"""The sweeper: records what the clock has made due in wallets that nobody touches."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from wallet_service.kernel.errors import Refusal
from wallet_service.ledger.commands import Settle
from wallet_service.ledger.service import Ledger
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
BATCH: Final = 500
SETTLE_SECONDS: Final = 10.0


class Sweeper:
    """Sweeps at an interval; as many as run may run, for settling twice does nothing."""

    def __init__(self, ledger: Ledger, interval_seconds: float) -> None:
        self._ledger = ledger
        self._interval_seconds = interval_seconds

    async def run(self) -> None:
        """Sweep for ever."""
        while True:
            try:
                while await self.sweep() >= BATCH:
                    pass  # a backlog: go on at once
            except DatabaseError as fault:
                _log.warning("a sweep was cut short: %s", fault)
            await asyncio.sleep(self._interval_seconds)

    async def sweep(self) -> int:
        """Settle the wallets in which something is due, at most a batch of each program; returns how many were."""
        due = await self._ledger.due_wallets(BATCH, time.monotonic() + SETTLE_SECONDS)
        deadline = time.monotonic() + SETTLE_SECONDS
        outcomes = await asyncio.gather(
            *(self._ledger.submit(Settle(wallet_id=wallet_id), deadline) for wallet_id in due)
        )
        refused = sum(isinstance(outcome, Refusal) for outcome in outcomes)
        if refused:
            _log.warning("%d of %d due wallets were not settled and will be tried again", refused, len(due))
            return 0
        return len(due)
