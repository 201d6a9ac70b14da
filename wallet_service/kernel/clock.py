"""Moments as whole microseconds, so that arithmetic on time is as exact as arithmetic on money."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final, NewType

Instant = NewType("Instant", int)
"""Microseconds since 1970-01-01T00:00:00Z."""

MICROSECONDS_PER_SECOND: Final = 1_000_000
NEVER: Final = Instant(253_402_300_799_000_000)
"""9999-12-31T23:59:59Z: the expiry of what does not expire; sorts after every real moment."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def after(moment: Instant, seconds: int) -> Instant:
    """Return the moment that many seconds later."""
    return Instant(moment + seconds * MICROSECONDS_PER_SECOND)


def from_datetime(moment: datetime) -> Instant:
    """Return an aware datetime as an Instant, exactly."""
    return Instant((moment - _EPOCH) // timedelta(microseconds=1))


def to_datetime(moment: Instant) -> datetime:
    """Return an Instant as an aware datetime in UTC, exactly."""
    return _EPOCH + timedelta(microseconds=moment)
