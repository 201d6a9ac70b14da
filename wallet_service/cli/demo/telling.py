"""The day's events: what tills, the returns desk and friends tell the service, and what became of each."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from wallet_client import EarnEvent, EventState, Recorded, RecordedEvent

from wallet_service.cli.demo.books import Sale
from wallet_service.cli.demo.comebacks import Comeback
from wallet_service.cli.demo.events import purchase, referral, return_begins, return_ends
from wallet_service.cli.demo.plan import Day, Visit
from wallet_service.cli.demo.scene import ACTOR, UNDER_WAY, Scene, named

EVENTS_AT_ONCE: Final = 500
WORKED_SECONDS_MAX: Final = 30.0
POLL_SECONDS: Final = 0.015
GOODWILL_MINOR: Final = 100
GOODWILL_DAYS: Final = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class Credited:
    """A sale's cashback that waits for its return window to close."""

    sale: Sale
    matures_at: datetime


class Telling:
    """Tells events and waits until they are worked, so that the books know what each earned before time goes on."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._late: list[Visit] = []
        self._credited: dict[str, Credited] = {}
        self._open_returns: set[str] = set()

    async def tell(self, day: Day) -> None:
        """Tell what happened on a day and what was left over from the day before; wait until all of it is worked."""
        scene = self._scene
        today = [visit for those in day.visits for visit in those]
        visits = [*self._late, *(visit for visit in today if not visit.told_late)]
        self._late = [visit for visit in today if visit.told_late]
        scene.tally.late += len(self._late)
        refers = [visit for visit in today if visit.refers]
        scene.tally.referrals += len(refers)
        # A return may begin before its late purchase is told of: it waits for it.
        told = [return_begins(scene, one) for one in day.opened]
        bought = [purchase(scene, visit) for visit in visits]
        told += [*bought, *(referral(scene, visit) for visit in refers)]
        told += [return_ends(scene, one) for one in day.ended]
        worked = await self._worked(told, await self._record(told))
        again = [event for visit, event in zip(visits, bought, strict=True) if visit.told_twice]
        await self._record(again, replayed=True)
        begun = len(day.opened)
        for visit, event in zip(visits, worked[begun : begun + len(visits)], strict=True):
            self._book_sale(visit, event)
        for visit, event in zip(refers, worked[begun + len(visits) :], strict=False):
            scene.books[visit.basket.household].issued += event.amount_minor
        self._open_returns |= {one.ref for one in day.opened}
        for one in day.ended:
            await self._book_return(one)

    async def matured(self) -> None:
        """Wait until everything is available whose return window has closed by now."""
        kept_open = {ref.rpartition("-")[0] for ref in self._open_returns}
        due = [
            credited
            for credited in self._credited.values()
            if credited.matures_at <= self._scene.now
            and f"return-{credited.sale.basket.basket_id}" not in kept_open
        ]
        for credited in due[-1:]:
            await self._until_matured(credited.sale, "a day's cashback matured")
        await asyncio.gather(*(self._until_matured(credited.sale, "get event") for credited in due[:-1]))

    async def _until_matured(self, sale: Sale, kind: str) -> None:
        passing = frozenset({EventState.EVENT_STATE_CREDITED})
        event = await self._awaited(sale.basket.household, sale.event_id, passing, kind)
        if event.state not in passing:
            del self._credited[sale.event_id]

    async def _record(self, events: Sequence[EarnEvent], *, replayed: bool = False) -> list[str]:
        """Tell events, many in a call; returns their ids."""
        scene, ids = self._scene, []
        for first in range(0, len(events), EVENTS_AT_ONCE):
            part = events[first : first + EVENTS_AT_ONCE]
            with scene.timings.of("record events"):
                outcomes = await scene.api.earning.record_many(part)
            for event, outcome in zip(part, outcomes, strict=True):
                if not isinstance(outcome, Recorded):
                    raise outcome
                if outcome.replayed is not replayed:
                    scene.differs(f"{event.source_event_id}: replayed is {outcome.replayed}")
                ids.append(outcome.event_id)
        scene.tally.events += 0 if replayed else len(ids)
        scene.tally.replays += len(ids) if replayed else 0
        return ids

    async def _worked(self, events: Sequence[EarnEvent], ids: Sequence[str]) -> list[RecordedEvent]:
        """Wait until nothing of these is under way any more."""

        async def one(event: EarnEvent, event_id: str, kind: str) -> RecordedEvent:
            household = int(event.wallet.customer.customer_ref)
            return await self._awaited(household, event_id, UNDER_WAY, kind)

        told = list(zip(events, ids, strict=True))
        # One worker works on all of them together: when the last is done, the others mostly are.
        last = [await one(*pair, "a day's events worked") for pair in told[-1:]]
        return [*await asyncio.gather(*(one(*pair, "get event") for pair in told[:-1])), *last]

    async def _awaited(
        self, household: int, event_id: str, passing: frozenset[EventState.ValueType], kind: str
    ) -> RecordedEvent:
        """Return an event when it has left these states."""
        scene = self._scene
        deadline = time.monotonic() + WORKED_SECONDS_MAX
        with scene.timings.of(kind):
            while True:
                async with scene.room:
                    event = await scene.api.earning.get(scene.wallet_of(household), event_id)
                if event.state not in passing:
                    return event
                if time.monotonic() > deadline:
                    state = EventState.Name(event.state)
                    scene.differs(f"event {event.source_event_id} of household {household} stays {state}")
                    return event
                await asyncio.sleep(POLL_SECONDS)

    def _book_sale(self, visit: Visit, event: RecordedEvent) -> None:
        scene = self._scene
        book = scene.books[visit.basket.household]
        sale = book.sales[visit.basket.basket_id]
        sale.event_id, sale.earned = event.event_id, event.amount_minor
        book.issued += event.amount_minor
        scene.tally.in_review += event.state == EventState.EVENT_STATE_IN_REVIEW
        scene.tally.earned_nothing += not event.amount_minor
        if event.state in {EventState.EVENT_STATE_REJECTED, EventState.EVENT_STATE_DEAD}:
            scene.differs(f"{named(visit)}: {EventState.Name(event.state)} for {', '.join(event.reasons)}")
        if event.state == EventState.EVENT_STATE_CREDITED:
            matures_at = event.matures_at.ToDatetime(tzinfo=UTC)
            self._credited[event.event_id] = Credited(sale=sale, matures_at=matures_at)

    async def _book_return(self, one: Comeback) -> None:
        scene, household = self._scene, one.basket.household
        self._open_returns.discard(one.ref)
        book = scene.books[household]
        sale = book.sales[one.basket.basket_id]
        if not one.accepted:
            scene.tally.returns_refused += 1
            await self._goodwill(one)
            return
        scene.tally.returns[one.portion] += one.part == 1
        if sale.earned and not sale.shares and not one.everything:
            sale.shares = await self._shares(sale)
        book.accept(one)

    async def _shares(self, sale: Sale) -> tuple[int, ...]:
        """Return what each line of a sale earned, as the service explains it."""
        with self._scene.timings.of("explain event"):
            said = await self._scene.api.earning.explain(
                self._scene.wallet_of(sale.basket.household), sale.event_id
            )
        by_award = [award.line_amounts_minor for award in said.awards]
        return tuple(sum(parts) for parts in zip(*by_award, strict=True))

    async def _goodwill(self, one: Comeback) -> None:
        """Give something to a customer whose return was refused: a person's act, with who and why."""
        scene = self._scene
        with scene.timings.of("adjust"):
            await scene.api.wallet.adjust(
                scene.wallet_of(one.basket.household),
                GOODWILL_MINOR,
                actor=ACTOR,
                reason=f"goodwill: {one.ref} was refused",
                expires_at=scene.now + timedelta(days=GOODWILL_DAYS),
                operation_id=scene.id_of(f"{one.ref}/goodwill"),
            )
        scene.books[one.basket.household].adjusted += GOODWILL_MINOR
        scene.tally.adjustments += 1
