"""The only file that talks to PostgreSQL for review."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from typing import Final

import msgspec

from wallet_service.fraud.judged import Signal, SubjectKind
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import OperationId, ProgramId, WalletId
from wallet_service.ledger.model import ReservationState
from wallet_service.review.model import (
    OPEN_STATES,
    ActKind,
    Case,
    CaseAct,
    CaseFilter,
    CaseId,
    CaseState,
    Change,
    Evidence,
    Found,
    Policy,
    ReasonCount,
    Statistics,
    Waiting,
)
from wallet_service.runtime.session import Row, Statements
from wallet_service.runtime.statements import load_statements

_SQL: Final = load_statements("wallet_service.review")
_REASONS_MAX: Final = 100
_REDEMPTIONS_OF_A_WALLET: Final = 64
"""What is said of a ring is said of so many of each wallet's; the model looks at no more."""
_evidence: Final = msgspec.json.Decoder(Evidence).decode
_texts: Final = msgspec.json.Decoder(tuple[str, ...]).decode
_signals: Final = msgspec.json.Decoder(dict[str, object]).decode
_policy: Final = msgspec.json.Decoder(Policy).decode

Position = tuple[int, Instant, CaseId]
"""Where a page of cases ended: priority, moment of opening, id."""

FIRST: Final[Position] = (2**31 - 1, Instant(0), CaseId("00000000-0000-0000-0000-000000000000"))


def _signals_of(text: str) -> dict[str, Signal]:
    """Return signals as evidence keeps them: whatever else a judge may say one day is kept in its words."""
    return {name: _signal(value) for name, value in _signals(text).items()}


def _signal(value: object) -> Signal:
    if isinstance(value, str | int):
        return value
    return [str(item) for item in value] if isinstance(value, list) else json.dumps(value)


def _case(row: Row) -> Case:
    operation_id, decided_at = row["operation_id"], row["decided_at"]
    return Case(
        wallet_id=WalletId(str(row["wallet_id"])), case_id=CaseId(str(row["case_id"])),
        program_id=ProgramId(row["program_id"]), customer_ref=row["customer_ref"],
        subject_kind=SubjectKind(row["subject_kind"]), subject_id=str(row["subject_id"]), state=CaseState(row["state"]),
        escalated=row["escalated"], priority=row["priority"], amount=row["amount_minor"], reasons=_texts(row["reasons"]),
        evidence=_evidence(row["evidence"]), opened_by=row["opened_by"], opened_at=Instant(row["opened_at"]),
        due_at=Instant(row["due_at"]), assigned_to=row["assigned_to"],
        assigned_senior=row["assigned_senior"], leased_until=Instant(row["leased_until"]),
        escalated_by=row["escalated_by"], approvals=_texts(row["approvals"]),
        operation_id=None if operation_id is None else OperationId(str(operation_id)), decided_by=row["decided_by"],
        decided_at=None if decided_at is None else Instant(decided_at), reason=row["reason"], applied=row["applied"],
        approved_ttl_seconds=row["approved_ttl_seconds"], version=row["version"],
    )  # fmt: skip


def _found(row: Row) -> Found:
    return Found(case=_case(row), now=Instant(row["now"]), people_now=Instant(row["people_now"]))


def _act(row: Row) -> CaseAct:
    return CaseAct(
        seq=row["seq"], act_id=str(row["act_id"]), kind=ActKind(row["kind"]), actor=row["actor"], reason=row["reason"],
        before=row["before"], after=row["after"], at=Instant(row["at"]),
    )  # fmt: skip


async def read_case(db: Statements, case_id: CaseId, *, timeout_seconds: float) -> Found | None:
    """Return a case as it is now."""
    row = await db.fetchrow(_SQL["case"], case_id, timeout_seconds=timeout_seconds)
    return None if row is None else _found(row)


