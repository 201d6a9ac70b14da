"""A program and wallets made through the public API, so that every hash and every sum in them can be proven."""

from __future__ import annotations

import asyncio
import itertools
from typing import Final

from wallet.v1 import admin_pb2
from wallet_client import AsyncWalletClient

CALLERS: Final = 32
CALL_SECONDS: Final = 20.0


def program(program_id: str, *, ttl_seconds: int) -> admin_pb2.Program:
    """Return a program of euro cents whose reservations end soon, so that those left behind come back while we look."""
    return admin_pb2.Program(
        program_id=program_id, display_name="Load", mode=admin_pb2.PROGRAM_MODE_LIVE, asset="EUR", exponent=2,
        currency="EUR", rate_numerator=1, rate_denominator=1,
        redemption=admin_pb2.RedemptionPolicy(
            maximum_share_bp=10_000, step_minor=1, quote_ttl_seconds=300, reservation_ttl_seconds=ttl_seconds,
            reservation_ttl_seconds_max=3_600, open_reservations_max=2_048,
        ),
    )  # fmt: skip


async def open_wallets(
    client: AsyncWalletClient, program_id: str, count: int, *, ttl_seconds: int, balance_minor: int
) -> list[str]:
    """Make the program and so many wallets in it, each with a balance; returns their ids."""
    await client.admin.put_program(
        program(program_id, ttl_seconds=ttl_seconds), actor="load", reason="a load test"
    )
    opened: list[str] = []
    numbers = itertools.count(1)

    async def caller() -> None:
        while (number := next(numbers)) <= count:
            wallet = await client.wallet.open(program_id, f"customer-{number}", timeout_seconds=CALL_SECONDS)
            await client.wallet.adjust(
                wallet.wallet_id, balance_minor, actor="load", reason="a load test",
                timeout_seconds=CALL_SECONDS,
            )  # fmt: skip
            opened.append(wallet.wallet_id)

    async with asyncio.TaskGroup() as group:
        for _ in range(min(CALLERS, count)):
            group.create_task(caller())
    return opened


async def disagreements(client: AsyncWalletClient, wallet_ids: list[str]) -> list[str]:
    """Return the wallets whose history does not prove their balance, asked through the API."""
    waiting = iter(wallet_ids)
    found: list[str] = []

    async def caller() -> None:
        for wallet_id in waiting:
            verified = await client.wallet.verify(wallet_id, timeout_seconds=CALL_SECONDS)
            if not verified.sound:
                found.append(f"{wallet_id}: {'; '.join(verified.faults)}")

    async with asyncio.TaskGroup() as group:
        for _ in range(CALLERS):
            group.create_task(caller())
    return found
