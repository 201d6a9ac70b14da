"""What a person decides about a hold under review."""

from __future__ import annotations

from msgspec.structs import replace

from wallet_service.kernel.clock import after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Review
from wallet_service.ledger.decide.checkout import ended, find
from wallet_service.ledger.decide.draft import Draft, detail_of
from wallet_service.ledger.decide.settle import give_back
from wallet_service.ledger.model import EntryKind, Known, ReservationState, ReviewState


def review(draft: Draft, known: Known, command: Review) -> Refusal | None:
    """Let a hold pass, or give its value back. Whoever comes first ends it: expiry, the customer or the reviewer."""
    hold = find(draft, known, command.reservation_id)
    assert hold is not None, "looked for before"
    if hold.state is not ReservationState.HELD:
        return ended(hold)
    match hold.review:
        case ReviewState.WAITING:
            pass
        case ReviewState.NONE:
            return Refusal(reason=Reason.CASE_NOT_FOUND, field="reservation_id")
        case ReviewState.APPROVED | ReviewState.REJECTED:
            return Refusal(reason=Reason.CASE_DECIDED, field="reservation_id")
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
