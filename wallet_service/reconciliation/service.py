"""Runs every proof at one moment of the database, and says what was found."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from typing import Final

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId
from wallet_service.reconciliation import store
from wallet_service.reconciliation.model import Cached, Check, Finding, Invariant, Report, Tolerance, Totals
from wallet_service.reconciliation.policy import judge_cached
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database
from wallet_service.runtime.errors import StatementFailed
from wallet_service.runtime.session import Statements

SECONDS_MAX: Final = 1_800.0
FINDINGS_MAX: Final = 20
CACHE_SAMPLE: Final = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run:
    """One run: what it looks at, until when, and what was found in the cache before it began."""

    program_id: ProgramId | None
    deadline: float
    cached: list[Cached]

    def left(self) -> float:
        return max(self.deadline - time.monotonic(), 0.001)


class Reconciliation:
    """Reads; never writes, never repairs. May run beside a service at work."""

    def __init__(
        self,
        db: Database,
        cache: Cache | None = None,
        *,
        tolerance: Tolerance | None = None,
        findings_max: int = FINDINGS_MAX,
    ) -> None:
        self._db = db
        self._cache = cache
        self._tolerance = tolerance or Tolerance()
        self._findings_max = findings_max

    async def run(
        self, program_id: ProgramId | None = None, *, timeout_seconds: float = SECONDS_MAX
    ) -> Report:
        """Prove every invariant, of one program or of all; raises DatabaseError if the database is away or too slow.

        All statements see one moment, unless one fails on data that cannot be read: that is a finding, and the rest
        sees a later moment.
        """
        began, started_at = time.monotonic(), Instant(time.time_ns() // 1_000)
        # The cache first: a snapshot that is newer than what is read afterwards is newer than the database was.
        run = _Run(program_id=program_id, deadline=began + timeout_seconds, cached=[])
        run.cached.extend(await self._sample_cache(run))
        waiting = [*store.PROVED_IN_SQL, Invariant.CACHE]
        checks: list[Check] = []
        totals: Totals | None = None
        while waiting:
            try:
                async with self._db.read_snapshot(run.left()) as view:
                    await store.prepare(view, timeout_seconds=run.left())
                    if totals is None:
                        totals = await store.read_totals(view, program_id, timeout_seconds=run.left())
                    while waiting:
                        checks.append(await self._check(view, waiting[0], run))
                        del waiting[0]
            except StatementFailed as fault:
                if totals is None:
                    raise
                checks.append(_unreadable(waiting.pop(0), fault))
        assert totals is not None
        return Report(
            program_id=program_id, started_at=started_at, seconds=time.monotonic() - began, totals=totals,
            checks=tuple(sorted(checks, key=lambda check: check.invariant.number)),
        )  # fmt: skip

    async def totals(
        self, program_id: ProgramId | None = None, *, timeout_seconds: float = SECONDS_MAX
    ) -> Totals:
        """Return what moved and what stands inside, at one moment."""
        deadline = time.monotonic() + timeout_seconds
        async with self._db.read_snapshot(timeout_seconds) as view:
            await store.prepare(view, timeout_seconds=timeout_seconds)
            return await store.read_totals(
                view, program_id, timeout_seconds=max(deadline - time.monotonic(), 0.001)
            )

    async def _sample_cache(self, run: _Run) -> list[Cached]:
        if self._cache is None:
            return []
        start = str(uuid.uuid4())
        wallets = await store.some_wallets(
            self._db, run.program_id, start, CACHE_SAMPLE, timeout_seconds=run.left()
        )
        return await store.read_cached(self._cache, wallets)

    async def _check(self, view: Statements, invariant: Invariant, run: _Run) -> Check:
        began = time.monotonic()
        note = ""
        if invariant is Invariant.CACHE:
            findings = await self._judge_cache(view, run)
            note = f"{len(run.cached)} cached snapshots looked at" if self._cache else "no cache was given"
        else:
            findings = await store.read_findings(
                view, invariant, run.program_id, self._findings_max, self._tolerance,
                timeout_seconds=run.left(),
            )  # fmt: skip
        if invariant is Invariant.QUIET:
            hidden = await store.count_hidden_sessions(view, timeout_seconds=run.left())
            note = f"{hidden} sessions of other logins are not shown to us" if hidden else ""
        return Check(
            invariant=invariant, findings=tuple(findings[: self._findings_max]),
            more=len(findings) >= self._findings_max, seconds=time.monotonic() - began, note=note,
        )  # fmt: skip

    async def _judge_cache(self, view: Statements, run: _Run) -> list[Finding]:
        wallets = [cached.wallet_id for cached in run.cached]
        recorded = await store.read_recorded(view, wallets, timeout_seconds=run.left())
        judged = [judge_cached(cached, recorded.get(cached.wallet_id)) for cached in run.cached]
        return [finding for finding in judged if finding is not None]


def _unreadable(invariant: Invariant, fault: StatementFailed) -> Check:
    """Return the finding that something cannot be read, and so not proved; the other invariants are looked at still."""
    finding = Finding(
        invariant=invariant, sentence="what is stored cannot be read", facts={"fault": str(fault)}
    )
    return Check(invariant=invariant, findings=(finding,), more=True, seconds=0.0)
