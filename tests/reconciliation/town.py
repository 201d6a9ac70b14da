"""A small town of wallets in which everything that a ledger can do has happened once."""

from __future__ import annotations

import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from wallet_service.kernel.clock import Instant, from_datetime, to_datetime
from wallet_service.kernel.errors import Refusal
from wallet_service.ledger import commands as say
from wallet_service.ledger.batcher import Limits
from wallet_service.ledger.model import Order
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.service import Ledger
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions

DAY = 86_400_000_000
START = Instant(1_760_000_000_000_000)
"""Where the test clock of the sandbox stands at first."""

_IDS = uuid.UUID("00000000-0000-4000-8000-000000000000")


def named(name: str) -> str:
    """The id that goes by this name in the town."""
    return str(uuid.uuid5(_IDS, name))


def program(program_id: str, *, sandbox: bool, floor_minor: int = 0) -> Program:
    return Program(
        program_id=program_id,
        display_name=program_id,
        sandbox=sandbox,
        asset="EUR",
        exponent=2,
        currency="EUR",
        rate_numerator=1,
        rate_denominator=1,
        redemption=RedemptionPolicy(),
        floor_minor=floor_minor,
    )


@asynccontextmanager
async def opened(database_url: str, redis_url: str) -> AsyncIterator[Ledger]:
    """A ledger on this database."""
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    cache = Cache(redis_url, timeout_ms=1_000)
    ledger = Ledger(database, cache, Limits(), 300)
    try:
        yield ledger
    finally:
        await ledger.close()
        await cache.close()
        await database.close()


class Town:
    """Says commands to a ledger and insists that each is done, or refused where that is wanted."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger

    @staticmethod
    def soon() -> float:
        return time.monotonic() + 10

    async def open(self, program_id: str, customer_ref: str) -> str:
        wallet_id, opened_now = await self.ledger.open_wallet(program_id, customer_ref, self.soon())
        assert opened_now
        return wallet_id

    async def done(self, command: say.Command) -> None:
        outcome = await self.ledger.submit(command, self.soon())
        assert not isinstance(outcome, Refusal), outcome

    async def refused(self, command: say.Command) -> None:
        assert isinstance(await self.ledger.submit(command, self.soon()), Refusal)

    async def give(self, wallet_id: str, name: str, amount: int, days: int, *, pending: bool = False) -> None:
        await self.done(
            say.Grant(
                wallet_id=wallet_id,
                credit_id=named(name),
                amount=amount,
                pending=pending,
                expires_at=Instant(START + days * DAY),
                actor="shop",
                reason="a purchase",
                reference=name,
            )
        )

    def hold(self, wallet_id: str, name: str, amount: int) -> say.Reserve:
        return say.Reserve(
            wallet_id=wallet_id,
            reservation_id=named(name),
            amount=amount,
            value_minor=amount,
            order=Order(order_ref=name, total_minor=10_000, currency="EUR"),
            device="phone",
            ttl_seconds=900,
        )

    async def spend(self, wallet_id: str, name: str, act: str, amount: int | None, *, final: bool) -> None:
        await self.done(
            say.Commit(
                wallet_id=wallet_id,
                reservation_id=named(name),
                commit_id=named(act),
                amount=amount,
                final=final,
            )
        )

    async def settle_in(self) -> None:
        """Two programs, and four wallets with a past."""
        for new in (program("town", sandbox=True), program("owing", sandbox=False, floor_minor=-500)):
            assert not isinstance(
                await self.ledger.put_program(new, None, "mayor", "it begins", self.soon()), Refusal
            )
        await self._clock(START)
        anna, bert = await self.open("town", "anna"), await self.open("town", "bert")
        await self._credits(anna)
        await self._checkouts(anna)
        await self._care(bert)
        await self._debt(await self.open("owing", "carl"))
        await self._clock(Instant(START + 40 * DAY))
        await self.done(say.Settle(wallet_id=anna))
        await self.done(self.hold(anna, "open", 30))
        await self.spend(anna, "open", "open-1", 10, final=False)
        await self.done(say.Settle(wallet_id=bert))

    async def _clock(self, to: Instant) -> None:
        moved = await self.ledger.advance_clock("town", to, "mayor", "time goes by", self.soon())
        assert not isinstance(moved, Refusal)

    async def _credits(self, anna: str) -> None:
        await self.give(anna, "early", 300, 30)
        await self.give(anna, "late", 700, 90)
        await self.give(anna, "waiting", 200, 90, pending=True)
        await self.give(anna, "ripe", 150, 60, pending=True)
        await self.done(
            say.Mature(wallet_id=anna, credit_id=named("ripe"), operation_id=named("ripe-mature"))
        )
        await self.give(anna, "returned", 120, 90)
        await self.done(
            say.Freeze(
                wallet_id=anna,
                operation_id=named("return-open"),
                credit_id=named("returned"),
                actor="shop",
                reason="a return",
            )
        )
        await self.done(
            say.ClawBack(
                wallet_id=anna,
                operation_id=named("return-done"),
                credit_id=named("returned"),
                amount=50,
                actor="shop",
                reason="a return",
            )
        )

    async def _checkouts(self, anna: str) -> None:
        await self.refused(self.hold(anna, "too-much", 1_000_000))
        await self.done(self.hold(anna, "whole", 100))
        await self.spend(anna, "whole", "whole-1", None, final=True)
        await self.done(self.hold(anna, "part", 100))
        await self.spend(anna, "part", "part-1", 40, final=True)
        await self.done(self.hold(anna, "twice", 100))
        await self.spend(anna, "twice", "twice-1", 40, final=False)
        await self.spend(anna, "twice", "twice-2", None, final=True)
        await self.done(self.hold(anna, "dropped", 100))
        await self.done(say.Release(wallet_id=anna, reservation_id=named("dropped")))
        await self.done(self.hold(anna, "forgotten", 100))
        await self.done(
            say.Restore(
                wallet_id=anna,
                operation_id=named("refund"),
                reservation_id=named("whole"),
                amount=60,
                actor="shop",
                reason="a refund",
            )
        )

    async def _care(self, bert: str) -> None:
        for name, delta in (("gift", 500), ("mistake", -100)):
            await self.done(
                say.Adjust(
                    wallet_id=bert, operation_id=named(name), delta=delta, actor="ben", reason=f"a {name}"
                )
            )
        for command, name in ((say.Freeze, "aside"), (say.Unfreeze, "free-again")):
            await self.done(
                command(wallet_id=bert, operation_id=named(name), actor="ben", reason="to be sure", amount=50)
            )
        await self.done(
            say.Freeze(
                wallet_id=bert, operation_id=named("aside-2"), actor="ben", reason='he said "stop"', amount=25
            )
        )
        closing = await self.open("town", "dora")
        await self.give(closing, "last", 80, 90, pending=True)
        await self.done(
            say.Close(
                wallet_id=closing, operation_id=named("bye"), actor="ben", reason="she moved", forfeit=True
            )
        )

    async def _debt(self, carl: str) -> None:
        expires_at = from_datetime(to_datetime(Instant(4_000_000_000_000_000)))
        await self.done(
            say.Grant(
                wallet_id=carl, credit_id=named("spent"), amount=100, pending=False, expires_at=expires_at
            )
        )
        await self.done(self.hold(carl, "bought", 100))
        await self.spend(carl, "bought", "bought-1", None, final=True)
        await self.done(
            say.ClawBack(
                wallet_id=carl, operation_id=named("taken-back"), credit_id=named("spent"), amount=100
            )
        )
