"""Freeze, unfreeze, adjust, close, expire: what a person or a policy decides about a wallet."""

from __future__ import annotations

from msgspec.structs import replace

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import Adjust, Close, Expire, Freeze, Unfreeze
from wallet_service.ledger.decide import expired as gone
from wallet_service.ledger.decide import lots as lot
from wallet_service.ledger.decide.draft import Draft, detail_of
from wallet_service.ledger.decide.grants import refusal_to_receive
from wallet_service.ledger.model import Account, Credit, EntryKind, Lot, WalletState, lots_total


def freeze(draft: Draft, credit: Credit | None, command: Freeze) -> Credit | Refusal | None:
    """Set value aside; without an amount or credit, stop new reservations."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    if credit is not None:
        return _freeze_credit(draft, credit, command)
    if command.amount is None:
        draft.state = WalletState.FROZEN
        draft.changed = True
        return None
    if draft.available < command.amount:
        return Refusal(
            reason=Reason.INSUFFICIENT_BALANCE,
            field="amount_minor",
            facts={"available_minor": str(draft.available)},
        )
    lots, _ = lot.take(draft.available_lots, command.amount)
    _set_aside(draft, Account.AVAILABLE, command.amount, lots, command.operation_id, command)
    draft.frozen_by_hand = lot.put(draft.frozen_by_hand, lots)
    return None


def _set_aside(
    draft: Draft, source: Account, amount: int, lots: lot.Lots, subject_id: str, command: Freeze
) -> None:
    if amount:
        detail = detail_of(command.actor, command.reason)
        draft.post(
            EntryKind.FREEZE, source, Account.FROZEN, amount, lots, subject_id, command.operation_id, detail
        )


def _freeze_credit(draft: Draft, credit: Credit, command: Freeze) -> Credit:
    """Freeze what a credit brought: what is pending, and of the rest what is still there.

    What expired of it stands in for as much of other value: that stays free.
    """
    pending = credit.pending
    rest = credit.remaining - credit.frozen - gone.total(credit.frozen_expired) - pending
    waiting = lot.one(credit.expires_at, pending)
    _set_aside(draft, Account.PENDING, pending, waiting, credit.credit_id, command)
    loose = gone.split(draft.expired, draft.available_lots, credit, rest)
    available = lots_total(loose.lots)
    _set_aside(draft, Account.AVAILABLE, available, loose.lots, credit.credit_id, command)
    draft.expired = loose.expired_left
    return replace(
        credit, pending=0, frozen=credit.frozen + pending + available,
        frozen_from_pending=credit.frozen_from_pending + pending, frozen_lots=lot.put(credit.frozen_lots, loose.lots),
        frozen_expired=gone.put(credit.frozen_expired, loose.expired),
    )  # fmt: skip


def unfreeze(draft: Draft, credit: Credit | None, command: Unfreeze) -> Credit | Refusal | None:
    """Undo a freeze; pending value becomes pending again."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    if credit is not None:
        return _unfreeze_credit(draft, credit, command)
    if command.amount is None:
        draft.state = WalletState.ACTIVE
        draft.changed = True
        return None
    by_hand = lots_total(draft.frozen_by_hand)
    if by_hand < command.amount:
        return Refusal(
            reason=Reason.INSUFFICIENT_BALANCE, field="amount_minor", facts={"frozen_minor": str(by_hand)}
        )
    # Only what was frozen by hand: what open returns set aside is theirs to give free.
    lots, draft.frozen_by_hand = lot.take(draft.frozen_by_hand, command.amount)
    _give_free(draft, Account.AVAILABLE, command.amount, lots, command.operation_id, command)
    draft.expire_lots()
    return None


def _give_free(
    draft: Draft, target: Account, amount: int, lots: lot.Lots, subject_id: str, command: Unfreeze
) -> None:
    if amount:
        detail = detail_of(command.actor, command.reason)
        draft.post(
            EntryKind.UNFREEZE, Account.FROZEN, target, amount, lots, subject_id, command.operation_id, detail
        )


