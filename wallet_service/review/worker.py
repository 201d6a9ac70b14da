"""The worker: opens cases, carries out what was decided, ends what has ended, and what nobody decides in time.

As many as run may run: each step is written only if nobody was faster, and telling twice is telling once.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Final

from wallet_service.kernel.errors import Refusal
from wallet_service.ledger.model import ReservationState
from wallet_service.review import policy, store
from wallet_service.review.carrying import Carrying
from wallet_service.review.holding import Holding
from wallet_service.review.model import CaseState, Change, Found
from wallet_service.review.opening import Opening
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
BATCH: Final = 200
YOUNG_MICROSECONDS: Final = 2_000_000
"""What was decided a moment ago is being carried out by whoever decided it."""
_SECONDS: Final = 10.0


class ReviewWorker:
    """Works at an interval."""

    def __init__(
        self, db: Statements, opening: Opening, carrying: Carrying, holding: Holding, interval_seconds: float
    ) -> None:
        self._db = db
        self._opening = opening
        self._carrying = carrying
        self._holding = holding
        self._interval_seconds = interval_seconds
        self.opened = 0
        self.timed_out = 0

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            try:
                await self.work()
            except DatabaseError as fault:
                _log.warning("a round of review was cut short: %s", fault)
            await asyncio.sleep(self._interval_seconds)

    async def work(self) -> None:
        """Run one round."""
        self.opened += await self._opening.open_cases()
        for found in await store.read_unapplied(
            self._db, YOUNG_MICROSECONDS, BATCH, timeout_seconds=_SECONDS
        ):
            await self._carrying.carry_out(found, time.monotonic() + _SECONDS)
        for found, ended in await store.read_ended(self._db, BATCH, timeout_seconds=_SECONDS):
            await self._write(found, policy.withdraw(found, *_end_of(ended)))
        for found in await store.read_due(self._db, BATCH, timeout_seconds=_SECONDS):
            terms = await store.read_policy(self._db, found.case.program_id, timeout_seconds=_SECONDS)
            change = policy.time_out(found, terms)
            kept = None if change is None else await self._holding.kept(change, time.monotonic() + _SECONDS)
            # Of a hold that has ended the next round ends the case; a ledger that is away is asked again.
            await self._write(found, None if isinstance(kept, Refusal) else kept)

    async def _write(self, found: Found, change: Change | None) -> None:
        if change is None or not await store.record(self._db, change, timeout_seconds=_SECONDS):
            return
        self.timed_out += change.after.state is CaseState.TIMED_OUT
        if not change.after.applied:
            after_it = policy.next_version(found, change)
            await self._carrying.carry_out(after_it, time.monotonic() + _SECONDS)


def _end_of(ended: ReservationState | None) -> tuple[CaseState, str]:
    """Return how a case ends whose subject ended by itself."""
    if ended is ReservationState.EXPIRED:
        return CaseState.TIMED_OUT, "the hold expired before it was decided"
    if ended is None:
        return CaseState.WITHDRAWN, "the event does not wait any more"
    return CaseState.WITHDRAWN, "the hold was released before it was decided"
