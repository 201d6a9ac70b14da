"""What a ruleset would have given: past events from earning, replayed by the rules. Writes nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from wallet_service.earning.history import History
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules.beginning import Before, needed_since
from wallet_service.rules.comparison import Comparison
from wallet_service.rules.compiler import Compiled
from wallet_service.rules.live import Rulesets
from wallet_service.rules.replay import Replay
from wallet_service.rules.service import Authoring

DAYS_MAX: Final = 1_100
SLICE_SECONDS: Final = 0.001
"""After so long whatever else is ready in this process has its turn; a call needs a handful of turns."""
PROGRESS_SECONDS: Final = 0.5
_DAY: Final = 86_400 * MICROSECONDS_PER_SECOND


class Progress(Struct, frozen=True, kw_only=True):
    """How far a backtest is."""

    events: int
    lines: int
    reached_at: Instant


class Asked(Struct, frozen=True, kw_only=True):
    """What is to be tested, on which time, and how many customers are to be named."""

    program_id: ProgramId
    source: str | int
    begins: Instant
    ends: Instant
    top: int
    unused: bool = False
    """Caps and budgets begin unused, instead of with what events before had used of them."""


class Backtests:
    """One per process, one at a time: a backtest takes all that a core has to spare."""

    def __init__(self, authoring: Authoring, rulesets: Rulesets, history: History) -> None:
        self._authoring = authoring
        self._rulesets = rulesets
        self._history = history
        self._running = False

    async def run(
        self, asked: Asked, deadline: float
    ) -> AsyncGenerator[Progress | Comparison | Refusal, None]:
        """Yield progress, and at last the result or a refusal. Deadlines are moments of `time.monotonic()`."""
        if not asked.begins < asked.ends <= asked.begins + DAYS_MAX * _DAY:
            detail = f"A time ends after it begins, and has at most {DAYS_MAX} days."
            yield Refusal(reason=Reason.FIELD_INVALID, field="ends_at", detail=detail)
            return
        if self._running:
            yield Refusal(reason=Reason.OVERLOADED, detail="Another backtest is running in this process.")
            return
        self._running = True
        try:
            trial = await self._authoring.trial(asked.program_id, asked.source, deadline)
            if isinstance(trial, Refusal):
                yield trial
                return
            before = await self._before(trial, asked, deadline)
            if isinstance(before, Refusal):
                yield before
                return
            replay = Replay(
                trial, lambda moment: self._rulesets.at(asked.program_id, moment), before, asked.begins
            )
            async with aclosing(self._replayed(replay, asked, deadline)) as steps:
                async for step in steps:
                    yield step
        finally:
            self._running = False

    async def _before(self, trial: Compiled, asked: Asked, deadline: float) -> Before | Refusal:
        """Return what had been used of caps and budgets when the time begins: of none, if so asked or if there are none."""
        if asked.unused:
            return Before()
        held = (self._rulesets.at(asked.program_id, moment) for moment in (asked.begins, asked.ends))
        since = needed_since((trial, *(compiled for compiled in held if compiled is not None)), asked.begins)
        if since is None:
            return Before()
        return await self._history.used_before(asked.program_id, since, asked.begins, deadline)

    async def _replayed(
        self, replay: Replay, asked: Asked, deadline: float
    ) -> AsyncGenerator[Progress | Comparison | Refusal, None]:
        told_at = slice_began = time.monotonic()
        pasts = self._history.pasts(asked.program_id, asked.begins, asked.ends, deadline)
        async with aclosing(pasts):
            async for past in pasts:
                if isinstance(past, Refusal):
                    yield past
                    return
                replay.take(past)
                now = time.monotonic()
                if now - told_at > PROGRESS_SECONDS:
                    told_at = now
                    yield Progress(events=replay.events, lines=replay.lines, reached_at=past.moment)
                if now - slice_began > SLICE_SECONDS:
                    await asyncio.sleep(0)
                    slice_began = time.monotonic()
        yield replace(replay.compared(asked.top), notes=_notes(asked, replay.before))


def _notes(asked: Asked, before: Before) -> tuple[str, ...]:
    """Say what a comparison takes as given."""
    begin = "unused" if asked.unused else f"with what {before.events:,} events before had used of them"
    return (
        f"Caps and budgets begin {begin}; what has come back of an order since does not count against them.",
        "Segments, attributes, campaigns and budgets are those of today; what came with an event is newer.",
    )
