"""The only file that talks to PostgreSQL for earning."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from wallet_service.earning.model import (
    Arrival,
    Content,
    Event,
    EventId,
    EventKey,
    EventKind,
    EventState,
    Policy,
    Result,
    value_of,
)
from wallet_service.earning.store.rows import event_of
from wallet_service.fraud.model import Traces
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.session import Statements
from wallet_service.runtime.statements import load_statements

_NO_TRACES: Final = Traces()
_SQL: Final = load_statements("wallet_service.earning")
_encode: Final = msgspec.json.Encoder(order="deterministic").encode
_policy: Final = msgspec.json.Decoder(Policy, strict=False).decode


OrderKey = tuple[WalletId, str]
"""An order, within the wallet whose purchase it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """A wallet that is leased, and its program's clock at that moment."""

    wallet_id: WalletId
    program_id: ProgramId
    now: Instant
    customer_ref: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How fast a wallet's events come, and whether a purchase of it was ever decided."""

    events: int
    value_minor: int
    bought: bool


@dataclass(slots=True, kw_only=True)
class Written:
    """What one `record` writes."""

    wallets: list[WalletId]
    events: list[Event] = field(default_factory=list)
    caps: list[tuple[WalletId, str, int]] = field(default_factory=list)
    slices: list[tuple[WalletId, str, int]] = field(default_factory=list)
    refills: list[tuple[WalletId, str, int]] = field(default_factory=list)
    """What goes back to which budget."""
    release: list[WalletId] = field(default_factory=list)
    known: Mapping[EventKey, Result] = field(default_factory=dict)
    """What stands written as results; one that is still the same is not written again."""
    wakes: bool = False
    """Whether purchases among the events are decided now, so that returns need not wait for them any more."""


def _json(value: object) -> str:
    """Return JSON; what is encoded already goes into it as it is."""
    return msgspec.json.encode(value).decode()


def digest_of(content: Content, encoded: bytes | None = None) -> str:
    """Return what makes two contents the same: what happened, whatever device told it under whichever key.

    `encoded` is the content as it is stored, where it is at hand.
    """
    if encoded is None or content.traces != _NO_TRACES:
        encoded = _encode(replace(content, traces=_NO_TRACES))
    return sha256(encoded).hexdigest()


def _arrival(ordinal: int, arrival: Arrival, policy: Policy) -> dict[str, Any]:
    content = arrival.content
    encoded = _encode(content)
    return {
        "ordinal": ordinal, "wallet_id": arrival.wallet_id, "event_id": arrival.event_id, "kind": int(content.kind),
        "source": arrival.source, "source_event_id": arrival.source_event_id, "order_ref": content.order_ref,
        "value": value_of(content), "occurred": content.occurred_at,
        "hold": policy.hold_seconds.get(content.kind, 0) * MICROSECONDS_PER_SECOND,
        "future": policy.future_seconds_max * MICROSECONDS_PER_SECOND,
        "past": policy.past_seconds_max * MICROSECONDS_PER_SECOND, "digest": digest_of(content, encoded),
        "content": msgspec.Raw(encoded),
    }  # fmt: skip


async def accept(
    db: Statements, arrivals: Sequence[tuple[Arrival, Policy]], *, timeout_seconds: float
) -> list[int]:
    """Take events in; returns a verdict for each, as `sql/functions/01_accept.sql` names them."""
    rows = [_arrival(ordinal, arrival, policy) for ordinal, (arrival, policy) in enumerate(arrivals)]
    found = await db.fetch(_SQL["accept"], _json(rows), timeout_seconds=timeout_seconds)
    return [row["verdict"] for row in found]


async def claim(
    db: Statements, lease: str, lease_seconds: int, limit: int, *, timeout_seconds: float
) -> list[Claim]:
    """Lease wallets in which something is due."""
    rows = await db.fetch(_SQL["claim"], lease, lease_seconds, limit, timeout_seconds=timeout_seconds)
    return [
        Claim(
            wallet_id=WalletId(str(row[0])),
            program_id=ProgramId(row[1]),
            now=Instant(row[2]),
            customer_ref=row[3],
        )
        for row in rows
    ]


