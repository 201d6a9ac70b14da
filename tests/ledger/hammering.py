"""Callers who do everything at once to a few wallets; importable by a process of its own."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from wallets import ORDER

from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger.batcher import Batcher, Limits
from wallet_service.ledger.commands import (
    Adjust,
    Commit,
    Extend,
    Freeze,
    Grant,
    Release,
    Reserve,
    Restore,
    Settle,
    Unfreeze,
)
from wallet_service.ledger.model import Terms
from wallet_service.runtime.database import DatabaseOptions, Session


async def hammer(
    batcher: Batcher, wallets: Sequence[WalletId], *, seed: int, callers: int, seconds: float
) -> Counter[str]:
    """Send random commands from so many callers at once; returns how many were done, and the refusals by reason."""
    chance, tally, shared = random.Random(seed), Counter[str](), []
    end = asyncio.get_running_loop().time() + seconds

    def fresh() -> Any:
        return str(UUID(int=chance.getrandbits(128), version=4))

    def command() -> Any:
        wallet_id = chance.choice(wallets)
        by: Any = {"wallet_id": wallet_id, "operation_id": fresh(), "actor": "ann", "reason": "because"}
        held = chance.choice(shared) if shared else Release(wallet_id=wallet_id, reservation_id=fresh())
        on: Any = {"wallet_id": held.wallet_id, "reservation_id": held.reservation_id}
        amount = chance.randint(1, 50)
        match chance.randrange(12):
            case 0 | 1:
                return Grant(
                    wallet_id=wallet_id, credit_id=fresh(), amount=amount, pending=chance.random() < 0.2
                )
            case 2 | 3 | 4 | 5:
                reserve = Reserve(
                    wallet_id=wallet_id, reservation_id=fresh(), amount=amount, value_minor=amount, order=ORDER,
                    device="phone", ttl_seconds=chance.choice([0, 1, 600]),
                )  # fmt: skip
                shared.append(reserve)
                del shared[:-40]
                return reserve
            case 6 | 7:
                part = chance.choice([None, amount // 3 + 1])
                return Commit(**on, commit_id=fresh(), amount=part, final=chance.random() < 0.7)
            case 8:
                return Release(**on)
            case 9:
                return chance.choice(
                    [held, Extend(**on, extension_id=fresh(), ttl_seconds=5, lifetime_seconds_max=900)]
                )
            case 10:
                return Restore(**{**by, **on}, amount=amount // 5 + 1)
            case _:
                operations = [
                    Freeze(**by, amount=amount), Unfreeze(**by, amount=amount), Adjust(**by, delta=amount),
                    Settle(wallet_id=wallet_id),
                ]  # fmt: skip
                return chance.choice(operations)

    async def call() -> None:
        loop = asyncio.get_running_loop()
        while loop.time() < end:
            outcome = await batcher.submit(command(), loop.time() + 20)
            tally[outcome.reason.name if isinstance(outcome, Refusal) else "done"] += 1

    await asyncio.gather(*(call() for _ in range(callers)))
    return tally


def hammer_process(url: str, wallets: list[WalletId], seed: int, seconds: float) -> dict[str, int]:
    """Hammer from a process of its own."""

    async def work() -> dict[str, int]:
        sessions = [Session(DatabaseOptions(url=url), f"process-{seed}") for _ in range(2)]
        batcher = Batcher(sessions, lambda _: Terms(), lambda _: None, Limits(batch_max=32))
        tally = await hammer(batcher, wallets, seed=seed, callers=16, seconds=seconds)
        await batcher.drained()
        for session in sessions:
            await session.close()
        return dict(tally)

    return asyncio.run(work())
