"""The only file that talks to PostgreSQL for the rings."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from typing import Final

from wallet_service.fraud.rings.model import (
    Finding,
    Joins,
    Key,
    Link,
    LinkKind,
    Member,
    RingId,
    RingSignal,
    RingState,
    Split,
    Telling,
    Tie,
    Waiting,
)  # fmt: skip
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.fraud.rings")


async def note_links(db: Statements, links: Sequence[Link], *, timeout_seconds: float) -> int:
    """Remember links; returns how many were new."""
    number: int = await db.fetchval(
        _SQL["note_links"],
        [link.wallet_id for link in links],
        [int(link.key.kind) for link in links],
        [bytes.fromhex(link.key.text) for link in links],
        [link.seen_at for link in links],
        timeout_seconds=timeout_seconds,
    )
    return number


async def read_clocks(db: Statements, *, timeout_seconds: float) -> dict[str, Instant]:
    """Return what time it is in every program."""
    rows = await db.fetch(_SQL["clocks"], timeout_seconds=timeout_seconds)
    return {row["program_id"]: Instant(row["now"]) for row in rows}


async def forget_links(
    db: Statements, program_id: str, before: Instant, limit: int, *, timeout_seconds: float
) -> int:
    """Forget links of a program's wallets last seen before a moment; returns how many."""
    number: int = await db.fetchval(
        _SQL["forget_links_v2"], program_id, before, limit, timeout_seconds=timeout_seconds
    )
    return number


async def take_links(db: Statements, limit: int, *, timeout_seconds: float) -> list[Waiting]:
    """Take the turn and return links that wait to be joined."""
    rows = await db.fetch(_SQL["take_links_v2"], limit, timeout_seconds=timeout_seconds)
    return [
        Waiting(
            wallet_id=WalletId(str(row["wallet_id"])), key=_key(row), degree=row["degree"], hub=row["hub"],
            holder_id=_wallet(row["holder_id"]), holder_ring=_ring(row["holder_ring"]),
            holder_ring_wallets=row["holder_ring_wallets"] or 0, own_ring=_ring(row["own_ring"]),
            own_ring_wallets=row["own_ring_wallets"] or 0, program_id=row["program_id"],
        )
        for row in rows
    ]  # fmt: skip


async def record_joins(
    db: Statements, links: Sequence[Waiting], joins: Joins, *, timeout_seconds: float
) -> None:
    """Write what joining these links changes."""
    await db.execute(
        _SQL["record_joins"],
        _rows({"wallet_id": w.wallet_id, "kind": int(w.key.kind), "key": w.key.text} for w in links),
        _rows(
            {
                "kind": int(k.key.kind), "key": k.key.text, "degree": k.degree, "hub": k.hub,
                "wallet_id": k.holder_id,
            }
            for k in joins.keys
        ),
        _rows({"ring_id": ring, "wallets": size, "stale": stale} for ring, size, stale in joins.rings),
        _rows({"ring_id": ring, "target_id": target} for ring, target in joins.merged),
        _rows({"wallet_id": wallet_id, "ring_id": ring} for wallet_id, ring in joins.members),
        timeout_seconds=timeout_seconds,
    )  # fmt: skip


async def make_hubs(db: Statements, keys: Sequence[str], *, timeout_seconds: float) -> int:
    """Let these devices and addresses link nobody from now on; returns how many did."""
    number: int = await db.fetchval(
        _SQL["make_hubs"], [bytes.fromhex(key) for key in keys], timeout_seconds=timeout_seconds
    )
    return number


async def take_stale_ring(
    db: Statements, *, timeout_seconds: float
) -> tuple[RingId, Mapping[WalletId, Sequence[Key]]] | None:
    """Take the turn and return a ring to look at again: the keys of each of its wallets that are no hubs."""
    rows = await db.fetch(_SQL["take_stale_ring"], timeout_seconds=timeout_seconds)
    if not rows:
        return None
    links: dict[WalletId, list[Key]] = {}
    for row in rows:
        keys = links.setdefault(WalletId(str(row["wallet_id"])), [])
        if row["key"] is not None:
            keys.append(_key(row))
    return RingId(str(rows[0]["ring_id"])), links


async def record_split(db: Statements, ring_id: RingId, split: Split, *, timeout_seconds: float) -> None:
    """Write what a ring fell into."""
    await db.execute(
        _SQL["record_split"], ring_id,
        _rows({"ring_id": ring, "wallets": size} for ring, size in split.rings),
        _rows({"wallet_id": wallet_id, "ring_id": ring} for wallet_id, ring in split.members),
        list(split.alone), timeout_seconds=timeout_seconds,
    )  # fmt: skip


