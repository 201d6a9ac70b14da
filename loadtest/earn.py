"""Earning: how fast events become credits, what a backlog costs, and what a Reserve feels of it."""

from __future__ import annotations

import asyncio
import itertools
import json
import random
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, Final

import asyncpg
import msgspec
from wallet_client import AsyncWalletClient, EarnEvent, OrderLine, PurchaseEvent, Recorded, earn_event

from loadtest.figures import Run, channels_to, turns
from loadtest.measure import Act, Figure
from loadtest.stage import CpuSeconds, Process
from loadtest.workload import PROGRAM, new_id, unary_acts
from wallet_service.earning.model import Content, EventKind, Purchase
from wallet_service.earning.model import OrderLine as StoredLine
from wallet_service.kernel.clock import Instant
from wallet_service.runtime.statements import load_statements

BACKLOG: Final = 200_000
EVENTS_EACH: Final = 2
TOLD_TOGETHER: Final = 250
TELLERS: Final = 4
SMALL: Final = 4_000
EARNERS: Final = 2_000
RESERVERS: Final = 8
TOLD_SECONDS_MAX: Final = 2.0
"""Events are taken in faster than they are worked on: the rest of the time is waiting."""
DRAINED_SECONDS_MAX: Final = 60.0
_SQL: Final = load_statements("loadtest")
_DEPARTMENTS: Final = (
    "food/dairy",
    "food/bread",
    "food/fruit",
    "home/garden",
    "home/paper",
    "drinks/wine",
    "books",
    "toys",
)


def rules() -> str:
    """Return rules as a shop has them: rates by department, an own brand, coupons, a multiplier, caps."""
    rates = [
        {"rule_id": f"rate-{n}", "title": f"{n} % on {name}", "group": "rates", "give": {"basis_points": 100 * n},
         "when": {"categories": [name]}}
        for n, name in enumerate(_DEPARTMENTS, 2)
    ]  # fmt: skip
    coupons = [
        {"rule_id": f"coupon-{n}", "title": f"Coupon {n}", "give": {"amount": 10 + n}, "when": {"coupons": [f"c{n}"]}}
        for n in range(8)
    ]  # fmt: skip
    return json.dumps(
        {
            "time_zone": "Europe/Berlin",
            "groups": [{"name": "rates", "mode": "best", "level": "line"}],
            "caps": {"per_customer_month": 1_000_000},
            "rules": [
                {"rule_id": "base", "title": "1 %", "group": "rates", "give": {"basis_points": 100}},
                *rates, *coupons,
                {"rule_id": "brand", "title": "Own brand", "give": {"basis_points": 50}, "when": {"brands": ["own"]}},
                {"rule_id": "app", "title": "In the app", "give": {"multiplier": {"percent": 120}},
                 "when": {"channels": ["app"]}},
            ],
        }
    )  # fmt: skip


async def publish(client: AsyncWalletClient) -> None:
    """Put the rules in force, unless they are."""
    if [version async for version in client.rules.history(PROGRAM, page_size=1)]:
        return
    draft = await client.rules.put_draft(PROGRAM, "bench", rules(), actor="bench", reason="to measure")
    assert not draft.findings, draft.findings
    await client.rules.publish(PROGRAM, "bench", expected_version=0, actor="bench", reason="to measure")


async def open_wallets(client: AsyncWalletClient) -> None:
    """Open the wallets of those who earn: events name customers, and so do ids."""
    room = asyncio.Semaphore(64)

    async def one(number: int) -> None:
        async with room:
            await client.wallet.open(PROGRAM, f"earner-{number}", timeout_seconds=30.0)

    await asyncio.gather(*(one(number) for number in range(EARNERS)))


def _lines() -> list[tuple[str, str, str, int, int]]:
    """Return five lines: article, department, brand (every third our own), pieces, price."""
    return [
        (
            f"sku-{n}",
            random.choice(_DEPARTMENTS),
            "own" if n % 3 == 0 else "",
            random.randint(1, 3),
            99 + 100 * n,
        )
        for n in range(5)
    ]


