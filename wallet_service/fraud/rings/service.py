"""The rings' door: links come in, a wallet's ring comes out, and one beat at a time the rings follow the links."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Final, Protocol

from wallet_service.fraud.judgements import JudgedAs, JudgementRecord, SubjectKind, record_judgements
from wallet_service.fraud.ring_rules import DEFAULTS, RingRules, mark_of
from wallet_service.fraud.rings import store
from wallet_service.fraud.rings.drawing import drawn
from wallet_service.fraud.rings.joining import joined, split
from wallet_service.fraud.rings.model import (
    Finding,
    Graph,
    Key,
    Link,
    LinkKind,
    RingId,
    RingSignal,
    RingState,
    Telling,
)  # fmt: skip
from wallet_service.fraud.rings.policy import program_of, suspicion
from wallet_service.fraud.rings.telling import TELLINGS_MAX, next_telling
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.database import Database

LINKS_IN_A_BEAT: Final = 500
LINKS_NOTED_MAX: Final = 1_000
RINGS_JUDGED: Final = 20
LINKED_MAX: Final = 50
MERGES_MAX: Final = 64
"""A ring is taken in by one at least as large, so its wallets could not be counted after so many times."""
MEMBERS_MAX: Final = 1_000
"""Of a larger ring so many wallets are looked at, told and labelled: enough to judge it, too many to draw."""
TIES_MAX: Final = 8_000
LOOKBACK_SECONDS: Final = 90 * 86_400
WRITE_SECONDS: Final = 10.0
READ_SECONDS: Final = 5.0
DAY_SECONDS: Final = 86_400
FORGET_AGAIN_SECONDS: Final = 3_600
"""Of a program's time: links are forgotten by the day, so nothing is missed by looking once an hour."""
_CAN_BE_TRUSTED: Final = (LinkKind.DEVICE, LinkKind.ADDRESS)


class Rules(Protocol):
    """Who knows what programs say about rings."""

    def ring_rules(self, program_id: str) -> RingRules:
        """Return the rules of a program, as they are now."""

    def ring_programs(self) -> Collection[ProgramId]:
        """Return the programs that have said anything."""

    def trusted(self, program_id: str) -> frozenset[str]:
        """Return the devices and addresses that a program trusts: they link nobody, however few share them."""


class NobodysRules:
    """Nobody has said anything."""

    def ring_rules(self, program_id: str) -> RingRules:  # noqa: ARG002
        """Return what holds everywhere."""
        return DEFAULTS

    def ring_programs(self) -> Collection[ProgramId]:
        """Return none."""
        return ()

    def trusted(self, program_id: str) -> frozenset[str]:  # noqa: ARG002
        """Trust nothing."""
        return frozenset()


