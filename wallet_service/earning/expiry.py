"""When value expires, and who is to be told ahead of it. Pure; the calendar is that of the program's time zone."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from datetime import date, datetime, timedelta
from typing import Final, assert_never
from zoneinfo import ZoneInfo

from wallet_service.earning.model import DAY_SECONDS, ExpiryKind, ExpiryWarning, Idle, Policy, Standing
from wallet_service.kernel.clock import (
    MICROSECONDS_PER_SECOND,
    NEVER,
    Instant,
    after,
    from_datetime,
    to_datetime,
)

MONTHLY_AFTER_SECONDS: Final = 366 * DAY_SECONDS
DAILY_SECONDS_MAX: Final = 480 * DAY_SECONDS
"""With the time for which it is pending."""
YEARLY_AFTER_SECONDS: Final = 3_660 * DAY_SECONDS
"""What lives longer expires less finely: a wallet that earns every day must not run out of lots."""
_LAST_YEARS: Final = 3 * 366 * DAY_SECONDS * MICROSECONDS_PER_SECOND
"""So close to the end of all calendars, nothing expires any more."""


def expires_at(policy: Policy, earned_at: Instant, available_at: Instant, zone: ZoneInfo) -> Instant:
    """Return when value expires that was earned and can be spent at these moments; NEVER if by itself it does not."""
    # What is pending cannot be spent: its time does not run yet.
    first = max(earned_at, available_at)
    match policy.expiry:
        case ExpiryKind.NEVER | ExpiryKind.INACTIVITY:
            return NEVER
        case ExpiryKind.ROLLING:
            seconds = policy.expires_after_seconds
            if not seconds:
                return NEVER
            waits = (first - earned_at) // MICROSECONDS_PER_SECOND
            return _end(_rounding(seconds, waits), after(first, seconds), first, zone)
        case ExpiryKind.END_OF_MONTH:
            begins = _month
        case ExpiryKind.END_OF_QUARTER:
            begins = _quarter
        case ExpiryKind.END_OF_YEAR:
            begins = _year
        case _:
            assert_never(policy.expiry)
    return _end(begins, after(first, policy.expiry_days_min * DAY_SECONDS), first, zone)


Period = Callable[[date], date]
"""The first day of the period in which a day lies."""


def _day(of: date) -> date:
    return of


def _month(of: date) -> date:
    return of.replace(day=1)


def _quarter(of: date) -> date:
    return of.replace(month=(of.month - 1) // 3 * 3 + 1, day=1)


def _year(of: date) -> date:
    return of.replace(month=1, day=1)


def _rounding(seconds: int, waits_seconds: int) -> Period:
    if seconds <= MONTHLY_AFTER_SECONDS and waits_seconds + seconds <= DAILY_SECONDS_MAX:
        return _day
    return _month if seconds <= YEARLY_AFTER_SECONDS else _year


def _end(begins: Period, least: Instant, earned_at: Instant, zone: ZoneInfo) -> Instant:
    """Return the first moment not before `least`, and after `earned_at`, at which a period ends in a time zone."""
    least = Instant(max(least, earned_at + 1))
    if least >= NEVER - _LAST_YEARS:
        return NEVER
    start = begins(to_datetime(least).astimezone(zone).date())
    # More than once where a clock is put back over midnight: its day has ended before, and begins to end again.
    while (end := _midnight(start, zone)) < least:
        start = _next(begins, start)
    return end


def _next(begins: Period, start: date) -> date:
    """Return the first day of the period after the one that begins with this day."""
    later = start + timedelta(days=1)
    while begins(later) == start:
        later = (later.replace(day=1) + timedelta(days=32)).replace(day=1)
    return later


def _midnight(day: date, zone: ZoneInfo) -> Instant:
    """Return the first moment of a day: where clocks skip midnight, the moment at which they do."""
    return from_datetime(datetime(day.year, day.month, day.day, tzinfo=zone))


def warnings_of(standing: Standing, policy: Policy) -> list[ExpiryWarning]:
    """Return the warnings that are due: for each expiry that is near, the last one whose time has come."""
    ends = [(at, amount, False) for at, amount in standing.lots if at < NEVER]
    ends.append((idle_at(standing, policy), _without_expiry(standing), True))
    return [
        _warning(standing, at, amount, before, inactivity=inactivity)
        for at, amount, inactivity in ends
        if amount and (before := _nearest(policy.warn_before_seconds, at, standing.now))
    ]


def _nearest(before_seconds: Iterable[int], at: Instant, now: Instant) -> int:
    """Return the shortest time ahead of a moment that has begun; 0: none has, or the moment has passed."""
    return min((before for before in before_seconds if after(at, -before) <= now < at), default=0)


def _warning(
    standing: Standing, at: Instant, amount: int, before_seconds: int, *, inactivity: bool
) -> ExpiryWarning:
    name = f"warning/{at}/{before_seconds}/{inactivity}"
    return ExpiryWarning(
        warning_id=str(uuid.uuid5(uuid.UUID(standing.wallet_id), name)), wallet_id=standing.wallet_id,
        program_id=standing.program_id, expires_at=at, before_seconds=before_seconds, amount=amount,
        inactivity=inactivity,
    )  # fmt: skip


def _without_expiry(standing: Standing) -> int:
    return sum(amount for at, amount in standing.lots if at >= NEVER)


def idle_at(standing: Standing, policy: Policy) -> Instant:
    """Return when a wallet has been idle for so long that what it holds without an expiry expires; NEVER: it does not."""
    if policy.expiry is not ExpiryKind.INACTIVITY or not policy.inactivity_days:
        return NEVER
    return after(
        Instant(max(standing.active_at, policy.inactivity_from)), policy.inactivity_days * DAY_SECONDS
    )


def idle_of(standing: Standing, policy: Policy) -> Idle | None:
    """Return a wallet whose time is over, with the version that was judged. One in which something is held is in use: it waits."""
    if standing.now < idle_at(standing, policy) or not _without_expiry(standing) or standing.reserved:
        return None
    return Idle(wallet_id=standing.wallet_id, version=standing.version, days=policy.inactivity_days)
