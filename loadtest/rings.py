"""How long rings take: `python -m loadtest.rings --links 10000000`.

Looks up rings, one wallet and a hundred at a time, beside that many links; then joins new links and judges the rings
that they make.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg

from loadtest.stage import staged
from loadtest.workload import wallet_ids
from wallet_service.fraud.rings.model import Key, Link, LinkKind
from wallet_service.fraud.rings.service import Rings
from wallet_service.fraud.rings.worker import RingWorker
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.migrate import migrate
from wallet_service.runtime.statements import load_statements

LINKS_EACH: Final = 4
LINKS: Final = 10_000_000
NEW_LINKS: Final = 10_000
LOOKUPS: Final = 2_000
SECONDS: Final = 30.0
_STEP: Final = 100_000
_SQL: Final = load_statements("loadtest")
_NOW: Final = Instant(1_790_000_000_000_000)


async def seed_links(database_url: str, links: int) -> None:
    """Fill the tables as their owner, and let statistics be what they are after years."""
    connection = await asyncpg.connect(database_url)
    try:
        for start in range(0, links // LINKS_EACH, _STEP):
            end = min(start + _STEP, links // LINKS_EACH) - 1
            for name in ("seed_links", "seed_link_keys", "seed_rings", "seed_ring_members"):
                await connection.execute(_SQL[name], start, end, timeout=300)
        await connection.execute(
            "vacuum analyze fraud.link, fraud.link_key, fraud.ring, fraud.ring_member", timeout=900
        )
        await connection.execute("checkpoint", timeout=600)
    finally:
        await connection.close()


async def times(work: Callable[[], Awaitable[object]], count: int) -> dict[str, float]:
    """Return how long a call takes, one after the other."""
    taken = []
    for _ in range(count):
        began = time.perf_counter()
        await work()
        taken.append((time.perf_counter() - began) * 1_000)
    ordered = sorted(taken)
    return {
        "p50_ms": round(ordered[len(ordered) // 2], 3),
        "p99_ms": round(ordered[len(ordered) * 99 // 100], 3),
        "max_ms": round(ordered[-1], 3),
    }


def new_links(wallets: list[str], count: int) -> list[Link]:
    """Return links of wallets that exist to keys that do not: each tenth is shared by eight wallets, as in a farm."""
    dice = random.Random(5)
    return [
        Link(WalletId(dice.choice(wallets)), Key(LinkKind.DEVICE, _digest(number)), _NOW)
        for number in range(count // 8)
        for _ in range(8 if number % 10 == 0 else 1)
    ]


def _digest(number: int) -> str:
    return hashlib.sha256(f"new {number}".encode()).hexdigest()[:32]


async def measure(database_url: str, links: int) -> dict[str, Any]:
    """Seed, and return what looking up and joining take."""
    began = time.monotonic()
    await seed_links(database_url, links)
    found: dict[str, Any] = {"links": links, "seeded_in_s": round(time.monotonic() - began, 1)}
    wallets = [WalletId(text) for text in wallet_ids(links // LINKS_EACH - 1)]
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    rings = Rings(database)
    dice = random.Random(1)
    try:
        for number in (1, 100):

            async def look_up(number: int = number) -> None:
                rings_of = await rings.ring_of(dice.choices(wallets, k=number), timeout_seconds=SECONDS)
                assert rings_of

            found[f"lookup_{number}"] = await times(look_up, LOOKUPS if number == 1 else LOOKUPS // 10)
        found["join"] = await _joining(rings, new_links([str(w) for w in wallets], NEW_LINKS))
    finally:
        await rings.close()
        await database.close()
    return found


async def _joining(rings: Rings, links: list[Link]) -> dict[str, float]:
    async def tell(_findings: object) -> None:
        """Nobody listens here."""

    worker = RingWorker(rings, tell, lambda: _NOW, 1.0)
    began = time.monotonic()
    new = await rings.note(links)
    noted = time.monotonic()
    while await rings.join():
        pass
    joined = time.monotonic()
    judged = 0
    while (beat := await worker.beat()).judged:
        judged += beat.judged
    ended = time.monotonic()
    return {
        "noted_per_s": round(new / (noted - began)), "joined_per_s": round(new / (joined - noted)),
        "judged_per_s": round(judged / (ended - joined), 1),
    }  # fmt: skip


def main() -> None:
    """Print what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--links", type=int, default=LINKS)
    chosen = parser.parse_args()
    with staged() as stage:
        asyncio.run(migrate(stage.database_url))
        print(json.dumps(asyncio.run(measure(stage.database_url, chosen.links)), indent=1))


if __name__ == "__main__":
    main()
