"""The rings' worker: joins what waits, splits what came apart, judges what changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from wallet_service.fraud.rings.model import Beat, Finding
from wallet_service.fraud.rings.service import LINKS_IN_A_BEAT, RINGS_JUDGED, Rings
from wallet_service.kernel.clock import Instant
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
SPLITS_MAX: Final = 20
"""In one beat; the rest waits for the next."""

Tell = Callable[[Sequence[Finding]], Awaitable[None]]
"""Takes what was found suspicious to where a person decides; told twice, it must do nothing the second time."""


class RingWorker:
    """As many as run may run: they take turns."""

    def __init__(self, rings: Rings, tell: Tell, now: Callable[[], Instant], interval_seconds: float) -> None:
        self._rings = rings
        self._tell = tell
        self._now = now
        self._interval_seconds = interval_seconds
        self.joined = 0
        self.suspicious = 0

    async def run(self) -> None:
        """Work for ever, without a pause while there is a backlog."""
        while True:
            try:
                while (beat := await self.beat()).joined >= LINKS_IN_A_BEAT or beat.judged >= RINGS_JUDGED:
                    pass
            except DatabaseError as fault:
                _log.warning("a beat of the rings was cut short: %s", fault)
            await asyncio.sleep(self._interval_seconds)

    async def beat(self) -> Beat:
        """Do one bounded round of everything."""
        await self._rings.part()
        joined = await self._rings.join()
        forgotten = await self._rings.forget(self._now())
        self.joined += joined
        splits = 0
        while splits < SPLITS_MAX and await self._rings.split_one():
            splits += 1
        # While links still come in, a ring would be judged again and again as it grows.
        if joined >= LINKS_IN_A_BEAT:
            return Beat(joined=joined, split=splits, forgotten=forgotten)
        unjudged = await self._rings.unjudged()
        findings = [await self._rings.judge(ring) for ring in unjudged]
        suspects = [finding for finding in findings if finding.suspicion.suspicious]
        # Told before it is remembered: a worker that is killed in between tells once more, and nothing is lost.
        if suspects:
            await self._tell(suspects)
        for finding in findings:
            await self._rings.record(finding)
        self.suspicious += len(suspects)
        return Beat(
            joined=joined, split=splits, forgotten=forgotten, judged=len(findings),
            suspicious=tuple(finding.ring.ring_id for finding in suspects),
        )  # fmt: skip
