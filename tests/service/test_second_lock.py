"""The database as the second lock: what the service's role may not do, even if the service were wrong."""

from __future__ import annotations

import asyncpg
import pytest
from evidence import fingerprint
from rig import Api, open_shop

TABLES = ("program", "program_history", "wallet", "entry", "reservation", "credit", "operation")


@pytest.mark.parametrize("table", TABLES)
async def test_the_role_of_the_service_may_read_but_not_write_a_table(
    api: Api, shared_database_url: str, table: str
) -> None:
    shop = await open_shop(api)
    await shop.held(1)
    before = await fingerprint(shared_database_url)
    connection = await asyncpg.connect(shared_database_url, timeout=10)
    try:
        await connection.execute("set role wallet_app")
        assert await connection.fetchval(f"select count(*) from ledger.{table}") >= 0
        key = "program_id" if table.startswith("program") else "wallet_id"
        for statement in (
            f"update ledger.{table} set {key} = {key}",
            f"delete from ledger.{table}",
            f"truncate ledger.{table}",
            f"insert into ledger.{table} select * from ledger.{table} limit 1",
            f"alter table ledger.{table} add column x integer",
            f"drop table ledger.{table}",
        ):
            with pytest.raises(asyncpg.InsufficientPrivilegeError):
                await connection.execute(statement)
    finally:
        await connection.close()
    assert await fingerprint(shared_database_url) == before


@pytest.mark.parametrize(
    "statement",
    [
        "update ledger.wallet set available = -1, floor_minor = 0",
        "update ledger.wallet set reserved = -1",
        "update ledger.wallet set pending = -1",
        "update ledger.wallet set frozen = -1",
        "update ledger.entry set amount = 0",
        "update ledger.entry set target = source",
        "update ledger.entry set seq = 0",
        "update ledger.entry set hash = 'short'",
        "update ledger.wallet set state = 9",
        "update ledger.program set clock_at = now() where not sandbox",
    ],
)
async def test_not_even_the_owner_can_write_what_cannot_be(
    api: Api, shared_database_url: str, statement: str
) -> None:
    await open_shop(api)
    connection = await asyncpg.connect(shared_database_url, timeout=10)
    try:
        with pytest.raises(asyncpg.CheckViolationError):
            await connection.execute(statement)
    finally:
        await connection.close()
