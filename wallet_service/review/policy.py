"""What may be done about a case, by whom, and what becomes of it then. Pure."""

from __future__ import annotations

import json
import uuid
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.judged import Signal, SubjectKind
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import OperationId, WalletId, wallet_id_of
from wallet_service.review.model import (
    RING_EARLIER,
    RING_EARLIER_CASES,
    RING_MEMBERS,
    SYSTEM,
    ActKind,
    Case,
    CaseAct,
    CaseId,
    CaseState,
    Change,
    Decision,
    Found,
    Label,
    OnTimeout,
    Policy,
    Reviewer,
    ReviewerTerms,
)

_CASES: Final = uuid.UUID("b7c1f0de-52a4-5c6e-8a17-2f4d9e3b6c05")
"""The namespace of case ids. Never changes: that a subject has one case follows from it."""
ESCALATED_PRIORITY: Final = 1_000
_AMOUNT_PRIORITY_MAX: Final = 700
_REASONS_PRIORITY_MAX: Final = 290
_REASON_PRIORITY: Final = 58
_HIGH_VALUE: Final = 100_000
"""What counts as much where the program does not say above which amount two must approve."""


def case_id_of(wallet_id: WalletId, kind: SubjectKind, subject_id: str) -> CaseId:
    """Return the id of a subject's case."""
    return CaseId(str(uuid.uuid5(_CASES, f"{wallet_id}/{kind}/{subject_id}")))


def with_earlier_cases(signals: dict[str, Signal]) -> dict[str, Signal]:
    """Return the signals of a ring that was told of before, with the cases that it had then by their ids."""
    told = signals.get(RING_EARLIER)
    if not isinstance(told, list):
        return signals
    pairs = [name.partition("/") for name in told]
    cases: list[str] = [
        case_id_of(WalletId(wallet), SubjectKind.RING, subject) for wallet, _, subject in pairs
    ]
    return {**signals, RING_EARLIER_CASES: cases}


def act_id_of(case: Case, what: str) -> OperationId:
    """Return the id of what the service itself does about a case, the same each time."""
    return OperationId(str(uuid.uuid5(uuid.UUID(case.case_id), what)))


