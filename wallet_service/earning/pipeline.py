"""One round of the worker: claim, gather, decide, record, act, mark.

Each step may be the last one of a process that dies. What is claimed comes free when its lease runs out. What is
recorded is CLEARED, with its acts written down, and the next worker goes on from there. Acts carry ids of their own,
so giving one twice is giving it once. A worker whose lease was taken over writes nothing any more.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Coroutine, Sequence
from copy import copy
from typing import Any, Final

from msgspec.structs import replace

from wallet_service.earning import store
from wallet_service.earning.acts import (
    TRANSIENT,
    command_of,
    failed,
    finished,
    given_up,
    mature_of,
    settled,
    unpaid,
    without,
)
from wallet_service.earning.apart import work_off
from wallet_service.earning.budgets import Budgets
from wallet_service.earning.caps import everything
from wallet_service.earning.courtesy import Courtesy
from wallet_service.earning.desk import Desk
from wallet_service.earning.gathering import Gathering, RulesetSource
from wallet_service.earning.judging import note_judgements
from wallet_service.earning.model import TRIES_MAX, Event, EventKey, EventKind, EventState
from wallet_service.earning.policies import Policies
from wallet_service.earning.policy import decide, wait
from wallet_service.earning.returning import refilled
from wallet_service.earning.rounds import Round, TakenOver
from wallet_service.fraud.model import PaceLimits
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.clock import NEVER, after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.ledger.service import Ledger
from wallet_service.rules.model import CapKey
from wallet_service.runtime.errors import LedgerRejected
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
LEASE_SECONDS: Final = 30
DECIDE_ATTEMPTS: Final = 20
_SECONDS: Final = 5.0
_LEDGER_SECONDS: Final = 10.0


class Pipeline:
    """Moves events on. One per worker: its rounds follow one another."""

    def __init__(
        self, db: Statements, ledger: Ledger, rules: RulesetSource, policies: Policies, limits: PaceLimits,
        fraud: Fraud,
    ) -> None:  # fmt: skip
        self._db = db
        self.courtesy = Courtesy(ledger)
        self._gathering = Gathering(db, rules, policies, limits, fraud, self.courtesy)
        self._fraud = fraud
        self.budgets = Budgets(db)

    def beside(self) -> Pipeline:
        """Return a pipeline whose rounds may go on beside those of this one: only its slices of budgets are its own."""
        other = copy(self)
        other.budgets = Budgets(self._db)
        return other

    async def run(self, limit: int) -> int:
        """Run one round over at most so many wallets; returns how many were claimed."""
        work = await self.claim(limit)
        claimed = len(work.claims)
        if claimed:
            await work_off(self, work)
        return claimed

    async def go_through(self, work: Round) -> None:
        """Do all that is to be done after the claim."""
        await self.gather(work)
        await self.decide_and_record(work)
        await self.act(work)
        await self.mark(work)

    async def claim(self, limit: int) -> Round:
        """Lease wallets in which something is due."""
        lease = str(uuid.uuid4())
        claims = await store.claim(self._db, lease, LEASE_SECONDS, limit, timeout_seconds=_SECONDS)
        return Round(lease=lease, claims=claims)

    async def gather(self, work: Round) -> None:
        """Read everything that the decisions need."""
        await self._gathering.gather(work, self.budgets)

    async def decide_and_record(self, work: Round) -> None:
        """Decide what is held, and write the decisions down before anything is done about them."""
        for _ in range(DECIDE_ATTEMPTS):
            work.desks = await self._decide_all(work)
            if await self._take_slices(work):
                continue
            try:
                await self._record(work)
            except LedgerRejected:
                # Another worker took what our slices had not used, for the last of a budget.
                await self.budgets.give_back(all_of_them=True)
            else:
                await note_judgements(self._fraud, work.desks, work.due)
                return
        # Nothing was written: the wallets go back as they came.
        work.due, work.desks = [], self._gathering.desks(work, self.budgets)
        _log.warning("a round was given up: its budgets change too fast")

    async def _decide_all(self, work: Round) -> dict[WalletId, Desk]:
        desks = self._gathering.desks(work, self.budgets)
        self.courtesy.begin()
        for event in work.due:
            desk = desks[event.wallet_id]
            try:
                if desk.poisoned(event):
                    self._put_off(desk, event)
                elif event.state is EventState.HELD:
                    decide(desk, event)
                elif event.state is EventState.CREDITED:
                    wait(desk, event)
            except Exception:  # noqa: BLE001 - a worker's loop: one event nobody foresaw must not stop the others
                _log.exception("an event could not be decided")
                self._put_off(desk, event)
            await self.courtesy.pause()
        return desks

    def _put_off(self, desk: Desk, event: Event) -> None:
        retry_at = after(desk.now, 2 ** (event.tries + 1))
        desk.put(failed(desk.events[event.event_id], Reason.INTERNAL, TRIES_MAX, retry_at))

    async def _take_slices(self, work: Round) -> bool:
        """Take more of the budgets that trimmed something; True if there was more."""
        short: dict[tuple[ProgramId, str], tuple[CapKey, int]] = {}
        for claim in work.claims:
            for name, (key, amount) in work.desks[claim.wallet_id].shortages.items():
                _, before = short.get((claim.program_id, name), (key, 0))
                short[claim.program_id, name] = (key, before + amount)
        taken = False
        for (program_id, _), (key, amount) in short.items():
            taken = await self.budgets.take(program_id, key, amount) or taken
        return taken

    async def _record(self, work: Round) -> None:
        written = self._written(work)
        # What is credited or fails later was decided here, and whoever waits for that is awake.
        written.wakes = True
        for claim in work.claims:
            for use in work.desks[claim.wallet_id].budget_uses:
                parts = self.budgets.spread(claim.program_id, use.cap_key, use.amount)
                written.slices += [(claim.wallet_id, part, amount) for part, amount in parts]
        if written.events:
            await self._write(work, written)

    def _written(self, work: Round) -> store.Written:
        """Collect what has changed since it was last written."""
        written = store.Written(wallets=work.wallets, known=work.known)
        for wallet_id, desk in work.desks.items():
            written.events += [desk.events[event_id] for event_id in sorted(desk.changed)]
            written.caps += [(wallet_id, use.cap_key, use.amount) for use in desk.uses]
            written.refills += [(wallet_id, use.cap_key, use.amount) for use in desk.refills]
            for kept in (desk.changed, desk.uses, desk.refills):
                kept.clear()
        return written

    async def _write(self, work: Round, written: store.Written) -> None:
        held = await store.record(self._db, work.lease, written, timeout_seconds=_SECONDS)
        work.known.update((event.key, event.result) for event in written.events)
        if len(held) < len(work.claims):
            _log.warning("%d wallets were taken over by another worker", len(work.claims) - len(held))
            work.claims = [claim for claim in work.claims if claim.wallet_id in held]

    async def act(self, work: Round) -> None:
        """Give the ledger what was written down: wallets side by side, each wallet's events in order."""
        named: dict[WalletId, list[Event]] = {wallet_id: [] for wallet_id in work.wallets}
        for event in work.due:
            if event.wallet_id in named:
                named[event.wallet_id].append(event)
        plain = [event for of, due in named.items() for event in _plain(work.desks[of], due)]
        through = await self._give_plain(work, plain)
        left = {of: [event for event in due if event.key not in through] for of, due in named.items()}
        await _side_by_side([self._act_on(work, wallet_id, due) for wallet_id, due in left.items() if due])

    async def _give_plain(self, work: Round, events: Sequence[Event]) -> set[EventKey]:
        """Give what is one credit and no more, as almost all is, without a task for each; returns what is through.

        What is refused for good is left to be looked at by itself: it is refused again.
        """
        commands = [command_of(event, event.result.acts[0]) for event in events]
        outcomes = await self.courtesy.submit_all(commands, _LEDGER_SECONDS)
        through: set[EventKey] = set()
        for event, outcome in zip(events, outcomes, strict=True):
            desk = work.desks[event.wallet_id]
            if not isinstance(outcome, Refusal):
                desk.put(finished(event))
            elif outcome.reason in TRANSIENT:
                desk.put(replace(event, due_at=after(desk.now, 1)))
            else:
                continue
            through.add(event.key)
        return through

    async def _act_on(self, work: Round, wallet_id: WalletId, due: list[Event]) -> None:
        desk = work.desks[wallet_id]
        cleared = _cleared(desk, due)
        if len(cleared) == 1 or any(event.kind is EventKind.RETURN for event in cleared):
            # A return acts on what a purchase before it brought. One alone needs no task of its own.
            for event in cleared:
                await self._give(work, desk, desk.events[event.event_id])
        else:
            await _side_by_side([self._give(work, desk, event) for event in cleared])
        for event in due:
            # What was due to mature; what was credited in this round waits for its own time.
            current = desk.events[event.event_id]
            if event.state is EventState.CREDITED and current.due_at <= desk.now:
                await self._mature(desk, current)

    async def _give(self, work: Round, desk: Desk, event: Event) -> None:
        if self._waits_for_credit(desk, event):
            return desk.put(replace(event, due_at=after(desk.now, 1)))
        done = 0
        while done < len(event.result.acts):
            act = event.result.acts[done]
            outcome = await self.courtesy.submit(command_of(event, act), _LEDGER_SECONDS)
            if not isinstance(outcome, Refusal):
                done += 1
                continue
            if outcome.reason in TRANSIENT:
                return desk.put(replace(event, due_at=after(desk.now, 1)))
            smaller = without(event, act, outcome)
            if smaller is None:
                return await self._fail(desk, event, done, outcome.reason)
            # Written down before it is given, like the first.
            event = smaller
            await self._write_apart(work, event)
        event = await self._owe_again(desk, event, done)
        return self._finish(desk, event, finished(event))

    @staticmethod
    def _waits_for_credit(desk: Desk, event: Event) -> bool:
        """Whether a return would act on a credit that is still under way: it would find none."""
        bought = desk.bought(event.content.returned) if event.content.returned is not None else None
        return bought is not None and bought.state is EventState.CLEARED

    @staticmethod
    def _finish(desk: Desk, event: Event, ended: Event) -> None:
        desk.put(ended)
        if event.content.returned is not None:
            bought = desk.bought(event.content.returned)
            if bought is not None:
                desk.put(refilled(desk, settled(bought, event), event.content.returned))

    async def _fail(self, desk: Desk, event: Event, done: int, reason: Reason) -> None:
        """Put an event off, or give up on it: then nothing stays written down that was not done."""
        retry_at = after(desk.now, 2 ** (event.tries + 1))
        ended = failed(event, reason, TRIES_MAX, retry_at)
        if ended.state is EventState.CLEARED:
            return desk.put(ended)
        ended = given_up(await self._owe_again(desk, ended, done), done)
        if event.amount and not ended.amount:
            # Never credited: others may have what it had used of caps and budgets.
            ended = desk.refilled(ended, everything(ended.result.priced))
        return self._finish(desk, ended, ended)

    async def _owe_again(self, desk: Desk, event: Event, done: int) -> Event:
        """Return an event without what it did not pay of older debts after all, which are owed again."""
        event, owed = unpaid(event, done)
        for debt in owed:
            if debt.event_id not in desk.events:
                found = await store.read_event(
                    self._db, event.wallet_id, debt.event_id, timeout_seconds=_SECONDS
                )
                assert found is not None
                # Another event of this wallet may have asked for it meanwhile, and changed it.
                desk.events.setdefault(debt.event_id, found)
            debtor = desk.events[debt.event_id]
            desk.put(replace(debtor, debt=min(debtor.debt + debt.amount, debtor.amount)))
        return event

    async def _write_apart(self, work: Round, event: Event) -> None:
        written = store.Written(wallets=[event.wallet_id], events=[event])
        if not await store.record(self._db, work.lease, written, timeout_seconds=_SECONDS):
            raise TakenOver

    async def _mature(self, desk: Desk, event: Event) -> None:
        outcome = await self.courtesy.submit(mature_of(event), _LEDGER_SECONDS)
        if isinstance(outcome, Refusal) and outcome.reason in TRANSIENT:
            return desk.put(replace(event, due_at=after(desk.now, 1)))
        # Nothing pending any more: it was taken back meanwhile, or this is a repetition.
        gone = {Reason.CREDIT_NOT_PENDING, Reason.CREDIT_NOT_FOUND, Reason.WALLET_CLOSED}
        if isinstance(outcome, Refusal) and outcome.reason not in gone:
            return desk.put(failed(event, outcome.reason, TRIES_MAX, after(desk.now, 2 ** (event.tries + 1))))
        return desk.put(replace(event, state=EventState.MATURED, due_at=NEVER))

    async def mark(self, work: Round) -> None:
        """Write down what is done, and give the wallets back to the queue."""
        if work.claims:
            written = self._written(work)
            written.release = work.wallets
            await self._write(work, written)

    async def put_off(self, work: Round) -> None:
        """Count a try of what is due first in the one wallet of a round, and give the wallet back."""
        for claim in work.claims:
            await store.put_off(self._db, work.lease, claim, TRIES_MAX, timeout_seconds=_SECONDS)

    async def backlog(self) -> int:
        """Return how many wallets wait with something due, counted up to ten thousand."""
        return await store.backlog(self._db, timeout_seconds=_SECONDS)

    async def close(self) -> None:
        """Give unused slices back."""
        await self.budgets.give_back(all_of_them=True)


def _cleared(desk: Desk, due: Sequence[Event]) -> list[Event]:
    """Return, as they are now, the events of a wallet that are decided and not yet given to the ledger."""
    known = [desk.events[event.event_id] for event in due]
    return [e for e in known if e.state is EventState.CLEARED and not desk.poisoned(e)]


def _plain(desk: Desk, due: Sequence[Event]) -> list[Event]:
    """Return the events of a wallet that are one credit and wait for nothing: a return waits for what is before it."""
    cleared = _cleared(desk, due)
    if any(event.kind is EventKind.RETURN for event in cleared):
        return []
    return [e for e in cleared if len(e.result.acts) == 1 and not e.result.paid_debt]


async def _side_by_side(work: Sequence[Coroutine[Any, Any, None]]) -> None:
    """Run all to their end, then raise the first fault: nothing goes on behind the round's back."""
    for outcome in await asyncio.gather(*work, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome
