"""The replay: every act in its turn by the program's clock, background work let through, the desk at its hours."""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from wallet_client import Hold, errors

from loadtest.attacks.acts import DAY, Act, Customer, Scene, What
from loadtest.attacks.town import REDEMPTION_MIN_MINOR
from loadtest.fraud.desk import ROUND_SECONDS, Desk
from loadtest.fraud.seen import Became, Moment, Outcome, Records
from loadtest.fraud.till import Till, slots

CALLERS: Final = 32
GIVES_UP_AFTER: Final = 10
"""Refusals in a row, then an attacker tries no more."""
WORTH_MINOR: Final = 500
"""Nobody steals an account for less."""
LAST_ROUNDS: Final = 12
"""Rounds of the desk after the last act: whatever waits is decided by then."""

Idle = Callable[[], Awaitable[None]]
"""Returns once nothing is being worked on in the background."""


@dataclass(slots=True)
class Play:
    """One season."""

    till: Till
    desk: Desk
    records: Records
    idle: Idle
    rule: Idle
    """Puts the policy in force, once the program is there."""
    learn: Idle
    """Publishes a model."""
    taught_at: int
    """The second when that is; 0: never."""
    say: Callable[[str], None]
    now: int = 0
    _number: int = 0
    _holds: dict[str, tuple[Hold, Outcome]] = field(default_factory=dict)
    _desk_at: int = ROUND_SECONDS
    _busy: bool = False
    _looked_at: set[str] = field(default_factory=set)
    _refusals: Counter[tuple[str, str]] = field(default_factory=Counter)
    _callers: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLERS))

    async def run(self, scene: Scene) -> None:
        """Play everything, and let the desk end what waits."""
        late = {customer.who: customer for customer in scene.customers if customer.attacker}
        await self.till.open(scene.customers)
        await self.rule()
        await self._each([customer for customer in scene.customers if not customer.attacker])
        day = before = 0
        for at, acts in slots(scene.in_order()):
            await self._until(at)
            if before < self.taught_at <= at:
                await self.learn()
            before = at
            if at // DAY > day:
                day = at // DAY
                self._progress(day)
            new = {act.who: late.pop(act.who) for act in acts if act.who in late}
            await self._each(list(new.values()))
            await self._slot(acts)
        for _ in range(LAST_ROUNDS):
            await self._until(self.now + ROUND_SECONDS)
            if not self._busy and not self.desk.open_cases:
                break

    def mark(self) -> Moment:
        """Return the next place in the order of everything."""
        self._number += 1
        return Moment(self.now, self._number)

    def _progress(self, day: int) -> None:
        committed = sum(each.became is Became.COMMITTED for each in self.records.outcomes)
        flagged = sum(each.became in {Became.REFUSED, Became.REVIEWED} for each in self.records.outcomes)
        self.say(
            f"day {day}: {committed:,} redemptions, {flagged:,} stopped or held, {len(self.records.frozen):,} frozen"
        )

    async def _each(self, customers: Sequence[Customer]) -> None:
        async def one(customer: Customer) -> None:
            async with self._callers:
                await self.till.welcome(customer)

        await asyncio.gather(*(one(customer) for customer in customers))

    async def _until(self, at: int) -> None:
        """Let time pass; at the desk's hours the background catches up, and the desk decides."""
        while self._desk_at <= at:
            await self._advance(self._desk_at)
            if self._busy:
                await self.idle()
                self._busy = False
            await self.desk.work(self.now, self.mark, self._approved)
            self._desk_at = self.now + ROUND_SECONDS
        await self._advance(at)

    async def _advance(self, to: int) -> None:
        if to > self.now:
            self.now = to
            await self.till.advance(to)

    async def _slot(self, acts: Sequence[Act]) -> None:
        """Play what happens at one moment: events in one call, redemptions side by side, each wallet's in order."""
        self._busy = True
        events = [act for act in acts if act.what is not What.REDEEM]
        if events:
            await self.till.tell(events, self.now)
        wallets: dict[str, list[Act]] = {}
        for act in acts:
            if act.what is What.REDEEM:
                wallets.setdefault(act.who, []).append(act)
        async with asyncio.TaskGroup() as group:
            for theirs in wallets.values():
                group.create_task(self._in_turn(theirs))

    async def _in_turn(self, acts: Sequence[Act]) -> None:
        async with self._callers:
            for act in acts:
                if act.attack and await self._spared(act):
                    continue
                given_up = self._refusals[act.attack, act.who] >= GIVES_UP_AFTER
                if not (act.attack and given_up):
                    outcome = await self._redeem(act)
                    self._note(outcome)

    async def _spared(self, act: Act) -> bool:
        """Whether a thief, who looks at the balance first, finds it not worth the trouble."""
        if act.who not in self.desk.attackers and act.attack not in self._looked_at:
            self._looked_at.add(act.attack)
            if await self.till.available(act.who) < WORTH_MINOR:
                self.records.spared.add(act.attack)
        return act.attack in self.records.spared

    def _note(self, outcome: Outcome) -> None:
        self.records.outcomes.append(outcome)
        key = (outcome.act.attack, outcome.act.who)
        stopped = outcome.became in {Became.REFUSED, Became.FROZEN}
        self._refusals[key] = self._refusals[key] + 1 if stopped else 0

    async def _redeem(self, act: Act) -> Outcome:
        wanted = await self._wanted(act)
        if wanted <= 0:
            return Outcome(act=act, became=Became.UNAFFORDED, when=self.mark())
        try:
            hold = await self.till.reserve(act, wanted)
        except (errors.FraudRefused, errors.DeviceConflict) as refused:
            reasons = tuple(str(refused.facts.get("reasons", "")).split(","))
            return self._refused(act, Became.REFUSED, wanted, reasons)
        except errors.WalletFrozen:
            return self._refused(act, Became.FROZEN, wanted)
        except errors.InsufficientBalance:
            return self._refused(act, Became.UNAFFORDED, wanted)
        except errors.Refused as refused:
            return self._refused(act, Became.OTHERWISE, wanted, (str(refused.reason),))
        if hold.under_review:
            outcome = Outcome(act=act, became=Became.REVIEWED, when=self.mark(), wanted_minor=wanted)
            self._holds[hold.reservation_id] = (hold, outcome)
            return outcome
        return await self._commit(act, hold, wanted)

    async def _wanted(self, act: Act) -> int:
        """Return what a redemption asks for; honest customers ask for no more than they have."""
        if act.attack and act.amount_minor:
            return act.amount_minor
        available = await self.till.available(act.who)
        wanted = min(act.amount_minor, available) if act.amount_minor else available
        return wanted if wanted >= REDEMPTION_MIN_MINOR else 0

    def _refused(self, act: Act, became: Became, wanted: int, reasons: tuple[str, ...] = ()) -> Outcome:
        return Outcome(act=act, became=became, when=self.mark(), wanted_minor=wanted, reasons=reasons)

    async def _commit(self, act: Act, hold: Hold, wanted: int) -> Outcome:
        await hold.commit()
        return Outcome(
            act=act, became=Became.COMMITTED, when=self.mark(), wanted_minor=wanted, committed_minor=wanted
        )

    async def _approved(self, reservation_id: str) -> None:
        """Commit what the desk let pass, if its customer still waits."""
        hold, outcome = self._holds.pop(reservation_id)
        with contextlib.suppress(errors.ReservationEnded, errors.WalletFrozen):
            self.records.outcomes.append(await self._commit(outcome.act, hold, outcome.wanted_minor))
