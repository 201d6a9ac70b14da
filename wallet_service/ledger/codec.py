"""Models as the JSON documents that are stored beside the columns, and back. Pure.

The documents are arrays in the order of the models' fields (see `model.py`), written and read by msgspec.
`docs/architecture.md` has the table of positions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import CreditId, OperationId, ProgramId, WalletId
from wallet_service.ledger.model import (
    Balance,
    Credit,
    Expired,
    Lot,
    OperationRecord,
    Reservation,
    Wallet,
    WalletState,
    lots_total,
)

HASH_BYTES: Final = 32
_encode = msgspec.json.Encoder().encode


class WalletDocument(Struct, frozen=True, gc=False, array_like=True):
    """What of a wallet has no column of its own."""

    pending_lots: tuple[Lot, ...]
    available_lots: tuple[Lot, ...]
    frozen_lots: tuple[Lot, ...]
    frozen_by_hand: tuple[Lot, ...]
    next_due_at: Instant
    touched_at: Instant
    opened_at: Instant
    holds: tuple[Reservation, ...]
    expired: tuple[Expired, ...] = ()


class CreditDocument(Struct, frozen=True, gc=False, array_like=True):
    """What of a credit has no column of its own: its moments, and what Grant was asked and answered."""

    expires_at: Instant
    created_at: Instant
    opened: Balance
    granted_pending: bool
    frozen_lots: tuple[Lot, ...]
    frozen_expired: tuple[Expired, ...] = ()


class OperationDocument(Struct, frozen=True, gc=False, array_like=True):
    """What of an operation has no column of its own: the balance it answered, and its moment."""

    balance: Balance
    at: Instant


_wallet_document = msgspec.json.Decoder(WalletDocument).decode
_credit_document = msgspec.json.Decoder(CreditDocument).decode
_operation_document = msgspec.json.Decoder(OperationDocument).decode
_reservation = msgspec.json.Decoder(Reservation).decode
_lots = msgspec.json.Decoder(tuple[Lot, ...]).decode
_snapshot = msgspec.msgpack.Decoder(Wallet).decode
_encode_snapshot = msgspec.msgpack.Encoder().encode


def lots_text(lots: Sequence[Lot]) -> str:
    """Return lots as [[expires_at, amount], ...]."""
    if len(lots) == 1:
        return f"[[{lots[0][0]},{lots[0][1]}]]"
    return _encode(lots).decode()


def lots_of(text: str) -> tuple[Lot, ...]:
    """Return the lots of a stored text."""
    return _lots(text)


def reservation_text(reservation: Reservation) -> str:
    """Return a reservation as its document."""
    return _encode(reservation).decode()


def reservation_of(document: str) -> Reservation:
    """Return the reservation of a document."""
    return _reservation(document)


def wallet_text(wallet: Wallet) -> str:
    """Return what of a wallet has no column of its own."""
    return _encode(
        WalletDocument(
            wallet.pending_lots, wallet.available_lots, wallet.frozen_lots, wallet.frozen_by_hand, wallet.next_due_at,
            wallet.touched_at, wallet.opened_at, wallet.holds, wallet.expired,
        )
    ).decode()  # fmt: skip


def wallet_of(
    wallet_id: WalletId, program_id: str, customer_ref: str, state: int, balances: Sequence[int],
    version: int, revision: int, head: bytes, document: str,
) -> Wallet:  # fmt: skip
    """Return the wallet of a row."""
    said = _wallet_document(document)
    return Wallet(
        wallet_id=wallet_id, program_id=ProgramId(program_id), customer_ref=customer_ref, state=WalletState(state),
        pending=balances[0], available=balances[1], reserved=balances[2], frozen=balances[3], version=version,
        revision=revision, head=head, pending_lots=said.pending_lots, available_lots=said.available_lots,
        frozen_lots=said.frozen_lots, frozen_by_hand=said.frozen_by_hand, next_due_at=said.next_due_at,
        touched_at=said.touched_at, opened_at=said.opened_at, holds=said.holds, expired=said.expired,
    )  # fmt: skip


def credit_text(credit: Credit) -> str:
    """Return what of a credit has no column of its own."""
    return _encode(
        CreditDocument(
            credit.expires_at,
            credit.created_at,
            credit.opened,
            credit.granted_pending,
            credit.frozen_lots,
            credit.frozen_expired,
        )
    ).decode()


def credit_of(credit_id: str, amounts: Sequence[int], reference: str, document: str) -> Credit:
    """Return the credit of a row; amounts are amount, pending, frozen, frozen_from_pending, clawed_back."""
    said = _credit_document(document)
    return Credit(
        credit_id=CreditId(credit_id), amount=amounts[0], pending=amounts[1], frozen=amounts[2],
        frozen_from_pending=amounts[3], clawed_back=amounts[4], expires_at=said.expires_at, reference=reference,
        created_at=said.created_at, opened=said.opened, granted_pending=said.granted_pending, frozen_lots=said.frozen_lots,
        frozen_expired=said.frozen_expired,
    )  # fmt: skip


def operation_text(operation: OperationRecord) -> str:
    """Return what of an operation has no column of its own."""
    return _encode(OperationDocument(operation.balance, operation.at)).decode()


def operation_of(
    operation_id: str, kind: str, content: str, actor: str, reason: str, document: str
) -> OperationRecord:
    """Return the operation of a row."""
    said = _operation_document(document)
    return OperationRecord(
        operation_id=OperationId(operation_id), kind=kind, content=content, balance=said.balance, at=said.at,
        actor=actor, reason=reason,
    )  # fmt: skip


def snapshot_bytes(wallet: Wallet) -> bytes:
    """Return a whole wallet as it is kept in the cache."""
    return _encode_snapshot(wallet)


def snapshot_of(raw: bytes) -> Wallet:
    """Return the wallet of a cached snapshot; raises ValueError if it is not one, or contradicts itself."""
    # msgspec's own faults are ValueErrors. Anybody may have written into the cache: what does not add up is not ours.
    wallet = _snapshot(raw)
    adds_up = (
        wallet.pending == lots_total(wallet.pending_lots)
        and max(wallet.available, 0) == lots_total(wallet.available_lots)
        and wallet.frozen == lots_total(wallet.frozen_lots)
        and wallet.reserved == sum([hold.held for hold in wallet.holds])
        and min(wallet.version, wallet.revision) >= 0
        and len(wallet.head) == HASH_BYTES
    )
    if not adds_up:
        raise ValueError("a snapshot that contradicts itself")
    return wallet
