"""What is looked at of a redemption, as numbers between 0 and 1. Pure.

Everything is bent onto its range by fixed formulas, never by what happened to be seen, so that a feature means the
same in every version of the model and in every process.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.anomaly.model import DEVICES_MAX, HOURS, RECENT_MAX, Attempt, Features, Profile
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant

NAMES: Final = (
    "amount",
    "share_of_balance",
    "amount_against_history",
    "unusual_hour",
    "device_age",
    "days_since_last",
    "redemptions_in_an_hour",
    "redemptions_in_a_day",
    "wallet_age",
    "history",
)
UNKNOWN: Final = 0.5
"""Where nobody can tell: neither end."""

_HOUR: Final = 3_600 * MICROSECONDS_PER_SECOND
_DAY: Final = 24 * _HOUR
_HISTORY_MIN: Final = 3
"""Redemptions before anything can be against the history."""
_NEAR_HOURS: Final = 2
_DEVIATION_MIN: Final = 0.3
"""Of logarithms: who always redeems the same amount may vary by a third without being noticed."""
_FAR: Final = 8
"""Deviations beyond which it makes no difference any more."""
_AMOUNT_MAX: Final = 10_000_000
_HISTORY_MAX: Final = 200


class NotFinite(ValueError):  # noqa: N818 - it says what happened
    """A feature is not a finite number between 0 and 1; nothing is scored or learnt from such."""


def features_of(profile: Profile, attempt: Attempt) -> Features:
    """Return what a redemption looks like beside the wallet's history."""
    since = attempt.at - profile.recent[-1] if profile.recent else None
    return checked(
        (
            _log_share(attempt.amount, _AMOUNT_MAX),
            _clamped(attempt.amount / profile.available) if profile.available > 0 else 1.0,
            _against_history(profile, attempt.amount),
            _unusual_hour(profile, attempt.at),
            _device_age(profile, attempt),
            UNKNOWN if since is None else _log_share(since / _DAY, 365),
            _clamped(_within(profile.recent, attempt.at, _HOUR) / 8),
            _clamped(_within(profile.recent, attempt.at, _DAY) / RECENT_MAX),
            _log_share((attempt.at - profile.opened_at) / _DAY, 3_650),
            _log_share(profile.redemptions, _HISTORY_MAX),
        )
    )


def checked(values: Sequence[float]) -> Features:
    """Return the features if there are as many as have names and each is between 0 and 1; raises NotFinite."""
    if len(values) != len(NAMES):
        raise NotFinite(f"{len(values)} features instead of {len(NAMES)}")
    for name, value in zip(NAMES, values, strict=True):
        # A comparison with what is not a number is false, so this refuses that too.
        if not 0.0 <= value <= 1.0:
            raise NotFinite(f"{name} is {value}")
    return tuple(values)


def after(profile: Profile, attempt: Attempt, available: int) -> Profile:
    """Return the profile after a redemption that left `available`."""
    log = math.log1p(max(attempt.amount, 0))
    hour = attempt.at % _DAY // _HOUR
    return replace(
        profile,
        available=available,
        redemptions=profile.redemptions + 1,
        sum_log=profile.sum_log + log,
        sum_squares=profile.sum_squares + log * log,
        recent=(*profile.recent, attempt.at)[-RECENT_MAX:],
        hours=tuple(count + (number == hour) for number, count in enumerate(profile.hours)),
        devices=_with_device(profile, attempt),
    )


def _with_device(profile: Profile, attempt: Attempt) -> tuple[tuple[str, Instant], ...]:
    known = {device for device, _ in profile.devices}
    new = tuple((device, attempt.at) for device in attempt.devices if device not in known)
    # The oldest stay: they are the customer's own, and a flood of new ones must not push them out.
    return (*profile.devices, *new)[:DEVICES_MAX]


def _clamped(value: float) -> float:
    # Written so that what is not a number stays what it is, and is refused.
    return 0.0 if value < 0 else 1.0 if value > 1 else value


def _log_share(value: float, most: float) -> float:
    return _clamped(math.log1p(max(value, 0.0)) / math.log1p(most))


def _within(moments: Sequence[Instant], at: Instant, window: int) -> int:
    return sum(moment > at - window for moment in moments)


def _against_history(profile: Profile, amount: int) -> float:
    """Return where the amount stands among the wallet's own: half is the usual, 1 is far above."""
    if profile.redemptions < _HISTORY_MIN:
        return UNKNOWN
    mean = profile.sum_log / profile.redemptions
    variance = max(profile.sum_squares / profile.redemptions - mean * mean, 0.0)
    distance = (math.log1p(max(amount, 0)) - mean) / max(math.sqrt(variance), _DEVIATION_MIN)
    return 1 / (1 + math.exp(-_FAR if distance > _FAR else _FAR if distance < -_FAR else -distance))


def _unusual_hour(profile: Profile, at: Instant) -> float:
    """Return the share of the wallet's redemptions at quite other hours of the day; half for a wallet without history."""
    hour = int(at % _DAY // _HOUR)
    near = sum(profile.hours[(hour + step) % HOURS] for step in range(-_NEAR_HOURS, _NEAR_HOURS + 1))
    # One redemption at this hour and one at another is what everybody is thought to have had before.
    return _clamped(1 - (near + 1) / (sum(profile.hours) + 2))


def _device_age(profile: Profile, attempt: Attempt) -> float:
    if not attempt.devices:
        return UNKNOWN
    seen = [first for device, first in profile.devices if device in attempt.devices]
    return _log_share((attempt.at - min(seen)) / _HOUR, 24 * 365) if seen else 0.0
