"""What the callers do: reserve and commit, quote, or a mixture, over many wallets or one."""

from __future__ import annotations

import asyncio
import hashlib
import itertools
import json
import os
import random
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import asyncpg
import grpc
from wallet.v1 import admin_pb2, checkout_pb2, checkout_pb2_grpc, types_pb2
from wallet_client import AsyncWalletClient, Hold, Order, errors

from wallet_service.runtime.statements import load_statements

PROGRAM: Final = "bench"
DEVICE: Final = "d" * 32
ORDER: Final = Order(order_ref="order-000001", total_minor=1_000, currency="EUR")
TIMEOUT_SECONDS: Final = 30.0
REFUSED_SECONDS: Final = 0.05
"""What a caller waits who was refused."""
_SEED_STEP: Final = 50_000
_SQL: Final = load_statements("loadtest")


def new_id() -> str:
    """Return a fresh UUID, quickly."""
    return str(uuid.UUID(bytes=os.urandom(16), version=4))


def wallet_ids(count: int) -> list[str]:
    """Return the ids of the first wallets that `seed` makes."""
    return [str(uuid.UUID(bytes=hashlib.md5(b"w%d" % i).digest())) for i in range(1, count + 1)]  # noqa: S324


def program(program_id: str = PROGRAM) -> admin_pb2.Program:
    """Return the program that everything is measured on, or another like it."""
    return admin_pb2.Program(
        program_id=program_id, display_name="Bench", mode=admin_pb2.PROGRAM_MODE_LIVE, asset="EUR", exponent=2,
        currency="EUR", rate_numerator=1, rate_denominator=1,
        redemption=admin_pb2.RedemptionPolicy(
            maximum_share_bp=10_000, step_minor=1, quote_ttl_seconds=300, reservation_ttl_seconds=900,
            reservation_ttl_seconds_max=3_600, open_reservations_max=2_048,
        ),
    )  # fmt: skip


def fraud_policy() -> str:
    """Return a policy of all layers: limits of each kind, none of which is ever reached, rings, and a rule of devices."""
    high = 10**9
    limits = [
        {"name": "MANY", "measure": "count", "window": "hour", "above": high, "verdict": "refuse"},
        {"name": "MUCH", "measure": "amount", "window": "day", "above": high, "verdict": "review"},
        {"name": "DEVICE", "measure": "count", "by": "device", "window": "hour", "above": high, "verdict": "refuse"},
        {"name": "FARM", "measure": "wallets", "by": "device", "window": "day", "above": 250, "verdict": "refuse"},
        {"name": "TAKEOVER", "measure": "link_age", "below": 0, "verdict": "review"},
        {"name": "RING", "measure": "ring", "above": 999, "verdict": "review"},
        {"name": "UNUSUAL", "measure": "anomaly", "above": 999, "verdict": "review"},
    ]  # fmt: skip
    return json.dumps(
        {"limits": limits, "devices": {"second_device": "refuse"}, "review": {"above_minor": high}}
    )


async def seed(database_url: str, first: int, last: int, entries_each: int = 0) -> None:
    """Fill the database as its owner: wallets with value, and older entries for volume."""
    connection = await asyncpg.connect(database_url)
    try:
        if entries_each:
            await connection.execute("alter table ledger.entry drop constraint if exists entry_seq_check")
        for start in range(first, last + 1, _SEED_STEP):
            end = min(start + _SEED_STEP - 1, last)
            await connection.execute(_SQL["seed_wallets"], start, end, timeout=300)
            if entries_each:
                await connection.execute(_SQL["seed_entries"], start, end, entries_each, timeout=300)
        await connection.execute("vacuum analyze ledger.wallet, ledger.entry", timeout=600)
        await connection.execute("checkpoint", timeout=600)
    finally:
        await connection.close()


async def move(database_url: str, program_id: str, first: int, last: int) -> None:
    """Give wallets that were seeded to another program."""
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute(_SQL["move_wallets"], program_id, first + 1, last, timeout=60)
    finally:
        await connection.close()


