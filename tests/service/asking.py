"""Requests that a test of odd input makes again and again."""

from __future__ import annotations

from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from rig import (
    ACCOUNTABLE,
    Shop,
    new_id,
    program_message,
)
from wallet.v1 import admin_pb2, checkout_pb2, types_pb2, wallet_pb2


def adjusting(shop: Shop, **more: Any) -> wallet_pb2.AdjustWalletRequest:
    said = {"wallet": shop.ref, "operation_id": new_id(), "accountability": ACCOUNTABLE, "delta_minor": 1}
    return wallet_pb2.AdjustWalletRequest(**{**said, **more})


def putting(**changes: Any) -> admin_pb2.PutProgramRequest:
    program = program_message(changes.pop("program_id", "fresh-program"), **changes)
    return admin_pb2.PutProgramRequest(program=program, accountability=ACCOUNTABLE)


def saying(actor: str, reason: str) -> wallet_pb2.Accountability:
    return wallet_pb2.Accountability(actor=actor, reason=reason)


def customer(ref: str, program_id: str = "p-1") -> types_pb2.WalletRef:
    return types_pb2.WalletRef(customer=types_pb2.Customer(program_id=program_id, customer_ref=ref))


def extending(shop: Shop, **more: Any) -> checkout_pb2.ExtendReservationRequest:
    said = {
        "wallet": shop.ref,
        "reservation_id": new_id(),
        "extension_id": new_id(),
        "ttl_seconds": 60,
    }
    return checkout_pb2.ExtendReservationRequest(**{**said, **more})


def advancing(shop: Shop, to: Timestamp) -> admin_pb2.AdvanceClockRequest:
    return admin_pb2.AdvanceClockRequest(
        program_id=shop.program.program_id, to=to, accountability=ACCOUNTABLE
    )
