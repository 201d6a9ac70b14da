"""What is written behind the reply: sightings, corrections, memories, judgements. Bounded; a loss costs a hint."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from typing import Final, TypeVar

from wallet_service.fraud import store
from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.counters import Correction, Counters, Memory
from wallet_service.fraud.judged import JudgementRecord
from wallet_service.fraud.judgements import record_judgements
from wallet_service.fraud.model import By
from wallet_service.fraud.opinions import Advisor, Hearsay
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND
from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    OutcomeUnknown,
)
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
WAITING_MAX: Final = 20_000
"""Of each kind; what comes on top is dropped and counted."""
WRITTEN_MAX: Final = 500
SECONDS: Final = 5.0
RETRY_SECONDS: Final = 1.0
PAUSE_SECONDS: Final = 0.02
"""So much gathers before it is written: a write for many costs little more than one for one."""
AGAIN_SECONDS: Final = 600
"""Within this a wallet that is seen with the same thing again is not written down again."""
RECENT_MAX: Final = 200_000
_T = TypeVar("_T")


class Behind:
    """Queues, and the loop that empties them."""

    def __init__(self, db: Statements, counters: Counters) -> None:
        self._db = db
        self._counters = counters
        self._sightings: list[store.Sighting] = []
        self._corrections: list[Correction] = []
        self._memories: list[Memory] = []
        self._judgements: list[JudgementRecord] = []
        self._granted: deque[tuple[Advisor, Attempt]] = deque()
        self._recent: dict[tuple[str, str], int] = {}
        self._wake = asyncio.Event()
        self.dropped = 0
        self.hearsay: Hearsay | None = None

    @property
    def waiting(self) -> int:
        """How much is still to be written."""
        hints = len(self._sightings) + len(self._corrections) + len(self._memories) + len(self._granted)
        return hints + len(self._judgements)

    def saw(self, attempt: Attempt) -> None:
        """Note what a wallet was seen with, unless that was written down a moment ago."""
        traces = attempt.traces
        for by, trace in (
            (By.DEVICE, traces.device), (By.ADDRESS, traces.address), (By.PAYMENT, traces.payment),
            (By.REFERRER, traces.referrer),
        ):  # fmt: skip
            if trace is None:
                continue
            known = (attempt.wallet_id, trace.key)
            last = self._recent.get(known)
            if last is not None and 0 <= attempt.at - last < AGAIN_SECONDS * MICROSECONDS_PER_SECOND:
                continue
            self._noted(known, attempt.at)
            sighting = store.Sighting(
                program_id=attempt.program_id, wallet_id=attempt.wallet_id, kind=by, key=trace.key,
                others=trace.others, at=attempt.at,
            )  # fmt: skip
            self._add(self._sightings, [sighting])

    def _noted(self, known: tuple[str, str], at: int) -> None:
        if len(self._recent) >= RECENT_MAX:
            for old in list(self._recent)[: RECENT_MAX // 2]:
                del self._recent[old]
        self._recent.pop(known, None)
        self._recent[known] = at

    def correct(self, corrections: Sequence[Correction]) -> None:
        """Add to counters after the fact."""
        self._add(self._corrections, corrections)

    def remember(self, memories: Sequence[Memory]) -> None:
        """Tell the cache what the database knows."""
        self._add(self._memories, memories)

    def judged(self, judgements: Sequence[JudgementRecord]) -> None:
        """Record judgements for which nobody waits."""
        self._add(self._judgements, judgements)

    def granted(self, advisor: Advisor, attempt: Attempt) -> None:
        """Let an advisor hear of what went through."""
        self._add(self._granted, [(advisor, attempt)])

    def _add(self, queue: list[_T] | deque[_T], items: Sequence[_T]) -> None:
        room = WAITING_MAX - len(queue)
        queue.extend(items[:room])
        self.dropped += max(0, len(items) - room)
        if items:
            self._wake.set()

    async def run(self) -> None:
        """Write what gathers until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write all that has gathered."""
        memories, self._memories = self._memories, []
        for start in range(0, len(memories), WRITTEN_MAX):
            await self._counters.remember(memories[start : start + WRITTEN_MAX])
        corrections, self._corrections = self._corrections, []
        for start in range(0, len(corrections), WRITTEN_MAX):
            await self._counters.correct(corrections[start : start + WRITTEN_MAX])
        await self._write_judgements()
        await self._write_sightings()
        # Last, and each taken out before: one that its advisor chokes on ends this round, and is not told again.
        while self._granted:
            advisor, attempt = self._granted.popleft()
            advisor.granted(attempt)

    async def _write_judgements(self) -> None:
        while self._judgements:
            part = self._judgements[:WRITTEN_MAX]
            try:
                await record_judgements(self._db, part, timeout_seconds=SECONDS)
            except (DatabaseUnavailable, DatabaseTimeout, DatabaseConflict, OutcomeUnknown) as fault:
                # Kept: what was recorded all the same stays as it is.
                _log.warning("judgements were not recorded yet: %s", fault)
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake.set)
                return
            except DatabaseError as fault:
                _log.error("%d judgements cannot be recorded: %s", len(part), fault)
            del self._judgements[: len(part)]

    async def _write_sightings(self) -> None:
        sightings, self._sightings = self._sightings, []
        for start in range(0, len(sightings), WRITTEN_MAX):
            part = sightings[start : start + WRITTEN_MAX]
            try:
                await store.note_sightings(self._db, part, timeout_seconds=SECONDS)
            except DatabaseError as fault:
                _log.warning("%d sightings were not written down: %s", len(part), fault)
                for sighting in part:
                    self._recent.pop((sighting.wallet_id, sighting.key), None)
            else:
                self._pass_on(part)

    def _pass_on(self, sightings: Sequence[store.Sighting]) -> None:
        if self.hearsay is not None:
            for sighting in sightings:
                # While one key takes the place of another, those seen under either shall still meet.
                for key in (sighting.key, *sighting.others):
                    self.hearsay.saw(sighting.wallet_id, By(sighting.kind), key, sighting.at)
