"""A cache that may vanish: definite answers within the time limit, and never an older value over a newer one."""

import asyncio
import os
import signal
import time

import pytest
import redis.asyncio
from redis.asyncio.connection import UnixDomainSocketConnection

from wallet_service.runtime.breaker import Breaker
from wallet_service.runtime.cache import Cache, Versioned, packed


@pytest.fixture
async def cache(redis_url):
    cache = Cache(redis_url, timeout_ms=500)
    yield cache
    await cache.close()


@pytest.fixture
async def raw(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


def item(version, payload, key="w:1"):
    return Versioned(key=key, version=version, payload=payload)


async def test_what_was_put_is_found_with_every_byte(cache):
    payload = bytes(range(256))
    assert await cache.put_if_newer_many([item(1, payload), item(1, b"", "w:2")], ttl_seconds=60)
    assert await cache.get_many(["w:1", "absent", "w:2"]) == [payload, None, b""]
    assert (cache.counts.hits, cache.counts.misses) == (2, 1)


@pytest.mark.parametrize(
    ("first", "second", "kept"), [(9, 10, b"b"), (10, 9, b"a"), (7, 7, b"a"), (2**62, 2**62 + 1, b"b")]
)
async def test_the_newer_version_stays_whoever_writes_last(cache, first, second, kept):
    await cache.put_if_newer_many([item(first, b"a")], ttl_seconds=60)
    await cache.put_if_newer_many([item(second, b"b")], ttl_seconds=60)
    assert await cache.get_many(["w:1"]) == [kept]


async def test_values_live_as_long_as_told_and_can_be_deleted(cache, raw):
    await cache.put_if_newer_many([item(1, b"a")], ttl_seconds=60)
    assert 59_000 < await raw.pttl("w:1") <= 60_000
    assert await cache.delete(["w:1", "absent"])
    assert await cache.get_many(["w:1"]) == [None]


async def test_poison_is_a_miss_and_is_replaced(cache, raw):
    await raw.lpush("w:1", "not ours")
    await raw.set("w:2", b"short")
    assert await cache.get_many(["w:1", "w:2"]) == [None, None]
    assert await cache.put_if_newer_many([item(1, b"a"), item(1, b"b", "w:2")], ttl_seconds=60)
    assert await cache.get_many(["w:1", "w:2"]) == [b"a", b"b"]


async def test_scripts_survive_a_flush(cache, raw):
    await cache.put_if_newer_many([item(1, b"a")], ttl_seconds=60)
    await raw.script_flush()
    await raw.flushall()
    assert await cache.put_if_newer_many([item(1, b"a")], ttl_seconds=60)


async def test_a_cache_that_is_gone_answers_at_once_and_is_used_again_when_back(own_valkey):
    own_valkey.start()
    cache = Cache(own_valkey.url, timeout_ms=200)
    assert await cache.ping()
    own_valkey.kill()
    started = time.monotonic()
    for _ in range(20):
        assert await cache.get_many(["a", "b"]) == [None, None]
        assert not await cache.put_if_newer_many([item(1, b"a")], ttl_seconds=60)
        assert not await cache.delete(["a"])
    # Sixty time-outs would be twelve seconds.
    assert time.monotonic() - started < 6
    assert cache.away
    assert cache.counts.skipped > 0
    own_valkey.start()
    deadline = time.monotonic() + 10
    while not await cache.ping():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    assert not cache.away
    await cache.close()


async def test_a_cache_that_hangs_costs_no_more_than_its_limit(own_valkey):
    own_valkey.start()
    cache = Cache(own_valkey.url, timeout_ms=50)
    assert await cache.ping()
    os.kill(own_valkey.process.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        assert await cache.get_many(["a"]) == [None]
        assert time.monotonic() - started < 5
    finally:
        os.kill(own_valkey.process.pid, signal.SIGCONT)
    await cache.close()


async def test_a_full_cache_is_away_not_an_error(own_valkey):
    own_valkey.start(settings={"maxmemory": "1", "maxmemory-policy": "noeviction"})
    cache = Cache(own_valkey.url, timeout_ms=500)
    assert not await cache.put_if_newer_many([item(1, b"a")], ttl_seconds=60)
    await cache.close()


def test_the_breaker_opens_probes_once_and_waits_longer_after_a_failed_probe():
    breaker = Breaker()
    for _ in range(5):
        assert breaker.allows(0.0)
        breaker.failed(0.0)
    assert breaker.is_open
    assert not breaker.allows(0.4)
    assert breaker.allows(0.6)
    assert not breaker.allows(0.6)
    breaker.failed(0.6)
    assert not breaker.allows(1.5)
    assert breaker.allows(1.7)
    breaker.abandoned()
    assert breaker.allows(1.7)
    breaker.succeeded()
    assert not breaker.is_open
    assert breaker.allows(1.7)


def test_a_success_forgets_earlier_failures():
    breaker = Breaker()
    for _ in range(20):
        for _ in range(4):
            breaker.failed(0.0)
        breaker.succeeded()
    assert not breaker.is_open


def test_a_command_is_packed_as_the_driver_would_pack_it():
    command = ("EVAL", "return 1", 2, "wallet:ä", b"\x00\r\n$", 60_000, "")
    driver = UnixDomainSocketConnection(path="/nowhere", protocol=2)
    assert packed(command) == b"".join(driver.pack_command(*command))
