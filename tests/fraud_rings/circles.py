"""Rings on a real database, links to feed them with, and a naive way to the same answer."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from wallet_service.fraud.ring_rules import Hubs, RingRules
from wallet_service.fraud.rings.model import Finding, Graph, Key, Link, LinkKind, Member, Tie
from wallet_service.fraud.rings.service import Rings
from wallet_service.fraud.rings.worker import RingWorker
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.database import Database, DatabaseOptions

DAY = 86_400_000_000
NOW = Instant(1_790_000_000_000_000)


def wallet(name: object) -> WalletId:
    return WalletId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"wallet {name}")))


def key(kind: LinkKind, name: object) -> Key:
    return Key(kind, hashlib.sha256(f"{kind} {name}".encode()).hexdigest()[:32])


def seen(name: object, kind: LinkKind, what: object, at: Instant = NOW) -> Link:
    return Link(wallet(name), key(kind, what), at)


def referred(name: object, by: object, at: Instant = NOW) -> list[Link]:
    referral = Key(LinkKind.REFERRAL, wallet(by).replace("-", ""))
    return [Link(wallet(name), referral, at), Link(wallet(by), referral, at)]


def naive(links: Iterable[Link], limits: Hubs) -> set[frozenset[WalletId]]:
    """Which wallets hang together, by hand: flood from each wallet over the keys that are no hubs."""
    of_key: dict[Key, set[WalletId]] = {}
    for link in links:
        of_key.setdefault(link.key, set()).add(link.wallet_id)
    sharing = [wallets for key, wallets in of_key.items() if len(wallets) <= limits.of(key.kind)]
    rings: set[frozenset[WalletId]] = set()
    left = set().union(*sharing) if sharing else set()
    while left:
        ring, grown = {left.pop()}, True
        while grown:
            more = set().union(*(wallets for wallets in sharing if wallets & ring)) - ring
            ring |= more
            grown = bool(more)
        left -= ring
        if len(ring) > 1:
            rings.add(frozenset(ring))
    return rings


@dataclass(slots=True)
class Staff:
    """What everybody's staff, or that of single programs, says about rings."""

    everywhere: RingRules = field(default_factory=RingRules)
    programs: dict[ProgramId, RingRules] = field(default_factory=dict)
    trusts: dict[ProgramId, frozenset[str]] = field(default_factory=dict)

    def ring_rules(self, program_id: str) -> RingRules:
        return self.programs.get(ProgramId(program_id), self.everywhere)

    def ring_programs(self) -> list[ProgramId]:
        return [*self.programs, *self.trusts]

    def trusted(self, program_id: str) -> frozenset[str]:
        return self.trusts.get(ProgramId(program_id), frozenset())


@dataclass(slots=True)
class Town:
    """Rings, the worker that follows the links, and what it told."""

    url: str
    database: Database
    staff: Staff
    rings: Rings
    told: list[Finding] = field(default_factory=list)
    now: Instant = NOW

    def hubs(self, hubs: Hubs) -> None:
        self.staff.everywhere = RingRules(hubs=hubs)

    def trust(self, *keys: Key) -> None:
        """Have the program of wallets that no ledger knows trust these keys."""
        self.staff.trusts[ProgramId("")] = frozenset(key.text for key in keys)

    @property
    def worker(self) -> RingWorker:
        return RingWorker(self.rings, self.hear, lambda: self.now, 1.0)

    async def hear(self, findings: Sequence[Finding]) -> None:
        self.told += findings
        await self.rings.tell(findings)

    async def settle(self) -> None:
        """Work until nothing changes any more."""
        while True:
            beat = await self.worker.beat()
            if not (beat.joined or beat.split or beat.judged or beat.forgotten):
                return

    async def partition(self) -> set[frozenset[WalletId]]:
        """Which wallets are together, as recorded; sizes agree with it."""
        rows = await self.database.fetch(
            "select m.ring_id, r.wallets, array_agg(m.wallet_id::text) as members from fraud.ring_member m"
            " join fraud.ring r using (ring_id) group by 1, 2",
            timeout_seconds=10,
        )
        assert all(row["wallets"] == len(row["members"]) for row in rows)
        return {frozenset(row["members"]) for row in rows}


@asynccontextmanager
async def a_town(database_url: str, hubs: Hubs | None = None) -> AsyncIterator[Town]:
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    staff = Staff(everywhere=RingRules(hubs=hubs or Hubs()))
    rings = Rings(database, staff)
    try:
        yield Town(database_url, database, staff, rings)
    finally:
        await rings.close()
        await database.close()


def graph_of(links: Sequence[Link]) -> Graph:
    """A ring as it would be read from the database."""
    sharing: dict[Key, set[WalletId]] = {}
    for link in links:
        sharing.setdefault(link.key, set()).add(link.wallet_id)
    wallets = sorted({link.wallet_id for link in links})
    members = tuple(
        Member(wallet_id=w, program_id="shop", first_seen=min(link.seen_at for link in links if link.wallet_id == w),
               last_seen=NOW, redeemed=700 * number)
        for number, w in enumerate(wallets)
    )  # fmt: skip
    pairs = sorted({(link.wallet_id, link.key) for link in links})
    ties = tuple(Tie(wallet_id, key, len(sharing[key]), hub=False) for wallet_id, key in pairs)
    return Graph(wallets=len(wallets), members=members, ties=ties)
