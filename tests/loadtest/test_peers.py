"""The adapters for other ledgers: what they send is what they say, and callers get their own answers."""

import asyncio
import importlib
from decimal import Decimal
from pathlib import Path

import asyncpg
import pytest

from loadtest.peers import pairs, pgledger, tigerbeetle

STAND_IN = Path(__file__).with_name("pgledger_stand_in.sql")


async def test_calls_that_come_together_travel_together_and_get_their_own_answers():
    batches = []

    async def send(items):
        batches.append(items)
        await asyncio.sleep(0.001)
        return [item * 2 for item in items]

    async with asyncio.TaskGroup() as group:
        calls = pairs.GatheringCalls(send, group, batch_max=4, under_way_max=2)
        assert await asyncio.gather(*[calls.call(n) for n in range(11)]) == [2 * n for n in range(11)]
        assert await calls.call(50) == 100
    assert max(map(len, batches)) == 4
    assert sum(map(len, batches)) == 12


async def test_the_pgledger_adapter_moves_value_from_available_to_spent(empty_database_url, monkeypatch):
    monkeypatch.setattr(pgledger, "WALLETS", 3)
    session = await asyncpg.connect(empty_database_url, timeout=10)
    try:
        await session.execute(STAND_IN.read_text(), timeout=10)
        async with asyncio.TaskGroup() as group:
            books = pgledger.Books([session], group)
            await books.open()
            await asyncio.gather(*[books.pair() for _ in range(5)])
        rows = await session.fetch("select id, balance, overdraft from public.stand_in", timeout=10)
    finally:
        await session.close(timeout=10)
    assert len(rows) == 7
    given = 3 * Decimal(pairs.BALANCE) / 100
    (house,) = [row for row in rows if row["overdraft"]]
    assert house["balance"] == 5 * Decimal("0.60") - given
    assert sum(row["balance"] for row in rows) == 0
    assert all(row["balance"] == 0 for row in rows if "-reserved-" in row["id"])


@pytest.mark.parametrize("adapter", [tigerbeetle, pgledger], ids=lambda adapter: adapter.__name__)
def test_a_client_library_that_is_missing_is_told_in_one_line(adapter, monkeypatch):
    def missing(name):
        raise ModuleNotFoundError(name)

    monkeypatch.setattr(importlib, "import_module", missing)
    with pytest.raises(SystemExit) as end:
        adapter.library()
    assert "pip install" in str(end.value)
    assert "\n" not in str(end.value)
