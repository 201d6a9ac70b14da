"""How long calls took, by kind."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """One kind of call."""

    kind: str
    calls: int
    p50_ms: float
    p99_ms: float


class Timings:
    """Takes the time of each call, refused ones included, as their caller waited for them."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, list[float]] = defaultdict(list)

    @contextmanager
    def of(self, kind: str) -> Iterator[None]:
        """Take the time of the block."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[kind].append(time.perf_counter() - began)

    def all(self) -> list[Timing]:
        """Return every kind, in the order of its first call."""
        return [
            Timing(kind=kind, calls=len(taken), p50_ms=_quantile(taken, 50), p99_ms=_quantile(taken, 99))
            for kind, taken in self._seconds.items()
        ]


def _quantile(seconds: list[float], percent: int) -> float:
    ordered = sorted(seconds)
    return round(ordered[(len(ordered) - 1) * percent // 100] * 1_000, 2)
