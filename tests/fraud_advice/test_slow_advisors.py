"""An advisor that is slow, away or wrong costs its own opinion and nothing else."""

from __future__ import annotations

import asyncio
import time

import pytest
from attempts import attempt, keys, limit
from attempts import wallet as wallet_of

from wallet_service.fraud.advice import ModelAdvice, RingAdvice, RingEars
from wallet_service.fraud.anomaly.service import Anomaly
from wallet_service.fraud.model import By, Measure, Policy, Window
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