async def read_cases(
    db: Statements, chosen: CaseFilter, after: Position, limit: int, *, timeout_seconds: float
) -> list[Found]:
    """Return a page of cases, the most urgent first."""
    # A statement of its own for what is open: that is a small part of the table, with an index of its own.
    name = "cases_open" if chosen.states and OPEN_STATES.issuperset(chosen.states) else "cases"
    rows = await db.fetch(
        _SQL[name], chosen.program_id, [int(state) for state in chosen.states] or None, chosen.assigned_to,
        chosen.wallet_id, *after, limit, timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return [_found(row) for row in rows]


async def read_unapplied(
    db: Statements, older_microseconds: int, limit: int, *, timeout_seconds: float
) -> list[Found]:
    """Return cases whose decision the ledger or the event may not know of."""
    rows = await db.fetch(_SQL["waiting"], older_microseconds, limit, timeout_seconds=timeout_seconds)
    return [_found(row) for row in rows]


async def read_due(db: Statements, limit: int, *, timeout_seconds: float) -> list[Found]:
    """Return open cases whose time is over, at most so many of each program."""
    rows = await db.fetch(_SQL["due"], limit, timeout_seconds=timeout_seconds)
    return [_found(row) for row in rows]


async def read_ended(
    db: Statements, limit: int, *, timeout_seconds: float
) -> list[tuple[Found, ReservationState | None]]:
    """Return open cases whose reservation or event has ended, and how the reservation did."""
    rows = await db.fetch(_SQL["ended"], limit, timeout_seconds=timeout_seconds)
    return [(_found(row), ReservationState(row["ended"]) if row["ended"] else None) for row in rows]


async def read_acts(db: Statements, case: Case, limit: int, *, timeout_seconds: float) -> list[CaseAct]:
    """Return the last acts on a case, the latest first."""
    rows = await db.fetch(_SQL["acts"], case.wallet_id, case.case_id, limit, timeout_seconds=timeout_seconds)
    return [_act(row) for row in rows]


async def read_act(db: Statements, case: Case, act_id: str, *, timeout_seconds: float) -> CaseAct | None:
    """Return the act that was made with an id."""
    row = await db.fetchrow(
        _SQL["act"], case.wallet_id, case.case_id, act_id, timeout_seconds=timeout_seconds
    )
    return None if row is None else _act(row)


async def read_unopened(
    db: Statements, since: Instant, limit: int, *, timeout_seconds: float
) -> list[Waiting]:
    """Return what waits for a person and has no case: judged since a moment, or an event in review."""
    rows = await db.fetch(_SQL["unopened"], since, limit, timeout_seconds=timeout_seconds)
    return [_waiting(row) for row in rows]


async def read_page_end(
    db: Statements, after: WalletId, wallets: int, *, timeout_seconds: float
) -> WalletId | None:
    """Return the last wallet of a page of so many; None: fewer are left."""
    found = await db.fetchval(_SQL["page_end"], after, wallets, timeout_seconds=timeout_seconds)
    return None if found is None else WalletId(str(found))


async def read_untold(
    db: Statements, page: tuple[WalletId, WalletId], more: Collection[WalletId], limit: int, *, timeout_seconds: float
) -> list[Waiting]:  # fmt: skip
    """Return holds under review that have no case, of the wallets of a page (after one, up to another) and of more."""
    rows = await db.fetch(_SQL["untold"], *page, list(more), limit, timeout_seconds=timeout_seconds)
    return [_waiting(row) for row in rows]


def _waiting(row: Row) -> Waiting:
    return Waiting(
        wallet_id=WalletId(str(row["wallet_id"])), subject_kind=SubjectKind(row["subject_kind"]),
        subject_id=str(row["subject_id"]), program_id=ProgramId(row["program_id"]), customer_ref=row["customer_ref"],
        amount=row["amount_minor"], reasons=_texts(row["reasons"]), signals=_signals_of(row["signals"]),
        policy_version=row["policy_version"], judged_at=Instant(row["judged_at"]), now=Instant(row["now"]),
        people_now=Instant(row["people_now"]),
    )  # fmt: skip


def _opened(case: Case) -> dict[str, object]:
    return {
        "wallet_id": case.wallet_id, "case_id": case.case_id, "program_id": case.program_id,
        "customer_ref": case.customer_ref, "subject_kind": case.subject_kind, "subject_id": case.subject_id,
        "state": int(case.state), "priority": case.priority, "amount": case.amount, "reasons": case.reasons,
        "evidence": msgspec.to_builtins(case.evidence), "opened_by": case.opened_by, "opened": case.opened_at,
        "due": case.due_at, "decided_by": case.decided_by, "decided": case.decided_at, "reason": case.reason,
    }  # fmt: skip


async def open_cases(db: Statements, cases: Sequence[Case], *, timeout_seconds: float) -> int:
    """Open cases, each subject's once for ever; returns how many are new."""
    rows = json.dumps([_opened(case) for case in cases])
    return int(await db.fetchval(_SQL["open_cases"], rows, timeout_seconds=timeout_seconds))


async def record(db: Statements, change: Change, *, timeout_seconds: float) -> bool:
    """Write an act and what the case is after it; False: somebody changed the case meanwhile."""
    case, act = change.after, change.act
    said = {
        "wallet_id": case.wallet_id, "case_id": case.case_id, "state": int(case.state), "escalated": case.escalated,
        "priority": case.priority, "due": case.due_at, "assigned_to": case.assigned_to, "assigned_senior": case.assigned_senior,
        "leased_until": case.leased_until, "escalated_by": case.escalated_by, "approvals": case.approvals,
        "operation_id": case.operation_id, "decided_by": case.decided_by, "decided": case.decided_at,
        "reason": case.reason, "approved_ttl_seconds": case.approved_ttl_seconds, "applied": case.applied,
    }  # fmt: skip
    did = {
        "act_id": act.act_id, "kind": act.kind, "actor": act.actor, "reason": act.reason, "at": act.at,
        "before": json.loads(act.before), "after": json.loads(act.after),
    }  # fmt: skip
    written = await db.fetchval(
        _SQL["record"], json.dumps(said), change.before.version, json.dumps(did), str(change.label),
        timeout_seconds=timeout_seconds,
    )  # fmt: skip
    return bool(written)


async def read_policy(db: Statements, program_id: ProgramId, *, timeout_seconds: float) -> Policy:
    """Return the newest policy of a program, or the defaults."""
    row = await db.fetchrow(_SQL["policy"], program_id, timeout_seconds=timeout_seconds)
    if row is None:
        return Policy()
    return msgspec.structs.replace(_policy(row["document"]), version=row["version"])


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


async def read_redemption_labels(
    db: Statements, limit: int, *, timeout_seconds: float
) -> list[tuple[WalletId, str, bool]]:
    """Return wallet, reservation and whether it was fraud, of what reviewers decided, the latest first."""
    rows = await db.fetch(
        _SQL["redemption_labels"], limit, _REDEMPTIONS_OF_A_WALLET, timeout_seconds=timeout_seconds
    )
    return [(WalletId(str(row["wallet_id"])), str(row["subject_id"]), row["fraud"]) for row in rows]


async def read_statistics(
    db: Statements, program_id: ProgramId, since: Instant, until: Instant, *, timeout_seconds: float
) -> Statistics:
    """Return how review is doing: what is open now, and what became of what was opened in a time."""
    open_now = await db.fetchrow(_SQL["counts"], program_id, timeout_seconds=timeout_seconds)
    ended = await db.fetchrow(_SQL["times"], program_id, since, until, timeout_seconds=timeout_seconds)
    rows = await db.fetch(
        _SQL["by_reason"], program_id, since, until, _REASONS_MAX, timeout_seconds=timeout_seconds
    )
    assert open_now is not None
    assert ended is not None
    return Statistics(
        **dict(open_now), **dict(ended), by_reason=tuple(ReasonCount(**dict(row)) for row in rows)
    )
