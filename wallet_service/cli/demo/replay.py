"""Plays the plan through the public API, as tills, phones and a back office would, and keeps books of what is answered."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from typing import Final

from wallet_client import EarningPolicy, Program, ProgramMode, RedemptionPolicy

from wallet_service.cli.demo.baskets import Reading
from wallet_service.cli.demo.books import Book, Sale
from wallet_service.cli.demo.closing import Closings
from wallet_service.cli.demo.comparing import compare
from wallet_service.cli.demo.offering import publish
from wallet_service.cli.demo.plan import Day, Visit
from wallet_service.cli.demo.scene import ACTOR, CURRENCY, Beside, Scene
from wallet_service.cli.demo.telling import Telling
from wallet_service.cli.demo.till import Till

RETURN_WINDOW_DAYS: Final = 14
CASHBACK_DAYS: Final = 60
"""How long cashback may be spent, from the day on which it was earned."""
_DAY_SECONDS: Final = 86_400


class Replay:
    """One run. Visits of a household follow on each other; households do not wait for each other within a day."""

    def __init__(self, scene: Scene, *, played: Callable[[], None], beside: Beside | None = None) -> None:
        self._scene = scene
        self._beside = beside
        self._played = played
        self._till = Till(scene)
        self._telling = Telling(scene)
        scene.books = {}

    async def open(self, reading: Reading, first: date, last: date) -> None:
        """Create the program with its rules, its clock on the first day, and a wallet for each household."""
        scene = self._scene
        reason = "a year of baskets"
        await scene.api.admin.put_program(_program(scene.program_id), actor=ACTOR, reason=reason)
        await self._advance(first)
        await publish(scene, reading, first)
        policy = EarningPolicy(
            return_window_seconds=RETURN_WINDOW_DAYS * _DAY_SECONDS,
            expires_after_seconds=CASHBACK_DAYS * _DAY_SECONDS,
        )
        await scene.api.earning.put_policy(scene.program_id, policy, actor=ACTOR, reason=reason)
        scene.books = {household: Book() for household in reading.households}
        await asyncio.gather(*(self._open(household) for household in reading.households))
        if self._beside is not None:
            await self._beside.open(scene, (last - first).days + 1)
        self.closings = Closings(scene)

    async def _open(self, household: int) -> None:
        async with self._scene.room:
            with self._scene.timings.of("open wallet"):
                await self._scene.api.wallet.open(*self._scene.wallet_of(household))

    async def play(self, days: tuple[Day, ...]) -> None:
        """Play every day, close every month, hold the books against every wallet, and let one more day pass."""
        for day in days:
            await self._advance(day.date)
            await self._telling.matured()
            if self._beside is not None:
                await self._beside.play((day.date - days[0].date).days)
            async with asyncio.TaskGroup() as group:
                for visits in day.visits:
                    group.create_task(self._household(visits))
            await self._telling.tell(day)
            if day.closes_month:
                await self.closings.close(f"{day.date:%Y-%m}")
        await compare(self._scene, self.closings)
        await self._advance(days[-1].date + timedelta(days=1))

    async def _advance(self, to: date) -> None:
        """Set the program's clock to the end of a day, when all of it has happened."""
        scene = self._scene
        scene.now = datetime.combine(to, time(23, 59, 59), UTC)
        with scene.timings.of("advance clock"):
            await scene.api.admin.advance_clock(scene.program_id, scene.now, actor=ACTOR, reason="a new day")
        for book in scene.books.values():
            book.pass_time(scene.now)

    async def _household(self, visits: tuple[Visit, ...]) -> None:
        """Pay for the day's baskets, with cashback of earlier visits where it is their turn."""
        book = self._scene.books[visits[0].basket.household]
        async with self._scene.room:
            for visit in visits:
                book.sales[visit.basket.basket_id] = Sale(basket=visit.basket)
                if visit.redemption is not None:
                    await self._till.redeem(visit, visit.redemption)
                self._scene.tally.baskets += 1
                self._played()


def _program(program_id: str) -> Program:
    """Return a sandbox: its clock follows the baskets."""
    return Program(
        program_id=program_id,
        display_name="Complete Journey",
        mode=ProgramMode.PROGRAM_MODE_SANDBOX,
        asset=CURRENCY,
        exponent=2,
        currency=CURRENCY,
        rate_numerator=1,
        rate_denominator=1,
        redemption=RedemptionPolicy(
            minimum_purchase_minor=500,
            minimum_redemption_minor=50,
            maximum_share_bp=5_000,
            step_minor=5,
            quote_ttl_seconds=300,
            reservation_ttl_seconds=900,
            reservation_ttl_seconds_max=3_600,
        ),
    )
