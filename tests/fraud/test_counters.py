"""Counters on a real cache, with a clock that the test sets: edges, roll-over, poison, outages, rotation."""

from __future__ import annotations

import asyncio
import os
import signal
import time

import msgspec
import pytest
import redis.asyncio
from attempts import START, attempt, keys, limit, phone, planned, wallet

from wallet_service.fraud.counters import Counters, Memory, corrections_of
from wallet_service.fraud.model import By, Measure, Of, Trace, Window
from wallet_service.fraud.question import Question, Tally
from wallet_service.runtime.cache import Cache

COUNTS = [limit(Measure.COUNT, window=window) for window in Window]
NAMES = ["count.wallet.minute", "count.wallet.hour", "count.wallet.day"]


@pytest.fixture
async def cache(redis_url):
    cache = Cache(redis_url, timeout_ms=2_000)
    yield cache
    await cache.close()


@pytest.fixture
async def raw(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


async def read(cache, plan, *attempts):
    tallies = await Counters(cache, 2.0).count([(each, plan) for each in attempts])
    assert tallies is not None
    return [tally.readings for tally in tallies]


async def test_attempts_of_one_call_see_each_other_in_order(cache):
    found = await read(cache, planned(*COUNTS), *[attempt() for _ in range(4)])
    assert [each["count.wallet.hour"] for each in found] == [1, 2, 3, 4]


@pytest.mark.parametrize("window", Window)
async def test_a_window_rolls_over_no_earlier_than_its_length_and_a_sixth_later_at_most(cache, window):
    plan, reading = planned(limit(Measure.COUNT, window=window)), f"count.wallet.{window}"
    length, sixth = window.seconds, window.seconds // 6
    begun = START - START % length
    await read(cache, plan, attempt(begun))
    for offset, counted in ((length - 1, 2), (length, 3), (length + sixth - 1, 4), (length + sixth, 4)):
        (found,) = await read(cache, plan, attempt(begun + offset))
        assert found[reading] == counted, offset
    # The first is gone by now; the three that followed go in their turn.
    (found,) = await read(cache, plan, attempt(begun + 3 * length))
    assert found[reading] == 1


async def test_windows_of_one_record_roll_on_their_own(cache):
    plan = planned(*COUNTS)
    for minute in range(5):
        (found,) = await read(cache, plan, attempt(START + 120 * minute))
    assert [found[name] for name in NAMES] == [1, 5, 5]
    (found,) = await read(cache, plan, attempt(START + 6 * 3_600))
    assert [found[name] for name in NAMES] == [1, 1, 6]


async def test_amounts_are_added_up_exactly_up_to_the_largest(cache):
    plan = planned(limit(Measure.AMOUNT, window=Window.DAY))
    for total in (10**15, 2 * 10**15, 3 * 10**15):
        (found,) = await read(cache, plan, attempt(amount=10**15))
        assert found["amount.wallet.day"] == total


async def test_each_kind_of_key_is_counted_apart_and_what_is_not_told_not_at_all(cache):
    plan = planned(*[limit(Measure.COUNT, by, Window.HOUR) for by in (By.WALLET, By.DEVICE, By.ADDRESS)])
    await read(
        cache, plan, attempt(device="d1", address=Trace(key="a1")), attempt(device="d1", wallet_id=wallet(1))
    )
    (found,) = await read(cache, plan, attempt(device="d1", address=Trace(key="a2")))
    assert found == {"count.wallet.hour": 2, "count.device.hour": 3, "count.address.hour": 1}
    (found,) = await read(cache, plan, attempt())
    assert found == {"count.wallet.hour": 3}


async def test_events_are_counted_apart_from_redemptions_and_by_kind(cache):
    of_all = limit(Measure.COUNT, window=Window.HOUR, of=Of.EVENT)
    of_kind = limit(Measure.COUNT, window=Window.HOUR, of=Of.EVENT, kind="referral")
    plan = planned(of_all, of_kind, limit(Measure.COUNT, window=Window.HOUR))
    await read(cache, plan, attempt(), attempt(of=Of.EVENT, kind="share"))
    (found,) = await read(cache, plan, attempt(of=Of.EVENT, kind="referral"))
    assert found == {"count.wallet.hour": 2, "count.wallet.hour.referral": 1}
    (found,) = await read(cache, plan, attempt())
    assert found == {"count.wallet.hour": 2}


async def test_an_event_counts_at_the_moment_when_it_came_in(cache):
    """A backlog that is worked off late is no rush, and what came before does not see what came after."""
    plan = planned(limit(Measure.COUNT, window=Window.HOUR))
    await read(cache, plan, attempt(START + 7_200))
    found = await read(cache, plan, *[attempt(START + 600 * number) for number in range(3)])
    assert [each["count.wallet.hour"] for each in found] == [1, 2, 3]
    (found,) = await read(cache, plan, attempt(START + 7_200))
    assert found["count.wallet.hour"] == 2


async def test_different_wallets_on_a_device_are_counted_exactly_within_their_window(cache):
    plan = planned(
        limit(Measure.WALLETS, By.DEVICE, Window.HOUR), limit(Measure.WALLETS, By.DEVICE, Window.DAY)
    )
    for number in range(250):
        (found,) = await read(cache, plan, attempt(START, device="farm", wallet_id=wallet(number % 250)))
    assert found == {"wallets.device.hour": 250, "wallets.device.day": 250}
    (found,) = await read(cache, plan, attempt(START + 3_600, device="farm", wallet_id=wallet(0)))
    assert found == {"wallets.device.hour": 1, "wallets.device.day": 250}
    (found,) = await read(cache, plan, attempt(START + 86_400, device="farm", wallet_id=wallet(1)))
    assert found == {"wallets.device.hour": 1, "wallets.device.day": 2}


async def test_different_devices_of_a_wallet_are_counted(cache):
    plan = planned(limit(Measure.DEVICES, window=Window.DAY))
    for number, name in enumerate(("d1", "d2", "d1", "d3")):
        (found,) = await read(cache, plan, attempt(START + number, device=name))
    assert found == {"devices.wallet.day": 3}
    (found,) = await read(cache, plan, attempt(START + 9))
    assert found == {"devices.wallet.day": 3}


async def test_concurrent_processes_never_count_the_same_place_twice(redis_url):
    plan = planned(limit(Measure.COUNT, By.DEVICE, Window.HOUR))
    caches = [Cache(redis_url, timeout_ms=5_000) for _ in range(4)]
    attempts = [[attempt(device="d", wallet_id=wallet(n))] for n in range(25)]
    found = await asyncio.gather(*[read(cache, plan, *each) for cache in caches for each in attempts])
    assert sorted(each[0]["count.device.hour"] for each in found) == list(range(1, 101))
    for cache in caches:
        await cache.close()


async def test_what_is_taken_back_and_what_failed_is_counted_after_the_fact(cache):
    plan = planned(
        limit(Measure.COUNT, window=Window.HOUR), limit(Measure.AMOUNT, window=Window.DAY), limit(Measure.FAILURES, window=Window.HOUR),
    )  # fmt: skip
    counters, first = Counters(cache, 2.0), attempt()
    await read(cache, plan, first, attempt(amount=7))
    await counters.correct(corrections_of(first, plan, failed=False))
    await counters.correct(corrections_of(first, plan, failed=True))
    (found,) = await read(cache, plan, attempt(amount=1))
    assert found == {"count.wallet.hour": 2, "amount.wallet.day": 8, "failures.wallet.hour": 1}
    for _ in range(9):
        await counters.correct(corrections_of(first, plan, failed=False))
    (found,) = await read(cache, plan, attempt(amount=1))
    assert (found["count.wallet.hour"], found["amount.wallet.day"]) == (1, 1)


@pytest.mark.parametrize(
    "poison",
    [
        b"", b"garbage", b"\xc1", b"\x00" * 500, b"\x93\x00\x90\x80"[:2], b"\x93\xa1x\x90\x80", b"\x93\x00\x90\x81\xa2hc\x92\xa1x\xa1y",
        b"\x93\x00\x90\x81\xa2hc\x92\xce\x00\x07\x8a\x40\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", b"\x93\x00\x90\x81\xa2hc\x01",
        b"\x93\x00\x92\x01\x02\x80", b"\x80",
    ],
)  # fmt: skip
async def test_a_poisoned_record_begins_anew_and_spoils_no_other(cache, raw, poison):
    plan = planned(limit(Measure.COUNT, window=Window.HOUR), limit(Measure.DEVICES, window=Window.HOUR))
    other = attempt(wallet_id=wallet(1), device="d")
    await read(cache, plan, attempt(device="d"), other)
    (key,) = await raw.keys("fraud:*")
    (name,) = [name for name in await raw.hkeys(key) if b"aaaaaaaa" in name]
    await raw.hset(key, name, poison)
    spoiled, sound = await read(cache, plan, attempt(device="d"), other)
    assert spoiled == {"count.wallet.hour": 1, "devices.wallet.hour": 1}
    assert sound["count.wallet.hour"] == 2


async def test_a_key_of_another_type_is_thrown_away(cache, raw):
    plan = planned(limit(Measure.COUNT, window=Window.HOUR))
    await read(cache, plan, attempt())
    (key,) = await raw.keys("fraud:*")
    await raw.delete(key)
    await raw.lpush(key, "not", "ours")
    assert await read(cache, plan, attempt()) == [{"count.wallet.hour": 1}]
    assert await read(cache, plan, attempt()) == [{"count.wallet.hour": 2}]


async def test_yesterdays_records_count_on_and_live_no_longer_than_they_are_read(cache, raw):
    plan = planned(limit(Measure.COUNT, window=Window.DAY))
    await read(cache, plan, attempt())
    (key,) = await raw.keys("fraud:*")
    today = int(key.rpartition(b":")[2])
    await raw.rename(key, f"fraud:shop:{today - 1}")
    assert await read(cache, plan, attempt()) == [{"count.wallet.day": 2}]
    assert await read(cache, plan, attempt()) == [{"count.wallet.day": 3}]
    assert 0 < await raw.ttl(key) <= 3 * 86_400


async def test_a_flushed_cache_counts_anew(cache, raw):
    plan = planned(limit(Measure.COUNT, window=Window.HOUR))
    await read(cache, plan, attempt(), attempt())
    await raw.flushall()
    assert await read(cache, plan, attempt()) == [{"count.wallet.hour": 1}]


async def test_what_the_database_remembers_is_put_back_and_never_later_than_it_stood(cache):
    plan = planned(limit(Measure.AGE, By.DEVICE), limit(Measure.WALLETS, By.DEVICE, Window.DAY))
    counters, (shelf,) = Counters(cache, 2.0), plan.redemption
    (tally,) = await counters.count([(attempt(device="d"), plan)])
    assert tally.unseen == [shelf]
    for first in (START - 500, START - 100):
        memory = Memory(
            program_id="shop", name=f"{shelf.name}d", first_second=first, members=[(wallet(1), START - 60), (wallet(2), START - 90_000)]
        )  # fmt: skip
        await counters.remember([memory])
    (tally,) = await counters.count([(attempt(device="d"), plan)])
    assert (tally.unseen, tally.readings) == ([], {"age.device": 500, "wallets.device.day": 2})


async def test_a_device_is_counted_on_while_one_key_takes_the_place_of_another(cache):
    plan = planned(limit(Measure.COUNT, By.DEVICE, Window.HOUR), limit(Measure.WALLETS, By.DEVICE, Window.DAY),
                   limit(Measure.DEVICES, window=Window.DAY))  # fmt: skip
    before, both, back, after = keys("k0"), keys("k1", "k0"), keys("k0", "k1"), keys("k1")
    counted = []
    # Processes change their ring one after the other, so both orders meet for a while.
    for number, ring in enumerate((before, both, back, both, both, after)):
        (found,) = await read(cache, plan, attempt(device=phone(ring), wallet_id=wallet(number % 2)))
        counted.append((found["count.device.hour"], found["wallets.device.day"], found["devices.wallet.day"]))
    assert counted == [(number, min(number, 2), 1) for number in range(1, 7)]


async def test_a_cache_that_is_away_is_answered_by_nothing_within_the_budget(own_valkey):
    own_valkey.start()
    cache = Cache(own_valkey.url, timeout_ms=2_000)
    plan = planned(limit(Measure.COUNT, window=Window.HOUR))
    counters = Counters(cache, 0.1)
    # The first of a process pays for the connection.
    await Counters(cache, 2.0).count([(attempt(), plan)])
    os.kill(own_valkey.process.pid, signal.SIGSTOP)
    took: list[float] = []
    try:
        for _ in range(12):
            begun = time.monotonic()
            assert await counters.count([(attempt(), plan)]) is None
            took.append(time.monotonic() - begun)
    finally:
        os.kill(own_valkey.process.pid, signal.SIGCONT)
    # Of those before the breaker opens; a machine that has other things to do may keep one of them waiting.
    assert min(took[:5]) < 0.5
    for _ in range(100):
        if (tallies := await counters.count([(attempt(), plan)])) is not None:
            break
        await asyncio.sleep(0.1)
    assert tallies[0].readings["count.wallet.hour"] >= 2
    await cache.close()


FARM = limit(Measure.WALLETS, By.DEVICE, Window.DAY)


@pytest.mark.parametrize(
    "first", [1.5, -1, 1e300, float("inf"), float("nan"), 2.0**70, 2**63, "yesterday", None]
)
async def test_a_record_that_reads_well_and_says_nonsense_spoils_no_other_and_begins_anew(cache, raw, first):
    plan = planned(COUNTS[1], FARM, limit(Measure.AGE, By.DEVICE), limit(Measure.LINK_AGE))
    victim, other = attempt(device="victim"), attempt(device="other", wallet_id=wallet(3))
    await read(cache, plan, victim, other)
    (key,) = await raw.keys("fraud:*")
    for name in await raw.hkeys(key):
        if b"victim" in name:
            await raw.hset(key, name, msgspec.msgpack.encode([first, [], {}]))
    for number in (2, 3):
        spoiled, sound = await read(cache, plan, victim, other)
        assert spoiled == sound == {"count.wallet.hour": number, "wallets.device.day": 1}


@pytest.mark.parametrize(
    "members",
    [
        ["m", 1e300],
        ["m", float("inf")],
        ["m", START + 10**9],
        ["m"],
        [float("nan"), START],
        [{}, "x"],
        {"a": 1},
    ],
)
async def test_members_that_nobody_met_neither_count_for_ever_nor_spoil_what_is_remembered(
    cache, raw, members
):
    plan, counters = planned(FARM), Counters(cache, 2.0)
    (shelf,) = plan.redemption
    asked = attempt(device="d")
    await read(cache, plan, asked)
    (key,) = await raw.keys("fraud:*")
    (name,) = await raw.hkeys(key)
    await raw.hset(key, name, msgspec.msgpack.encode([START, members, {}]))
    memories = [
        Memory(program_id="shop", name=f"{shelf.name}{device}", first_second=START, members=[(wallet(1), START)])
        for device in ("d", "e")
    ]  # fmt: skip
    await counters.remember(memories)
    (sound,) = await read(cache, plan, attempt(device="e"))
    assert sound["wallets.device.day"] == 2
    later = attempt(START + 2 * 86_400, device="d")
    assert await read(cache, plan, later) == [{"wallets.device.day": 1}]


def test_an_answer_that_is_no_number_says_nothing_and_takes_no_other_along():
    plan = planned(FARM)
    question, tallies = Question(), [Tally(), Tally()]
    for number in range(2):
        question.add(number, attempt(device=f"d{number}"), plan)
    assert question.read(msgspec.msgpack.encode([1e300, 1.5, 3, START]), tallies)
    assert [tally.readings for tally in tallies] == [{}, {"wallets.device.day": 3}]
    assert [len(tally.unseen) for tally in tallies] == [1, 0]
    for answer in ([1, 2, 3], {"a": 1}, b"\xff", None, [[]] * 3):
        assert not question.read(msgspec.msgpack.encode(answer), tallies)