async def record_suspicion(db: Statements, finding: Finding, *, timeout_seconds: float) -> None:
    """Write how suspicious a ring was found, unless a later judgement is there."""
    reasons = [reason.value for reason, _ in finding.suspicion.reasons]
    await db.execute(
        _SQL["record_suspicion_v2"], finding.ring.ring_id, finding.ring.revision, finding.suspicion.points,
        json.dumps(reasons), finding.anchor_id, finding.program_id, finding.judged_by,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip


async def read_tellings(
    db: Statements, wallets: Collection[WalletId], limit: int, *, timeout_seconds: float
) -> list[Telling]:
    """Return what a person was told of rings that these wallets stood for, the latest first."""
    rows = await db.fetch(_SQL["tellings"], list(wallets), limit, timeout_seconds=timeout_seconds)
    return [
        Telling(
            wallet_id=WalletId(str(row["wallet_id"])), subject_id=str(row["subject_id"]), wallets=row["wallets"],
            earlier=tuple(json.loads(row["earlier"])),
        )
        for row in rows
    ]  # fmt: skip


async def read_rings_of(
    db: Statements, wallets: Collection[WalletId], *, timeout_seconds: float
) -> dict[WalletId, RingSignal]:
    """Return the ring of each wallet that is in one."""
    rows = await db.fetch(_SQL["rings_of"], list(wallets), timeout_seconds=timeout_seconds)
    return {
        WalletId(str(row["wallet_id"])): RingSignal(
            ring_id=RingId(str(row["ring_id"])), wallets=row["wallets"], suspicion=row["suspicion"],
            reasons=tuple(json.loads(row["reasons"])),
        )
        for row in rows
    }  # fmt: skip


async def read_linked(
    db: Statements, wallet_id: WalletId, limit: int, *, timeout_seconds: float
) -> list[WalletId]:
    """Return wallets that are tied to this one by a device, a payment means or a referral."""
    rows = await db.fetch(_SQL["linked_wallets"], wallet_id, limit, timeout_seconds=timeout_seconds)
    return [WalletId(str(row["wallet_id"])) for row in rows]


async def read_devices(
    db: Statements, wallet_id: WalletId, limit: int, *, timeout_seconds: float
) -> list[str]:
    """Return the hashes of a wallet's devices, the latest seen first."""
    rows = await db.fetch(_SQL["devices"], wallet_id, limit, timeout_seconds=timeout_seconds)
    return [row["key"] for row in rows]


async def read_ring(db: Statements, ring_id: RingId, *, timeout_seconds: float) -> RingState | None:
    """Return a ring, or None."""
    row = await db.fetchrow(_SQL["ring"], ring_id, timeout_seconds=timeout_seconds)
    if row is None:
        return None
    return RingState(
        ring_id=ring_id, wallets=row["wallets"], revision=row["revision"], suspicion=row["suspicion"],
        reasons=tuple(json.loads(row["reasons"])), merged_into=_ring(row["merged_into"]),
        anchor_id=_wallet(row["anchor_id"]),
    )  # fmt: skip


async def read_unjudged_rings(db: Statements, limit: int, *, timeout_seconds: float) -> list[RingState]:
    """Return rings that have changed since they were judged."""
    rows = await db.fetch(_SQL["unjudged_rings"], limit, timeout_seconds=timeout_seconds)
    return [_to_judge(row) for row in rows]


async def read_judged_by_others(
    db: Statements, marks: Mapping[ProgramId, str], limit: int, *, timeout_seconds: float
) -> list[RingState]:
    """Return rings that were judged by other rules than those whose marks hold in their programs."""
    rows = await db.fetch(
        _SQL["judged_by_others"], list(marks), list(marks.values()), limit, timeout_seconds=timeout_seconds
    )
    return [_to_judge(row) for row in rows]


def _to_judge(row: Row) -> RingState:
    return RingState(
        ring_id=RingId(str(row["ring_id"])), wallets=row["wallets"], revision=row["revision"],
        anchor_id=_wallet(row["anchor_id"]),
    )  # fmt: skip


async def read_ring_wallets(
    db: Statements, ring_id: RingId, limit: int, spent_seconds: int, *, timeout_seconds: float
) -> list[Member]:
    """Return wallets of a ring, in order of their ids, with what they have spent in so many seconds."""
    rows = await db.fetch(
        _SQL["ring_wallets"], ring_id, limit, spent_seconds, timeout_seconds=timeout_seconds
    )
    return [
        Member(
            wallet_id=WalletId(str(row["wallet_id"])), program_id=row["program_id"] or "",
            first_seen=Instant(row["first_seen"] or 0), last_seen=Instant(row["last_seen"] or 0),
            redeemed=row["redeemed"], customer_ref=row["customer_ref"] or "",
        )
        for row in rows
    ]  # fmt: skip


async def read_ring_links(
    db: Statements, wallets: Collection[WalletId], limit: int, *, timeout_seconds: float
) -> list[Tie]:
    """Return links of wallets, in order of the wallets' ids."""
    rows = await db.fetch(_SQL["ring_links"], list(wallets), limit, timeout_seconds=timeout_seconds)
    return [
        Tie(wallet_id=WalletId(str(row["wallet_id"])), key=_key(row), degree=row["degree"], hub=row["hub"])
        for row in rows
    ]


def _key(row: Row) -> Key:
    return Key(kind=LinkKind(row["kind"]), text=bytes(row["key"]).hex())


def _wallet(value: object) -> WalletId | None:
    return None if value is None else WalletId(str(value))


def _ring(value: object) -> RingId | None:
    return None if value is None else RingId(str(value))


def _rows(rows: object) -> str:
    return json.dumps(list(rows))  # type: ignore[call-overload]
