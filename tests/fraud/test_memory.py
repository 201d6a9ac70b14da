"""What was seen of devices, kept by PostgreSQL: a cache that forgot asks it, keys rotate, time passes."""

from __future__ import annotations

import asyncio

import pytest
import redis.asyncio
from attempts import PROGRAM, RING, START, attempt, keys, limit, phone, wallet
from msgspec import structs

from wallet_service.fraud.model import By, Measure, Policy, Trace, Verdict, Window
from wallet_service.fraud.publication import InForce
from wallet_service.fraud.service import Fraud
from wallet_service.fraud.worker import FraudWorker
from wallet_service.kernel.clock import Instant
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.programs import Programs
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions

FARM = limit(Measure.WALLETS, By.DEVICE, Window.DAY)
AGE = limit(Measure.AGE, By.DEVICE)
LINK = limit(Measure.LINK_AGE)
DEVICES = limit(Measure.DEVICES, window=Window.DAY)
SECONDS = 1_000_000


@pytest.fixture
async def cache(redis_url):
    cache = Cache(redis_url, timeout_ms=2_000)
    yield cache
    await cache.close()


@pytest.fixture
async def raw(redis_url):
    async with redis.asyncio.Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
async def database(database_url):
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    yield database
    await database.close()


@pytest.fixture
def fraud(database, cache):
    return Fraud(database, cache, keys("k0"), 2.0)


def ruled(*limits, **fields):
    return InForce(1, Policy(limits=limits, **fields))


async def seen(fraud, in_force, *attempts):
    """Gather attempts and write down what follows; returns what was known."""
    signals = await fraud.gather([(each, in_force) for each in attempts])
    for each in attempts:
        fraud.behind.saw(each)
    await fraud.behind.flush()
    return signals


async def test_what_was_never_seen_is_new_and_ages_from_then_on(fraud):
    in_force = ruled(AGE, LINK)
    (first,) = await seen(fraud, in_force, attempt(START, device="d"))
    assert (first.readings["age.device"], first.link_age_seconds) == (0, 0)
    (later,) = await seen(fraud, in_force, attempt(START + 50, device="d", wallet_id=wallet(1)))
    assert (later.readings["age.device"], later.link_age_seconds) == (50, 0)
    (again,) = await seen(fraud, in_force, attempt(START + 90, device="d"))
    assert (again.readings["age.device"], again.link_age_seconds) == (90, 90)


async def test_a_flushed_cache_is_rebuilt_as_things_are_seen_again(fraud, raw):
    in_force = ruled(AGE, LINK, FARM, DEVICES)
    for number in range(6):
        await seen(fraud, in_force, attempt(START + number, device="farm", wallet_id=wallet(number)))
    await raw.flushall()
    for number in range(6, 9):
        (found,) = await seen(
            fraud, in_force, attempt(START + 60 + number, device="farm", wallet_id=wallet(number))
        )
        assert found.readings["wallets.device.day"] == number + 1
        assert found.readings["age.device"] == 60 + number
    (known,) = await seen(fraud, in_force, attempt(START + 100, device="farm", wallet_id=wallet(0)))
    assert known.link_age_seconds == 100
    assert known.readings["devices.wallet.day"] == 1


async def test_what_was_seen_longer_ago_than_the_window_is_not_counted(fraud, raw):
    in_force = ruled(limit(Measure.WALLETS, By.DEVICE, Window.HOUR), FARM)
    for number in range(4):
        await seen(fraud, in_force, attempt(START + 1_800 * number, device="d", wallet_id=wallet(number)))
    await raw.flushall()
    (found,) = await seen(fraud, in_force, attempt(START + 5_400, device="d", wallet_id=wallet(9)))
    assert found.readings == {"wallets.device.hour": 3, "wallets.device.day": 5}


async def test_a_device_keeps_its_history_when_keys_rotate(database, cache, raw, fraud):
    in_force = ruled(AGE, LINK, FARM)
    before, both, after = keys("k0"), keys("k1", "k0"), keys("k1")
    await seen(
        fraud,
        in_force,
        attempt(START, device=phone(before)),
        attempt(START, device=phone(before), wallet_id=wallet(1)),
    )
    for second, ring in ((700, both), (800, after)):
        await raw.flushall()
        rotated = Fraud(database, cache, ring, 2.0)
        (found,) = await seen(rotated, in_force, attempt(START + second, device=phone(ring)))
        assert found.readings["age.device"] == found.link_age_seconds == second
        # Whoever was not seen while both keys were there is known under the old one only.
        assert found.readings["wallets.device.day"] == (2 if ring is both else 1)
    rows = await database.fetch(
        "select wallet_id::text as wallet, key from fraud.wallet_device order by wallet", timeout_seconds=5
    )
    assert {row["key"] for row in rows} == {phone(before).key, phone(after).key}
    assert phone(after).key.startswith("k1.")


async def test_only_keyed_hashes_are_kept(database, fraud):
    trace = phone(keys("k1", "k0"))
    assert len(trace.key) == 35
    assert trace.others[0] != trace.key
    assert all(secret.decode() not in repr(keys("k0", "k1")) for secret in RING.values())
    await seen(fraud, ruled(AGE), attempt(device=trace))
    (row,) = await database.fetch("select kind, key from fraud.device", timeout_seconds=5)
    assert tuple(row) == ("device", trace.key)


