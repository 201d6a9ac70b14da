"""The ledger's models as messages. For rpc rooms only."""

from __future__ import annotations

import json
from typing import TypeVar

from google.protobuf.timestamp_pb2 import Timestamp
from wallet.v1 import types_pb2, wallet_pb2

from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal, RefusedError, refuse
from wallet_service.kernel.ids import ProgramId, WalletId, canonical_uuid, wallet_id_of
from wallet_service.ledger.model import ActKind, Balance, Entry, Lot, Reservation, Wallet
from wallet_service.ledger.program import Program
from wallet_service.ledger.service import wallet_not_found
from wallet_service.transport.call import Call

T = TypeVar("T")


def timestamp(moment: Instant) -> Timestamp:
    """Return a moment as a message, exactly."""
    message = Timestamp()
    fill_timestamp(message, moment)
    return message


def instant(message: Timestamp, field: str) -> Instant:
    """Return the moment of a message, cut to microseconds; refuses what no calendar has."""
    if not (-62_135_596_800 <= message.seconds <= 253_402_300_799 and 0 <= message.nanos < 10**9):  # noqa: PLR2004
        raise refuse(Reason.FIELD_INVALID, field, "It is not a moment of the calendar.")
    return Instant(message.seconds * MICROSECONDS_PER_SECOND + message.nanos // 1_000)


def wallet_id_from(ref: types_pb2.WalletRef, call: Call) -> WalletId:
    """Return the id of the wallet that is named; a wallet that the caller may not see does not exist."""
    if ref.WhichOneof("by") == "wallet_id":
        wallet_id = WalletId(canonical_uuid(ref.wallet_id))
    else:
        wallet_id = wallet_id_of(
            ProgramId(ref.customer.program_id), plain(ref.customer.customer_ref, "wallet.customer")
        )
    if not call.caller.may_see(wallet_id):
        raise RefusedError(wallet_not_found())
    return wallet_id


def plain(text: str, field: str) -> str:
    """Return a text that every store can hold; refuses the zero character."""
    if "\0" in text:
        raise refuse(Reason.FIELD_INVALID, field, "It contains a zero character.")
    return text


def answered(outcome: T | Refusal) -> T:
    """Return an outcome, or raise its refusal: here values end and statuses begin."""
    if isinstance(outcome, Refusal):
        raise RefusedError(outcome)
    return outcome


def fill_timestamp(message: Timestamp, moment: Instant) -> None:
    """Set a moment in a message, exactly."""
    message.seconds, rest = divmod(moment, MICROSECONDS_PER_SECOND)
    message.nanos = rest * 1_000


def fill_balance(message: types_pb2.Balance, balance: Balance) -> None:
    """Set balances in a message. Filling in place costs a third of making a message and copying it in."""
    (
        message.pending_minor,
        message.available_minor,
        message.reserved_minor,
        message.frozen_minor,
        message.version,
    ) = balance


def balance_message(balance: Balance) -> types_pb2.Balance:
    """Return balances as a message."""
    message = types_pb2.Balance()
    fill_balance(message, balance)
    return message


def lot_message(lot: Lot) -> types_pb2.Lot:
    """Return a lot as a message; what never expires has no expiry."""
    expires_at = None if lot.expires_at >= NEVER else timestamp(lot.expires_at)
    return types_pb2.Lot(amount_minor=lot.amount, expires_at=expires_at)


def reservation_message(wallet_id: WalletId, reservation: Reservation) -> types_pb2.Reservation:
    """Return a reservation as a message."""
    message = types_pb2.Reservation()
    fill_reservation(message, wallet_id, reservation)
    return message


def fill_reservation(message: types_pb2.Reservation, wallet_id: WalletId, r: Reservation) -> None:
    """Set a reservation in a message."""
    message.reservation_id = r.reservation_id
    message.wallet_id = wallet_id
    message.state = int(r.state)  # type: ignore[assignment]
    message.amount_minor = r.amount
    message.committed_minor = r.committed
    message.value_minor = r.value_minor
    message.order_ref = r.order_ref
    message.order_total_minor = r.order_total_minor
    message.currency = r.currency
    fill_timestamp(message.created_at, r.created_at)
    fill_timestamp(message.expires_at, r.expires_at)
    if r.closed_at is not None:
        fill_timestamp(message.closed_at, r.closed_at)
    if r.review:
        message.review = int(r.review)  # type: ignore[assignment]
    if r.refused is not None:
        message.refused_reason = r.refused.reason.name
    for act in r.acts:
        if act.kind is ActKind.COMMIT:
            commit = message.commits.add()
            commit.commit_id, commit.amount_minor, commit.final = act.act_id, act.amount, act.final
            fill_timestamp(commit.at, act.at)


def entry_message(entry: Entry) -> types_pb2.Entry:
    """Return an entry as a message."""
    detail = json.loads(entry.detail) if entry.detail else {}
    return types_pb2.Entry(
        seq=entry.seq, kind=int(entry.kind), source=int(entry.source), target=int(entry.target),  # type: ignore[arg-type]
        amount_minor=entry.amount, balance=balance_message(entry.balance), subject_id=entry.subject_id,
        act_id=entry.act_id or "", lots=[lot_message(lot) for lot in entry.lots], actor=detail.get("actor", ""),
        reason=detail.get("reason", ""), reference=detail.get("reference", ""), at=timestamp(entry.at), hash=entry.hash,
    )  # fmt: skip


def wallet_message(wallet: Wallet, program: Program) -> wallet_pb2.Wallet:
    """Return a wallet as a message."""
    return wallet_pb2.Wallet(
        wallet_id=wallet.wallet_id, program_id=wallet.program_id, customer_ref=wallet.customer_ref,
        state=int(wallet.state), balance=balance_message(wallet.balance),  # type: ignore[arg-type]
        open_reservations=[reservation_message(wallet.wallet_id, hold) for hold in wallet.holds],
        lots=[lot_message(lot) for lot in wallet.available_lots], asset=program.asset, exponent=program.exponent,
        opened_at=timestamp(wallet.opened_at), revision=wallet.revision,
    )  # fmt: skip
