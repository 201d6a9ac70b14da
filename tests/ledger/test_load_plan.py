"""The plan of the one statement that every batch waits for is the same from empty tables to large ones.

A table that was empty when it was analyzed looks small for ever after, until it is analyzed again; PostgreSQL may then
prefer to read one of its indexes from end to end, once, to looking up each row.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from ledger_database import PROGRAM, LedgerDatabase
from test_plans import _GROW
from wallets import new_id

from wallet_service.runtime.statements import load_statements

LOAD = load_statements("wallet_service.ledger")["load"]
TABLES = {"wallet", "reservation", "credit", "operation"}


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


async def careless(ledger: LedgerDatabase, number: int, cache_mode: str) -> list[str]:
    """Return what of the plan reads more than the rows that are asked for."""
    owner = ledger.owner
    await owner.execute(f"set enable_seqscan = off; set plan_cache_mode = {cache_mode}")
    ids = [new_id() for _ in range(number)]
    array = "'{" + ",".join(ids) + "}'"
    await owner.execute(f"prepare load as {LOAD}")
    (row,) = await owner.fetch(f"explain (format json) execute load({', '.join([array] * 7)})")
    await owner.execute("deallocate load")
    plan = json.loads(row[0])[0]["Plan"]
    reads = [node for node in nodes(plan) if node.get("Relation Name") in TABLES]
    assert {node["Relation Name"] for node in reads} == TABLES
    return [
        f"{node['Node Type']} on {node['Relation Name']}" for node in reads if "wallet_id = " not in node.get("Index Cond", "")
    ]  # fmt: skip


@pytest.mark.parametrize("analyzed", [False, True], ids=["never analyzed", "analyzed while empty"])
async def test_a_load_looks_up_each_row_by_its_key_on_tables_of_any_size(
    ledger: LedgerDatabase, analyzed: bool
) -> None:
    found: dict[tuple[str, int, str], list[str]] = {}

    async def look(tables: str) -> None:
        for number in (1, 500):
            for mode in ("force_custom_plan", "force_generic_plan"):
                found[tables, number, mode] = await careless(ledger, number, mode)

    if analyzed:
        await ledger.owner.execute("vacuum analyze ledger.wallet")
        await ledger.owner.execute("vacuum analyze ledger.operation")
        await ledger.owner.execute("vacuum analyze ledger.credit")
        await ledger.owner.execute("vacuum analyze ledger.reservation")
    await look("empty")
    for grow in _GROW.values():
        await ledger.owner.execute(grow, PROGRAM)
    await look("young")
    await ledger.owner.execute("analyze")
    await look("large")
    wrong = [(*place, reads) for place, reads in found.items() if reads]
    assert not wrong, wrong
