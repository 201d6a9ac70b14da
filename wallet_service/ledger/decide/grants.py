"""Grant, mature, claw back, restore: value that an event brought, and value that a refund gives back."""

from __future__ import annotations

from msgspec.structs import replace

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import ClawBack, CreditOutcome, Grant, Mature, Restore
from wallet_service.ledger.decide import expired as gone
from wallet_service.ledger.decide import lots as lot
from wallet_service.ledger.decide.checkout import find
from wallet_service.ledger.decide.draft import Draft, detail_of
from wallet_service.ledger.model import (
    BALANCE_MAX,
    LOTS_MAX,
    Account,
    Credit,
    EntryKind,
    Known,
    Lot,
    Reservation,
    ReservationState,
    WalletState,
    lots_total,
)


def refusal_to_receive(draft: Draft, amount: int, lots: lot.Lots) -> Refusal | None:
    """Return why a wallet cannot take in more value."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    if _too_many(draft, lots):
        return Refusal(reason=Reason.TOO_MANY_LOTS, field="wallet")
    if draft.pending + draft.available + draft.reserved + draft.frozen + amount > BALANCE_MAX:
        return Refusal(reason=Reason.AMOUNT_OUT_OF_RANGE, field="amount_minor")
    return None


def _too_many(draft: Draft, lots: lot.Lots) -> bool:
    """Whether the wallet would have too many lots.

    Counted over the whole wallet: what comes in pending, or is held or set aside, becomes available later without
    being asked, so the bound must be kept where value comes in.
    """
    piles = [
        draft.pending_lots,
        draft.available_lots,
        draft.frozen_lots,
        *(hold.lots for hold in draft.holds),
        lots,
    ]
    if sum(len(pile) for pile in piles) <= LOTS_MAX:
        return False
    return len({part.expires_at for pile in piles for part in pile}) > LOTS_MAX


def grant(draft: Draft, known: Known, command: Grant) -> tuple[CreditOutcome | Refusal, Credit | None]:
    """Credit value once per credit id."""
    first = known.credit
    if first is not None:
        same = first.amount == command.amount and first.expires_at == command.expires_at
        same = same and first.reference == command.reference and first.granted_pending is command.pending
        if not same:
            return Refusal(reason=Reason.ID_REUSED, field="credit_id"), None
        return CreditOutcome(credit=as_granted(first), balance=first.opened, replayed=True), None
    lots = (Lot(command.expires_at, command.amount),)
    refusal = refusal_to_receive(draft, command.amount, lots)
    if refusal is None and command.expires_at <= draft.now:
        refusal = Refusal(reason=Reason.EXPIRY_IN_THE_PAST, field="expires_at")
    if refusal is not None:
        return refusal, None
    target = Account.PENDING if command.pending else Account.AVAILABLE
    detail = detail_of(command.actor, command.reason, command.reference)
    draft.post(
        EntryKind.CREDIT, Account.ISSUED, target, command.amount, lots, command.credit_id, None, detail
    )
    credit = Credit(
        credit_id=command.credit_id, amount=command.amount, pending=command.amount if command.pending else 0,
        frozen=0, frozen_from_pending=0, clawed_back=0, expires_at=command.expires_at, reference=command.reference,
        created_at=draft.now, opened=draft.balance(), granted_pending=command.pending,
    )  # fmt: skip
    return CreditOutcome(credit=credit, balance=credit.opened), credit


def as_granted(credit: Credit) -> Credit:
    """Return a credit as Grant first answered it."""
    pending = credit.amount if credit.granted_pending else 0
    return replace(
        credit, pending=pending, frozen=0, frozen_from_pending=0, frozen_lots=(), clawed_back=0, frozen_expired=()
    )  # fmt: skip


def mature(draft: Draft, credit: Credit, command: Mature) -> Credit | Refusal:
    """Make a pending credit available."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    if not credit.pending:
        return Refusal(reason=Reason.CREDIT_NOT_PENDING, field="credit_id")
    lots = (Lot(credit.expires_at, credit.pending),)
    draft.post(
        EntryKind.MATURE,
        Account.PENDING,
        Account.AVAILABLE,
        credit.pending,
        lots,
        credit.credit_id,
        command.operation_id,
    )
    draft.expire_lots()
    return replace(credit, pending=0)


