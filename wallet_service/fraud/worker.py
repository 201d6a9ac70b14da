"""Forgets what was seen of devices when a program's time for that has passed."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from wallet_service.fraud.service import Fraud
from wallet_service.ledger.programs import Programs
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
PAUSE_SECONDS: Final = 600.0
FORGOTTEN_MAX: Final = 2_000
"""In one statement, so that nobody waits long for its locks."""


class FraudWorker:
    """Any number of them may run: forgetting twice is forgetting once."""

    def __init__(self, fraud: Fraud, programs: Programs) -> None:
        self._fraud = fraud
        self._programs = programs

    async def run(self) -> None:
        """Forget now and then until cancelled."""
        while True:
            await asyncio.sleep(PAUSE_SECONDS)
            try:
                await self.forget()
            except DatabaseError as fault:
                _log.warning("old sightings were not forgotten: %s", fault)

    async def forget(self) -> int:
        """Forget everything whose time has passed by the clock of its program; returns how much that was."""
        forgotten = 0
        for program_id in list(self._fraud.policies.all):
            program = self._programs.known(program_id)
            clock_at = None if program is None else program.clock_at
            now = time.time_ns() // 1_000 if clock_at is None else clock_at
            while gone := await self._fraud.forget(program_id, FORGOTTEN_MAX, now):
                forgotten += gone
        return forgotten
