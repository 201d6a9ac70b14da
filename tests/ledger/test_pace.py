"""Refusing at once what would be answered too late."""

from wallet_service.ledger.pace import UNHURRIED, Pace
from wallet_service.runtime.patience import BEGINNING_SHARE, FINISHING_SHARE


def paced(per_second: int) -> Pace:
    pace = Pace()
    pace.resumed(100.0)
    for second in range(1, 21):
        pace.noted(per_second, 100.0 + second)
    return pace


def test_nothing_is_foretold_before_the_first_batch():
    assert Pace().wait_seconds(1_000_000) == 0.0
    assert not Pace().is_too_late(1_000_000, 0.001, finishes=False)


def test_the_wait_follows_from_the_pace_and_from_who_is_before():
    assert abs(paced(1_000).wait_seconds(500) - 0.5) < 1e-6


def test_a_command_is_refused_only_beyond_its_share_of_the_time_left():
    pace = paced(1_000)  # 500 before it: half a second
    edge = 0.5 / BEGINNING_SHARE
    assert pace.is_too_late(500, edge * 0.99, finishes=False)
    assert not pace.is_too_late(500, edge * 1.01, finishes=False)


def test_what_finishes_something_may_wait_longer_than_what_begins_something():
    pace, left = paced(1_000), 0.75
    assert FINISHING_SHARE * left > 0.5
    assert BEGINNING_SHARE * left < 0.5
    assert pace.is_too_late(500, left, finishes=False)
    assert not pace.is_too_late(500, left, finishes=True)


def test_a_few_are_never_too_many_however_slow_the_last_batch_was():
    assert not paced(1).is_too_late(UNHURRIED, 0.001, finishes=False)


def test_a_pause_is_no_slowness():
    pace = paced(1_000)
    before = pace.wait_seconds(100)
    pace.resumed(10_000.0)
    pace.noted(1_000, 10_001.0)
    assert abs(pace.wait_seconds(100) - before) < 1e-6


def test_newer_batches_weigh_more_than_older_ones():
    pace = paced(1_000)
    for second in range(1, 91):
        pace.noted(100, 120.0 + second)
    assert 0.9 < pace.wait_seconds(100) < 1.1