def claw_back(draft: Draft, credit: Credit, command: ClawBack) -> Credit | Refusal:
    """Take back from what is frozen, then pending, then the rest: what was set aside for this goes first.

    What expired unspent is taken back there, and costs the customer nothing a second time.
    """
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    if command.amount > credit.remaining:
        return Refusal(
            reason=Reason.ABOVE_CREDIT, field="amount_minor", facts={"left_minor": str(credit.remaining)}
        )
    waiting = min(command.amount, credit.frozen_from_pending)
    aside = gone.split(credit.frozen_expired, credit.frozen_lots, credit, command.amount - waiting)
    frozen = waiting + lots_total(aside.lots)
    left = command.amount - frozen - gone.total(aside.expired)
    pending = min(left, credit.pending)
    loose = gone.split(draft.expired, draft.available_lots, credit, left - pending)
    available = left - pending - gone.total(loose.expired)
    lowest = 0 if command.stop_at_zero else draft.terms.floor_minor
    if available and draft.available - available < lowest:
        possible = command.amount - available + max(0, draft.available - lowest)
        facts = {"available_minor": str(draft.available), "possible_minor": str(possible)}
        return Refusal(reason=Reason.BELOW_FLOOR, field="amount_minor", facts=facts)
    expired = gone.put(aside.expired, loose.expired)
    draft.expired = loose.expired_left
    sources = (
        (Account.FROZEN, frozen, lot.put(lot.one(credit.expires_at, waiting), aside.lots)),
        (Account.PENDING, pending, lot.one(credit.expires_at, pending)),
        (Account.EXPIRED, gone.total(expired), gone.as_lots(expired)),
        (Account.AVAILABLE, available, loose.lots),
    )
    _take_back(draft, credit, command, sources)
    return replace(
        credit, frozen=credit.frozen - frozen, pending=credit.pending - pending,
        frozen_from_pending=credit.frozen_from_pending - waiting, frozen_lots=aside.lots_left,
        clawed_back=credit.clawed_back + command.amount, frozen_expired=aside.expired_left,
    )  # fmt: skip


def _take_back(
    draft: Draft, credit: Credit, command: ClawBack, sources: tuple[tuple[Account, int, lot.Lots], ...]
) -> None:
    detail = detail_of(command.actor, command.reason)
    for source, amount, lots in sources:
        if amount:
            draft.post(
                EntryKind.CLAW_BACK,
                source,
                Account.CLAWED_BACK,
                amount,
                lots,
                credit.credit_id,
                command.operation_id,
                detail,
            )


def restore(draft: Draft, known: Known, command: Restore) -> Reservation | Refusal:
    """Give back spent value to its original lots in proportion; what has expired meanwhile expires at once."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    reservation = find(draft, known, command.reservation_id)
    assert reservation is not None
    if reservation.state is ReservationState.REFUSED:
        return Refusal(reason=Reason.RESERVATION_REFUSED, field="reservation_id")
    left = lot.remove(reservation.spent, reservation.restored)
    if command.amount > lots_total(left):
        return Refusal(
            reason=Reason.ABOVE_COMMITTED, field="amount_minor", facts={"left_minor": str(lots_total(left))}
        )
    lots = lot.share(left, command.amount)
    refusal = refusal_to_receive(draft, command.amount, lots)
    if refusal is not None:
        return refusal
    draft.post(
        EntryKind.RESTORE, Account.REDEEMED, Account.AVAILABLE, command.amount, lots, reservation.reservation_id,
        command.operation_id, detail_of(command.actor, command.reason),
    )  # fmt: skip
    draft.expire_lots()
    restored = replace(reservation, restored=lot.put(reservation.restored, lots))
    if reservation.state is ReservationState.HELD:
        draft.replace_hold(reservation, restored)
    else:
        draft.closed = [c for c in draft.closed if c.reservation_id != restored.reservation_id] + [restored]
        draft.changed = True
    return restored