class Shopper:
    """Acts of a checkout over some wallets, through a client that gathers or does not."""

    def __init__(
        self,
        client: AsyncWalletClient,
        wallets: Sequence[str],
        cumulative_weights: Sequence[float] | None = None,
        *,
        own_devices: bool = False,
    ) -> None:
        self._checkout = client.checkout
        self._own_devices = own_devices
        self._wallets = wallets
        self._weights = cumulative_weights
        self._turn = itertools.count()

    def _wallet(self) -> str:
        if self._weights is None:
            return random.choice(self._wallets)
        return random.choices(self._wallets, cum_weights=self._weights)[0]

    async def _reserve(self) -> Hold:
        wallet = self._wallet()
        device = wallet[:8] + DEVICE[8:] if self._own_devices else DEVICE
        return await self._checkout.reserve(
            wallet, 100, ORDER, device=device, timeout_seconds=TIMEOUT_SECONDS
        )

    async def hold(self) -> None:
        """Reserve 100, and leave it at that."""
        await self._reserve()

    async def pair(self) -> None:
        """Reserve 100, commit 60: the rest goes back, which is a third entry."""
        hold = await self._reserve()
        await hold.commit(amount_minor=60, timeout_seconds=TIMEOUT_SECONDS)

    async def pair_in_full(self) -> None:
        """Reserve 100, commit 100."""
        hold = await self._reserve()
        await hold.commit(timeout_seconds=TIMEOUT_SECONDS)

    async def quote(self) -> None:
        """Ask what the wallet may pay."""
        await self._checkout.quote(self._wallet(), ORDER, maximum=True, device=DEVICE)

    async def mixed(self) -> None:
        """70 % quotes, 20 % pairs in full, 5 % in part, 3 % released, 2 % replayed."""
        turn = next(self._turn) * 37 % 100
        if turn < 70:  # noqa: PLR2004
            await self.quote()
        elif turn < 90:  # noqa: PLR2004
            await self.pair_in_full()
        elif turn < 95:  # noqa: PLR2004
            await self.pair()
        elif turn < 98:  # noqa: PLR2004
            hold = await self._reserve()
            await hold.release(timeout_seconds=TIMEOUT_SECONDS)
        else:
            await self._replayed()

    async def _replayed(self) -> None:
        wallet, reservation_id = self._wallet(), new_id()
        for _ in range(2):
            hold = await self._checkout.reserve(
                wallet,
                100,
                ORDER,
                device=DEVICE,
                reservation_id=reservation_id,
                timeout_seconds=TIMEOUT_SECONDS,
            )
        await hold.commit(timeout_seconds=TIMEOUT_SECONDS)


def unary_acts(
    channels: Sequence[grpc.aio.Channel], token: str, wallets: Sequence[str]
) -> dict[str, Callable[[], Awaitable[None]]]:
    """Return single calls as any gRPC client would make them: the same code against the service and the echo."""
    stubs = itertools.cycle([checkout_pb2_grpc.CheckoutServiceStub(channel) for channel in channels])
    metadata = (("authorization", f"Bearer {token}"),)
    order = types_pb2.Order(order_ref=ORDER.order_ref, total_minor=ORDER.total_minor, currency=ORDER.currency)
    device = types_pb2.Device(fingerprint=DEVICE)

    async def reserve() -> None:
        request = checkout_pb2.ReserveRequest(
            reservation_id=new_id(), wallet=types_pb2.WalletRef(wallet_id=random.choice(wallets)), amount_minor=100,
            order=order, device=device,
        )  # fmt: skip
        await next(stubs).Reserve(request, metadata=metadata, timeout=TIMEOUT_SECONDS)

    async def quote() -> None:
        request = checkout_pb2.QuoteRequest(
            wallet=types_pb2.WalletRef(wallet_id=random.choice(wallets)),
            order=order,
            device=device,
            maximum=True,
        )
        await next(stubs).Quote(request, metadata=metadata, timeout=TIMEOUT_SECONDS)

    return {"reserve": partial(_until_answered, reserve), "quote": partial(_until_answered, quote)}


async def _until_answered(act: Callable[[], Awaitable[None]]) -> None:
    """Run an act again as often as it is not answered.

    gRPC's bare server cancels a few of a thousand calls at once, and the service refuses what would wait too long: a
    second in which the machine is taken away ends no run.
    """
    while True:
        try:
            return await act()
        except grpc.aio.AioRpcError as fault:
            if fault.code() is grpc.StatusCode.RESOURCE_EXHAUSTED:
                await asyncio.sleep(REFUSED_SECONDS)
            elif fault.code() is not grpc.StatusCode.CANCELLED:
                raise


async def tolerant(act: Callable[[], Awaitable[None]], refused: list[int]) -> None:
    """Run an act whose refusal under overload is an answer, and count it."""
    try:
        await act()
    except errors.WalletError:
        refused[0] += 1
        await asyncio.sleep(REFUSED_SECONDS)
