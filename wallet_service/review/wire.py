"""Review's models as messages, and back. For the rpc room only."""

from __future__ import annotations

import json
from types import MappingProxyType
from typing import Final

from wallet.v1 import review_pb2

from wallet_service.fraud.judged import Signal, SubjectKind
from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.ids import OperationId, canonical_uuid
from wallet_service.ledger.model import EntryKind
from wallet_service.ledger.wire import plain, timestamp
from wallet_service.review.model import (
    Case,
    CaseAct,
    CaseId,
    CaseState,
    Decision,
    Evidence,
    Found,
    OnTimeout,
    Policy,
    ReviewerTerms,
    Statistics,
)

_SUBJECTS: Final = MappingProxyType(
    {
        SubjectKind.RESERVATION: review_pb2.CASE_SUBJECT_RESERVATION,
        SubjectKind.EVENT: review_pb2.CASE_SUBJECT_EVENT,
        SubjectKind.RING: review_pb2.CASE_SUBJECT_RING,
    }
)
_DEFAULT: Final = Policy()


def found_message(found: Found) -> review_pb2.Case:
    """Return a case as it is at this moment: a lease that has run out is none."""
    case = found.case
    message = case_message(case)
    if case.state is CaseState.ASSIGNED and case.leased_until <= found.people_now:
        open_again = CaseState.ESCALATED if case.escalated else CaseState.OPEN
        message.state = int(open_again)  # type: ignore[assignment]
        message.assigned_to = ""
        message.ClearField("leased_until")
    return message


def case_message(case: Case) -> review_pb2.Case:
    """Return a case as a message."""
    leased = case.state is CaseState.ASSIGNED
    return review_pb2.Case(
        case_id=case.case_id, wallet_id=case.wallet_id, program_id=case.program_id, customer_ref=case.customer_ref,
        subject=_SUBJECTS[case.subject_kind], subject_id=case.subject_id, state=int(case.state),  # type: ignore[arg-type]
        priority=case.priority, amount_minor=case.amount, reasons=case.reasons, opened_at=timestamp(case.opened_at),
        due_at=timestamp(min(case.due_at, NEVER)), escalated=case.escalated,
        assigned_to=case.assigned_to if leased else "", leased_until=timestamp(case.leased_until) if leased else None,
        approvals=case.approvals, decided_by=case.decided_by,
        decided_at=None if case.decided_at is None else timestamp(case.decided_at), decided_reason=case.reason,
        applied=case.applied, version=case.version,
    )  # fmt: skip


def _said(signal: Signal) -> str:
    if isinstance(signal, str):
        return signal
    return json.dumps(signal, ensure_ascii=False)


def _moment(at: Instant) -> Instant | None:
    return at or None


def evidence_message(evidence: Evidence) -> review_pb2.Evidence:
    """Return what was known as a message."""
    judged_at, opened_at = _moment(evidence.judged_at), _moment(evidence.wallet_opened_at)
    return review_pb2.Evidence(
        signals=[
            review_pb2.Signal(name=name, value=_said(evidence.signals[name])) for name in sorted(evidence.signals)
        ],
        policy_version=evidence.policy_version, judged_at=None if judged_at is None else timestamp(judged_at),
        pending_minor=evidence.pending, available_minor=evidence.available, reserved_minor=evidence.reserved,
        wallet_opened_at=None if opened_at is None else timestamp(opened_at), order_ref=evidence.order_ref,
        history=[
            review_pb2.EvidenceEntry(
                seq=line.seq, kind=int(EntryKind[line.kind]), amount_minor=line.amount,  # type: ignore[arg-type]
                available_minor=line.available, at=timestamp(line.at),
            )
            for line in evidence.history
        ],
        linked_wallet_ids=evidence.linked_wallets, devices=evidence.devices,
    )  # fmt: skip


def act_message(act: CaseAct) -> review_pb2.CaseAct:
    """Return an act as a message."""
    return review_pb2.CaseAct(
        seq=act.seq, kind=str(act.kind), actor=act.actor, reason=act.reason, at=timestamp(act.at), before=act.before,
        after=act.after,
    )  # fmt: skip


def decision_of(message: review_pb2.CaseDecision, field: str = "decision") -> Decision:
    """Return a decision from its message."""
    return Decision(
        case_id=CaseId(canonical_uuid(message.case_id)),
        operation_id=OperationId(canonical_uuid(message.operation_id)),
        approve=message.verdict == review_pb2.CaseDecision.VERDICT_APPROVE,
        reason=plain(message.reason, f"{field}.reason"),
    )


def policy_of(message: review_pb2.ReviewPolicy) -> Policy:
    """Return a policy from its message; what is 0 is the default."""
    escalates = message.on_timeout == review_pb2.CASE_TIMEOUT_ESCALATE
    reviewers = tuple(
        ReviewerTerms(
            name=plain(terms.name, "policy.reviewers.name"), limit_minor=terms.limit_minor,
            own_customers=tuple(plain(ref, "policy.reviewers.own_customers") for ref in terms.own_customers),
        )
        for terms in message.reviewers
    )  # fmt: skip
    return Policy(
        timeout_seconds=message.timeout_seconds or _DEFAULT.timeout_seconds,
        on_timeout=OnTimeout.ESCALATE if escalates else OnTimeout.REJECT,
        escalated_timeout_seconds=message.escalated_timeout_seconds or _DEFAULT.escalated_timeout_seconds,
        lease_seconds=message.lease_seconds or _DEFAULT.lease_seconds,
        approved_ttl_seconds=message.approved_ttl_seconds or _DEFAULT.approved_ttl_seconds,
        second_approver_above_minor=message.second_approver_above_minor,
        reviewer_limit_minor=message.reviewer_limit_minor, reviewers=reviewers,
    )  # fmt: skip


def policy_message(policy: Policy) -> review_pb2.ReviewPolicy:
    """Return a policy as a message."""
    escalates = policy.on_timeout is OnTimeout.ESCALATE
    return review_pb2.ReviewPolicy(
        timeout_seconds=policy.timeout_seconds,
        on_timeout=review_pb2.CASE_TIMEOUT_ESCALATE if escalates else review_pb2.CASE_TIMEOUT_REJECT,
        escalated_timeout_seconds=policy.escalated_timeout_seconds, lease_seconds=policy.lease_seconds,
        approved_ttl_seconds=policy.approved_ttl_seconds,
        second_approver_above_minor=policy.second_approver_above_minor,
        reviewer_limit_minor=policy.reviewer_limit_minor,
        reviewers=[
            review_pb2.ReviewerTerms(
                name=terms.name, limit_minor=terms.limit_minor, own_customers=terms.own_customers
            )
            for terms in policy.reviewers
        ],
        version=policy.version,
    )  # fmt: skip


def statistics_message(found: Statistics) -> review_pb2.GetReviewStatisticsResponse:
    """Return statistics as a message."""
    return review_pb2.GetReviewStatisticsResponse(
        open=found.open, assigned=found.assigned, escalated=found.escalated, oldest_seconds=found.oldest_seconds,
        approved=found.approved, rejected=found.rejected, timed_out=found.timed_out, withdrawn=found.withdrawn,
        p50_seconds=found.half_seconds, p90_seconds=found.most_seconds,
        by_reason=[
            review_pb2.ReasonStatistics(
                reason=each.reason, cases=each.cases, approved=each.approved, rejected=each.rejected,
                precision_bp=each.precision_bp,
            )
            for each in found.by_reason
        ],
    )  # fmt: skip
