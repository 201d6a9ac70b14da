"""The ledger without gRPC: callers and ledger in one process, on the database that the environment names."""

from __future__ import annotations

import asyncio
import json
import random
import sys
import time

import uvloop

from loadtest.measure import percentile
from loadtest.workload import new_id, wallet_ids
from wallet_service.kernel.ids import CommitId, ReservationId, WalletId
from wallet_service.ledger.commands import Commit, ReservationOutcome, Reserve
from wallet_service.ledger.model import Order
from wallet_service.runtime.config import load_settings
from wallet_service.runtime.lifecycle import Lifecycle
from wallet_service.wiring import Addresses, start_core

ORDER = Order(order_ref="order-000001", total_minor=1_000, currency="EUR")


async def main(seconds: float) -> dict[str, dict[str, float]]:
    """Measure pairs of reserve and commit at several numbers of callers."""
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    addresses = Addresses(
        database_url=settings.database_url.get_secret_value(), redis_url=settings.redis_url.get_secret_value()
    )
    figures: dict[str, dict[str, float]] = {}
    async with Lifecycle(drain_seconds=5, handle_signals=False) as life:
        core = await start_core(settings, addresses, life)
        wallets = [WalletId(wallet_id) for wallet_id in wallet_ids(100_000)]

        async def pair() -> None:
            wallet_id, reservation_id = random.choice(wallets), ReservationId(new_id())
            deadline = time.monotonic() + 30
            reserve = Reserve(
                wallet_id=wallet_id, reservation_id=reservation_id, amount=100, value_minor=100, order=ORDER,
                device="d" * 32, ttl_seconds=900,
            )  # fmt: skip
            outcome = await core.ledger.submit(reserve, deadline)
            assert isinstance(outcome, ReservationOutcome), outcome
            commit = Commit(
                wallet_id=wallet_id,
                reservation_id=reservation_id,
                commit_id=CommitId(new_id()),
                amount=60,
                final=True,
            )
            outcome = await core.ledger.submit(commit, deadline)
            assert isinstance(outcome, ReservationOutcome), outcome

        for callers in (1, 16, 64, 256, 1_024):
            await _loops(pair, callers, 0.5)
            cpu, start = time.process_time(), time.perf_counter()
            latencies = await _loops(pair, callers, seconds)
            elapsed, cpu = time.perf_counter() - start, time.process_time() - cpu
            figures[str(callers)] = {
                "per_s": round(len(latencies) / elapsed, 1), "p50_ms": round(percentile(latencies, 0.5) * 1e3, 2),
                "p99_ms": round(percentile(latencies, 0.99) * 1e3, 2),
                "cpu_us": round(cpu / max(len(latencies), 1) * 1e6, 1),
            }  # fmt: skip
    return figures


async def _loops(pair, callers: int, seconds: float) -> list[float]:  # type: ignore[no-untyped-def]  # noqa: ANN001
    latencies: list[float] = []
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (begun := time.perf_counter()) < end:
            await pair()
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*[caller() for _ in range(callers)])
    return sorted(latencies)


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(float(sys.argv[1])))))
