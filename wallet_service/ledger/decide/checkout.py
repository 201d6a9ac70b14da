"""Reserve, commit, release, extend."""

from __future__ import annotations

from msgspec.structs import replace

from wallet_service.kernel.clock import after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Commit, Extend, Release, ReservationOutcome, Reserve
from wallet_service.ledger.decide import lots as lot
from wallet_service.ledger.decide.draft import Draft
from wallet_service.ledger.decide.settle import give_back
from wallet_service.ledger.model import (
    ACTS_MAX,
    Account,
    Act,
    ActKind,
    EntryKind,
    Known,
    Reservation,
    ReservationState,
    ReviewState,
    WalletState,
)

_CLOSED_REASON = {
    ReservationState.REFUSED: Reason.RESERVATION_REFUSED,
    ReservationState.COMMITTED: Reason.RESERVATION_COMMITTED,
    ReservationState.RELEASED: Reason.RESERVATION_RELEASED,
    ReservationState.EXPIRED: Reason.RESERVATION_EXPIRED,
}


def ended(reservation: Reservation) -> Refusal:
    """Return why nothing can be done any more with a reservation that has left HELD."""
    rejected = reservation.review is ReviewState.REJECTED
    reason = Reason.RESERVATION_REJECTED if rejected else _CLOSED_REASON[reservation.state]
    return Refusal(reason=reason, field="reservation_id")


def find(draft: Draft, known: Known, reservation_id: str) -> Reservation | None:
    """Return the reservation of that id: open, closed in this very decision, or recorded before."""
    for hold in draft.holds:
        if hold.reservation_id == reservation_id:
            return hold
    for closed in draft.closed:
        if closed.reservation_id == reservation_id:
            return closed
    return known.reservation


def reserve(draft: Draft, known: Known, command: Reserve) -> ReservationOutcome | Refusal:
    """Hold value, or remember why not."""
    first = find(draft, known, command.reservation_id)
    if first is not None:
        return _reserved_before(first, command)
    refusal = _refusal_to_reserve(draft, command)
    if refusal is not None:
        draft.closed.append(_reservation(draft, command, (), refusal))
        draft.changed = True
        return refusal
    taken, _ = lot.take(draft.available_lots, command.amount)
    draft.post(
        EntryKind.RESERVE, Account.AVAILABLE, Account.RESERVED, command.amount, taken, command.reservation_id
    )
    hold = _reservation(draft, command, taken, None)
    draft.holds = (*draft.holds, hold)
    draft.due(hold.expires_at)
    return ReservationOutcome(reservation=hold, balance=hold.opened)


def _reserved_before(first: Reservation, command: Reserve) -> ReservationOutcome | Refusal:
    """Answer a repeated id: the first outcome for the same content, a refusal for any other."""
    same = (
        first.amount == command.amount
        and first.order == command.order
        and first.asked_ttl_seconds == command.asked_ttl_seconds
        and _is_same_device(first.device, command)
    )
    if not same:
        return Refusal(reason=Reason.ID_REUSED, field="reservation_id")
    if first.refused is not None:
        return replace(first.refused, facts={**first.refused.facts, "replayed": "true"})
    return ReservationOutcome(reservation=as_opened(first), balance=first.opened, replayed=True)


def _is_same_device(first: str, command: Reserve) -> bool:
    """Whether a reservation was made by the device of a command, as far as the keys that are left can tell.

    A hash is `<key id>.<digits>`, of the first key the digits alone. Under a key that is gone nothing can be compared,
    and what was answered once is answered again.
    """
    mine = (command.device, *command.device_others)
    if first in mine:
        return True
    return bool(first and command.device) and _key_id(first) not in {_key_id(hash_) for hash_ in mine}


def _key_id(hash_: str) -> str:
    return hash_.rpartition(".")[0]


def as_opened(reservation: Reservation) -> Reservation:
    """Return a reservation as Reserve first answered it."""
    asked = ReviewState.NONE if reservation.review is ReviewState.NONE else ReviewState.WAITING
    return replace(
        reservation, state=ReservationState.HELD, committed=0, acts=(), closed_at=None, closed=None,
        expires_at=after(reservation.created_at, reservation.ttl_seconds), review=asked,
    )  # fmt: skip


