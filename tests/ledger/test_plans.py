"""The hot statements find their rows by index on empty, young and large tables, alone and five hundred at a time.

A young table is one that has grown since the statements were prepared and since it was last analyzed.
"""

from __future__ import annotations

from typing import Any

from ledger_database import PROGRAM, LedgerDatabase, written
from wallets import ORDER, new_id

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import store
from wallet_service.ledger.commands import Adjust, Commit, Grant, Reserve
from wallet_service.ledger.model import EntryFilter
from wallet_service.runtime.session import Session

SECONDS = 20.0
MANY = 500
TURNS = 12
"""More than the five after which PostgreSQL may settle on a plan for all parameters."""

_GROW = {
    "wallet": """
        insert into ledger.wallet (wallet_id, program_id, customer_ref, head, document, due_at)
        select gen_random_uuid(), $1, 'grown-' || n, decode(repeat('00', 32), 'hex'), '[]', now() + n * interval '1 s'
        from generate_series(1, 50000) n""",
    "entry": """
        insert into ledger.entry
        select
          w.wallet_id, 1, 1, 5, 2, 1, 0, 1, 0, 0, gen_random_uuid(), null, '[]', null, now(), decode(repeat('00', 32), 'hex')
        from ledger.wallet w where w.customer_ref like 'grown-%' and $1 <> ''""",
    "reservation": """
        insert into ledger.reservation
        select w.wallet_id, gen_random_uuid(), 3, 1, 0, 0, 'o', now(), now(), '[]'
        from ledger.wallet w where w.customer_ref like 'grown-%' and $1 <> ''""",
    "credit": """
        insert into ledger.credit
        select w.wallet_id, gen_random_uuid(), 1, 0, 0, 0, 0, '', now(), now(), '[]'
        from ledger.wallet w where w.customer_ref like 'grown-%' and $1 <> ''""",
    "operation": """
        insert into ledger.operation
        select w.wallet_id, gen_random_uuid(), 'Adjust', '', '', '', now(), '[]'
        from ledger.wallet w where w.customer_ref like 'grown-%' and $1 <> ''""",
}


async def reads(ledger: LedgerDatabase, session: Session) -> tuple[dict[str, int], int]:
    """How often each table has been read from end to end, and how many rows the indexes have found so far."""
    await session.fetchval("select pg_stat_force_next_flush()", timeout_seconds=SECONDS)
    await session.fetchval("select 1", timeout_seconds=SECONDS)
    tables = await ledger.owner.fetch(
        "select relname, seq_scan from pg_stat_user_tables where schemaname = 'ledger' and relname not like 'program%'"
    )
    found = await ledger.owner.fetchval(
        "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where schemaname = 'ledger'"
    )
    return {row["relname"]: row["seq_scan"] for row in tables}, found


async def one_turn(ledger: LedgerDatabase, session: Session, wallets: list[WalletId]) -> None:
    """A batch with everything in it, and the readings of one of its wallets."""
    absent: Any = [(wallet_id, new_id()) for wallet_id in wallets]
    loaded = await store.load(session, wallets, absent, absent, absent, timeout_seconds=SECONDS)
    commands: list[Any] = []
    for wallet_id in wallets:
        held = new_id()
        commands += [
            Grant(wallet_id=wallet_id, credit_id=new_id(), amount=100, pending=False, expires_at=NEVER),
            Reserve(
                wallet_id=wallet_id, reservation_id=held, amount=10, value_minor=10, order=ORDER, device="", ttl_seconds=9
            ),
            Commit(wallet_id=wallet_id, reservation_id=held, commit_id=new_id(), amount=5, final=True),
            Adjust(wallet_id=wallet_id, operation_id=new_id(), delta=-1, actor="ann", reason="test"),
        ]  # fmt: skip
    assert not await store.append(session, written(commands, loaded, ledger.terms), timeout_seconds=SECONDS)
    await store.lock(session, wallets, timeout_seconds=SECONDS)
    for oldest_first in (True, False):
        entries = await store.read_entries(
            session,
            wallets[0],
            0,
            50,
            oldest_first=oldest_first,
            chosen=EntryFilter(),
            timeout_seconds=SECONDS,
        )
        assert entries
    assert await store.read_entry_at(session, wallets[0], loaded.now, timeout_seconds=SECONDS)
    assert await store.read_reservations(
        session, wallets[0], (NEVER, new_id()), 50, (), timeout_seconds=SECONDS
    )
    await store.due_wallets(session, 100, timeout_seconds=SECONDS)


async def test_no_hot_statement_reads_more_than_the_rows_it_is_about(ledger: LedgerDatabase) -> None:
    wallets = await ledger.open_wallets(MANY)

    async def turns(session: Session, tables: str, chosen: list[WalletId], number: int) -> None:
        scans, found = await reads(ledger, session)
        for _ in range(number):
            await one_turn(ledger, session, chosen)
        scans_after, found_after = await reads(ledger, session)
        assert scans_after == scans, (
            f"{tables} tables, {len(chosen)} wallets: a table was read from end to end"
        )
        # An index read from end to end would be no better; a row is found a few times in a turn.
        assert found_after - found < number * (60 * len(chosen) + 2_000), (
            f"{tables} tables, {len(chosen)} wallets"
        )

    async with ledger.session("alone") as alone, ledger.session("many") as many:
        for tables, number in (("empty", TURNS), ("young", 2), ("large", 1)):
            if tables == "young":
                for grow in _GROW.values():
                    await ledger.owner.execute(grow, PROGRAM)
            if tables == "large":
                await ledger.owner.execute("analyze")
            await turns(alone, tables, wallets[:1], number)
            await turns(many, tables, wallets, number)
    async with ledger.session("new") as new:
        await turns(new, "large", wallets[:1], TURNS)
        await turns(new, "large", wallets, 1)
