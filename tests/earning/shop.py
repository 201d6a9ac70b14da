"""A shop with rules, customers and a clock that the test sets; workers that may die after any step."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

from wallet_service.earning import store
from wallet_service.earning.desk import event_id_of
from wallet_service.earning.model import (
    Arrival,
    Content,
    EventKind,
    OrderLine,
    Policy,
    Purchase,
    Return,
    ReturnedLine,
    Stage,
)
from wallet_service.earning.pipeline import Pipeline
from wallet_service.earning.policies import Policies
from wallet_service.earning.service import Accepted, Earning
from wallet_service.fraud.devices import DeviceKeys
from wallet_service.fraud.model import PaceLimits
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Refusal
from wallet_service.ledger import commands as say
from wallet_service.ledger.batcher import Limits
from wallet_service.ledger.model import Order
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.service import Ledger
from wallet_service.reconciliation.service import Reconciliation
from wallet_service.rules.compiler import compiled
from wallet_service.rules.ruleset import Campaign, Caps, Give, Rule, Ruleset, When
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.session import Statements

DAY = 86_400_000_000
START = Instant(1_760_000_000_000_000)
PROGRAM = "shop"
STEPS = ("claim", "gather", "decide_and_record", "act", "mark")


def ruleset(*rules: Rule, caps: Caps | None = None) -> Ruleset:
    return Ruleset(time_zone="UTC", rules=rules, caps=caps or Caps())


def percent(points: int = 500, **more) -> Rule:
    return Rule(rule_id="base", title="5 % on everything", give=Give(basis_points=points), **more)


class StaticRules:
    """The rules of a test: one set, for ever."""

    def __init__(self, rules: Ruleset, campaigns: tuple[Campaign, ...] = ()) -> None:
        self.compiled = compiled(rules, 1, {campaign.campaign_id: campaign for campaign in campaigns})

    def at(self, _program_id, _moment):
        return self.compiled

    async def profiles_of(self, _program_id, _refs, *, timeout_seconds):
        assert timeout_seconds > 0
        return {}


class Shop:
    """Everything that a test of earning says."""

    def __init__(self, database: Database, ledger: Ledger, cache: Cache) -> None:
        self.db, self.ledger, self.cache = database, ledger, cache
        self.policies = Policies(database)
        self.now = START
        self.limits = PaceLimits()
        self.fraud = Fraud(database, cache, DeviceKeys(active="k0", keys={"k0": b"k" * 32}), 2.0)
        self.use(ruleset(percent()))

    def use(self, rules: Ruleset, *campaigns: Campaign) -> None:
        self.rules = StaticRules(rules, campaigns)
        self.earning = Earning(self.db, self.ledger, self.rules, self.policies, self.limits, self.fraud)
        self.pipeline = self.worker()

    def worker(self, db: Statements | None = None) -> Pipeline:
        return Pipeline(db or self.db, self.ledger, self.rules, self.policies, self.limits, self.fraud)

    @staticmethod
    def soon() -> float:
        return time.monotonic() + 10

    async def begin(self, *, floor_minor: int = 0, policy: Policy | None = None) -> None:
        program = Program(
            program_id=PROGRAM, display_name="Shop", sandbox=True, asset="EUR", exponent=2, currency="EUR",
            rate_numerator=1, rate_denominator=1, redemption=RedemptionPolicy(), floor_minor=floor_minor,
        )  # fmt: skip
        assert not isinstance(await self.ledger.put_program(program, None, "t", "t", self.soon()), Refusal)
        await self.wait(0)
        policy = policy or Policy()
        assert not isinstance(
            await self.earning.put_policy(PROGRAM, policy, None, "t", "t", self.soon()), Refusal
        )

    async def wait(self, microseconds: int) -> None:
        """Let time pass by the program's clock."""
        self.now = Instant(self.now + microseconds)
        done = await self.ledger.advance_clock(PROGRAM, self.now, "t", "t", self.soon())
        assert not isinstance(done, Refusal), done

    async def customer(self, name: str = "anna") -> str:
        wallet_id, _ = await self.ledger.open_wallet(PROGRAM, name, self.soon())
        return wallet_id

    def purchase(self, name: str, *prices: int, quantity: int = 1, **more) -> Content:
        lines = tuple(
            OrderLine(sku=f"sku-{n}", category="food", quantity=quantity, unit_price_minor=price)
            for n, price in enumerate(prices)
        )
        purchase = Purchase(order_ref=name, currency="EUR", lines=lines, **more)
        return Content(kind=EventKind.PURCHASE, occurred_at=self.now, purchase=purchase)

    def comes_back(self, order: str, ref: str = "r1", stage: Stage = Stage.ACCEPTED, **what) -> Content:
        lines = tuple(ReturnedLine(**line) for line in what.pop("lines", ()))
        returned = Return(order_ref=order, return_ref=ref, stage=stage, lines=lines, **what)
        return Content(kind=EventKind.RETURN, occurred_at=self.now, returned=returned)

    async def tell(
        self, wallet_id: str, name: str, content: Content, source: str = "till"
    ) -> Accepted | Refusal:
        (outcome,) = await self.tell_all([(wallet_id, name, content)], source)
        return outcome

    async def tell_all(self, told, source: str = "till") -> list[Accepted | Refusal]:
        arrivals = [
            (
                Arrival(
                    wallet_id=wallet_id, event_id=event_id_of(source, name), source=source, source_event_id=name,
                    content=content,
                ),
                PROGRAM,
            )
            for wallet_id, name, content in told
        ]  # fmt: skip
        return await self.earning.record(arrivals, self.soon())

    async def work(self, pipeline: Pipeline | None = None) -> None:
        """Work until nothing is due."""
        pipeline = pipeline or self.pipeline
        while await pipeline.run(400):
            pass

    async def die_after(self, steps: int) -> None:
        """Run the first steps of a round as a worker of its own, and never come back."""
        pipeline = self.worker()
        if not steps:
            return
        work = await pipeline.claim(400)
        for name in STEPS[1:steps]:
            await getattr(pipeline, name)(work)

    async def forget_leases(self) -> None:
        """Let every lease have run out."""
        await self._as_owner("update earning.queue set leased_until = '1970-01-01'")

    async def _as_owner(self, statement: str) -> None:
        owner = await asyncpg.connect(self.db.options.url, timeout=10)
        await owner.execute(statement)
        await owner.close()

    async def value(self, query: str, *args):
        return await self.db.fetchval(query, *args, timeout_seconds=10)

    async def event(self, wallet_id: str, name: str, source: str = "till"):
        return await self.earning.event(wallet_id, event_id_of(source, name), self.soon())

    async def balance(self, wallet_id: str):
        """Pending, available, reserved, frozen."""
        view = await self.ledger.loaded(wallet_id, 0)
        assert not isinstance(view, Refusal)
        return tuple(view.wallet.balance)[:4]

    async def pay(self, wallet_id: str, order: str, amount: int) -> str:
        """Spend available value on an order; answers the reservation."""
        reservation_id = str(uuid.uuid4())
        reserve = say.Reserve(
            wallet_id=wallet_id, reservation_id=reservation_id, amount=amount, value_minor=amount,
            order=Order(order_ref=order, total_minor=100_000, currency="EUR"), device="", ttl_seconds=900,
        )  # fmt: skip
        commit = say.Commit(
            wallet_id=wallet_id,
            reservation_id=reservation_id,
            commit_id=str(uuid.uuid4()),
            amount=None,
            final=True,
        )
        for command in (reserve, commit):
            outcome = await self.ledger.submit(command, self.soon())
            assert not isinstance(outcome, Refusal), outcome
        return reservation_id

    async def give(self, wallet_id: str, amount: int) -> None:
        """Put available value into a wallet."""
        outcome = await self.ledger.submit(
            say.Grant(
                wallet_id=wallet_id,
                credit_id=str(uuid.uuid4()),
                amount=amount,
                pending=False,
                expires_at=NEVER,
            ),
            self.soon(),
        )
        assert not isinstance(outcome, Refusal), outcome

    async def is_sound(self) -> None:
        """Everything recorded agrees, and what events say is what the ledger holds."""
        report = await Reconciliation(self.db, None).run(None, timeout_seconds=30)
        assert report.sound, report
        wrong = await self.db.fetch(
            """
            select e.event_id from earning.event as e
            full join ledger.credit as c on c.wallet_id = e.wallet_id and c.credit_id = e.event_id
            where e.state in (5, 6, 7) and e.amount > 0
              and (e.amount, e.clawed_back) is distinct from (c.amount, c.clawed_back)
            """,
            timeout_seconds=10,
        )
        assert wrong == []


@asynccontextmanager
async def opened(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    cache = Cache(redis_url, timeout_ms=1_000)
    ledger = Ledger(database, cache, Limits(), 300)
    try:
        yield Shop(database, ledger, cache)
    finally:
        await ledger.close()
        await cache.close()
        await database.close()


async def together(*coroutines):
    return await asyncio.gather(*coroutines)


__all__ = [
    "DAY", "PROGRAM", "START", "STEPS", "Campaign", "Caps", "Give", "Policy", "Rule", "Ruleset", "Shop", "Stage", "When",
    "opened", "percent", "ruleset", "store", "together",
]  # fmt: skip
