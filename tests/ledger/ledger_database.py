"""A ledger on a real database: a program, wallets, sessions, batchers, and the invariants as SQL."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import asyncpg
from wallets import new_id

from wallet_service.kernel.ids import ProgramId, WalletId, wallet_id_of
from wallet_service.ledger import store
from wallet_service.ledger.batcher import Batcher, Limits
from wallet_service.ledger.decide import decide, genesis
from wallet_service.ledger.model import EntryFilter, Known, Terms, Wallet
from wallet_service.ledger.store import Written
from wallet_service.ledger.verify import Verifier
from wallet_service.runtime.database import DatabaseOptions, Session

PROGRAM = ProgramId("demo")

_PUT_PROGRAM = """
insert into ledger.program (
  program_id, version, display_name, sandbox, asset, exponent, currency, rate_numerator, rate_denominator, floor_minor,
  policy, updated_at
) values ($1, 1, 'Demo', false, 'EUR_CENT', 2, 'EUR', 1, 1, 0, '{}', clock_timestamp())
"""
_OPEN_WALLETS = """
insert into ledger.wallet (wallet_id, program_id, customer_ref, head, document)
select id, $2, 'customer-' || n, head, '[[],[],[],[],253402300799000000,0,0,[]]'
from unnest($1::uuid[], $3::bytea[]) with ordinality as w (id, head, n)
"""

BROKEN = {
    "a balance is not the sum of its entries": """
        select w.wallet_id from ledger.wallet w
        left join lateral (
          select
            coalesce(sum(amount * ((target = 1)::int - (source = 1)::int)), 0) as pending,
            coalesce(sum(amount * ((target = 2)::int - (source = 2)::int)), 0) as available,
            coalesce(sum(amount * ((target = 3)::int - (source = 3)::int)), 0) as reserved,
            coalesce(sum(amount * ((target = 4)::int - (source = 4)::int)), 0) as frozen
          from ledger.entry e where e.wallet_id = w.wallet_id
        ) s on true
        where (w.pending, w.available, w.reserved, w.frozen)
          is distinct from (s.pending, s.available, s.reserved, s.frozen)""",
    "entries are not numbered without a gap": """
        select w.wallet_id from ledger.wallet w
        left join (select wallet_id, count(*) n, max(seq) top, min(seq) low from ledger.entry group by 1) e
          using (wallet_id)
        where w.version <> coalesce(e.n, 0) or w.version <> coalesce(e.top, 0) or coalesce(e.low, 1) <> 1""",
    "the wallet's head is not the hash of its last entry": """
        select w.wallet_id from ledger.wallet w join ledger.entry e on e.wallet_id = w.wallet_id and e.seq = w.version
        where e.hash <> w.head""",
    "the last entry does not show the balances": """
        select w.wallet_id from ledger.wallet w join ledger.entry e on e.wallet_id = w.wallet_id and e.seq = w.version
        where (e.pending_after, e.available_after, e.reserved_after, e.frozen_after)
          is distinct from (w.pending, w.available, w.reserved, w.frozen)""",
    "reserved is not the sum of what is held": """
        select w.wallet_id from ledger.wallet w
        where w.reserved <> coalesce((
          select sum((h ->> 2)::bigint - (h ->> 3)::bigint) from json_array_elements(w.document -> 7) h), 0)""",
    "a reservation is both open and ended": """
        select w.wallet_id from ledger.wallet w, json_array_elements(w.document -> 7) h, ledger.reservation r
        where r.wallet_id = w.wallet_id and r.reservation_id = (h ->> 0)::uuid""",
    "what was redeemed is not what was committed": """
        select w.wallet_id from ledger.wallet w
        where (
          select coalesce(sum(amount * ((target = 6)::int - (source = 6)::int)), 0)
          from ledger.entry e where e.wallet_id = w.wallet_id
        ) <> (
          select coalesce(sum(committed - restored), 0) from ledger.reservation r where r.wallet_id = w.wallet_id
        ) + coalesce((
          select sum((h ->> 3)::bigint - (
            select coalesce(sum((lot ->> 1)::bigint), 0) from json_array_elements(h -> 19) lot
          )) from json_array_elements(w.document -> 7) h), 0)""",
}


@dataclass
class LedgerDatabase:
    """A migrated database with one program; `owner` is a connection that may do anything."""

    url: str
    owner: asyncpg.Connection[asyncpg.Record]
    terms: Terms

    async def open_wallets(self, number: int, *, first: int = 0) -> list[WalletId]:
        ids = [wallet_id_of(PROGRAM, f"customer-{n}") for n in range(first, first + number)]
        await self.owner.execute(_OPEN_WALLETS, ids, PROGRAM, [genesis(wallet_id) for wallet_id in ids])
        return ids

    @contextlib.asynccontextmanager
    async def session(self, name: str = "test") -> AsyncIterator[Session]:
        session = Session(DatabaseOptions(url=self.url, lock_timeout_ms=500), name)
        try:
            yield session
        finally:
            await session.close()

    @contextlib.asynccontextmanager
    async def batcher(
        self, *, name: str = "ledger", sessions: int = 2, **limits: Any
    ) -> AsyncIterator[Batcher]:
        async with contextlib.AsyncExitStack() as stack:
            opened = [await stack.enter_async_context(self.session(name)) for _ in range(sessions)]
            batcher = Batcher(
                opened,
                lambda _: self.terms,
                lambda _: None,
                Limits(**limits),
                program_of=lambda _: self.program,
            )
            yield batcher
            await asyncio.wait_for(batcher.drained(), 30)
            assert batcher.waiting == 0

    @property
    def program(self) -> Any:
        """What deferred commands are shown; those of these tests do not look at it."""
        return None

    async def wallet(self, wallet_id: WalletId) -> Wallet:
        async with self.session() as session:
            loaded = await store.load(session, [wallet_id], [], [], [], timeout_seconds=5)
            return loaded.wallets[wallet_id]

    async def count(self, table: str) -> int:
        return int(await self.owner.fetchval(f"select count(*) from ledger.{table}"))

    async def contents(self) -> dict[str, list[Any]]:
        """Everything there is, to see that nothing changed."""
        return {
            table: [str(row) for row in await self.owner.fetch(f"select * from ledger.{table} order by 1, 2")]
            for table in ("wallet", "entry", "reservation", "credit", "operation")
        }

    async def assert_sound(self, wallets: Iterable[WalletId] = ()) -> None:
        """Every invariant of the ledger, in SQL, and the hash chain of the named wallets entry by entry."""
        for fault, query in BROKEN.items():
            assert await self.owner.fetch(query) == [], fault
        async with self.session() as session:
            for wallet_id in wallets:
                wallet = (await store.load(session, [wallet_id], [], [], [], timeout_seconds=5)).wallets[
                    wallet_id
                ]
                verifier = Verifier(wallet)
                seen = 0
                while seen < wallet.version:
                    page = await store.read_entries(
                        session, wallet_id, seen, 500, oldest_first=True, chosen=EntryFilter(), timeout_seconds=5
                    )  # fmt: skip
                    verifier.take(page)
                    seen = page[-1].seq
                assert verifier.verdict().faults == ()


async def open_ledger(url: str) -> LedgerDatabase:
    owner = await asyncpg.connect(url, timeout=10)
    await owner.execute(_PUT_PROGRAM, PROGRAM)
    return LedgerDatabase(url, owner, Terms())


def written(commands: Sequence[Any], loaded: store.Loaded, terms: Terms) -> Written:
    """What a batch of first-time commands would write."""
    batch = Written()
    for command in commands:
        wallet = loaded.wallets[command.wallet_id]
        decision = decide(wallet, command, loaded.now, terms, Known())
        batch.add(wallet, decision, terms)
        loaded.wallets[command.wallet_id] = decision.wallet
    return batch


def a_wallet_nobody_has() -> WalletId:
    return WalletId(new_id())