def _said(number: int) -> tuple[str, tuple[str, ...]]:
    """Return where it was bought, and with which coupons: half in the app, every third with one."""
    return ("app" if number % 2 else "store"), ((f"c{number % 8}",) if number % 3 == 0 else ())


def purchases() -> Iterator[EarnEvent]:
    """Yield purchases of five lines by customers taking turns, without end."""
    for number in itertools.count():
        lines = [
            OrderLine(sku=sku, category=category, brand=brand, quantity=pieces, unit_price_minor=price)
            for sku, category, brand, pieces, price in _lines()
        ]
        order, (channel, coupons) = f"o-{new_id()}", _said(number)
        bought = PurchaseEvent(order_ref=order, currency="EUR", lines=lines, channel=channel, coupons=coupons)
        yield earn_event(
            (PROGRAM, f"earner-{number % EARNERS}"), bought, source="bench", source_event_id=order,
            occurred_at=datetime.now(UTC),
        )  # fmt: skip


def stored_purchase(number: int) -> str:
    """Return such a purchase as it is stored, its order named ORDER."""
    lines = tuple(
        StoredLine(sku=sku, category=category, brand=brand, quantity=pieces, unit_price_minor=price)
        for sku, category, brand, pieces, price in _lines()
    )
    channel, coupons = _said(number)
    bought = Purchase(order_ref="ORDER", currency="EUR", lines=lines, channel=channel, coupons=coupons)
    content = Content(kind=EventKind.PURCHASE, occurred_at=Instant(time.time_ns() // 1_000), purchase=bought)
    return msgspec.json.encode(content).decode()


class Backlog:
    """Events in the database, put there and counted as its owner."""

    def __init__(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._owner = connection
        self._batch = itertools.count()

    async def put(self, wallets: int, each: int) -> None:
        """Let so many events of so many wallets wait."""
        # Six kinds of purchases, so that what is alone and what is in a backlog is the same mixture.
        step = -(-wallets // 6)
        for first in range(1, wallets + 1, step):
            last, number = min(first + step - 1, wallets), next(self._batch)
            await self._owner.execute(
                _SQL["seed_events"], first, last, each, stored_purchase(number), f"{number}-", timeout=120
            )
        await self._owner.execute("vacuum analyze earning.event, earning.queue", timeout=120)

    async def counted(self) -> tuple[int, int]:
        """Return how many events are worked, and how many wait."""
        row = await self._owner.fetchrow(_SQL["count_events"], timeout=60)
        assert row is not None
        return row["worked"], row["waiting"]

    async def drained(self) -> float:
        """Wait until nothing waits; returns when that was seen."""
        deadline = time.perf_counter() + DRAINED_SECONDS_MAX
        while (now := time.perf_counter()) < deadline:
            if not await self._owner.fetchval(_SQL["events_wait"], timeout=60):
                return now
            await asyncio.sleep(0.05)
        raise RuntimeError("events were not worked in time")

    async def forget(self) -> None:
        """Remove all events."""
        await self._owner.execute(_SQL["forget_events"], timeout=60)


async def earn(run: Run) -> None:
    """Measure everything about earning on one service process."""
    owner = await asyncpg.connect(run.stage.database_url)
    process = run.stage.serve()
    try:
        async with run.client(process.target) as client:
            await publish(client)
            await open_wallets(client)
            backlog = Backlog(owner)
            found: dict[str, Any] = {"pipeline": await _pipeline(run, client, backlog)}
            run.say(f"{'earn: accept to credited':<28} {found['pipeline']['per_s']:>10,.0f}/s")
            found |= await _costs(run, process, backlog)
        run.found["earn"] = found
    finally:
        run.stage.stop(process)
        await Backlog(owner).forget()
        await owner.close()


async def _pipeline(run: Run, client: AsyncWalletClient, backlog: Backlog) -> dict[str, float]:
    """Tell events for some seconds, as fast as they are taken; the clock stops when the last is credited."""
    await _tell(client, 0.5)
    await backlog.drained()
    before, _ = await backlog.counted()
    cpu, begun = CpuSeconds.now(run.stage), time.perf_counter()
    await _tell(client, min(run.seconds, TOLD_SECONDS_MAX))
    accepted = time.perf_counter() - begun
    elapsed = await backlog.drained() - begun
    worked = (await backlog.counted())[0] - before
    return {
        "events": worked, "per_s": round(worked / elapsed, 1), "accepted_per_s": round(worked / accepted, 1),
        **{f"cpu_us_{name}": used for name, used in CpuSeconds.now(run.stage).since(cpu, worked).items()},
    }  # fmt: skip


async def _tell(client: AsyncWalletClient, seconds: float) -> None:
    events, end = purchases(), time.perf_counter() + seconds

    async def teller() -> None:
        while time.perf_counter() < end:
            outcomes = await client.earning.record_many(
                list(itertools.islice(events, TOLD_TOGETHER)), timeout_seconds=30.0
            )
            for outcome in outcomes:
                if not isinstance(outcome, Recorded):
                    raise outcome

    async with asyncio.TaskGroup() as group:
        for _ in range(TELLERS):
            group.create_task(teller())


async def _costs(run: Run, process: Process, backlog: Backlog) -> dict[str, Any]:
    """Compare an event, and a Reserve, with nothing else to do and with a full backlog."""
    channels = channels_to(process.target)
    reserve = unary_acts(channels, run.token, run.wallets)["reserve"]
    quiet = await _reserves(run, reserve)
    run.say(f"{'earn: reserve, no backlog':<28} {quiet.per_s:>10,.0f}/s   p99 {quiet.p99_ms:>8.2f} ms")
    small = await _drain_cost(run, backlog, SMALL, 60.0)
    run.say(f"{'earn: event, no backlog':<28} {small['per_s']:>10,.0f}/s   CPU {small['cpu_us']:>8.0f} µs")
    await backlog.put(BACKLOG // EVENTS_EACH, EVENTS_EACH)
    large = await _drain_cost(run, backlog, 0, run.seconds)
    run.say(f"{'earn: event, full backlog':<28} {large['per_s']:>10,.0f}/s   CPU {large['cpu_us']:>8.0f} µs")
    before, _ = await backlog.counted()
    begun = time.perf_counter()
    busy = await _reserves(run, reserve)
    beside = ((await backlog.counted())[0] - before) / (time.perf_counter() - begun)
    run.say(
        f"{'earn: reserve, full backlog':<28} {busy.per_s:>10,.0f}/s   p99 {busy.p99_ms:>8.2f} ms   "
        f"beside {beside:,.0f} events/s"
    )
    for channel in channels:
        await channel.close()
    _, left = await backlog.counted()
    assert left, "the backlog was used up before the end"
    return {
        "event_alone": small, "event_in_backlog": large, "reserve_alone": quiet.as_json(),
        "reserve_beside_backlog": busy.as_json(), "events_beside_reserves_per_s": round(beside, 1),
    }  # fmt: skip


async def _reserves(run: Run, reserve: Act) -> Figure:
    """Measure Reserves by few callers, several times: the one with the middle p99 counts."""
    return (await turns(run, {"reserve": reserve}, RESERVERS, middle="p99_ms"))["reserve"]


async def _drain_cost(run: Run, backlog: Backlog, events: int, seconds: float) -> dict[str, float]:
    """Return what an event costs: of so many, or of those that are worked in so many seconds."""
    if events:
        await backlog.put(events, 1)
    before, _ = await backlog.counted()
    cpu, begun = CpuSeconds.now(run.stage), time.perf_counter()
    if events:
        elapsed = await backlog.drained() - begun
    else:
        await asyncio.sleep(seconds)
        elapsed = time.perf_counter() - begun
    used = CpuSeconds.now(run.stage)
    worked = (await backlog.counted())[0] - before
    per_event = used.since(cpu, worked)
    return {
        "events": worked, "per_s": round(worked / elapsed, 1),
        "cpu_us": round(per_event["server"] + per_event["postgres"], 1), "server_us": per_event["server"],
        "postgres_us": per_event["postgres"],
    }  # fmt: skip
