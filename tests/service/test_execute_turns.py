"""Batches under too much load: nothing begins, and what finishes something goes on."""

from __future__ import annotations

import asyncio
import time
from contextlib import nullcontext
from typing import Any, cast

import pytest
from rig import new_id
from wallet.v1 import checkout_pb2, types_pb2

from wallet_service.checkout.rpc import CheckoutRpc
from wallet_service.checkout.service import Checkout
from wallet_service.kernel.errors import Reason, Refusal, RefusedError
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.service import Ledger
from wallet_service.transport.call import Call, Caller
from wallet_service.transport.turnstile import Turnstile


class FullCheckout:
    """A checkout whose ledger has too many commands before it to begin anything."""

    def __init__(self) -> None:
        self.submitted = 0

    def is_too_late_to_reserve(self, _deadline: float) -> bool:
        return True

    def submit(self, _command: object, _deadline: float) -> asyncio.Future[Any]:
        self.submitted += 1
        done: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        done.set_result(Refusal(reason=Reason.RESERVATION_NOT_FOUND))
        return done

    def awaiting(self, _under_way: object) -> nullcontext[None]:
        return nullcontext()

    async def conclude(self, _outcomes: object, _deadline: float) -> None:
        return None


class FullTurnstile(Turnstile):
    """One before which too many stand to begin anything."""

    def is_too_late(self, deadline: float, *, finishes: bool) -> bool:
        return not finishes or super().is_too_late(deadline, finishes=finishes)


WALLET = types_pb2.WalletRef(wallet_id=new_id())
RESERVE = checkout_pb2.Operation(reserve=checkout_pb2.ReserveRequest(wallet=WALLET))
COMMIT = checkout_pb2.Operation(
    commit=checkout_pb2.CommitRequest(wallet=WALLET, reservation_id=new_id(), commit_id=new_id())
)


def room(checkout: FullCheckout) -> CheckoutRpc:
    return CheckoutRpc(
        cast("Checkout", checkout), cast("Ledger", None), KeyRing(current="k", keys={"k": b"x" * 32})
    )


def call() -> Call:
    return Call(
        method="Execute", caller=Caller(subject="till", scopes=frozenset()), deadline=time.monotonic() + 30
    )


async def execute(rpc: CheckoutRpc, *operations: checkout_pb2.Operation) -> list[str]:
    answer = await rpc.execute(checkout_pb2.ExecuteRequest(operations=operations), call())
    return [outcome.refusal.reason for outcome in answer.outcomes]


async def test_what_the_ledger_would_refuse_for_its_wait_is_not_even_read():
    checkout = FullCheckout()
    # It lacks nearly everything that a reservation needs.
    assert await execute(room(checkout), RESERVE, COMMIT) == ["OVERLOADED", "RESERVATION_NOT_FOUND"]
    assert checkout.submitted == 1


async def test_a_batch_that_only_begins_is_refused_as_a_whole_before_it_has_its_turn():
    rpc = room(FullCheckout())
    rpc._turnstile = FullTurnstile()
    with pytest.raises(RefusedError) as refused:
        await execute(rpc, RESERVE, RESERVE)
    assert refused.value.refusal.reason is Reason.OVERLOADED
    assert await execute(rpc, COMMIT, RESERVE) == ["RESERVATION_NOT_FOUND", "OVERLOADED"]
