"""What a person decides about a hold under review."""

from __future__ import annotations

from msgspec.structs import replace

from wallet_service.kernel.clock import after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import ExtendReview, ReservationOutcome, Review
from wallet_service.ledger.decide.checkout import ended, find
from wallet_service.ledger.decide.draft import Draft, detail_of
from wallet_service.ledger.decide.settle import give_back
from wallet_service.ledger.model import EntryKind, Known, Reservation, ReservationState, ReviewState


def review(draft: Draft, known: Known, command: Review) -> Refusal | None:
    """Let a hold pass, or give its value back. Whoever comes first ends it: expiry, the customer or the reviewer."""
    hold = find(draft, known, command.reservation_id)
    assert hold is not None, "looked for before"
    refusal = _not_waiting(hold)
    if refusal is not None:
        return refusal
    if not command.approve:
        rejected = replace(hold, review=ReviewState.REJECTED)
        draft.replace_hold(hold, rejected)
        detail = detail_of(command.actor, command.reason)
        give_back(draft, rejected, EntryKind.RELEASE, ReservationState.RELEASED, command.operation_id, detail)
        return None
    # Never shorter than the checkout was told at first.
    expires_at = max(hold.expires_at, after(draft.now, command.ttl_seconds))
    draft.replace_hold(hold, replace(hold, review=ReviewState.APPROVED, expires_at=expires_at))
    return None


def extend(draft: Draft, known: Known, command: ExtendReview) -> ReservationOutcome | Refusal:
    """Give reviewers more time for a hold. No value moves, so no entry is written."""
    hold = find(draft, known, command.reservation_id)
    if hold is None:
        return Refusal(reason=Reason.RESERVATION_NOT_FOUND, field="reservation_id")
    refusal = _not_waiting(hold)
    if refusal is not None:
        return refusal
    latest = after(hold.created_at, command.lifetime_seconds_max)
    expires_at = max(hold.expires_at, min(latest, after(draft.now, command.ttl_seconds)))
    if expires_at == hold.expires_at:
        return ReservationOutcome(reservation=hold, balance=draft.balance(), replayed=True)
    longer = replace(hold, expires_at=expires_at)
    draft.replace_hold(hold, longer)
    return ReservationOutcome(reservation=longer, balance=draft.balance())


def _not_waiting(hold: Reservation) -> Refusal | None:
    if hold.state is not ReservationState.HELD:
        return ended(hold)
    match hold.review:
        case ReviewState.WAITING:
            return None
        case ReviewState.NONE:
            return Refusal(reason=Reason.CASE_NOT_FOUND, field="reservation_id")
        case ReviewState.APPROVED | ReviewState.REJECTED:
            return Refusal(reason=Reason.CASE_DECIDED, field="reservation_id")
