"""What the clock has made due: overdue holds lapse, lots expire. Every decision begins here."""

from __future__ import annotations

from msgspec.structs import replace

from wallet_service.ledger.decide.draft import Draft
from wallet_service.ledger.model import Account, EntryKind, Reservation, ReservationState


def settle(draft: Draft) -> None:
    """Record everything that is due. An overdue hold's value is free again before anything else is decided."""
    if draft.next_due_at > draft.now:
        return
    before = draft.next_due_at
    for hold in sorted(draft.holds, key=lambda hold: (hold.expires_at, hold.reservation_id)):
        if draft.lapses_at(hold) <= draft.now:
            give_back(draft, hold, EntryKind.EXPIRE_RESERVATION, ReservationState.EXPIRED)
    draft.expire_lots()
    draft.reckon_due()
    # A sweep that finds nothing to record still corrects the moment, so that it is not visited again and again.
    draft.changed = draft.changed or draft.next_due_at != before


def give_back(
    draft: Draft, hold: Reservation, kind: EntryKind, state: ReservationState, act_id: str | None = None,
    detail: str = "",
) -> Reservation:  # fmt: skip
    """Return what is still held to its lots and close the reservation; an act and a detail say whose decision it was."""
    draft.post(
        kind, Account.RESERVED, Account.AVAILABLE, hold.held, hold.lots, hold.reservation_id, act_id, detail
    )
    # What comes back past its own expiry is gone at once; the answer must not show it as spendable.
    draft.expire_lots()
    closed = replace(hold, state=state, lots=(), closed_at=draft.now, closed=draft.balance())
    draft.close_hold(hold, closed)
    return closed