async def test_what_was_not_seen_for_as_long_as_the_policy_says_is_forgotten(database, fraud):
    in_force = ruled(AGE, retention_days=30)
    fraud.policies._known[PROGRAM] = in_force
    await seen(fraud, in_force, attempt(START, device="old"), attempt(START + 86_400, device="young"))
    now = Instant((START + 30 * 86_400 + 1) * SECONDS)
    assert await fraud.forget(PROGRAM, 100, now) == 2
    rows = await database.fetch(
        "select key from fraud.device union all select key from fraud.wallet_device", timeout_seconds=5
    )
    assert [row["key"] for row in rows] == ["young", "young"]
    assert await fraud.forget(PROGRAM, 100, now) == 0


@pytest.mark.parametrize(("clock", "left"), [(START + 30 * 86_400, 2), (START + 30 * 86_400 + 1, 0)])
async def test_a_sandbox_forgets_by_its_own_clock(database, fraud, clock, left):
    in_force = ruled(AGE, retention_days=30)
    fraud.policies._known[PROGRAM] = in_force
    # By the clock on the wall it is older than that by months.
    await seen(fraud, in_force, attempt(START, device="old"))
    programs = Programs(database)
    programs._known[PROGRAM] = Program(
        program_id=PROGRAM, display_name="", sandbox=True, asset="EUR", exponent=2, currency="EUR", rate_numerator=1,
        rate_denominator=1, redemption=RedemptionPolicy(), floor_minor=0,
        clock_at=Instant(clock * SECONDS),
    )  # fmt: skip
    await FraudWorker(fraud, programs).forget()
    query = "select (select count(*) from fraud.device) + (select count(*) from fraud.wallet_device)"
    assert await database.fetchval(query, timeout_seconds=5) == left


async def test_without_a_database_what_the_cache_never_saw_is_unknown_and_nothing_fails(fraud, database):
    hourly = limit(Measure.COUNT, window=Window.HOUR)
    await database.close()
    (found,) = await fraud.gather([(attempt(device="d"), ruled(AGE, LINK, FARM, DEVICES, hourly))])
    assert found.link_age_seconds is None
    assert found.readings == {"count.wallet.hour": 1}


async def test_a_farm_is_no_stranger_while_the_cache_is_flushed_and_the_database_late(fraud, raw, database):
    farm = structs.replace(FARM, above=4, verdict=Verdict.REFUSE, unknown=Verdict.REVIEW)
    in_force = ruled(farm)
    for number in range(6):
        await seen(fraud, in_force, attempt(START + number, device="farm", wallet_id=wallet(number)))
    verdicts = []
    for flush in (raw.flushall, database.close):
        (found,) = await fraud.gather([(attempt(START + 60, device="farm", wallet_id=wallet(50)), in_force)])
        verdicts.append(in_force.judge(found).verdict)
        await flush()
    await raw.flushall()
    for second in (61, 62):
        blind = attempt(START + second, device="farm", wallet_id=wallet(51))
        judgement = in_force.judge((await fraud.gather([(blind, in_force)]))[0])
        verdicts.append(judgement.verdict)
        assert judgement.unknown == (farm.name,)
    assert verdicts == [Verdict.REFUSE, Verdict.REFUSE, Verdict.REVIEW, Verdict.REVIEW]
    # What the cache counts from here on is too few rather than too many: above the bound it is certain.
    for number in range(52, 56):
        blind = attempt(START + 63, device="farm", wallet_id=wallet(number))
        judgement = in_force.judge((await fraud.gather([(blind, in_force)]))[0])
    assert (judgement.verdict, judgement.unknown) == (Verdict.REFUSE, ())


async def test_many_calls_at_once_share_a_few_round_trips(fraud, cache):
    asked = []
    evaluate = cache.evaluate

    async def counted(*arguments, **options):
        asked.append(1)
        return await evaluate(*arguments, **options)

    cache.evaluate = counted
    in_force = ruled(limit(Measure.COUNT, window=Window.HOUR))
    calls = [fraud.gather([(attempt(wallet_id=wallet(n)), in_force)]) for n in range(200)]
    found = await asyncio.gather(*calls)
    assert all(each[0].readings == {"count.wallet.hour": 1} for each in found)
    assert len(asked) <= 4


async def test_what_fails_in_an_advisor_fails_nobody(fraud):
    class Broken:
        async def opinions(self, asked):
            raise ZeroDivisionError

    fraud.anomaly = Broken()
    in_force = ruled(limit(Measure.ANOMALY), limit(Measure.COUNT, window=Window.HOUR))
    (found,) = await fraud.gather([(attempt(), in_force)])
    assert found.anomaly is None
    assert found.readings == {"count.wallet.hour": 1}


async def test_two_who_note_the_same_sightings_do_not_stand_in_each_others_way(database, cache):
    writers = [Fraud(database, cache, keys("k0"), 2.0) for _ in range(4)]
    for writer in writers:
        for number in range(300):
            writer.behind.saw(
                attempt(START, device=f"d{number % 7}", wallet_id=wallet(number), address=Trace(key="a"))
            )
    await asyncio.gather(*[writer.behind.flush() for writer in writers])
    (row,) = await database.fetch(
        "select count(*) as links, count(distinct key) as keys from fraud.wallet_device", timeout_seconds=5
    )
    assert tuple(row) == (600, 8)
