"""The judges' door: gather what is known of attempts, and note what became of them.

Nothing here ever fails a caller: what cannot be gathered in time is unknown, and a policy says what that means.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.behind import Behind
from wallet_service.fraud.counters import Counters, corrections_of
from wallet_service.fraud.devices import Context, DeviceKeys
from wallet_service.fraud.evidence import record_of
from wallet_service.fraud.hearing import Hearing
from wallet_service.fraud.judged import JudgementRecord
from wallet_service.fraud.judgements import record_judgements
from wallet_service.fraud.live import Policies
from wallet_service.fraud.memory import fill_gaps, has_gaps, leave_gaps
from wallet_service.fraud.model import DAY_SECONDS, Judgement, Signals, Traces, Verdict
from wallet_service.fraud.opinions import Advisor, Opinion
from wallet_service.fraud.publication import InForce
from wallet_service.fraud.question import Tally
from wallet_service.fraud.store import forget_sightings
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.gathering import Gathering
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
ASKED_MAX: Final = 128
"""Attempts in one round trip to the cache: it answers nobody else meanwhile, and who asks of one waits for all."""
FORGET_SECONDS: Final = 5.0
KEPT_SHARE: Final = 0.25
"""Of the budget: what advisors may not take."""
ANOMALY_SAYS: Final = ("anomaly", "anomaly_reasons")
RING_SAYS: Final = ("ring", "ring_reasons")
"""Where an advisor's score and reasons stand among the signals."""
Ruled = tuple[Attempt, InForce]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Asked:
    """What one call asks about, or a part of it."""

    ruled: Sequence[Ruled]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Advice:
    """What an advisor is asked, and will say."""

    names: tuple[str, str]
    about: Sequence[int]
    """Which of the attempts."""
    said: asyncio.Task[Sequence[Opinion | None]]


@dataclass(slots=True, kw_only=True)
class FraudCounts:
    """What happened since the start; read by telemetry."""

    gathered: int = 0
    blind: int = 0
    """Attempts of which the counters told nothing."""
    reviewed: int = 0
    refused: int = 0
    shadowed: int = 0
    failed: int = 0
    """Rounds and opinions that failed for a reason that nobody foresaw."""


