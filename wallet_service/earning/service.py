"""Use cases of earning: take events in, show them, explain them, try one out without writing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, Protocol

from msgspec.structs import replace

from wallet_service.earning import store
from wallet_service.earning.desk import Desk
from wallet_service.earning.gathering import RulesetSource
from wallet_service.earning.model import (
    Arrival,
    Content,
    Event,
    EventId,
    EventState,
    ExpiryKind,
    ExpiryWarning,
    Policy,
)
from wallet_service.earning.policies import Policies
from wallet_service.earning.policy import caps_of, priced
from wallet_service.earning.store import ahead
from wallet_service.fraud.devices import Context
from wallet_service.fraud.model import PaceLimits, Traces
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.service import Ledger, left, wallet_not_found
from wallet_service.rules.compiler import Compiled
from wallet_service.rules.model import STRANGER, Period, Priced
from wallet_service.rules.units import Units
from wallet_service.runtime.session import Statements

_LAST_ID: Final = EventId("ffffffff-ffff-ffff-ffff-ffffffffffff")
_BUSY: Final = 6
"""The verdict that a worker has the wallet: rounds take milliseconds, so it is asked again."""
_BUSY_ATTEMPTS: Final = 20
_BUSY_PAUSE_SECONDS: Final = 0.05
_NO_RETRY: Final = {
    2: Refusal(reason=Reason.ID_REUSED, field="retry_id"),
    3: Refusal(reason=Reason.EVENT_NOT_FOUND, field="event_id"),
    5: Refusal(reason=Reason.EVENT_BEYOND_RETRY, field="event_id"),
    _BUSY: Refusal(reason=Reason.CONTENTION, field="wallet"),
}
_BY_VERDICT: Final = {
    2: Refusal(reason=Reason.ID_REUSED, field="source_event_id"),
    3: wallet_not_found(),
    4: Refusal(reason=Reason.EVENT_IN_FUTURE, field="occurred_at"),
    5: Refusal(reason=Reason.EVENT_TOO_OLD, field="occurred_at"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """An event that is durably taken in."""

    event_id: EventId
    replayed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """An event that was given up on and goes on again, as it is now."""

    event: Event
    replayed: bool


class Trials(Protocol):
    """Who knows drafts and versions that may not be in force."""

    async def trial(self, program_id: ProgramId, source: str | int, deadline: float) -> Compiled | Refusal:
        """Return a draft (by its name) or a version (by its number), ready to price."""


class Earning:
    """One per process. Deadlines are moments of `time.monotonic()`."""

    def __init__(
        self, db: Statements, ledger: Ledger, rules: RulesetSource, policies: Policies, limits: PaceLimits,
        fraud: Fraud, trials: Trials | None = None,
    ) -> None:  # fmt: skip
        self._db = db
        self._ledger = ledger
        self._rules = rules
        self.policies = policies
        self._limits = limits
        self._fraud = fraud
        self._trials = trials
        self.arrived = asyncio.Event()
        """Set when there may be something to work on that was not there before; the worker of this process clears it."""

    def traces(self, context: Context) -> Traces:
        """Return what may be kept of where an event comes from."""
        return self._fraud.traces(context)

    async def record(
        self, arrivals: Sequence[tuple[Arrival, ProgramId | None]], deadline: float
    ) -> list[Accepted | Refusal]:
        """Take events in, each once for ever; an outcome for each. Without a program's name, its wallet tells it."""
        outcomes: list[Accepted | Refusal | None] = []
        sound: list[tuple[Arrival, Policy]] = []
        for arrival, named in arrivals:
            program_id = named or await self._program_of(arrival.wallet_id)
            refusal = self._foreign(program_id, arrival.content)
            outcomes.append(refusal)
            if refusal is None:
                sound.append((arrival, self.policies.of(program_id)))
        verdicts = await store.accept(self._db, sound, timeout_seconds=left(deadline)) if sound else []
        if 0 in verdicts:
            self.arrived.set()
        answers = iter(
            _BY_VERDICT.get(verdict) or Accepted(event_id=arrival.event_id, replayed=verdict == 1)
            for (arrival, _), verdict in zip(sound, verdicts, strict=True)
        )
        return [outcome or next(answers) for outcome in outcomes]

    def _foreign(self, program_id: ProgramId | None, content: Content) -> Refusal | None:
        """Refuse a purchase in another currency than its program's: rates would mean something else."""
        program = self._ledger.programs.known(program_id) if program_id is not None else None
        if program is None or content.purchase is None or content.purchase.currency == program.currency:
            return None
        return Refusal(
            reason=Reason.CURRENCY_MISMATCH, field="purchase.currency", facts={"currency": program.currency}
        )

    async def _program_of(self, wallet_id: WalletId) -> ProgramId | None:
        found = await self._ledger.view(wallet_id, 0)
        return None if isinstance(found, Refusal) else found.wallet.program_id

    async def units(self, wallet_id: WalletId, deadline: float) -> Units | Refusal:
        """Return in what the program of a wallet counts; it never changes."""
        program_id = await self._program_of(wallet_id)
        program = await self._ledger.programs.find(program_id, left(deadline)) if program_id else None
        if program is None:
            return wallet_not_found()
        return Units(asset=program.asset, exponent=program.exponent, currency=program.currency)

    async def event(self, wallet_id: WalletId, event_id: EventId, deadline: float) -> Event | Refusal:
        """Return one event of a wallet."""
        event = await store.read_event(self._db, wallet_id, event_id, timeout_seconds=left(deadline))
        return event or Refusal(reason=Reason.EVENT_NOT_FOUND, field="event_id")

    async def events(
        self, wallet_id: WalletId, before: tuple[Instant, EventId] | None, states: Collection[EventState],
        limit: int, deadline: float,
    ) -> list[Event]:  # fmt: skip
        """Return a page of a wallet's events, the latest to come in first."""
        position = before or (NEVER, _LAST_ID)
        return await store.read_events(
            self._db, wallet_id, position, states, limit, timeout_seconds=left(deadline)
        )

    async def review(self, wallet_id: WalletId, event_id: str, *, approve: bool, deadline: float) -> bool:
        """Carry out a person's decision about an event in review: approved, it goes on; rejected, it earns nothing.

        False: it was not in review, so there was nothing to do; a repetition is answered so.
        """
        done = await store.review(
            self._db, wallet_id, EventId(event_id), approve=approve, timeout_seconds=left(deadline)
        )
        if done:
            self.arrived.set()
        return done

    async def retry(
        self, wallet_id: WalletId, event_id: EventId, retry_id: str, actor: str, reason: str, deadline: float
    ) -> Retried | Refusal:
        """Have an event that was given up on tried again, from the beginning; once for each retry id.

        Refused if its value, or part of it, would be left behind: what came back of it would never be taken.
        """
        for _ in range(_BUSY_ATTEMPTS):
            verdict = await store.retry(
                self._db, wallet_id, retry_id, event_id, actor, reason, timeout_seconds=left(deadline)
            )
            if verdict != _BUSY or deadline - time.monotonic() <= _BUSY_PAUSE_SECONDS:
                break
            await asyncio.sleep(_BUSY_PAUSE_SECONDS)
        if verdict in _NO_RETRY:
            return _NO_RETRY[verdict]
        event = await self.event(wallet_id, event_id, deadline)
        if isinstance(event, Refusal):
            return event
        if verdict not in {0, 1}:
            return Refusal(reason=Reason.EVENT_NOT_DEAD, field="event_id", facts={"state": event.state.name})
        if verdict == 0:
            self.arrived.set()
        return Retried(event=event, replayed=verdict == 1)

    async def simulate(
        self, wallet_id: WalletId, content: Content, deadline: float, source: str | int | None = None
    ) -> Priced | Refusal:
        """Return what an event would earn, caps and budgets as they stand. Writes nothing, holds nothing.

        By what is in force at the event's moment, or by a draft or version that is named.
        """
        view = await self._ledger.view(wallet_id, 0)
        if isinstance(view, Refusal):
            return view
        program_id = view.wallet.program_id
        foreign = self._foreign(program_id, content)
        if foreign is not None:
            return foreign
        in_force = partial(self._rules.at, program_id)
        trial = await self._trial(program_id, source, deadline)
        if isinstance(trial, Refusal):
            return trial
        ref = view.wallet.customer_ref
        profiles = await self._rules.profiles_of(program_id, [ref], timeout_seconds=left(deadline))
        claim = store.Claim(wallet_id=wallet_id, program_id=program_id, now=view.now, customer_ref=ref)
        pace = await store.read_pace(
            self._db, [claim], self._limits.window_seconds, timeout_seconds=left(deadline)
        )
        desk = Desk(
            now=view.now, policy=self.policies.of(program_id), limits=self._limits,
            rules=in_force if trial is None else lambda _moment: trial, profile=profiles.get(ref, STRANGER),
            has_bought=pace[wallet_id].bought,
        )  # fmt: skip
        await self._read_headroom(desk, claim, content, deadline)
        return priced(desk, content)

    async def _trial(
        self, program_id: ProgramId, source: str | int | None, deadline: float
    ) -> Compiled | Refusal | None:
        if source is None:
            return None
        # Nobody to ask is a fault of the wiring: what is in force would be a wrong answer.
        assert self._trials is not None
        return await self._trials.trial(program_id, source, deadline)

    async def _read_headroom(self, desk: Desk, claim: store.Claim, content: Content, deadline: float) -> None:
        keys = caps_of(desk, content)
        budgets = {key.key: key.limit for key in keys if key.period is Period.BUDGET}
        names = [key.key for key in keys if key.key not in budgets]
        used = await store.read_cap_use(self._db, [claim.wallet_id], names, timeout_seconds=left(deadline))
        desk.used = used.get(claim.wallet_id, {})
        found = await store.read_budgets_left(
            self._db, claim.program_id, budgets, timeout_seconds=left(deadline)
        )
        desk.budgets = budgets | found

    async def put_policy(
        self,
        program_id: ProgramId,
        policy: Policy,
        before: int | None,
        actor: str,
        reason: str,
        deadline: float,
    ) -> Policy | Refusal:
        """Write a program's policy; `before` is the version that it replaces, None: whichever is there."""
        if await self._ledger.programs.find(program_id, left(deadline)) is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        await self.policies.refresh()
        old = self.policies.of(program_id)
        version = old.version if before is None else before
        policy = replace(policy, inactivity_from=self._inactivity_from(program_id, old, policy))
        written = await store.put_policy(
            self._db, program_id, version, policy, actor, reason, timeout_seconds=left(deadline)
        )
        if written is None:
            return Refusal(reason=Reason.VERSION_MISMATCH, field="expected_version")
        await self.policies.refresh()
        return self.policies.of(program_id)

    def _inactivity_from(self, program_id: ProgramId, old: Policy, new: Policy) -> Instant:
        """Return since when being idle counts: a new policy lets nothing expire that nobody was warned of."""
        if new.expiry is not ExpiryKind.INACTIVITY or old.expiry is ExpiryKind.INACTIVITY:
            return old.inactivity_from if new.expiry is ExpiryKind.INACTIVITY else Instant(0)
        program = self._ledger.programs.known(program_id)
        now = program.clock_at if program is not None else None
        return now or self._ledger.clock.now() or Instant(time.time_ns() // 1_000)

    async def warnings(
        self, of: ProgramId | WalletId, position: tuple[Instant, str], limit: int, deadline: float,
        *, by_wallet: bool,
    ) -> list[ExpiryWarning] | Refusal:  # fmt: skip
        """Return a page of warnings after a position, the oldest first; of a program, or of one wallet."""
        seconds = left(deadline)
        if not by_wallet and await self._ledger.programs.find(ProgramId(of), seconds) is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        return await ahead.read_warnings(
            self._db, of, position, limit, by_wallet=by_wallet, timeout_seconds=left(deadline)
        )

    async def backlog(self) -> int:
        """Return how many wallets wait with something due."""
        return await store.backlog(self._db, timeout_seconds=left(time.monotonic() + 2.0))
