"""Three times more than fits: the service should go on doing what it can, and everybody hear back in time.

The crowd sends batches of its own making, many at a time, as a crowd of shops would that know nothing of each other;
a client library that waits for its own answers would hold most of it back.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import grpc
from wallet.v1.checkout_pb2 import ExecuteResponse, OperationOutcome
from wallet_client.status import refused_call

from loadtest import frames
from loadtest.figures import Run
from loadtest.stage import Process
from loadtest.workload import new_id

CALLERS: Final = 256
SHOPS: Final = 8
"""Connections."""
TOGETHER: Final = CALLERS // SHOPS
"""Pairs in a batch, when what fits is measured and when more comes: more of the same, not something else."""
TIMES_CAPACITY: Final = 3.0
DEADLINE_SECONDS: Final = 0.5
PATIENT_SECONDS: Final = 30.0
TICK_SECONDS: Final = 0.01
BATCHES_UNDER_WAY_MAX: Final = 2_000
"""What cannot even be offered is counted, not heaped up."""
WARM_SECONDS: Final = 1.0

Ids: TypeAlias = tuple[str, ...]
Execute: TypeAlias = grpc.aio.UnaryUnaryMultiCallable[bytes, ExecuteResponse]


@dataclass(slots=True, kw_only=True)
class Crowd:
    """Those who want to pay, and what became of each."""

    shops: Iterator[Execute]
    metadata: tuple[tuple[str, str], ...]
    wallets: Sequence[str]
    timeout_seconds: float
    counting_from: float
    """Pairs that end from this moment of the performance counter count, and…"""
    counting_until: float
    """…until this one: what is done while nobody new comes in is no answer to a crowd."""
    offered: int = 0
    not_offered: int = 0
    useful: int = 0
    under_way: int = 0
    late_seconds_max: float = 0.0
    lag_seconds_max: float = 0.0
    refused: Counter[str] = field(default_factory=Counter)

    async def pairs(self, count: int) -> None:
        """Reserve so many times in one batch, then commit in another what was reserved."""
        self.under_way += 1
        try:
            wanted: list[Ids] = [(new_id(), random.choice(self.wallets), new_id()) for _ in range(count)]
            held = await self._batch("reserve", frames.RESERVE, wanted)
            spent = await self._batch("commit", frames.COMMIT, held) if held else []
            if self.counting_from <= time.perf_counter() < self.counting_until:
                self.useful += len(spent)
        finally:
            self.under_way -= 1

    async def _batch(self, name: str, template: frames.Template, ids: list[Ids]) -> list[Ids]:
        """Send one batch and return what succeeded in it."""
        request = b"".join([template.filled(each) for each in ids])
        begun = time.perf_counter()
        try:
            response = await next(self.shops)(request, metadata=self.metadata, timeout=self.timeout_seconds)
        except grpc.aio.AioRpcError as error:
            answer = refused_call(error)
            self.refused[f"{name} {answer.reason or answer.status.name}"] += len(ids)
            return []
        finally:
            late = time.perf_counter() - begun - self.timeout_seconds
            self.late_seconds_max = max(self.late_seconds_max, late)
        reasons = [_refused(outcome) for outcome in response.outcomes]
        self.refused.update(f"{name} {reason}" for reason in reasons if reason)
        return [each for each, reason in zip(ids, reasons, strict=True) if not reason]

    async def feel_lag(self, until: float) -> None:
        """Note how late this program itself is: no call can be answered earlier than that."""
        while (now := time.perf_counter()) < until:
            await asyncio.sleep(TICK_SECONDS)
            self.lag_seconds_max = max(self.lag_seconds_max, time.perf_counter() - now - TICK_SECONDS)


def _refused(outcome: OperationOutcome) -> str:
    return outcome.refusal.reason if outcome.WhichOneof("outcome") == "refusal" else ""


async def wait_in_line(crowd: Crowd) -> None:
    """Let so many callers make one pair after the other, each when the one before has its answer."""

    async def shop() -> None:
        while time.perf_counter() < crowd.counting_until:
            await crowd.pairs(TOGETHER)

    async with asyncio.TaskGroup() as group:
        for _ in range(SHOPS):
            group.create_task(shop())


async def push(crowd: Crowd, per_s: float) -> None:
    """Begin so many pairs a second, whatever becomes of them; returns when the last has its answer."""
    begun = time.perf_counter()
    async with asyncio.TaskGroup() as group:
        group.create_task(crowd.feel_lag(crowd.counting_until))
        while (now := time.perf_counter()) < crowd.counting_until:
            due = int(per_s * (now - begun)) - crowd.offered - crowd.not_offered
            for _ in range(due // TOGETHER):
                if crowd.under_way < BATCHES_UNDER_WAY_MAX:
                    # Counted here, not when the task comes to it: the next look must know.
                    crowd.offered += TOGETHER
                    group.create_task(crowd.pairs(TOGETHER))
                else:
                    crowd.not_offered += TOGETHER
            await asyncio.sleep(TICK_SECONDS)


async def measure(run: Run, process: Process) -> dict[str, Any]:
    """Find what fits, offer three times as much, and return what came of it."""
    options = [("grpc.use_local_subchannel_pool", 1)]
    channels = [
        grpc.aio.insecure_channel(process.target, options=[*options, ("bench.channel", n)])
        for n in range(SHOPS)
    ]
    stubs: list[Execute] = [
        channel.unary_unary(frames.EXECUTE, response_deserializer=ExecuteResponse.FromString)
        for channel in channels
    ]
    shops = itertools.cycle(stubs)

    def crowd(timeout_seconds: float) -> Crowd:
        warm = time.perf_counter() + WARM_SECONDS
        return Crowd(
            shops=shops, metadata=(("authorization", f"Bearer {run.token}"),), wallets=run.wallets,
            timeout_seconds=timeout_seconds, counting_from=warm, counting_until=warm + run.seconds,
        )  # fmt: skip

    try:
        orderly = crowd(PATIENT_SECONDS)
        await wait_in_line(orderly)
        capacity = orderly.useful / run.seconds
        pressing = crowd(DEADLINE_SECONDS)
        await push(pressing, TIMES_CAPACITY * capacity)
    finally:
        for channel in channels:
            await channel.close()
    return {
        "capacity_per_s": round(capacity, 1),
        "offered_per_s": round(pressing.offered / (WARM_SECONDS + run.seconds), 1),
        "useful_per_s": round(pressing.useful / run.seconds, 1),
        "late_ms_max": round(max(pressing.late_seconds_max, 0.0) * 1e3, 1),
        "client_lag_ms_max": round(pressing.lag_seconds_max * 1e3, 1),
        "refused": dict(pressing.refused),
    }


async def overload(run: Run) -> None:
    """Overload a service that has the limits it has by default."""
    process = run.stage.serve(settings={"WALLET_IN_FLIGHT_MAX": ""})
    try:
        found = await measure(run, process)
    finally:
        run.stage.stop(process)
    run.found["overload"] = found
    run.say(
        f"{'overload, 3 x capacity':<28} {found['useful_per_s']:>10,.0f}/s   of {found['capacity_per_s']:,.0f}/s"
        f"   late {found['late_ms_max']:.0f} ms at most"
    )
