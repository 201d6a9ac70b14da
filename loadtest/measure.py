"""Closed-loop measuring: so many callers, each with one call at a time, for so many seconds."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from loadtest.stage import CpuSeconds, Stage

Act = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """What was measured: completed acts a second, their latency, and CPU microseconds per act by process."""

    per_s: float
    p50_ms: float
    p99_ms: float
    cpu_us: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        """Return the figure as it is written to the report."""
        return {"per_s": self.per_s, "p50_ms": self.p50_ms, "p99_ms": self.p99_ms, "cpu_us": self.cpu_us}


def percentile(ordered: list[float], share: float) -> float:
    """Return a percentile of ordered values."""
    return ordered[min(int(len(ordered) * share), len(ordered) - 1)] if ordered else 0.0


async def rate(stage: Stage, act: Act, callers: int, seconds: float, warm_seconds: float = 0.5) -> Figure:
    """Run an act in closed loops and return its figure; the time of warming up does not count."""
    await _loops(act, callers, warm_seconds, [])
    latencies: list[float] = []
    before = CpuSeconds.now(stage)
    start = time.perf_counter()
    await _loops(act, callers, seconds, latencies)
    elapsed = time.perf_counter() - start
    used = CpuSeconds.now(stage).since(before, len(latencies))
    latencies.sort()
    return Figure(
        per_s=round(len(latencies) / elapsed, 1), p50_ms=round(percentile(latencies, 0.5) * 1e3, 2),
        p99_ms=round(percentile(latencies, 0.99) * 1e3, 2), cpu_us=used,
    )  # fmt: skip


async def _loops(act: Act, callers: int, seconds: float, latencies: list[float]) -> None:
    end = time.perf_counter() + seconds

    async def caller() -> None:
        while (begun := time.perf_counter()) < end:
            await act()
            latencies.append(time.perf_counter() - begun)

    await asyncio.gather(*[caller() for _ in range(callers)])
