"""What a caller tells of a device, from its message. For rpc rooms only."""

from __future__ import annotations

from typing import Final

from wallet.v1 import types_pb2

from wallet_service.fraud.devices import NOWHERE, Context
from wallet_service.ledger.wire import instant

_ATTESTED: Final = {types_pb2.ATTESTATION_PASSED: True, types_pb2.ATTESTATION_FAILED: False}


def context_of(device: types_pb2.Device, *, payment_hash: str = "", referrer: str = "") -> Context:
    """Return where a call comes from."""
    changed_at = None
    if device.HasField("credentials_changed_at"):
        changed_at = instant(device.credentials_changed_at, "device.credentials_changed_at")
    context = Context(
        fingerprint=device.fingerprint, app_instance=device.app_instance, address=device.address,
        user_agent=device.user_agent, payment_hash=payment_hash, referrer=referrer,
        attested=_ATTESTED.get(device.attestation), credentials_changed_at=changed_at,
    )  # fmt: skip
    return NOWHERE if context == NOWHERE else context
