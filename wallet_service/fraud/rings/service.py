"""The rings' door: links come in, a wallet's ring comes out, and one beat at a time the rings follow the links."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from wallet_service.fraud.judgements import JudgedAs, JudgementRecord, SubjectKind, record_judgements
from wallet_service.fraud.rings import store
from wallet_service.fraud.rings.drawing import drawn
from wallet_service.fraud.rings.joining import joined, split
from wallet_service.fraud.rings.model import (
    Finding,
    Graph,
    HubLimits,
    Link,
    RingId,
    RingSignal,
    RingState,
    Weights,
)  # fmt: skip
from wallet_service.fraud.rings.policy import suspicion
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.database import Database

LINKS_IN_A_BEAT: Final = 500
LINKS_NOTED_MAX: Final = 1_000
KEPT_SECONDS: Final = 400 * 86_400
"""Since a link was last seen."""
RINGS_JUDGED: Final = 20
LINKED_MAX: Final = 50
MEMBERS_MAX: Final = 1_000
"""Of a larger ring so many wallets are looked at: enough to judge it, too many to draw."""
MEMBERS_TOLD: Final = 100
TIES_MAX: Final = 8_000
LOOKBACK_SECONDS: Final = 90 * 86_400
WRITE_SECONDS: Final = 10.0
READ_SECONDS: Final = 5.0


class Rings:
    """One per process. Whoever joins holds a turn in the database, so any number of processes may."""

    def __init__(self, db: Database, limits: HubLimits | None = None, weights: Weights | None = None) -> None:
        self._db = db
        self._session = db.open_session("rings")
        self._limits = limits or HubLimits()
        self.weights = weights or Weights()

    async def close(self) -> None:
        """Close the connection that joins."""
        await self._session.close()

    async def note(self, links: Sequence[Link]) -> int:
        """Remember what wallets were seen with; returns how many links are new. Lock-free between processes."""
        new = 0
        for start in range(0, len(links), LINKS_NOTED_MAX):
            page = links[start : start + LINKS_NOTED_MAX]
            new += await store.note_links(self._db, page, timeout_seconds=WRITE_SECONDS)
        return new

    async def ring_of(
        self, wallets: Collection[WalletId], *, timeout_seconds: float
    ) -> Mapping[WalletId, RingSignal]:
        """Return the ring of each wallet that is in one: two look-ups by key, however many links there are."""
        return await store.read_rings_of(self._db, wallets, timeout_seconds=timeout_seconds)

    async def linked(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[WalletId]:
        """Return wallets that share a device or a payment means with this one, some dozens at most."""
        return await store.read_linked(self._db, wallet_id, LINKED_MAX, timeout_seconds=timeout_seconds)

    async def devices(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[str]:
        """Return the hashes of the wallet's devices, the latest seen first, some dozens at most."""
        return await store.read_devices(self._db, wallet_id, LINKED_MAX, timeout_seconds=timeout_seconds)

    async def ring(self, ring_id: RingId) -> RingState | None:
        """Return a ring as it is recorded, or None."""
        return await store.read_ring(self._db, ring_id, timeout_seconds=READ_SECONDS)

    async def graph(self, ring: RingState, now: Instant) -> Graph:
        """Return a ring's wallets and links, at most so many."""
        members = await store.read_ring_wallets(
            self._db, ring.ring_id, MEMBERS_MAX, after(now, -LOOKBACK_SECONDS), timeout_seconds=READ_SECONDS
        )
        ties = await store.read_ring_links(
            self._db, [member.wallet_id for member in members], TIES_MAX, timeout_seconds=READ_SECONDS
        )
        return Graph(wallets=ring.wallets, members=tuple(members), ties=tuple(ties))

    async def picture(self, ring_id: RingId, now: Instant, names: Mapping[WalletId, str]) -> str | None:
        """Return a ring as SVG, the same text for the same ring; `names` are shown instead of wallet ids."""
        ring = await self.ring(ring_id)
        if ring is None:
            return None
        graph = await self.graph(ring, now)
        return drawn(ring, graph, suspicion(graph, self.weights), names)

    async def join(self) -> int:
        """Join links that wait, at most a batch; returns how many. Nothing is changed if it is cut short."""
        async with self._session.transaction(timeout_seconds=WRITE_SECONDS):
            waiting = await store.take_links(self._session, LINKS_IN_A_BEAT, timeout_seconds=WRITE_SECONDS)
            if waiting:
                joins = joined(waiting, self._limits, _fresh)
                await store.record_joins(self._session, waiting, joins, timeout_seconds=WRITE_SECONDS)
        return len(waiting)

    async def split_one(self) -> bool:
        """Look again at one ring of which a key has become a hub; returns whether there was one."""
        async with self._session.transaction(timeout_seconds=WRITE_SECONDS):
            found = await store.take_stale_ring(self._session, timeout_seconds=WRITE_SECONDS)
            if found is not None:
                ring_id, links = found
                parts = split(ring_id, links, _fresh)
                await store.record_split(self._session, ring_id, parts, timeout_seconds=WRITE_SECONDS)
        return found is not None

    async def judge(self, ring: RingState, now: Instant) -> Finding:
        """Judge a ring as it is; writes nothing."""
        graph = await self.graph(ring, now)
        found = suspicion(graph, self.weights)
        anchor = ring.anchor_id
        if anchor is None and found.suspicious and graph.members:
            anchor = graph.members[0].wallet_id
        return Finding(ring=ring, graph=graph, suspicion=found, anchor_id=anchor)

    async def record(self, finding: Finding) -> None:
        """Remember a judgement, unless a later one is there."""
        await store.record_suspicion(self._db, finding, timeout_seconds=WRITE_SECONDS)

    async def forget(self, now: Instant) -> int:
        """Forget links that were not seen for as long as they are kept, at most a batch; returns how many."""
        return await store.forget_links(
            self._db, after(now, -KEPT_SECONDS), LINKS_IN_A_BEAT, timeout_seconds=WRITE_SECONDS
        )

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Ask for a person's judgement of suspicious rings; of each only once, however often it is told."""
        asked = [_judgement(finding, finding.anchor_id) for finding in findings if finding.anchor_id]
        await record_judgements(self._db, asked, timeout_seconds=WRITE_SECONDS)

    async def unjudged(self) -> list[RingState]:
        """Return some rings that have changed since they were judged."""
        return await store.read_unjudged_rings(self._db, RINGS_JUDGED, timeout_seconds=READ_SECONDS)


def _judgement(finding: Finding, anchor: WalletId) -> JudgementRecord:
    members = finding.graph.members
    program = next((m.program_id for m in members if m.wallet_id == anchor and m.program_id), "")
    return JudgementRecord(
        wallet_id=anchor, subject_kind=SubjectKind.RING, subject_id=finding.ring.ring_id,
        program_id=ProgramId(program), verdict=JudgedAs.REVIEW, shadow_verdict=JudgedAs.REVIEW,
        reasons=tuple(reason.value for reason, _ in finding.suspicion.reasons),
        signals={
            "ring.wallets": finding.ring.wallets,
            "ring.suspicion": finding.suspicion.points,
            "ring.because": [sentence for _, sentence in finding.suspicion.reasons],
            "ring.members": [member.wallet_id for member in members[:MEMBERS_TOLD]],
        },
        policy_version=0, amount_minor=sum(member.redeemed for member in members),
    )  # fmt: skip


def _fresh() -> RingId:
    return RingId(str(uuid.uuid4()))