def priority_of(amount: int, reasons: tuple[str, ...], policy: Policy) -> int:
    """Return how urgent a case is, below 1,000: mostly how much is at stake, then how many reasons there are."""
    high = policy.second_approver_above_minor or _HIGH_VALUE
    at_stake = min(_AMOUNT_PRIORITY_MAX, _AMOUNT_PRIORITY_MAX * amount // high)
    return at_stake + min(_REASONS_PRIORITY_MAX, _REASON_PRIORITY * len(reasons))


def assign(
    found: Found, reviewer: Reviewer, policy: Policy, act_id: str, note: str = ""
) -> Change | Refusal | None:
    """Take a case for as long as the lease says; None: the reviewer has it already and the lease is young.

    Only who may decide it may take it: a lease of anybody else would keep those away who may. What somebody has who may
    not decide it, or is no senior where the reviewer is one, may be taken over before his lease runs out.
    """
    case = found.case
    refusal = (
        _not_open(case)
        or (None if _outranks(case, reviewer, policy) else _taken(found, reviewer))
        or _conflict(case, reviewer, policy)
        or _approved_before(case, reviewer)
        or _above_limit(case, reviewer, policy)
    )
    if refusal is not None:
        return refusal
    leased_until = after(found.people_now, policy.lease_seconds)
    has_it = case.assigned_to == reviewer.name and case.leased_until > found.people_now
    if has_it and leased_until - case.leased_until < policy.lease_seconds * 500_000:
        return None
    taken = replace(
        case, state=CaseState.ASSIGNED, assigned_to=reviewer.name, assigned_senior=reviewer.senior,
        leased_until=leased_until,
    )  # fmt: skip
    return _change(found, taken, ActKind.ASSIGNED, reviewer.name, note, act_id)


def unassign(found: Found, reviewer: Reviewer, act_id: str, note: str = "") -> Change | Refusal | None:
    """Give a case back; None: nobody has it."""
    case = found.case
    refusal = _not_open(case) or _taken(found, reviewer)
    if refusal is not None:
        return refusal
    if case.state is not CaseState.ASSIGNED:
        return None
    return _change(found, _free(case), ActKind.UNASSIGNED, reviewer.name, note, act_id)


def note(found: Found, reviewer: Reviewer, text: str, act_id: str) -> Change:
    """Say something about a case; also about one that is decided."""
    return _change(found, found.case, ActKind.NOTED, reviewer.name, text, act_id)


def escalate(
    found: Found, reviewer: Reviewer, policy: Policy, reason: str, act_id: str
) -> Change | Refusal | None:
    """Hand a case to the senior reviewers; None: it is with them already."""
    case = found.case
    refusal = _not_open(case) or _taken(found, reviewer)
    if refusal is not None:
        return refusal
    if case.escalated:
        return None
    return _change(
        found, _escalated(found, policy, reviewer.name), ActKind.ESCALATED, reviewer.name, reason, act_id
    )


def decide(found: Found, decision: Decision, reviewer: Reviewer, policy: Policy) -> Change | Refusal:
    """Approve or reject; above the program's amount the first approval waits for a second person's."""
    case = found.case
    refusal = (
        _not_open(case)
        or _taken(found, reviewer)
        or _conflict(case, reviewer, policy)
        or (_approved_before(case, reviewer) if decision.approve else None)
        or _above_limit(case, reviewer, policy)
    )
    if refusal is not None:
        return refusal
    threshold = policy.second_approver_above_minor
    needs_second = decision.approve and 0 < threshold < case.amount and not case.approvals
    if needs_second:
        first = replace(_free(case), approvals=(reviewer.name,))
        return _change(
            found, first, ActKind.FIRST_APPROVED, reviewer.name, decision.reason, decision.operation_id
        )
    decided = _decided(
        found, CaseState.APPROVED if decision.approve else CaseState.REJECTED, reviewer.name, decision.reason
    )
    if decision.approve:
        approvals = (*case.approvals, reviewer.name)
        decided = replace(decided, approvals=approvals, approved_ttl_seconds=policy.approved_ttl_seconds)
    kind = ActKind.APPROVED if decision.approve else ActKind.REJECTED
    label = Label.HONEST if decision.approve else Label.FRAUD
    change = _change(found, decided, kind, reviewer.name, decision.reason, decision.operation_id)
    return replace(change, label=label)


def same_decision(act: CaseAct, decision: Decision, reviewer: Reviewer) -> bool:
    """Whether an act is what this decision would do again."""
    kinds = {ActKind.APPROVED, ActKind.FIRST_APPROVED} if decision.approve else {ActKind.REJECTED}
    return act.kind in kinds and act.reason == decision.reason and act.actor == reviewer.name


def time_out(found: Found, policy: Policy) -> Change | None:
    """Return what becomes of a case that nobody decided in time; None: its time has not come."""
    case = found.case
    if not case.is_open or found.now < case.due_at:
        return None
    if policy.on_timeout is OnTimeout.ESCALATE and not case.escalated:
        reason = f"nobody decided in {policy.timeout_seconds} s"
        escalated = _escalated(found, policy, SYSTEM)
        return _change(found, escalated, ActKind.ESCALATED, SYSTEM, reason, act_id_of(case, "escalate"))
    ended = _decided(found, CaseState.TIMED_OUT, SYSTEM, "nobody decided in time")
    return _change(found, ended, ActKind.TIMED_OUT, SYSTEM, ended.reason, act_id_of(case, "timeout"))


def withdraw(found: Found, state: CaseState, reason: str) -> Change | None:
    """Return the end of a case whose subject has ended by itself; None: the case has ended too."""
    case = found.case
    if not case.is_open:
        return None
    act_id = act_id_of(case, "withdraw")
    ended = replace(_decided(found, state, SYSTEM, reason), applied=True)
    kind = ActKind.TIMED_OUT if state is CaseState.TIMED_OUT else ActKind.WITHDRAWN
    return _change(found, ended, kind, SYSTEM, reason, act_id)


def applied(found: Found, too_late: Refusal | None) -> Change | None:
    """Return a decision that the ledger or the event knows of, or came too late for; None: that is known."""
    case = found.case
    if case.applied:
        return None
    act_id = act_id_of(case, "apply")
    if too_late is None or case.state is CaseState.TIMED_OUT:
        return _change(found, replace(case, applied=True), ActKind.APPLIED, SYSTEM, "", act_id)
    expired = too_late.reason is Reason.RESERVATION_EXPIRED
    state = CaseState.TIMED_OUT if expired else CaseState.WITHDRAWN
    late = replace(case, state=state, applied=True)
    return _change(found, late, ActKind(state.name), SYSTEM, too_late.reason.sentence, act_id)


def next_version(found: Found, change: Change) -> Found:
    """Return what is found once a change is written."""
    return replace(found, case=replace(change.after, version=change.before.version + 1))


def _decided(found: Found, state: CaseState, actor: str, reason: str) -> Case:
    # One id for whatever is decided: it is decided once, and no id of a caller's can be in its way.
    operation_id = act_id_of(found.case, "decision")
    return replace(
        found.case, state=state, assigned_to="", assigned_senior=False, operation_id=operation_id, decided_by=actor, reason=reason,
        decided_at=max(found.now, found.case.opened_at), applied=False,
    )  # fmt: skip


def _escalated(found: Found, policy: Policy, actor: str) -> Case:
    case = found.case
    due_at = max(case.due_at, after(found.now, policy.escalated_timeout_seconds))
    return replace(
        case, state=CaseState.ESCALATED, escalated=True, escalated_by=actor, assigned_to="",
        assigned_senior=False, due_at=due_at, priority=case.priority + ESCALATED_PRIORITY,
    )  # fmt: skip


def _free(case: Case) -> Case:
    state = CaseState.ESCALATED if case.escalated else CaseState.OPEN
    return replace(case, state=state, assigned_to="", assigned_senior=False, leased_until=Instant(0))


def _not_open(case: Case) -> Refusal | None:
    if case.is_open:
        return None
    return Refusal(reason=Reason.CASE_DECIDED, field="case_id", facts={"state": case.state.name})


def _taken(found: Found, reviewer: Reviewer) -> Refusal | None:
    case = found.case
    if case.assigned_to in {"", reviewer.name} or case.leased_until <= found.people_now:
        return None
    seconds = -(-(case.leased_until - found.people_now) // 1_000_000)
    facts = {"assigned_to": case.assigned_to, "lease_seconds": str(seconds)}
    return Refusal(reason=Reason.CASE_TAKEN, field="case_id", facts=facts)


def _outranks(case: Case, reviewer: Reviewer, policy: Policy) -> bool:
    """Whether a reviewer may take a case from whoever has it: never from a senior."""
    if case.assigned_senior:
        return False
    holder = Reviewer(name=case.assigned_to)
    return reviewer.senior or _above_limit(case, holder, policy) is not None


def _terms(reviewer: Reviewer, policy: Policy) -> ReviewerTerms:
    return next(
        (terms for terms in policy.reviewers if terms.name == reviewer.name),
        ReviewerTerms(name=reviewer.name),
    )


def _conflict(case: Case, reviewer: Reviewer, policy: Policy) -> Refusal | None:
    """Nobody decides about himself or about what he brought up.

    A case about a ring is about every customer in it.
    """
    himself = {reviewer.name, *_terms(reviewer, policy).own_customers}
    if case.customer_ref in himself or reviewer.name == case.opened_by:
        return Refusal(reason=Reason.REVIEWER_CONFLICT, field="case_id")
    members = case.evidence.signals.get(RING_MEMBERS) if case.subject_kind is SubjectKind.RING else None
    if isinstance(members, list) and any(wallet_id_of(case.program_id, ref) in members for ref in himself):
        return Refusal(reason=Reason.REVIEWER_CONFLICT, field="case_id")
    return None


def _approved_before(case: Case, reviewer: Reviewer) -> Refusal | None:
    """Two approvals are two people's. Whoever gave the first may still reject: by that no value leaves."""
    if reviewer.name in case.approvals:
        return Refusal(reason=Reason.REVIEWER_CONFLICT, field="case_id")
    return None


def _above_limit(case: Case, reviewer: Reviewer, policy: Policy) -> Refusal | None:
    if reviewer.senior:
        return None
    limit = _terms(reviewer, policy).limit_minor or policy.reviewer_limit_minor
    if case.escalated or (limit and case.amount > limit):
        facts = {"limit_minor": str(limit)} if limit else {}
        return Refusal(reason=Reason.ABOVE_REVIEWER_LIMIT, field="case_id", facts=facts)
    return None


def _change(found: Found, after_it: Case, kind: ActKind, actor: str, reason: str, act_id: str) -> Change:
    at = found.now
    act = CaseAct(
        act_id=act_id, kind=kind, actor=actor, reason=reason, at=at, before=_picture(found.case), after=_picture(after_it)
    )  # fmt: skip
    return Change(before=found.case, after=after_it, act=act)


def _picture(case: Case) -> str:
    """Return what acts change of a case, as the audit trail keeps it."""
    return json.dumps(
        {
            "state": case.state.name, "assigned_to": case.assigned_to, "approvals": list(case.approvals),
            "escalated": case.escalated, "applied": case.applied,
        },
        separators=(",", ":"),
    )  # fmt: skip
