"""Disk, connections and memory run out under load: every call ends by name, and nothing that was acknowledged is lost."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
import redis
from history import End, History, sound
from rig import Api, refusal
from stack import Stack
from test_outages import PATIENT_SECONDS, goes_on, healed, lines, under_load, wallets_of
from wallet.v1 import wallet_pb2

__all__ = ["lines"]

# What PostgreSQL answers when a table can grow no more, raised where that happens: at the first write of an append.
FULL = """
create function pg_temp_full() returns trigger language plpgsql as $$
begin
  raise exception 'could not extend file: No space left on device' using errcode = 'disk_full';
end $$;
create trigger full_disk before insert or update on {table} for each statement execute function pg_temp_full();
"""
SLOW = """
create function pg_temp_slow() returns trigger language plpgsql as $$
begin
  perform pg_sleep(0.3);
  return null;
end $$;
create trigger slow_disk before insert on {table} for each statement execute function pg_temp_slow();
"""
CALL_SECONDS = 1.0
"""What `under_load` gives each call."""
LET_GO = """
drop function if exists pg_temp_full cascade;
drop function if exists pg_temp_slow cascade;
"""


@asynccontextmanager
async def scarce(stack: Stack, statements: str) -> AsyncIterator[None]:
    connection = await asyncpg.connect(stack.database_url)
    try:
        await connection.execute(statements)
        yield
    finally:
        await connection.execute(LET_GO)
        await connection.close()


@pytest.mark.parametrize("table", ["ledger.wallet", "ledger.entry"])
async def test_a_full_disk_refuses_every_write_by_name_and_reading_goes_on(
    stack: Stack, lines: list[Api], table: str
) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    async with under_load(history, lines, shops, 2.5), scarce(stack, FULL.format(table=table)):
        answered = history.counts[End.ANSWERED.value]
        assert answered
        await asyncio.sleep(0.2)  # what had been written when the disk became full is answered
        for line in lines:
            refused = await refusal(line(shops[0].reserve(1)))
            assert (refused.status.name, refused.reason) == ("UNAVAILABLE", "DATABASE_UNAVAILABLE")
            await line(wallet_pb2.GetWalletRequest(wallet=shops[0].ref))
        since = time.monotonic()
    # Nothing is in doubt but what its caller gave up first: it stood behind another call of its wallet for too long.
    doubtful = [attempt for attempt in history.attempts(End.UNKNOWN) if attempt.seconds < CALL_SECONDS]
    assert not doubtful, doubtful[:3]
    assert history.counts[End.TURNED_AWAY.value], history.counts
    await healed(lines, shops, since)
    await sound(history, lines, stack.database_url)


async def test_a_slow_disk_makes_calls_wait_and_loses_none(stack: Stack, lines: list[Api]) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    load = under_load(history, lines, shops, 3.0, call_seconds=PATIENT_SECONDS)
    async with load, scarce(stack, SLOW.format(table="ledger.entry")):
        async with goes_on(history, 0):
            await asyncio.sleep(1.5)
        since = time.monotonic()
    await healed(lines, shops, since)
    await sound(history, lines, stack.database_url)


OURS = "from pg_stat_activity where application_name like 'wallet%'"


async def take_all(stack: Stack, taken: list[asyncpg.Connection[asyncpg.Record]]) -> None:
    """Take every connection that there is, those of the services, too.

    They are counted by what we hold: one that a service is just opening has no name yet.
    """
    taken.append(await asyncpg.connect(stack.database_url))
    there_are = int(await taken[0].fetchval("show max_connections"))
    for _ in range(50):
        await taken[0].execute(f"select pg_terminate_backend(pid) {OURS}")
        with contextlib.suppress(asyncpg.TooManyConnectionsError):
            while True:
                taken.append(await asyncpg.connect(stack.database_url))
        if len(taken) == there_are:
            return
    raise AssertionError("the services were always faster")


async def test_when_others_hold_all_connections_calls_end_by_name_until_there_are_some(
    stack: Stack, lines: list[Api]
) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    taken: list[asyncpg.Connection[asyncpg.Record]] = []
    async with under_load(history, lines, shops, 5.0):
        try:
            await take_all(stack, taken)
            for line in lines:
                refused = await refusal(line(shops[0].reserve(1)))
                assert (refused.status.name, refused.reason) == ("UNAVAILABLE", "DATABASE_UNAVAILABLE")
        finally:
            for connection in taken:
                await connection.close()
        since = time.monotonic()
    await healed(lines, shops, since)
    await sound(history, lines, stack.database_url)


async def test_a_cache_that_takes_nothing_more_is_gone_without(stack: Stack, lines: list[Api]) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    async with under_load(history, lines, shops, 2.0, call_seconds=PATIENT_SECONDS):
        with stack.cache() as cache:
            was = cache.config_get("maxmemory*")
            cache.config_set("maxmemory-policy", "noeviction")
            cache.config_set("maxmemory", "1")
            try:
                with pytest.raises(redis.exceptions.OutOfMemoryError):
                    cache.set("one", "more")
                async with goes_on(history):
                    for line in lines:
                        assert (await line(shops[0].quote())).balance.version >= 1
                    await asyncio.sleep(0.7)
            finally:
                for name in ("maxmemory", "maxmemory-policy"):
                    cache.config_set(name, was[name])
    assert not history.troubled, history.counts
    await sound(history, lines, stack.database_url)
