"""From raw scores to scores that mean the same in every version: the place among what was seen. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.anomaly.features import NAMES
from wallet_service.fraud.anomaly.forest import QUANTILES, Forest
from wallet_service.fraud.anomaly.model import Features

CALIBRATED_MIN: Final = 200
"""Redemptions below which a share of a hundredth means nothing."""


class TooFew(ValueError):  # noqa: N818 - it says what happened
    """There is too little to calibrate by."""


def calibrated(forest: Forest, values: Sequence[Features], raw: Sequence[float]) -> Forest:
    """Return the model with its scores spread by what these redemptions scored; raises TooFew."""
    if len(raw) < CALIBRATED_MIN:
        raise TooFew(f"{len(raw)} redemptions are too few to calibrate by; {CALIBRATED_MIN} are needed")
    ordered = sorted(raw)
    last = len(ordered) - 1
    points = tuple(ordered[min(quantile * len(ordered) // 1_000, last)] for quantile in QUANTILES)
    usual = tuple(median(each[number] for each in values) for number in range(len(NAMES)))
    return replace(forest, points=points, usual=usual)
