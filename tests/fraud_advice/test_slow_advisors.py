"""An advisor that is slow, away or wrong costs its own opinion and nothing else."""

from __future__ import annotations

import asyncio
import time

import pytest
from attempts import attempt, keys, limit
from attempts import wallet as wallet_of

from wallet_service.fraud.advice import ModelAdvice, RingAdvice, RingEars
from wallet_service.fraud.anomaly.service import Anomaly
from wallet_service.fraud.model import By, Judgement, Measure, Policy, Window
from wallet_service.fraud.opinions import Opinion
from wallet_service.fraud.publication import InForce
from wallet_service.fraud.rings.service import Rings
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.clock import Instant
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions

BUDGET = 1.0
"""Fifty times what it is: a machine under load shall not decide this."""
ASKING = Policy(
    limits=(limit(Measure.COUNT, window=Window.HOUR), limit(Measure.ANOMALY), limit(Measure.RING))
)


class Slow:
    async def opinions(self, asked):
        await asyncio.sleep(30)
        return [Opinion(score=1)] * len(asked)

    def granted(self, attempt) -> None:
        raise AssertionError("nothing was granted")


class Calm(Slow):
    async def opinions(self, asked):
        return [Opinion(score=7, reasons=("A", "B"))] * len(asked)


class Broken(Slow):
    """Fails with what its author never thought of, before it has begun or underway."""

    def __init__(self, fault: BaseException, *, at_once: bool = False) -> None:
        self.fault, self.at_once = fault, at_once
        self.heard = 0

    def opinions(self, asked):
        if self.at_once:
            raise self.fault
        return self._later()

    async def _later(self):
        await asyncio.sleep(0)
        raise self.fault

    def granted(self, attempt) -> None:
        self.heard += 1
        raise self.fault


class WildError(Exception):
    """Of no family that anybody knows."""


@pytest.fixture
async def fraud(database_url, redis_url):
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    cache = Cache(redis_url, timeout_ms=1_000)
    yield Fraud(database, cache, keys("k0"), BUDGET)
    await cache.close()
    await database.close()


async def gathered(fraud: Fraud):
    tried = attempt()
    began = time.monotonic()
    (signals,) = await fraud.gather([(tried, InForce(1, ASKING))])
    return signals, time.monotonic() - began


async def test_a_slow_advisor_costs_neither_what_was_counted_nor_the_other_opinion(fraud: Fraud):
    fraud.anomaly, fraud.rings = Slow(), Calm()
    signals, taken = await gathered(fraud)
    assert taken < BUDGET + 0.1
    assert (signals.anomaly, signals.ring, signals.ring_reasons) == (None, 7, ("A", "B"))
    assert signals.readings["count.wallet.hour"] == 1


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize(
    "fault",
    [WildError("?"), KeyError("x"), RecursionError(), MemoryError(), asyncio.CancelledError()],
    ids=repr,
)
async def test_an_advisor_that_fails_as_nobody_foresaw_costs_its_own_opinion_alone(
    fraud: Fraud, fault, at_once
):
    fraud.anomaly, fraud.rings = Broken(fault, at_once=at_once), Calm()
    signals, taken = await gathered(fraud)
    assert taken < BUDGET
    assert (signals.anomaly, signals.ring) == (None, 7)
    assert signals.readings["count.wallet.hour"] == 1
    assert (fraud.counts.failed, fraud.counts.blind) == (1, 0)


async def test_an_advisor_that_answers_too_little_is_not_believed(fraud: Fraud):
    class Short(Slow):
        async def opinions(self, asked):
            return []

    fraud.anomaly, fraud.rings = Short(), Calm()
    signals, _ = await gathered(fraud)
    assert (signals.anomaly, signals.ring, fraud.counts.failed) == (None, 7, 1)


async def test_counting_that_fails_as_nobody_foresaw_leaves_everything_unknown_and_fails_nobody(
    fraud: Fraud, monkeypatch
):
    async def fails(_asked):
        raise WildError("?")

    monkeypatch.setattr(fraud._counters, "count", fails)
    signals, taken = await gathered(fraud)
    assert taken < BUDGET
    assert signals.readings == {}
    assert (fraud.counts.failed, fraud.counts.blind) == (1, 1)


async def test_an_advisor_that_chokes_on_what_was_granted_is_heard_of_behind_the_reply(fraud: Fraud):
    broken = fraud.anomaly = Broken(WildError("?"))
    calm = fraud.rings = Broken(WildError("!"))
    tried = attempt(device="a phone")
    fraud.concluded(tried, InForce(1, ASKING), Judgement(), failed=False, repeated=False)
    for _ in range(2):
        with pytest.raises(WildError):
            await fraud.behind.flush()
    await fraud.behind.flush()
    assert (broken.heard, calm.heard, fraud.behind.waiting) == (1, 1, 0)


async def test_who_is_seen_under_a_new_key_meets_those_known_under_the_old_one(fraud: Fraud):
    rings = Rings(fraud._db)
    ears = fraud.behind.hearsay = RingEars(rings)
    before, both = keys("k0").trace("", "tablet"), keys("k1", "k0").trace("", "tablet")
    assert both.key.startswith("k1.")
    for number, trace in enumerate((before, both, both)):
        tried = attempt(device=trace, wallet_id=wallet_of(number))
        fraud.concluded(tried, InForce(1, ASKING), Judgement(), failed=False, repeated=False)
    await fraud.behind.flush()
    await ears.flush()
    await rings.join()
    found = await rings.ring_of([wallet_of(n) for n in range(3)], timeout_seconds=5)
    assert {signal.wallets for signal in found.values()} == {3}
    await rings.close()


async def test_without_model_and_rings_there_are_no_opinions_and_no_waiting(fraud: Fraud):
    fraud.anomaly = ModelAdvice(Anomaly(fraud._db, Cache("redis://127.0.0.1:1/0")))
    fraud.rings = RingAdvice(Rings(fraud._db), budget_seconds=BUDGET / 2)
    signals, taken = await gathered(fraud)
    assert taken < BUDGET
    # Nothing is known of the model; of the rings it is known that the wallet is in none.
    assert (signals.anomaly, signals.ring) == (None, 0)
    assert signals.readings["count.wallet.hour"] == 1


async def test_links_that_cannot_be_noted_are_kept_for_the_next_time_up_to_a_bound(fraud: Fraud, monkeypatch):
    monkeypatch.setattr("wallet_service.fraud.advice.LINKS_MAX", 10)
    rings = Rings(fraud._db)
    ears = RingEars(rings)
    for number in range(12):
        ears.saw(wallet_of(number), By.DEVICE, f"{number:032x}", Instant(1_790_000_000_000_000))
    ears.saw(wallet_of(1), By.REFERRER, "not a link by itself", Instant(0))
    assert ears.dropped == 2
    await fraud._db.execute("select 1", timeout_seconds=5)
    await fraud._db.close()
    await ears.flush()
    assert len(ears._waiting) == 10
