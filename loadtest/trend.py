"""Whether something grows: the slope of its later half, against a limit with a name. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final

MINUTES_TO_JUDGE: Final = 10.0
"""Below this, what a process does once (caches that fill, pools that open) looks like growth."""


@unique
class Verdict(Enum):
    """What a slope says."""

    FLAT = "flat"
    NOT_FLAT = "not flat"
    TOO_SHORT = "too short to judge"


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """How fast a figure may grow and still be called flat."""

    figure: str
    unit: str
    per_hour_max: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """How a figure went: its last value, its slope over the later half, and what that says."""

    limit: Limit
    last: float
    per_hour: float
    verdict: Verdict


def slope(xs: Sequence[float], ys: Sequence[float]) -> float:
    """Return the slope of the line through the points with the least squares; 0 for fewer than two."""
    if len(xs) < 2:  # noqa: PLR2004
        return 0.0
    middle_x, middle_y = sum(xs) / len(xs), sum(ys) / len(ys)
    spread = sum((x - middle_x) ** 2 for x in xs)
    return (
        sum((x - middle_x) * (y - middle_y) for x, y in zip(xs, ys, strict=True)) / spread if spread else 0.0
    )


def trend(limit: Limit, at_seconds: Sequence[float], values: Sequence[float]) -> Trend:
    """Judge a figure by its samples. Shrinking is flat: what is given back was not lost."""
    half = len(values) // 2
    per_hour = slope(at_seconds[half:], values[half:]) * 3_600
    minutes = (at_seconds[-1] - at_seconds[0]) / 60 if at_seconds else 0.0
    if minutes < MINUTES_TO_JUDGE:
        verdict = Verdict.TOO_SHORT
    else:
        verdict = Verdict.FLAT if per_hour <= limit.per_hour_max else Verdict.NOT_FLAT
    last = values[-1] if values else 0.0
    return Trend(limit=limit, last=last, per_hour=round(per_hour, 2), verdict=verdict)