def _unfreeze_credit(draft: Draft, credit: Credit, command: Unfreeze) -> Credit:
    pending = credit.frozen_from_pending
    available = credit.frozen - pending
    waiting = lot.one(credit.expires_at, pending)
    _give_free(draft, Account.PENDING, pending, waiting, credit.credit_id, command)
    _give_back_expired(draft, credit, command)
    _give_free(draft, Account.AVAILABLE, available, credit.frozen_lots, credit.credit_id, command)
    draft.expire_lots()
    return replace(
        credit, pending=credit.pending + pending, frozen=0, frozen_from_pending=0, frozen_lots=(),
        frozen_expired=(),
    )  # fmt: skip


def _give_back_expired(draft: Draft, credit: Credit, command: Unfreeze) -> None:
    """Leave what had expired to other returns; it pays first what is owed, as it would have done unexpired."""
    owed = min(max(0, -draft.available), gone.total(credit.frozen_expired))
    paid = gone.split(credit.frozen_expired, (), credit, owed)
    if owed:
        detail = detail_of(command.actor, command.reason)
        draft.post(
            EntryKind.UNFREEZE, Account.EXPIRED, Account.AVAILABLE, owed, gone.as_lots(paid.expired),
            credit.credit_id, command.operation_id, detail,
        )  # fmt: skip
    draft.expired = gone.put(draft.expired, paid.expired_left)


def adjust(draft: Draft, command: Adjust) -> Refusal | None:
    """Give or take available value."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    detail = detail_of(command.actor, command.reason)
    if command.delta > 0:
        given = (Lot(command.expires_at, command.delta),)
        refusal = refusal_to_receive(draft, command.delta, given)
        if refusal is None and command.expires_at <= draft.now:
            refusal = Refusal(reason=Reason.EXPIRY_IN_THE_PAST, field="expires_at")
        if refusal is None:
            draft.post(
                EntryKind.ADJUST,
                Account.ADJUSTED,
                Account.AVAILABLE,
                command.delta,
                given,
                command.operation_id,
                None,
                detail,
            )
        return refusal
    if draft.available + command.delta < draft.terms.floor_minor:
        return Refusal(
            reason=Reason.BELOW_FLOOR, field="delta_minor", facts={"available_minor": str(draft.available)}
        )
    lots = draft.owed_lots(-command.delta)
    draft.post(
        EntryKind.ADJUST,
        Account.AVAILABLE,
        Account.ADJUSTED,
        -command.delta,
        lots,
        command.operation_id,
        None,
        detail,
    )
    return None


def close(draft: Draft, command: Close) -> Refusal | None:
    """Close for ever. Open reservations are promises: they must end first."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    holds_value = draft.pending or draft.available or draft.frozen
    if draft.reserved or draft.available < 0 or (holds_value and not command.forfeit):
        return Refusal(reason=Reason.WALLET_NOT_EMPTY, field="wallet")
    detail = detail_of(command.actor, command.reason)
    for account, lots in (
        (Account.PENDING, draft.pending_lots),
        (Account.AVAILABLE, draft.available_lots),
        (Account.FROZEN, draft.frozen_lots),
    ):
        amount = lots_total(lots)
        if amount:
            draft.post(
                EntryKind.EXPIRE_LOT,
                account,
                Account.EXPIRED,
                amount,
                lots,
                command.operation_id,
                None,
                detail,
            )
    draft.frozen_by_hand = ()
    draft.expired = ()  # nothing comes back to a closed wallet
    draft.state = WalletState.CLOSED
    draft.changed = True
    return None


def expire(draft: Draft, command: Expire) -> Refusal | None:
    """Let what has no expiry of its own expire; whatever moved value since the wallet was judged prevents it."""
    if draft.state is WalletState.CLOSED:
        return Refusal(reason=Reason.WALLET_CLOSED, field="wallet")
    if draft.version != command.expected_version:
        return Refusal(
            reason=Reason.VERSION_MISMATCH, field="expected_version", facts={"version": str(draft.version)}
        )
    lots = tuple(part for part in draft.available_lots if part.expires_at >= NEVER)
    if lots:
        draft.post(
            EntryKind.EXPIRE_LOT,
            Account.AVAILABLE,
            Account.EXPIRED,
            lots_total(lots),
            lots,
            command.operation_id,
            None,
            detail_of(command.actor, command.reason),
        )
    return None
