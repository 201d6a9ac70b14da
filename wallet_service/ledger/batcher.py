"""Group commit: while a batch is in flight the next one collects, so an idle service waits for nobody.

Bounded everywhere: the queue, a batch, the batches in flight, the attempts. A wallet is in one batch of this process
at a time, so the process never races itself; other processes are met by the version check of the append.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger import store
from wallet_service.ledger.commands import Command, Deferred, Outcome, Reserve
from wallet_service.ledger.decide import Decision, decide
from wallet_service.ledger.model import Terms, Wallet
from wallet_service.ledger.naming import known_of, load_named, remember
from wallet_service.ledger.pace import Pace
from wallet_service.ledger.program import Program
from wallet_service.ledger.waiting import Waiting, as_first, leave_before, refusal_of
from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    OutcomeUnknown,
)
from wallet_service.runtime.session import Session

ATTEMPTS_MAX: Final = 8
SHARE_MIN: Final = 64
"""What waits is shared out among the sessions, so that one batch is decided while the other is in the database; but a
batch of fewer commands costs more than it gains."""
LOCK_FROM_ATTEMPT: Final = 3
"""After so many losses a wallet is locked while it is decided: then nobody can overtake."""
PAUSE_MAX: Final = 0.5
"""Seconds between two attempts while the database is away, at most."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Decided:
    """A batch after one attempt: the outcomes, the wallets lost to others, the wallets as they are now."""

    outcomes: list[tuple[Waiting, Outcome]]
    lost: frozenset[WalletId]
    changed: list[Wallet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the batcher."""

    batch_max: int = 512
    in_flight_max: int = 2
    queue_max: int = 20_000
    statement_seconds: float = 5.0


@dataclass(slots=True)
class Counts:
    """What has happened since the start; read by telemetry."""

    submitted: int = 0
    """Commands that were ever given, refused ones included."""
    commands: int = 0
    batches: int = 0
    races_lost: int = 0


class Batcher:
    """The one way to change a wallet.

    `terms_of` answers what a program allows; `changed` is told the new wallets; `ensure` sees to it that the terms are
    at least as new as the programs that a batch has loaded.
    """

    def __init__(
        self,
        sessions: Sequence[Session],
        terms_of: Callable[[Wallet], Terms],
        changed: Callable[[list[Wallet]], None],
        limits: Limits,
        ensure: Callable[[Mapping[ProgramId, int]], Awaitable[None]] | None = None,
        program_of: Callable[[Wallet], Program] | None = None,
    ) -> None:
        self._idle = list(sessions)
        self._terms_of = terms_of
        self._changed = changed
        self._limits = limits
        self._ensure = ensure
        self._program_of = program_of
        self._queue: deque[Waiting] = deque()
        self._parked: dict[WalletId, deque[Waiting]] = {}
        self._busy: set[WalletId] = set()
        self._drains: set[asyncio.Task[None]] = set()
        self._size = 0
        self._pace = Pace()
        self._burst, self._before = 0.0, 0
        self.counts = Counts()

    @property
    def waiting(self) -> int:
        """How many commands wait or are in flight."""
        return self._size

    def submit(self, command: Command | Deferred, deadline: float) -> asyncio.Future[Outcome]:
        """Queue a command. `deadline` is of the loop's clock; a command past it is never sent to the database.

        Cancelling the future does not take the command back once a batch has it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Outcome] = loop.create_future()
        self.counts.submitted += 1
        if deadline != self._burst:
            # What one call submits shares its deadline, and does not stand in its own way.
            self._burst, self._before = deadline, self._size
        begins = isinstance(command, Deferred | Reserve)
        late = self._pace.is_too_late(self._before, deadline - loop.time(), finishes=not begins)
        if late or self._size >= self._limits.queue_max:
            future.set_result(Refusal(reason=Reason.OVERLOADED))
            return future
        self._size += 1
        self._queue.append(Waiting(command, deadline, future))
        if self._idle:
            self._start_drain(loop)
        return future

    def is_too_late_to_begin(self, deadline: float) -> bool:
        """Whether a command that begins something, and came now, would be refused for its wait."""
        left = deadline - asyncio.get_running_loop().time()
        return self._pace.is_too_late(self._size, left, finishes=False)

    async def drained(self) -> None:
        """Wait until nothing is queued or in flight."""
        while self._drains:
            await asyncio.wait(self._drains)

    def _start_drain(self, loop: asyncio.AbstractEventLoop) -> None:
        if not self._drains:
            self._pace.resumed(loop.time())
        # A task of its own: the transaction goes on whoever stops waiting for it.
        task = loop.create_task(self._drain(self._idle.pop()), name="ledger-batch")
        self._drains.add(task)
        task.add_done_callback(self._drains.discard)

    async def _drain(self, session: Session) -> None:
        try:
            await asyncio.sleep(0)  # callers that are ready now join this batch
            while batch := self._next_batch():
                try:
                    await self._run(session, batch)
                finally:
                    self._pace.noted(len(batch), asyncio.get_running_loop().time())
                    self._give_up_on(batch)
                    self._free(batch)
        finally:
            self._idle.append(session)

    def _next_batch(self) -> list[Waiting]:
        """Take what may go now; what waits for a busy wallet is parked in its order."""
        batch: list[Waiting] = []
        mine: set[WalletId] = set()
        now = asyncio.get_running_loop().time()
        most = min(self._limits.batch_max, max(SHARE_MIN, -(-len(self._queue) // self._limits.in_flight_max)))
        while self._queue and len(batch) < most:
            waiting = self._queue.popleft()
            if waiting.future.done():
                self._size -= 1
            elif waiting.deadline <= now:
                self._answer(waiting, Refusal(reason=Reason.DEADLINE_EXCEEDED))
            elif (wallet_id := waiting.command.wallet_id) in mine or wallet_id not in self._busy:
                mine.add(wallet_id)
                self._busy.add(wallet_id)
                batch.append(waiting)
            else:
                self._parked.setdefault(wallet_id, deque()).append(waiting)
        return batch

    def _free(self, batch: list[Waiting]) -> None:
        """Let others have the wallets of commands that are through, once."""
        wallets = {waiting.command.wallet_id for waiting in batch if not waiting.freed}
        for waiting in batch:
            waiting.freed = True
        self._busy -= wallets
        parked = [waiting for wallet_id in wallets for waiting in self._parked.pop(wallet_id, ())]
        # In front of the queue: who waited for the wallet came before those who come now.
        self._queue.extendleft(reversed(parked))

    def _answer(self, waiting: Waiting, outcome: Outcome) -> None:
        if waiting.answered:
            return
        waiting.answered = True
        self._size -= 1
        if not waiting.future.done():
            waiting.future.set_result(outcome)
        elif isinstance(waiting.command, Deferred) and waiting.command.unheard is not None:
            waiting.command.unheard(outcome)

    def _give_up_on(self, batch: list[Waiting]) -> None:
        """Leave nobody waiting if a batch ended by something nobody foresaw."""
        for waiting in batch:
            waiting.unknown = waiting.unknown or waiting.decided
            self._answer(waiting, refusal_of(waiting, Reason.INTERNAL))

    async def _run(self, session: Session, batch: list[Waiting]) -> None:
        """Load, decide, append; again for those whose wallet somebody else changed meanwhile."""
        todo = batch
        clock = asyncio.get_running_loop().time
        for attempt in range(ATTEMPTS_MAX):
            for waiting in todo:
                waiting.decided = None
            began = clock()
            try:
                todo = await self._attempt(session, todo, locked=attempt >= LOCK_FROM_ATTEMPT)
            except DatabaseConflict as fault:
                todo = await self._after_conflict(session, todo, fault, clock() - began)
            except (OutcomeUnknown, DatabaseUnavailable, DatabaseTimeout) as fault:
                todo = await self._after_outage(todo, fault, attempt, clock() - began)
            except Exception as fault:  # noqa: BLE001 - a worker's loop: what the database or a decision chokes on
                return await self._run_apart(session, todo, fault)
            if not todo:
                return None
        return self._refuse_all(todo, Reason.CONTENTION)

    async def _after_conflict(
        self, session: Session, todo: list[Waiting], fault: DatabaseConflict, took: float
    ) -> list[Waiting]:
        """Return who is to try again: all was rolled back for certain. Who has no time left is told."""
        todo = self._still_in_time(todo, 0.0, Reason.CONTENTION)
        if not todo or not fault.lock_wait_ended:
            return todo
        # Somebody keeps one of the wallets: the others do not wait with it.
        wallets = list({waiting.command.wallet_id for waiting in todo})
        try:
            free = await store.free_of(session, wallets, timeout_seconds=self._limits.statement_seconds)
        except DatabaseError:
            return todo
        apart = [waiting for waiting in todo if waiting.command.wallet_id in free]
        if len(free) < len(wallets) and apart:
            await self._run(session, apart)
            self._free(apart)
            if self._queue and self._idle:
                self._start_drain(asyncio.get_running_loop())
        stuck = [waiting for waiting in todo if not waiting.answered]
        if len(free) < len(wallets):
            # The next wait may be as long: who has less time hears it while it is of use.
            self._tell_behind(stuck, took, Reason.CONTENTION)
            stuck = self._still_in_time(stuck, took, Reason.CONTENTION)
        return stuck

    async def _after_outage(
        self, todo: list[Waiting], fault: Exception, attempt: int, took: float
    ) -> list[Waiting]:
        """Return who is to try again, after a pause: what an unanswered append did, the ids will show."""
        if isinstance(fault, OutcomeUnknown):
            for waiting in todo:
                waiting.unknown = waiting.unknown or waiting.decided
        if attempt + 1 == ATTEMPTS_MAX:
            _log.warning("a batch of %d commands failed: %s", len(todo), fault)
            self._refuse_all(todo, Reason.DATABASE_UNAVAILABLE)
            return []
        pause = min(0.02 * 2**attempt, PAUSE_MAX)
        # Twice: another try takes as long as this one, and on a machine that is short of time longer.
        needed = 2 * (pause + min(took, PAUSE_MAX))
        still = self._still_in_time(todo, needed, Reason.DATABASE_UNAVAILABLE)
        self._tell_behind([*todo, *self._queue], needed, Reason.DATABASE_UNAVAILABLE)
        if still:  # or the wallets would stay busy for nobody
            await asyncio.sleep(pause)
        return still

    async def _run_apart(self, session: Session, todo: list[Waiting], fault: Exception) -> None:
        """Run a batch that nothing was written of by halves, so that one poisonous command fails alone."""
        left = [waiting for waiting in todo if not waiting.answered]
        if len(left) <= 1:
            _log.error("a command failed", exc_info=fault)
            return self._refuse_all(left, Reason.INTERNAL)
        middle = len(left) // 2
        # One after the other: a wallet's commands keep their order.
        await self._run(session, left[:middle])
        return await self._run(session, left[middle:])

    def _still_in_time(self, todo: list[Waiting], seconds: float, reason: Reason) -> list[Waiting]:
        """Return who has so much time left; the others are told why at once.

        A caller who is told in time that nothing was done can pay otherwise; one whose own deadline ends the call cannot.
        """
        end = asyncio.get_running_loop().time() + seconds
        for waiting in todo:
            if waiting.deadline <= end:
                self._answer(waiting, refusal_of(waiting, reason))
        return [waiting for waiting in todo if waiting.deadline > end]

    def _tell_behind(self, todo: list[Waiting], seconds: float, reason: Reason) -> None:
        """Tell those who would stand behind a wallet of these, until it was tried again, for the rest of their time."""
        end = asyncio.get_running_loop().time() + seconds
        wallets = {waiting.command.wallet_id for waiting in todo}
        for line in (self._queue, *(self._parked.get(wallet_id, deque()) for wallet_id in wallets)):
            for waiting in leave_before(line, end, wallets):
                self._answer(waiting, Refusal(reason=reason))

    def _refuse_all(self, todo: list[Waiting], reason: Reason) -> None:
        for waiting in todo:
            self._answer(waiting, refusal_of(waiting, reason))

    async def _attempt(self, session: Session, todo: list[Waiting], *, locked: bool) -> list[Waiting]:
        """Decide a batch once and answer it; returns those whose wallet was lost to another process."""
        if locked:
            async with session.transaction(timeout_seconds=self._limits.statement_seconds):
                wallets = list({waiting.command.wallet_id for waiting in todo})
                await store.lock(session, wallets, timeout_seconds=self._limits.statement_seconds)
                decided = await self._load_decide_append(session, todo)
        else:
            decided = await self._load_decide_append(session, todo)
        self.counts.batches += 1
        self.counts.commands += len(todo)
        self.counts.races_lost += len(decided.lost)
        again: list[Waiting] = []
        for waiting, outcome in decided.outcomes:
            if waiting.command.wallet_id in decided.lost:
                again.append(waiting)
            else:
                self._answer(waiting, outcome)
        if decided.changed:
            self._changed(decided.changed)
        return again

    async def _load_decide_append(self, session: Session, todo: list[Waiting]) -> Decided:
        seconds = self._limits.statement_seconds
        loaded = await load_named(session, [waiting.command for waiting in todo], seconds)
        if self._ensure is not None:
            await self._ensure(loaded.programs)
        await _ready(todo)
        written, outcomes = self._decide_all(loaded, todo)
        # What an append did whose answer was lost is news to the cache and to watchers, though found and not written.
        doubtful = {waiting.command.wallet_id for waiting in todo if waiting.unknown is not None}
        changed = [loaded.wallets[key] for key in doubtful & loaded.wallets.keys() - written.wallets.keys()]
        if not written.wallets:
            return Decided(outcomes, frozenset(), changed)
        for waiting, outcome in outcomes:
            waiting.decided = outcome
        lost = await store.append(session, written, timeout_seconds=seconds)
        changed += [wallet for key, (_, wallet, _) in written.wallets.items() if key not in lost]
        return Decided(outcomes, lost, changed)

    def _decide_all(
        self, loaded: store.Loaded, todo: list[Waiting]
    ) -> tuple[store.Written, list[tuple[Waiting, Outcome]]]:
        """Run the commands in order; those on one wallet see each other's effect."""
        written = store.Written()
        decisions: list[tuple[Waiting, Outcome]] = []
        for waiting in todo:
            wallet = loaded.wallets.get(waiting.command.wallet_id)
            if wallet is None:
                decisions.append((waiting, Refusal(reason=Reason.WALLET_NOT_FOUND, field="wallet")))
                continue
            try:
                decision, terms = self._decide(loaded, wallet, waiting.command)
            except Exception:  # noqa: BLE001 - a worker's loop: one command nobody foresaw must not take the batch along
                _log.exception("a command could not be decided")
                decisions.append((waiting, Refusal(reason=Reason.INTERNAL)))
                continue
            remember(loaded, decision)
            written.add(wallet, decision, terms)
            decisions.append((waiting, as_first(waiting, decision.outcome)))
        return written, decisions

    def _decide(
        self, loaded: store.Loaded, wallet: Wallet, asked: Command | Deferred
    ) -> tuple[Decision, Terms]:
        command = asked
        now = loaded.clocks.get(wallet.wallet_id, loaded.now)
        if isinstance(command, Deferred):
            assert self._program_of is not None
            command = command.build(self._program_of(wallet), wallet, now)
        terms = self._terms_of(wallet)
        return decide(wallet, command, now, terms, known_of(loaded, command)), terms


async def _ready(todo: Sequence[Waiting]) -> None:
    """Wait for what commands are built from; most of it came while the wallets were loaded."""
    for waiting in todo:
        command = waiting.command
        if isinstance(command, Deferred) and command.ready is not None:
            rest = command.ready()
            if rest is not None:
                await rest
