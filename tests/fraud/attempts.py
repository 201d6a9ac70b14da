"""Attempts, policies and keys as tests of the counters write them."""

from __future__ import annotations

import uuid
from typing import Any

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.devices import Context, DeviceKeys
from wallet_service.fraud.model import By, Limit, Measure, Of, Policy, Trace, Traces, Verdict, Window
from wallet_service.fraud.plan import Plan, plan_of
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId

PROGRAM = ProgramId("shop")
START = 1_780_272_000
"""A midnight, in seconds: every window's buckets begin there."""
WALLET = WalletId("aaaaaaaa-0000-5000-8000-000000000000")


def wallet(number: int) -> WalletId:
    return WalletId(str(uuid.uuid5(uuid.NAMESPACE_OID, str(number))))


def attempt(
    second: float = START, *, amount: int = 100, wallet_id: WalletId = WALLET, device: str | Trace = "", of: Of = Of.REDEMPTION,
    kind: str = "", **traces: Trace,
) -> Attempt:  # fmt: skip
    trace = Trace(key=device) if isinstance(device, str) and device else device or None
    return Attempt(
        of=of, kind=kind, program_id=PROGRAM, wallet_id=wallet_id, subject_id=str(uuid.uuid4()), amount=amount,
        at=Instant(int(second * 1_000_000)), traces=Traces(device=trace, **traces),
    )  # fmt: skip


def limit(measure: Measure, by: By = By.WALLET, window: Window | None = None, **fields: Any) -> Limit:
    bound = {"below": 1} if measure in {Measure.AGE, Measure.LINK_AGE} else {"above": 1}
    name = f"L{uuid.uuid4().hex[:8].upper()}"
    return Limit(name=name, verdict=Verdict.REVIEW, measure=measure, by=by, window=window, **bound, **fields)


def planned(*limits: Limit, **fields: Any) -> Plan:
    return plan_of(Policy(limits=limits, **fields))


RING = {"k0": b"0" * 32, "k1": b"1" * 32}


def keys(active: str, *names: str) -> DeviceKeys:
    return DeviceKeys(active=active, keys={name: RING[name] for name in (active, *names)})


def phone(ring: DeviceKeys) -> Trace:
    trace = ring.traces(Context(fingerprint="phone")).device
    assert trace is not None
    return trace
