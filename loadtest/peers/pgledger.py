"""A PostgreSQL with pgledger in it: value moves from available to reserved, then to spent and back. Needs asyncpg."""

from __future__ import annotations

import asyncio
import importlib
import itertools
import random
import uuid
from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final, TypeAlias

from loadtest.peers.pairs import BALANCE, HELD, SPENT, WALLETS, GatheringCalls, measure, run
from wallet_service.runtime.statements import load_statements

CURRENCY: Final = "EUR"
BATCH_MAX: Final = 256
UNDER_WAY_MAX: Final = 2
CALL_SECONDS: Final = 30.0
SEED_SECONDS: Final = 300.0
_SQL: Final = load_statements("loadtest.peers")

Transfer: TypeAlias = tuple[str, str, int]
"""From, to, amount in minor units."""


def library() -> Any:
    """Return the driver, or end with what to do."""
    try:
        return importlib.import_module("asyncpg")
    except ModuleNotFoundError:
        raise SystemExit("the PostgreSQL driver is not installed: pip install asyncpg") from None


class Books:
    """Accounts of this run's own: two for each wallet, and one that gives and takes."""

    def __init__(self, sessions: Sequence[Any], group: asyncio.TaskGroup) -> None:
        self._sessions = asyncio.Queue[Any]()
        for session in sessions:
            self._sessions.put_nowait(session)
        self._house = ""
        self._wallets: list[tuple[str, str]] = []
        self._calls = GatheringCalls[list[Transfer], None](
            self._send, group, batch_max=BATCH_MAX, under_way_max=len(sessions)
        )

    async def open(self) -> None:
        """Create the accounts and give each wallet a balance that it cannot overdraw."""
        session = await self._sessions.get()
        try:
            name = f"load-{uuid.uuid4().hex[:8]}"
            (self._house,) = await _accounts(session, 1, f"{name}-house-", overdraft=True)
            available = await _accounts(session, WALLETS, f"{name}-available-", overdraft=False)
            reserved = await _accounts(session, WALLETS, f"{name}-reserved-", overdraft=False)
            self._wallets = list(zip(available, reserved, strict=True))
            gifts = [(self._house, each, BALANCE) for each in available]
            for start in range(0, len(gifts), BATCH_MAX):
                await _transfer(session, gifts[start : start + BATCH_MAX])
        finally:
            self._sessions.put_nowait(session)

    async def pair(self) -> None:
        """Hold, then spend a part; the rest goes back."""
        available, reserved = random.choice(self._wallets)
        await self._calls.call([(available, reserved, HELD)])
        await self._calls.call([(reserved, self._house, SPENT), (reserved, available, HELD - SPENT)])

    async def _send(self, items: list[list[Transfer]]) -> Sequence[None]:
        session = await self._sessions.get()
        try:
            await _transfer(session, list(itertools.chain.from_iterable(items)))
        finally:
            self._sessions.put_nowait(session)
        return [None] * len(items)


async def _accounts(session: Any, count: int, prefix: str, *, overdraft: bool) -> list[str]:
    rows = await session.fetch(
        _SQL["create_accounts"], count, CURRENCY, prefix, overdraft, timeout=SEED_SECONDS
    )
    return [row["id"] for row in rows]


async def _transfer(session: Any, transfers: Sequence[Transfer]) -> None:
    sources, targets, amounts = zip(*transfers, strict=True)
    await session.fetchrow(
        _SQL["create_transfers"], sources, targets, [Decimal(amount).scaleb(-2) for amount in amounts],
        timeout=CALL_SECONDS,
    )  # fmt: skip


async def work(address: str, seconds: float) -> dict[str, Any]:
    """Measure the database at an address such as postgresql://user@host/database, with pgledger installed."""
    driver = library()
    sessions = [await driver.connect(address, timeout=CALL_SECONDS) for _ in range(UNDER_WAY_MAX)]
    try:
        async with asyncio.TaskGroup() as group:
            books = Books(sessions, group)
            await books.open()
            return await measure(books.pair, seconds)
    finally:
        for session in sessions:
            await session.close(timeout=CALL_SECONDS)


if __name__ == "__main__":
    run("Pairs a second of a PostgreSQL with pgledger at an address.", work)
