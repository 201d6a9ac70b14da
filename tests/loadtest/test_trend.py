"""What a soak calls flat."""

import random

import pytest

from loadtest.trend import Limit, Verdict, slope, trend

LIMIT = Limit(figure="rss_mb", unit="MB", per_hour_max=30.0)
HALF_AN_HOUR = [10.0 * n for n in range(1, 181)]


def test_a_leak_is_not_called_flat():
    noise = random.Random(1)
    leaking = [100 + at * 40 / 3_600 + noise.uniform(-1, 1) for at in HALF_AN_HOUR]
    found = trend(LIMIT, HALF_AN_HOUR, leaking)
    assert found.verdict is Verdict.NOT_FLAT
    assert found.per_hour == pytest.approx(40, abs=8)


@pytest.mark.parametrize("per_hour", [0, -500, 15])
def test_noise_and_shrinking_and_little_growth_are_called_flat(per_hour):
    noise = random.Random(2)
    values = [100 + at * per_hour / 3_600 + noise.uniform(-1, 1) for at in HALF_AN_HOUR]
    assert trend(LIMIT, HALF_AN_HOUR, values).verdict is Verdict.FLAT


def test_what_grows_only_in_the_beginning_is_flat():
    values = [min(100 + at / 5, 200) for at in HALF_AN_HOUR]
    assert trend(LIMIT, HALF_AN_HOUR, values).verdict is Verdict.FLAT


def test_a_short_run_is_not_judged():
    assert trend(LIMIT, HALF_AN_HOUR[:6], [1, 2, 3, 4, 5, 6]).verdict is Verdict.TOO_SHORT
    assert trend(LIMIT, [], []).verdict is Verdict.TOO_SHORT


def test_the_slope_of_a_line_is_its_slope():
    assert slope([0, 1, 2, 5], [3, 5, 7, 13]) == pytest.approx(2)
    assert slope([4], [1]) == slope([], []) == slope([2, 2], [1, 9]) == 0
