"""Models as the JSON documents that are stored beside the columns, and back. Pure.

The documents are arrays in a fixed order, not objects: they are written and read several times for every operation.
A field may be added at the end; none is ever moved. `docs/architecture.md` has the table of positions.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from json.encoder import encode_basestring as quoted
from typing import Any

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Refusal, reason_of
from wallet_service.kernel.ids import CreditId, OperationId, ProgramId, ReservationId, WalletId
from wallet_service.ledger.model import (
    Act,
    ActKind,
    Balance,
    Credit,
    Lot,
    OperationRecord,
    Order,
    Reservation,
    ReservationState,
    Wallet,
    WalletState,
)


def lots_text(lots: Sequence[Lot]) -> str:
    """Return lots as [[expires_at, amount], ...]."""
    if len(lots) == 1:
        return f"[[{lots[0][0]},{lots[0][1]}]]"
    return f"[{','.join([f'[{at},{amount}]' for at, amount in lots])}]"


def _lots(raw: list[list[int]]) -> tuple[Lot, ...]:
    return tuple([Lot(Instant(at), amount) for at, amount in raw])


def lots_of(text: str) -> tuple[Lot, ...]:
    """Return the lots of a stored text."""
    return _lots(json.loads(text))


def balance_text(balance: Balance | None) -> str:
    """Return a balance as [pending, available, reserved, frozen, version]."""
    if balance is None:
        return "null"
    return f"[{balance[0]},{balance[1]},{balance[2]},{balance[3]},{balance[4]}]"


def _balance(raw: list[int]) -> Balance:
    return Balance(*raw)


def _number(value: int | None) -> str:
    return "null" if value is None else str(value)


def _act_text(act: Act) -> str:
    return (
        f'[{act.kind:d},"{act.act_id}",{_number(act.asked)},{act.amount},{"true" if act.final else "false"},'
        f"{act.at},{act.expires_at},{balance_text(act.balance)}]"
    )


def _act(raw: list[Any]) -> Act:
    return Act(
        kind=ActKind(raw[0]), act_id=raw[1], asked=raw[2], amount=raw[3], final=raw[4], at=raw[5], expires_at=raw[6],
        balance=_balance(raw[7]),
    )  # fmt: skip


def _refusal_text(refusal: Refusal | None) -> str:
    if refusal is None:
        return "null"
    said = [refusal.reason.number, refusal.field, refusal.detail, dict(refusal.facts)]
    return json.dumps(said, ensure_ascii=False, separators=(",", ":"))


def _refusal(raw: list[Any] | None) -> Refusal | None:
    return (
        None if raw is None else Refusal(reason=reason_of(raw[0]), field=raw[1], detail=raw[2], facts=raw[3])
    )


def reservation_text(r: Reservation) -> str:
    """Return a reservation as its document."""
    return (
        f'["{r.reservation_id}",{r.state:d},{r.amount},{r.committed},{r.value_minor},{quoted(r.order.order_ref)},'
        f'{r.order.total_minor},"{r.order.currency}",{quoted(r.device)},{r.ttl_seconds},{r.created_at},{r.expires_at},'
        f"{lots_text(r.lots)},{lots_text(r.spent)},[{','.join([_act_text(act) for act in r.acts])}],"
        f"{balance_text(r.opened)},{_number(r.closed_at)},{balance_text(r.closed)},{_refusal_text(r.refused)},"
        f"{lots_text(r.restored)},{_number(r.asked_ttl_seconds)}]"
    )


def reservation_of(raw: list[Any]) -> Reservation:
    """Return the reservation of a parsed document."""
    return Reservation(
        reservation_id=ReservationId(raw[0]), state=ReservationState(raw[1]), amount=raw[2], committed=raw[3],
        value_minor=raw[4], order=Order(order_ref=raw[5], total_minor=raw[6], currency=raw[7]), device=raw[8],
        ttl_seconds=raw[9], created_at=raw[10], expires_at=raw[11], lots=_lots(raw[12]), spent=_lots(raw[13]),
        acts=tuple([_act(act) for act in raw[14]]), opened=_balance(raw[15]), closed_at=raw[16],
        closed=None if raw[17] is None else _balance(raw[17]), refused=_refusal(raw[18]), restored=_lots(raw[19]), asked_ttl_seconds=raw[20],
    )  # fmt: skip


def wallet_text(wallet: Wallet) -> str:
    """Return what of a wallet has no column of its own."""
    return (
        f"[{lots_text(wallet.pending_lots)},{lots_text(wallet.available_lots)},{lots_text(wallet.frozen_lots)},"
        f"{lots_text(wallet.frozen_by_hand)},{wallet.next_due_at},{wallet.touched_at},{wallet.opened_at},"
        f"[{','.join([reservation_text(hold) for hold in wallet.holds])}]]"
    )


def wallet_of(
    wallet_id: WalletId, program_id: str, customer_ref: str, state: int, balances: Sequence[int],
    version: int, revision: int, head: bytes, document: str,
) -> Wallet:  # fmt: skip
    """Return the wallet of a row."""
    raw = json.loads(document)
    return Wallet(
        wallet_id=wallet_id, program_id=ProgramId(program_id), customer_ref=customer_ref, state=WalletState(state),
        pending=balances[0], available=balances[1], reserved=balances[2], frozen=balances[3], version=version,
        revision=revision, head=head, pending_lots=_lots(raw[0]), available_lots=_lots(raw[1]),
        frozen_lots=_lots(raw[2]), frozen_by_hand=_lots(raw[3]), next_due_at=raw[4], touched_at=raw[5], opened_at=raw[6],
        holds=tuple([reservation_of(hold) for hold in raw[7]]),
    )  # fmt: skip


def new_wallet_document(opened_at: Instant, never: Instant) -> str:
    """Return the document of a wallet that holds nothing yet."""
    return f"[[],[],[],[],{never},{opened_at},{opened_at},[]]"


def credit_text(credit: Credit) -> str:
    """Return what of a credit has no column of its own: how it was granted, and which lots are set aside."""
    return (
        f"[{credit.expires_at},{credit.created_at},{balance_text(credit.opened)},"
        f"{'true' if credit.granted_pending else 'false'},{lots_text(credit.frozen_lots)}]"
    )


def credit_of(credit_id: str, amounts: Sequence[int], reference: str, document: str) -> Credit:
    """Return the credit of a row; amounts are amount, pending, frozen, frozen_from_pending, clawed_back."""
    raw = json.loads(document)
    return Credit(
        credit_id=CreditId(credit_id), amount=amounts[0], pending=amounts[1], frozen=amounts[2],
        frozen_from_pending=amounts[3], clawed_back=amounts[4], expires_at=raw[0], reference=reference,
        created_at=raw[1], opened=_balance(raw[2]), granted_pending=raw[3], frozen_lots=_lots(raw[4]),
    )  # fmt: skip


def operation_text(operation: OperationRecord) -> str:
    """Return what of an operation has no column of its own: the balance it answered and its moment."""
    return f"[{balance_text(operation.balance)},{operation.at}]"


def operation_of(
    operation_id: str, kind: str, content: str, actor: str, reason: str, document: str
) -> OperationRecord:
    """Return the operation of a row."""
    raw = json.loads(document)
    return OperationRecord(
        operation_id=OperationId(operation_id), kind=kind, content=content, balance=_balance(raw[0]), at=raw[1],
        actor=actor, reason=reason,
    )  # fmt: skip


def snapshot_text(wallet: Wallet) -> str:
    """Return a whole wallet as it is kept in the cache. The first two fields are what a reader checks."""
    return (
        f'["{wallet.wallet_id}",{wallet.revision},"{wallet.program_id}",{quoted(wallet.customer_ref)},{wallet.state:d},'
        f"{balance_text(wallet.balance)},{quoted(wallet.head.hex())},{quoted(wallet_text(wallet))}]"
    )


def snapshot_of(text: str | bytes) -> Wallet:
    """Return the wallet of a cached snapshot; raises ValueError if it is not one."""
    try:
        raw = json.loads(text)
        return wallet_of(
            WalletId(raw[0]),
            raw[2],
            raw[3],
            raw[4],
            raw[5][:4],
            raw[5][4],
            raw[1],
            bytes.fromhex(raw[6]),
            raw[7],
        )
    except (TypeError, KeyError, IndexError) as fault:
        raise ValueError("not a wallet snapshot") from fault