class Rings:
    """One per process. Whoever joins holds a turn in the database, so any number of processes may."""

    def __init__(self, db: Database, rules: Rules | None = None) -> None:
        self._db = db
        self._session = db.open_session("rings")
        self._rules = rules or NobodysRules()
        self._forgot: dict[str, tuple[int, Instant]] = {}
        self._trusted: dict[ProgramId, frozenset[str]] = {}

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
        """Return wallets that are tied to this one by a device, a payment means or a referral, some dozens at most."""
        return await store.read_linked(self._db, wallet_id, LINKED_MAX, timeout_seconds=timeout_seconds)

    async def devices(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[str]:
        """Return the hashes of the wallet's devices, the latest seen first, some dozens at most."""
        return await store.read_devices(self._db, wallet_id, LINKED_MAX, timeout_seconds=timeout_seconds)

    async def ring(self, ring_id: RingId, *, timeout_seconds: float = READ_SECONDS) -> RingState | None:
        """Return a ring as it is recorded, or None."""
        return await store.read_ring(self._db, ring_id, timeout_seconds=timeout_seconds)

    async def graph(self, ring: RingState, *, timeout_seconds: float = READ_SECONDS) -> Graph:
        """Return a ring's wallets and links, at most so many."""
        members = await store.read_ring_wallets(
            self._db, ring.ring_id, MEMBERS_MAX, LOOKBACK_SECONDS, timeout_seconds=timeout_seconds
        )
        ties = await store.read_ring_links(
            self._db, [member.wallet_id for member in members], TIES_MAX, timeout_seconds=timeout_seconds
        )
        return Graph(wallets=ring.wallets, members=tuple(members), ties=tuple(ties))

    async def picture(
        self, ring_id: RingId, wallet_id: WalletId | None = None, *, timeout_seconds: float = READ_SECONDS
    ) -> str | None:
        """Return a ring as it is now as SVG, with one wallet marked; None: it is no more, or never was.

        The same text for the same ring. One that was taken in by another is seen in that one.
        """
        ring = await self.ring(ring_id, timeout_seconds=timeout_seconds)
        for _ in range(MERGES_MAX):
            if ring is None or ring.merged_into is None:
                break
            ring = await self.ring(ring.merged_into, timeout_seconds=timeout_seconds)
        if ring is None or not ring.wallets:
            return None
        graph = await self.graph(ring, timeout_seconds=timeout_seconds)
        rules = self._rules.ring_rules(program_of(graph.members))
        return drawn(ring, graph, suspicion(graph, rules), wallet_id)

    async def picture_around(
        self, wallet_id: WalletId, *, timeout_seconds: float = READ_SECONDS
    ) -> str | None:
        """Return the ring that a wallet is in now, with it marked, as SVG; None: it is in none."""
        found = await self.ring_of([wallet_id], timeout_seconds=timeout_seconds)
        signal = found.get(wallet_id)
        if signal is None:
            return None
        return await self.picture(signal.ring_id, wallet_id, timeout_seconds=timeout_seconds)

    async def join(self) -> int:
        """Join links that wait, at most a batch; returns how many. Nothing is changed if it is cut short."""
        async with self._session.transaction(timeout_seconds=WRITE_SECONDS):
            waiting = await store.take_links(self._session, LINKS_IN_A_BEAT, timeout_seconds=WRITE_SECONDS)
            if waiting:
                joins = joined(waiting, self._limit_of, _fresh)
                await store.record_joins(self._session, waiting, joins, timeout_seconds=WRITE_SECONDS)
        return len(waiting)

    async def part(self) -> int:
        """Let what programs have come to trust since the last look hold nobody together; returns how many keys did."""
        parted = 0
        for program_id in self._rules.ring_programs():
            trusted = self._rules.trusted(program_id)
            fresh = sorted(trusted - self._trusted.get(program_id, frozenset()))
            for start in range(0, len(fresh), LINKS_NOTED_MAX):
                page = fresh[start : start + LINKS_NOTED_MAX]
                parted += await store.make_hubs(self._db, page, timeout_seconds=WRITE_SECONDS)
            # Remembered when all is written. Whoever knows of it joins nobody by it any more, so who still did without
            # knowing parts them in its own next look.
            self._trusted[program_id] = trusted
        return parted

    async def split_one(self) -> bool:
        """Look again at one ring of which a key has become a hub; returns whether there was one."""
        async with self._session.transaction(timeout_seconds=WRITE_SECONDS):
            found = await store.take_stale_ring(self._session, timeout_seconds=WRITE_SECONDS)
            if found is not None:
                ring_id, links = found
                parts = split(ring_id, links, _fresh)
                await store.record_split(self._session, ring_id, parts, timeout_seconds=WRITE_SECONDS)
        return found is not None

    def _limit_of(self, program_id: str, key: Key) -> int:
        if key.kind in _CAN_BE_TRUSTED and key.text in self._rules.trusted(program_id):
            return 0
        return self._rules.ring_rules(program_id).hubs.of(key.kind)

    async def judge(self, ring: RingState) -> Finding:
        """Judge a ring as it is, by the rules of the program that most of its wallets are in; writes nothing."""
        graph = await self.graph(ring)
        program_id = program_of(graph.members)
        rules = self._rules.ring_rules(program_id)
        found = suspicion(graph, rules)
        anchor = ring.anchor_id
        if anchor is None and found.suspicious:
            anchor = next((m.wallet_id for m in graph.members if m.program_id == program_id), None)
        return Finding(
            ring=ring, program_id=program_id, judged_by=mark_of(rules), graph=graph, suspicion=found, anchor_id=anchor
        )  # fmt: skip

    async def record(self, finding: Finding) -> None:
        """Remember a judgement, unless a later one is there."""
        await store.record_suspicion(self._db, finding, timeout_seconds=WRITE_SECONDS)

    async def forget(self, now: Instant) -> int:
        """Forget links that were not seen for as long as their program says, by its clock; returns how many.

        At most a batch of each program. `now` is the time for wallets that the ledger does not know.
        """
        clocks = await store.read_clocks(self._db, timeout_seconds=READ_SECONDS)
        forgotten = 0
        for program_id, moment in {**clocks, "": now}.items():
            forgotten += await self._forget(program_id, moment)
        return forgotten

    async def _forget(self, program_id: str, now: Instant) -> int:
        days = self._rules.ring_rules(program_id).link_days
        last = self._forgot.get(program_id)
        if last is not None and last[0] == days and now < after(last[1], FORGET_AGAIN_SECONDS):
            return 0
        forgotten = await store.forget_links(
            self._db,
            program_id,
            after(now, -days * DAY_SECONDS),
            LINKS_IN_A_BEAT,
            timeout_seconds=WRITE_SECONDS,
        )
        if forgotten < LINKS_IN_A_BEAT:
            self._forgot[program_id] = (days, now)
        return forgotten

    async def tell(self, findings: Sequence[Finding]) -> None:
        """Ask for a person's judgement of suspicious rings: once, and again when one has doubled or taken in another.

        However often the same is told, it is asked once.
        """
        asked: list[JudgementRecord] = []
        for finding in findings:
            if finding.anchor_id is None:
                continue
            stood = {finding.anchor_id, *(member.wallet_id for member in finding.graph.members)}
            earlier = await store.read_tellings(self._db, stood, TELLINGS_MAX, timeout_seconds=READ_SECONDS)
            subject_id = next_telling(finding.ring.ring_id, finding.ring.wallets, earlier)
            if subject_id is not None:
                asked.append(_judgement(finding, finding.anchor_id, subject_id, earlier))
        if asked:
            await record_judgements(self._db, asked, timeout_seconds=WRITE_SECONDS)

    async def unjudged(self) -> list[RingState]:
        """Return some rings that have changed since they were judged; when there is none, of those judged by old rules."""
        changed = await store.read_unjudged_rings(self._db, RINGS_JUDGED, timeout_seconds=READ_SECONDS)
        marks = {program: mark_of(self._rules.ring_rules(program)) for program in self._rules.ring_programs()}
        if changed or not marks:
            return changed
        return await store.read_judged_by_others(self._db, marks, RINGS_JUDGED, timeout_seconds=READ_SECONDS)


def _judgement(
    finding: Finding, anchor: WalletId, subject_id: str, earlier: Sequence[Telling]
) -> JudgementRecord:
    members = finding.graph.members
    return JudgementRecord(
        wallet_id=anchor, subject_kind=SubjectKind.RING, subject_id=subject_id,
        program_id=ProgramId(finding.program_id), verdict=JudgedAs.REVIEW, shadow_verdict=JudgedAs.REVIEW,
        reasons=tuple(reason.value for reason, _ in finding.suspicion.reasons),
        signals={
            "ring.wallets": finding.ring.wallets,
            "ring.suspicion": finding.suspicion.points,
            "ring.because": [sentence for _, sentence in finding.suspicion.reasons],
            "ring.members": [member.wallet_id for member in members],
            **({"ring.earlier": [telling.name for telling in earlier]} if earlier else {}),
        },
        policy_version=0, amount_minor=sum(member.redeemed for member in members),
    )  # fmt: skip


def _fresh() -> RingId:
    return RingId(str(uuid.uuid4()))