async def read_due(
    db: Statements, claims: Sequence[Claim], limit: int, *, timeout_seconds: float
) -> list[Event]:
    """Return what is due in leased wallets, each wallet's in its order."""
    rows = await db.fetch(
        _SQL["due_events"], [c.wallet_id for c in claims], [c.now for c in claims], limit,
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [event_of(row) for row in rows]


async def read_purchases(
    db: Statements, orders: Mapping[OrderKey, EventId | None], *, timeout_seconds: float
) -> list[Event]:
    """Return the purchases of these orders, but for the one of each that is named: it is known already."""
    rows = await db.fetch(
        _SQL["purchases"], [wallet_id for wallet_id, _ in orders], [order_ref for _, order_ref in orders],
        list(orders.values()), timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [event_of(row) for row in rows]


async def read_orders_elsewhere(
    db: Statements, purchases: Sequence[Event], *, timeout_seconds: float
) -> set[tuple[WalletId, str]]:
    """Return which of these purchases, by wallet and order, are of orders that another wallet of the program has."""
    rows = await db.fetch(
        _SQL["orders_elsewhere"], [event.wallet_id for event in purchases], [event.program_id for event in purchases],
        [event.content.order_ref for event in purchases], timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return {(WalletId(str(row[0])), row[1]) for row in rows}


async def read_indebted(
    db: Statements, wallets: Collection[WalletId], *, timeout_seconds: float
) -> list[Event]:
    """Return events on which something is owed, the oldest first."""
    rows = await db.fetch(_SQL["indebted"], list(wallets), timeout_seconds=timeout_seconds)
    return [event_of(row) for row in rows]


async def read_pace(
    db: Statements, claims: Sequence[Claim], window_seconds: int, *, timeout_seconds: float
) -> dict[WalletId, Pace]:
    """Return how fast events come in these wallets."""
    rows = await db.fetch(
        _SQL["velocity"], [c.wallet_id for c in claims], [c.now for c in claims],
        window_seconds * MICROSECONDS_PER_SECOND, timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return {WalletId(str(row[0])): Pace(events=row[1], value_minor=row[2], bought=row[3]) for row in rows}


async def read_cap_use(
    db: Statements, wallets: Collection[WalletId], keys: Collection[str], *, timeout_seconds: float
) -> dict[WalletId, dict[str, int]]:
    """Return what these wallets have used of these caps."""
    rows = await db.fetch(_SQL["cap_use"], list(wallets), list(keys), timeout_seconds=timeout_seconds)
    used: dict[WalletId, dict[str, int]] = {}
    for row in rows:
        used.setdefault(WalletId(str(row[0])), {})[row[1]] = row[2]
    return used


async def read_budgets_left(
    db: Statements, program_id: ProgramId, limits: Mapping[str, int], *, timeout_seconds: float
) -> dict[str, int]:
    """Return what is left of budgets that were ever touched, by their present limits."""
    rows = await db.fetch(
        _SQL["budgets_left"], program_id, list(limits), list(limits.values()), timeout_seconds=timeout_seconds
    )
    return {row[0]: row[1] for row in rows}


def _row(event: Event, written: Written) -> dict[str, Any]:
    known = written.known.get(event.key)
    wakes = event.content.order_ref if written.wakes and event.kind is EventKind.PURCHASE else ""
    return {
        "wallet_id": event.wallet_id, "event_id": event.event_id, "state": int(event.state), "due": event.due_at,
        "tries": event.tries, "amount": event.amount, "clawed_back": event.clawed_back, "debt": event.debt,
        "result": None if event.result is known or event.unread else msgspec.Raw(_encode(event.result)), "wakes": wakes,
    }  # fmt: skip


async def record(db: Statements, lease: str, written: Written, *, timeout_seconds: float) -> set[WalletId]:
    """Write what was decided; returns the wallets that were still leased. Raises LedgerRejected: a slice is short."""
    names = ("wallet_id", "cap_key", "amount")
    caps = [dict(zip(names, use, strict=True)) for use in written.caps]
    slices = [
        {"wallet_id": wallet, "slice_id": part, "amount": amount} for wallet, part, amount in written.slices
    ]
    slices += [
        {"wallet_id": wallet, "cap_key": cap_key, "amount": amount}
        for wallet, cap_key, amount in written.refills
    ]
    rows = await db.fetch(
        _SQL["record"], lease, written.wallets,
        _json([_row(event, written) for event in written.events]), _json(caps), _json(slices),
        written.release, timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return {WalletId(str(row[0])) for row in rows}


async def put_off(
    db: Statements, lease: str, claim: Claim, tries_max: int, *, timeout_seconds: float
) -> None:
    """Count a try of the event that is due first in a leased wallet, and give the wallet back."""
    await db.fetchval(
        _SQL["put_off"], lease, claim.wallet_id, claim.now, tries_max, timeout_seconds=timeout_seconds
    )


async def take_slice(
    db: Statements, slice_id: str, program_id: ProgramId, cap_key: str, limit: int, needed: int, wanted: int,
    lease_seconds: int, own: Collection[str], *, timeout_seconds: float,
) -> int:  # fmt: skip
    """Take a slice of a budget; returns what was granted, -1: ask again shortly."""
    return int(
        await db.fetchval(
            _SQL["take_slice"], slice_id, program_id, cap_key, limit, needed, wanted, lease_seconds, list(own),
            timeout_seconds=timeout_seconds,
        )
    )  # fmt: skip


async def close_slices(db: Statements, slices: Collection[str], *, timeout_seconds: float) -> int:
    """Close slices, and all whose lease has run out."""
    return int(await db.fetchval(_SQL["close_slices"], list(slices), timeout_seconds=timeout_seconds))


async def read_event(
    db: Statements, wallet_id: WalletId, event_id: EventId, *, timeout_seconds: float
) -> Event | None:
    """Return an event of a wallet."""
    row = await db.fetchrow(_SQL["event"], wallet_id, event_id, timeout_seconds=timeout_seconds)
    return None if row is None else event_of(row)


async def read_events(
    db: Statements, wallet_id: WalletId, before: tuple[Instant, EventId], states: Collection[EventState],
    limit: int, *, timeout_seconds: float,
) -> list[Event]:  # fmt: skip
    """Return a page of events, the latest to come in first."""
    chosen = [int(state) for state in states] or None
    rows = await db.fetch(
        _SQL["events"], wallet_id, before[0], before[1], chosen, limit, timeout_seconds=timeout_seconds
    )
    return [event_of(row) for row in rows]


async def review(
    db: Statements, wallet_id: WalletId, event_id: EventId, *, approve: bool, timeout_seconds: float
) -> bool:
    """Carry out a person's decision about an event in review; False: it was not in review."""
    done = await db.fetchval(_SQL["review"], wallet_id, event_id, approve, timeout_seconds=timeout_seconds)
    return bool(done)


async def retry(
    db: Statements, wallet_id: WalletId, retry_id: str, event_id: EventId, actor: str, reason: str,
    *, timeout_seconds: float,
) -> int:  # fmt: skip
    """Have a dead event tried again; returns a verdict, as `sql/functions/10_retry.sql` names them."""
    verdict = await db.fetchval(
        _SQL["retry"], wallet_id, retry_id, event_id, actor, reason, timeout_seconds=timeout_seconds
    )
    return int(verdict)


async def read_policies(db: Statements, *, timeout_seconds: float) -> Mapping[ProgramId, Policy]:
    """Return the newest policy of every program that has one."""
    rows = await db.fetch(_SQL["policies"], timeout_seconds=timeout_seconds)
    return {
        ProgramId(row["program_id"]): msgspec.structs.replace(
            _policy(row["document"]), version=row["version"]
        )
        for row in rows
    }


async def put_policy(
    db: Statements, program_id: ProgramId, before: int, policy: Policy, actor: str, reason: str,
    *, timeout_seconds: float,
) -> int | None:  # fmt: skip
    """Write the next version of a policy; None if another was written meanwhile, or there is no such program."""
    document = msgspec.json.encode(msgspec.structs.replace(policy, version=0)).decode()
    number = await db.fetchval(
        _SQL["put_policy"], program_id, before, document, actor, reason, timeout_seconds=timeout_seconds
    )
    return None if number is None else int(number)


async def backlog(db: Statements, *, timeout_seconds: float) -> int:
    """Return how many wallets wait with something due, counted up to ten thousand."""
    return int(await db.fetchval(_SQL["backlog"], timeout_seconds=timeout_seconds))
