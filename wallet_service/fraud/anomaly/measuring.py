"""How well a model tells fraud from what is honest. Pure."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from msgspec.structs import replace

from wallet_service.fraud.anomaly.model import Metrics

HIGH = 990


def area(fraud: Sequence[float], honest: Sequence[float]) -> float | None:
    """Return how likely one of fraud scores above one that is honest, a tie counting half; None without both."""
    if not fraud or not honest:
        return None
    ordered = sorted(honest)
    wins = sum(bisect_left(ordered, score) + bisect_right(ordered, score) for score in fraud)
    return wins / (2 * len(fraud) * len(ordered))


def share_from(scores: Sequence[int], bound: int) -> float | None:
    """Return the share of scores that reach a bound; None without any."""
    return sum(score >= bound for score in scores) / len(scores) if scores else None


def measured(base: Metrics, fraud: Sequence[int], honest: Sequence[int]) -> Metrics:
    """Return metrics with what the calibrated scores of labelled redemptions say."""
    found = area(fraud, honest)
    return replace(
        base,
        auc=None if found is None else round(found, 4),
        found_at_990=_rounded(share_from(fraud, HIGH)),
        false_at_990=_rounded(share_from(honest, HIGH)),
    )


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
