"""When value expires: at the end of a day, month, quarter or year of the program's time zone, and never too soon."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from shop import DAY, PROGRAM, Policy
from test_lookout import look, warned

from wallet_service.earning.expiry import expires_at, idle_at
from wallet_service.earning.model import DAY_SECONDS, ExpiryKind, Standing
from wallet_service.earning.store import _policy
from wallet_service.kernel.clock import NEVER, Instant, after, from_datetime, to_datetime

# Clocks that change at midnight, at one and two o'clock, by half an hour, by a whole day; and none that do.
ZONES = [
    ZoneInfo(name)
    for name in (
        "UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "America/Santiago", "Asia/Beirut",
        "Africa/Cairo", "Atlantic/Azores", "Australia/Lord_Howe", "Asia/Kolkata", "Pacific/Apia", "Pacific/Kiritimati",
        "America/Havana", "Asia/Amman",
    )
]  # fmt: skip
ENDS = {
    ExpiryKind.END_OF_MONTH: range(1, 13),
    ExpiryKind.END_OF_QUARTER: (1, 4, 7, 10),
    ExpiryKind.END_OF_YEAR: (1,),
}
moments = st.datetimes(datetime(2008, 1, 1), datetime(2040, 1, 1)).map(  # noqa: DTZ001 - UTC is said next
    lambda at: from_datetime(at.replace(tzinfo=UTC))
)
zones = st.sampled_from(ZONES)


def local(moment: int, zone: ZoneInfo) -> datetime:
    return to_datetime(Instant(moment)).astimezone(zone)


def noon(year: int, month: int, day: int, zone: ZoneInfo = ZONES[0]) -> Instant:
    return from_datetime(datetime(year, month, day, 12, tzinfo=zone))


@given(moments, zones, st.sampled_from(list(ENDS)), st.integers(0, 400), st.integers(0, 60))
@example(from_datetime(datetime(2026, 12, 31, 23, tzinfo=UTC)), ZONES[1], ExpiryKind.END_OF_YEAR, 0, 0)
def test_value_expires_at_the_first_end_of_a_period_at_which_it_could_be_spent_long_enough(
    earned, zone, kind, days_min, window
):
    available = after(earned, window * DAY_SECONDS)
    policy = Policy(expiry=kind, expiry_days_min=days_min)
    at = expires_at(policy, earned, available, zone)
    least = max(after(available, days_min * DAY_SECONDS), earned + 1)
    assert at >= least
    ends, before = local(at, zone), local(at - 1, zone)
    # A period begins with this moment: the one before it belongs to another.
    assert (ends.day, ends.month in ENDS[kind]) == (1, True)
    assert before.date() == ends.date() - timedelta(days=1)
    # And none has ended between: a month has 31 days at most, and a clock changes by an hour.
    first = local(least - 1, zone).date()
    passed = {(day.year, day.month) for day in days_between(first, before.date())}
    starts = [month for month in passed if month[1] in ENDS[kind] and month != (first.year, first.month)]
    assert starts == []


def days_between(first, last):
    return [first + timedelta(days=n) for n in range((last - first).days + 1)]


@given(moments, zones, st.integers(1, 366), st.integers(0, 60))
def test_rolling_value_expires_with_the_day_in_which_its_time_to_be_spent_ends(earned, zone, days, window):
    policy = Policy(expiry=ExpiryKind.ROLLING, expires_after_seconds=days * DAY_SECONDS)
    available = after(earned, window * DAY_SECONDS)
    at = expires_at(policy, earned, available, zone)
    least = after(available, days * DAY_SECONDS)
    assert least <= at <= least + DAY + DAY // 24
    assert local(at, zone).date() != local(at - 1, zone).date()


async def test_value_whose_time_is_shorter_than_the_return_window_is_warned_of_and_can_be_spent(shop):
    week = 7 * DAY_SECONDS
    policy = Policy(
        return_window_seconds=2 * week, expires_after_seconds=week, warn_before_seconds=(week // 2,)
    )
    await shop.earning.put_policy(PROGRAM, policy, None, "t", "t", shop.soon())
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    assert await shop.balance(anna) == (0, 500, 0, 0)
    await shop.wait(5 * DAY)
    assert (await look(shop)).warned == 1
    (warning,) = await warned(shop)
    assert (warning.amount, warning.expires_at >= after(shop.now, 2 * DAY_SECONDS)) == (500, True)
    await shop.pay(anna, "o2", 500)
    await shop.is_sound()


@given(moments, zones, st.integers(1, 36_600), st.integers(0, 732))
def test_a_wallet_that_earns_every_day_never_runs_out_of_lots(earned, zone, days, window):
    """Each lot lives as long as was promised, and there are never too many of them at once."""
    policy = Policy(expiry=ExpiryKind.ROLLING, expires_after_seconds=days * DAY_SECONDS)
    ends = set()
    # What was earned during the whole life of a lot: a part of the days, and the first ones all.
    life = days + window
    for n in (*range(0, life, max(1, life // 400)), *range(min(life, 40))):
        at = Instant(earned + n * DAY)
        available = after(at, window * DAY_SECONDS)
        ends.add(expires_at(policy, at, available, zone))
        assert max(ends) >= after(available, days * DAY_SECONDS)
    daily = days <= 366 and life <= 480
    assert len(ends) + 2 < 512
    assert (life if daily else life // 28 if days <= 3_660 else life // 365) + 2 < 512
    granular = {local(end, zone).day for end in ends}
    assert daily or granular == {1}


@given(moments, moments, zones, st.sampled_from(list(ENDS)), st.integers(0, 100))
def test_what_is_earned_later_does_not_expire_sooner(one, other, zone, kind, days_min):
    policy = Policy(expiry=kind, expiry_days_min=days_min)
    first, second = sorted((one, other))
    assert expires_at(policy, first, first, zone) <= expires_at(policy, second, second, zone)


@pytest.mark.parametrize(
    ("kind", "days_min", "earned", "ends"),
    [
        (ExpiryKind.END_OF_MONTH, 0, noon(2026, 1, 31), "2026-02-01"),
        (ExpiryKind.END_OF_MONTH, 30, noon(2026, 1, 31), "2026-04-01"),
        (ExpiryKind.END_OF_MONTH, 28, noon(2024, 1, 31), "2024-03-01"),
        (ExpiryKind.END_OF_QUARTER, 0, noon(2026, 11, 22), "2027-01-01"),
        (ExpiryKind.END_OF_QUARTER, 90, noon(2026, 11, 22), "2027-04-01"),
        (ExpiryKind.END_OF_YEAR, 0, noon(2026, 11, 22), "2027-01-01"),
        (ExpiryKind.END_OF_YEAR, 90, noon(2026, 11, 22), "2028-01-01"),
    ],
)
@pytest.mark.parametrize("zone", ZONES[:4], ids=str)
def test_ends_of_periods_are_those_of_a_calendar_on_the_wall(kind, days_min, earned, ends, zone):
    at = expires_at(Policy(expiry=kind, expiry_days_min=days_min), earned, earned, zone)
    assert f"{local(at, zone):%Y-%m-%d %H:%M}" == f"{ends} 00:00"


def test_what_is_earned_at_the_very_end_of_a_period_expires_with_the_next():
    midnight = from_datetime(datetime(2026, 12, 1, tzinfo=UTC))
    policy = Policy(expiry=ExpiryKind.END_OF_MONTH)
    assert expires_at(policy, midnight, midnight, ZONES[0]) == from_datetime(datetime(2027, 1, 1, tzinfo=UTC))


def test_what_is_pending_when_its_period_ends_can_still_be_spent():
    earned = noon(2026, 11, 25)
    available = after(earned, 14 * DAY_SECONDS)
    at = expires_at(Policy(expiry=ExpiryKind.END_OF_MONTH), earned, available, ZONES[0])
    assert at == from_datetime(datetime(2027, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize("kind", [ExpiryKind.NEVER, ExpiryKind.INACTIVITY, ExpiryKind.ROLLING])
def test_without_a_time_nothing_expires_by_itself(kind):
    policy = Policy(expiry=kind, inactivity_days=30)
    assert expires_at(policy, noon(2026, 1, 1), noon(2026, 1, 1), ZONES[0]) == NEVER


def test_nothing_expires_beyond_the_end_of_all_calendars():
    late = Instant(NEVER - DAY)
    for kind, zone in itertools.product(ENDS, ZONES):
        assert expires_at(Policy(expiry=kind), late, late, zone) == NEVER


def test_a_policy_that_was_stored_before_there_were_kinds_still_means_the_same():
    policy = _policy('{"expires_after_seconds": 86400}')
    assert policy.expiry is ExpiryKind.ROLLING
    assert expires_at(policy, noon(2026, 1, 1), noon(2026, 1, 1), ZONES[0]) == from_datetime(
        datetime(2026, 1, 3, tzinfo=UTC)
    )


@given(moments, moments, st.integers(1, 3_660))
def test_idle_time_counts_from_the_last_that_happened_or_from_the_beginning_of_the_policy(
    active, begun, days
):
    policy = Policy(expiry=ExpiryKind.INACTIVITY, inactivity_days=days, inactivity_from=begun)
    standing = Standing(
        wallet_id="", program_id="", now=active, version=1, reserved=0, lots=((NEVER, 1),), active_at=active
    )
    assert idle_at(standing, policy) == max(active, begun) + days * DAY