def _refusal_to_reserve(draft: Draft, command: Reserve) -> Refusal | None:
    """Return the first reason, in order of precedence, not to hold this value."""
    before = command.refusal
    if command.quote_expires_at <= draft.now and (
        before is None or before.reason.number > Reason.QUOTE_EXPIRED.number
    ):
        return Refusal(reason=Reason.QUOTE_EXPIRED, field="quote_token")
    if before is not None and before.reason.number < Reason.WALLET_CLOSED.number:
        return before
    if draft.state is not WalletState.ACTIVE:
        closed = draft.state is WalletState.CLOSED
        return Refusal(reason=Reason.WALLET_CLOSED if closed else Reason.WALLET_FROZEN, field="wallet")
    if command.expected_version is not None and command.expected_version != draft.version:
        return Refusal(
            reason=Reason.VERSION_MISMATCH, field="expected_version", facts={"version": str(draft.version)}
        )
    if before is not None:
        return before
    if len(draft.holds) >= draft.terms.open_reservations_max:
        return Refusal(reason=Reason.TOO_MANY_RESERVATIONS, field="wallet")
    if draft.available < command.amount:
        return Refusal(
            reason=Reason.INSUFFICIENT_BALANCE, field="amount_minor",
            facts={"available_minor": str(draft.available)},
        )  # fmt: skip
    return None


def _reservation(draft: Draft, command: Reserve, lots: lot.Lots, refusal: Refusal | None) -> Reservation:
    balance = draft.balance()
    review = command.review and refusal is None
    ttl_seconds = max(command.ttl_seconds, command.review_ttl_seconds if review else 0)
    return Reservation(
        reservation_id=command.reservation_id,
        state=ReservationState.HELD if refusal is None else ReservationState.REFUSED,
        amount=command.amount, committed=0, value_minor=command.value_minor,
        order_ref=command.order.order_ref, order_total_minor=command.order.total_minor,
        currency=command.order.currency,
        device=command.device, ttl_seconds=ttl_seconds, created_at=draft.now,
        expires_at=after(draft.now, ttl_seconds), lots=lots, spent=(), acts=(), opened=balance,
        closed_at=None if refusal is None else draft.now, closed=None if refusal is None else balance,
        refused=refusal, asked_ttl_seconds=command.asked_ttl_seconds,
        review=ReviewState.WAITING if review else ReviewState.NONE,
    )  # fmt: skip


def commit(draft: Draft, known: Known, command: Commit) -> ReservationOutcome | Refusal:
    """Spend held value, soonest-expiring first; a final commit gives the rest back at once."""
    hold = find(draft, known, command.reservation_id)
    if hold is None:
        return Refusal(reason=Reason.RESERVATION_NOT_FOUND, field="reservation_id")
    for act in hold.acts:
        if act.act_id == command.commit_id:
            same = act.kind is ActKind.COMMIT and act.asked == command.amount and act.final is command.final
            return _acted_before(hold, act) if same else Refusal(reason=Reason.ID_REUSED, field="commit_id")
    if hold.under_review:
        return Refusal(reason=Reason.UNDER_REVIEW, field="reservation_id")
    if hold.state is not ReservationState.HELD:
        return ended(hold)
    amount = hold.held if command.amount is None else command.amount
    if amount > hold.held:
        return Refusal(
            reason=Reason.COMMIT_ABOVE_RESERVATION, field="amount_minor", facts={"held_minor": str(hold.held)}
        )
    if len(hold.acts) >= ACTS_MAX and not command.final:
        return Refusal(reason=Reason.TOO_MANY_COMMITS, field="commit_id")
    return _spend(draft, hold, command, amount)