class Fraud:
    """One per process."""

    def __init__(self, db: Statements, cache: Cache, keys: DeviceKeys, budget_seconds: float) -> None:
        self._db = db
        self._keys = keys
        self._budget_seconds = budget_seconds
        self._counters = Counters(cache, budget_seconds)
        self._asked: Gathering[_Asked, list[Signals]] = Gathering(
            self._read, batch_max=ASKED_MAX, in_flight_max=1, weight_of=lambda asked: len(asked.ruled)
        )
        self.policies = Policies(db)
        self.behind = Behind(db, self._counters)
        self.counts = FraudCounts()
        self.anomaly: Advisor | None = None
        self.rings: Advisor | None = None

    def traces(self, context: Context) -> Traces:
        """Return what may be kept of where a call comes from."""
        return self._keys.traces(context)

    def ask(self, ruled: Sequence[Ruled], *, before: int = 0) -> Hearing:
        """Begin to count at most ASKED_MAX attempts, after so many other questions of the same call.

        Nobody waits for it longer than twice the budget, and once more for each question before it.
        """
        self.counts.gathered += len(ruled)
        future = self._asked.get(_Asked(ruled=ruled))
        future.add_done_callback(self._note_failure)
        return Hearing(future, asyncio.get_running_loop().time() + (2 + before) * self._budget_seconds)

    async def gather(self, ruled: Sequence[Ruled]) -> list[Signals]:
        """Count attempts and return what is known of each, within the budget; concurrent callers share a round trip."""
        parts = [ruled[start : start + ASKED_MAX] for start in range(0, len(ruled), ASKED_MAX)]
        # Many that are decided in one call may take as long as if they came one after the other.
        hearings = [self.ask(part, before=len(parts) - 1) for part in parts]
        gathered: list[Signals] = []
        for part, hearing in zip(parts, hearings, strict=True):
            rest = hearing.rest()
            if rest is not None:
                await rest
            heard = hearing.signals()
            if heard is None:
                self.counts.blind += len(part)
            gathered += [attempt.signals() for attempt, _ in part] if heard is None else heard
        return gathered

    def _note_failure(self, future: asyncio.Future[list[Signals] | None]) -> None:
        """Tell of what failed. A fault is looked at and not raised: whatever it is, it must not fail a payment."""
        fault = None if future.cancelled() else future.exception()
        if fault is not None:
            self.counts.failed += 1
            _log.error("signals could not be gathered", exc_info=fault)

    async def _read(self, calls: list[_Asked]) -> dict[_Asked, list[Signals]]:
        signals = await self._signals_of([each for call in calls for each in call.ruled])
        found: dict[_Asked, list[Signals]] = {}
        start = 0
        for call in calls:
            found[call] = signals[start : start + len(call.ruled)]
            start += len(call.ruled)
        return found

    async def _signals_of(self, ruled: Sequence[Ruled]) -> list[Signals]:
        end = time.monotonic() + self._budget_seconds
        # Beside each other: an advisor that is slow loses its own opinion, not what was counted.
        advice = self._advice(ruled)
        try:
            signals = await self._counted(ruled, end)
            under_way = [each.said for each in advice if not each.said.done()]
            if under_way:
                left = end - self._budget_seconds * KEPT_SHARE - time.monotonic()
                await asyncio.wait(under_way, timeout=max(left, 0.0))
            for each in advice:
                self._take(each, signals)
        finally:
            for each in advice:
                if each.said.cancel():
                    each.said.add_done_callback(_unheard)
        return signals

    async def _counted(self, ruled: Sequence[Ruled], end: float) -> list[Signals]:
        tallies = await self._counters.count([(attempt, in_force.plan) for attempt, in_force in ruled])
        if tallies is None:
            self.counts.blind += len(ruled)
            tallies = [Tally() for _ in ruled]
        gaps = [
            (attempt, in_force.plan, tally)
            for (attempt, in_force), tally in zip(ruled, tallies, strict=True)
            if has_gaps(attempt, in_force.plan, tally)
        ]
        if gaps:
            try:
                memories = await fill_gaps(self._db, gaps, timeout_seconds=max(end - time.monotonic(), 0.001))
            except DatabaseError as fault:
                _log.debug("nothing was remembered in time: %s", fault)
                for _, plan, tally in gaps:
                    leave_gaps(plan, tally)
            else:
                self.behind.remember(memories)
        return [_signals(attempt, tally) for (attempt, _), tally in zip(ruled, tallies, strict=True)]

    def _advice(self, ruled: Sequence[Ruled]) -> list[_Advice]:
        """Ask those whom a policy wants to hear."""
        wanted = (
            (
                self.anomaly,
                ANOMALY_SAYS,
                [n for n, (_, in_force) in enumerate(ruled) if in_force.plan.anomaly],
            ),
            (self.rings, RING_SAYS, [n for n, (_, in_force) in enumerate(ruled) if in_force.plan.ring]),
        )
        loop = asyncio.get_running_loop()
        return [
            _Advice(
                names=names,
                about=about,
                said=loop.create_task(_asking(advisor, [ruled[n][0] for n in about])),
            )
            for advisor, names, about in wanted
            if advisor is not None and about
        ]

    def _take(self, advice: _Advice, signals: list[Signals]) -> None:
        """Note what an advisor says; none in time is none at all.

        An advisor's fault is looked at and not raised, whatever it is: an opinion is one voice, and decisions go on
        without it.
        """
        said = advice.said
        if not said.done():
            return
        fault = None if said.cancelled() else said.exception()
        if said.cancelled() or fault is not None or len(said.result()) != len(advice.about):
            self.counts.failed += 1
            _log.error("an advisor failed", exc_info=fault)
            return
        score, reasons = advice.names
        for number, opinion in zip(advice.about, said.result(), strict=True):
            if opinion is not None:
                signals[number] = replace(signals[number], **{score: opinion.score, reasons: opinion.reasons})

    def concluded(
        self, attempt: Attempt, in_force: InForce, judgement: Judgement, *, failed: bool, repeated: bool
    ) -> None:
        """Note behind the reply that an attempt was made, failed, or only repeated another."""
        if repeated:
            # Not an attempt of its own: what was counted of it is taken back, and its failure was counted before.
            self.behind.correct(corrections_of(attempt, in_force.plan, failed=False))
            return
        self.behind.saw(attempt)
        if judgement.verdict is Verdict.ALLOW and not failed:
            for advisor, asked in ((self.anomaly, in_force.plan.anomaly), (self.rings, in_force.plan.ring)):
                if advisor is not None and asked:
                    self.behind.granted(advisor, attempt)
        if failed:
            self.behind.correct(corrections_of(attempt, in_force.plan, failed=True))
        self.counts.reviewed += judgement.verdict is Verdict.REVIEW
        self.counts.refused += judgement.verdict is Verdict.REFUSE
        self.counts.shadowed += bool(judgement.shadow_reasons)

    def heard_of_referral(self, wallet_id: WalletId, by: WalletId, at: Instant) -> None:
        """Pass on that a wallet came by another one's word."""
        if self.behind.hearsay is not None:
            self.behind.hearsay.referred(wallet_id, by, at)

    def record_behind(self, attempt: Attempt, signals: Signals, judgement: Judgement, version: int) -> None:
        """Record a judgement for which nobody waits, if it is worth it."""
        if judgement.notable:
            self.behind.judged([record_of(attempt, signals, judgement, version)])

    async def record(self, records: Sequence[JudgementRecord], *, timeout_seconds: float) -> None:
        """Record judgements now; what the database does not take in time, or nobody waits for, is written behind."""
        if not records:
            return
        try:
            await record_judgements(self._db, records, timeout_seconds=timeout_seconds)
        except DatabaseError as fault:
            _log.warning("judgements are recorded later: %s", fault)
            self.behind.judged(records)
        except asyncio.CancelledError:
            # Whoever waited for it went away, the holds are there. What was recorded all the same stays as it is.
            self.behind.judged(records)
            raise

    async def forget(self, program_id: ProgramId, limit: int, now: int) -> int:
        """Forget at most so much of what a program has not seen for as long as its policy says; returns how much."""
        in_force = self.policies.of(program_id)
        if in_force is None:
            return 0
        before = after(Instant(now), -in_force.policy.retention_days * DAY_SECONDS)
        return await forget_sightings(self._db, program_id, before, limit, timeout_seconds=FORGET_SECONDS)


async def _asking(advisor: Advisor, asked: Sequence[Attempt]) -> Sequence[Opinion | None]:
    # So that also what fails before it is awaited is an answer of this.
    return await advisor.opinions(asked)


def _unheard(said: asyncio.Task[Sequence[Opinion | None]]) -> None:
    """Look at how an advisor ended whom nobody waits for any more, so that nobody is told of it either."""
    if not said.cancelled():
        said.exception()


def _signals(attempt: Attempt, tally: Tally) -> Signals:
    link_age = None if tally.linked_at is None else max(0, attempt.second - tally.linked_at)
    return attempt.signals(tally.readings, link_age)
