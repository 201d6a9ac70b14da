"""What the database itself says, read around the service: whether anything changed, and whether everything adds up."""

from __future__ import annotations

import hashlib
from pathlib import Path

import asyncpg

HERE = Path(__file__).parent
LEDGER_TABLES = ("program", "program_history", "wallet", "entry", "reservation", "credit", "operation")


async def fingerprint(database_url: str) -> str:
    """Return a hash over every row of every ledger table: what "nothing changed" means."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        digest = hashlib.sha256()
        for table in LEDGER_TABLES:
            said = await connection.fetchval(
                f"select md5(coalesce(string_agg(t::text, '|' order by t::text collate \"C\"), '')) from ledger.{table} as t"
            )
            digest.update(said.encode())
        return digest.hexdigest()
    finally:
        await connection.close()


async def broken_invariants(database_url: str) -> list[str]:
    """Return what of trust.md does not hold in the database, one sentence each; empty when all is well."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        rows = await connection.fetch((HERE / "invariants.sql").read_text(), timeout=60)
        return [f"{row['invariant']}: wallet {row['wallet_id']}: {row['detail']}" for row in rows]
    finally:
        await connection.close()


async def unfinished_work(database_url: str) -> list[str]:
    """Return what a database should be rid of once its load is over: open transactions, waits for locks."""
    connection = await asyncpg.connect(database_url, timeout=10)
    try:
        rows = await connection.fetch(
            "select state, wait_event_type, query from pg_stat_activity where datname = current_database()"
            " and pid <> pg_backend_pid() and (state like 'idle in transaction%' or wait_event_type = 'Lock')"
        )
        return [f"{row['state']} {row['wait_event_type']}: {row['query'][:80]}" for row in rows]
    finally:
        await connection.close()