def _spend(draft: Draft, hold: Reservation, command: Commit, amount: int) -> ReservationOutcome:
    spent, rest = lot.take(hold.lots, amount)
    draft.post(
        EntryKind.COMMIT,
        Account.RESERVED,
        Account.REDEEMED,
        amount,
        spent,
        hold.reservation_id,
        command.commit_id,
    )
    left = hold.held - amount
    final = command.final or not left
    if left and final:
        draft.post(
            EntryKind.RELEASE,
            Account.RESERVED,
            Account.AVAILABLE,
            left,
            rest,
            hold.reservation_id,
            command.commit_id,
        )
        draft.expire_lots()
    balance = draft.balance()
    act = Act(
        kind=ActKind.COMMIT, act_id=command.commit_id, asked=command.amount, amount=amount, final=command.final,
        at=draft.now, expires_at=hold.expires_at, balance=balance,
    )  # fmt: skip
    after_it = replace(
        hold, state=ReservationState.COMMITTED if final else ReservationState.HELD, committed=hold.committed + amount,
        lots=() if final else rest, spent=lot.put(hold.spent, spent), acts=(*hold.acts, act),
        closed_at=draft.now if final else None, closed=balance if final else None,
    )  # fmt: skip
    if final:
        draft.close_hold(hold, after_it)
    else:
        draft.replace_hold(hold, after_it)
    return ReservationOutcome(reservation=after_it, balance=balance)


def as_of(reservation: Reservation, act: Act) -> Reservation:
    """Return a reservation as the answer to one of its acts showed it."""
    acts = reservation.acts[: reservation.acts.index(act) + 1]
    committed = sum(a.amount for a in acts if a.kind is ActKind.COMMIT)
    ended = act.kind is ActKind.COMMIT and (act.final or committed == reservation.amount)
    return replace(
        reservation, acts=acts, committed=committed, expires_at=act.expires_at,
        state=ReservationState.COMMITTED if ended else ReservationState.HELD,
        closed_at=act.at if ended else None, closed=act.balance if ended else None,
    )  # fmt: skip


def _acted_before(reservation: Reservation, act: Act) -> ReservationOutcome:
    return ReservationOutcome(reservation=as_of(reservation, act), balance=act.balance, replayed=True)


def release(draft: Draft, known: Known, command: Release) -> ReservationOutcome | Refusal:
    """Give back what is held. Releasing twice is releasing once."""
    hold = find(draft, known, command.reservation_id)
    if hold is None:
        return Refusal(reason=Reason.RESERVATION_NOT_FOUND, field="reservation_id")
    released = hold.state is ReservationState.RELEASED and hold.review is not ReviewState.REJECTED
    if released and hold.closed is not None:
        return ReservationOutcome(reservation=hold, balance=hold.closed, replayed=True)
    if hold.state is not ReservationState.HELD:
        return ended(hold)
    closed = give_back(draft, hold, EntryKind.RELEASE, ReservationState.RELEASED)
    return ReservationOutcome(reservation=closed, balance=draft.balance())


def extend(draft: Draft, known: Known, command: Extend) -> ReservationOutcome | Refusal:
    """Hold longer. No value moves, so no entry is written; the act is kept with the reservation."""
    hold = find(draft, known, command.reservation_id)
    if hold is None:
        return Refusal(reason=Reason.RESERVATION_NOT_FOUND, field="reservation_id")
    for act in hold.acts:
        if act.act_id == command.extension_id:
            same = act.kind is ActKind.EXTEND and act.asked == command.ttl_seconds
            return (
                _acted_before(hold, act) if same else Refusal(reason=Reason.ID_REUSED, field="extension_id")
            )
    if command.ttl_seconds > command.lifetime_seconds_max:
        return Refusal(reason=Reason.TTL_OUT_OF_RANGE, field="ttl_seconds")
    if hold.under_review:
        # Its time is the reviewers' to give: a checkout cannot keep value waiting for them for ever.
        return Refusal(reason=Reason.UNDER_REVIEW, field="reservation_id")
    if hold.state is not ReservationState.HELD:
        return ended(hold)
    expires_at = max(hold.expires_at, after(draft.now, command.ttl_seconds))
    if expires_at > after(hold.created_at, command.lifetime_seconds_max):
        return Refusal(reason=Reason.TTL_OUT_OF_RANGE, field="ttl_seconds")
    if len(hold.acts) >= ACTS_MAX:
        return Refusal(reason=Reason.TOO_MANY_COMMITS, field="extension_id")
    act = Act(
        kind=ActKind.EXTEND, act_id=command.extension_id, asked=command.ttl_seconds, amount=0, final=False,
        at=draft.now, expires_at=expires_at, balance=draft.balance(),
    )  # fmt: skip
    longer = replace(hold, expires_at=expires_at, acts=(*hold.acts, act))
    draft.replace_hold(hold, longer)
    return ReservationOutcome(reservation=longer, balance=act.balance)
