"""Limits that speak only where several measures agree: judged, counted, remembered, and written down wrongly."""

from __future__ import annotations

import json

import pytest
import redis.asyncio
from attempts import START, attempt, limit, planned, wallet
from hypothesis import given, settings
from hypothesis import strategies as st
from ruling import limit as written_limit

from wallet_service.fraud.counters import Counters, corrections_of
from wallet_service.fraud.document import parsed
from wallet_service.fraud.memory import fill_gaps, has_gaps
from wallet_service.fraud.model import (
    By,
    Condition,
    Limit,
    Measure,
    Of,
    Policy,
    Signals,
    Trace,
    Traces,
    Trusted,
    Verdict,
    Window,
)  # fmt: skip
from wallet_service.fraud.policy import Judge, judge
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions

DAY = 86_400
NEW_ADDRESS = Condition(measure=Measure.LINK_AGE, by=By.ADDRESS, below=DAY)
BOUGHT_MUCH = Condition(
    measure=Measure.AMOUNT, of=Of.EVENT, kind="purchase", window=Window.WEEK, above=70_000
)
READING = "event.amount.wallet.week.purchase"
TAKEOVER = Limit(
    name="TAKEOVER", measure=Measure.LINK_AGE, below=DAY, verdict=Verdict.REVIEW, all_of=(NEW_ADDRESS,),
    unknown=Verdict.REFUSE,
)  # fmt: skip
DEVICE, ADDRESS = Trace(key="d1"), Trace(key="a1")


def verdict_of(policy: Policy, signals: Signals) -> Verdict:
    judgement = judge(signals, policy)
    assert Judge(policy)(signals) == judgement
    return judgement.verdict


@pytest.mark.parametrize(
    ("device_age", "address_age", "expected"),
    [
        (0, 0, "review"), (DAY - 1, DAY - 1, "review"), (DAY, 0, "allow"), (0, DAY, "allow"), (0, 30 * DAY, "allow"),
        (DAY, None, "allow"), (None, DAY, "allow"), (0, None, "refuse"), (None, 0, "refuse"), (None, None, "refuse"),
    ],
)  # fmt: skip
def test_one_condition_that_is_false_silences_a_limit_and_one_that_is_unknown_makes_it_unknown(
    device_age, address_age, expected
):
    readings = {} if address_age is None else {"link_age.address": address_age}
    signals = Signals(
        of=Of.REDEMPTION, amount=100, traces=Traces(device=DEVICE, address=ADDRESS), readings=readings,
        link_age_seconds=device_age,
    )  # fmt: skip
    assert verdict_of(Policy(limits=(TAKEOVER,)), signals) == expected


def test_what_the_caller_did_not_tell_excuses_nobody_and_what_is_trusted_does():
    told = Signals(of=Of.REDEMPTION, amount=100, traces=Traces(device=DEVICE), link_age_seconds=0)
    assert verdict_of(Policy(limits=(TAKEOVER,)), told) is Verdict.REVIEW
    trusted = Policy(limits=(TAKEOVER,), trusted=Trusted(addresses=frozenset({"a1"})))
    at_home = Signals(
        of=Of.REDEMPTION, amount=100, traces=Traces(device=DEVICE, address=ADDRESS), link_age_seconds=0,
        readings={"link_age.address": 0},
    )  # fmt: skip
    assert verdict_of(trusted, at_home) is Verdict.ALLOW


@pytest.mark.parametrize(("bought", "expected"), [(70_000, "allow"), (70_001, "review"), (None, "allow")])
def test_a_redemption_is_judged_by_what_was_bought_before(bought, expected):
    cashed_out = Limit(
        name="CASHED_OUT", measure=Measure.VALUE, above=199, from_share_bp=9_000, verdict=Verdict.REVIEW,
        all_of=(BOUGHT_MUCH,),
    )  # fmt: skip
    readings = {} if bought is None else {READING: bought}
    policy = Policy(limits=(cashed_out,))
    all_of_it = Signals(of=Of.REDEMPTION, amount=200, share_bp=9_000, readings=readings)
    assert verdict_of(policy, all_of_it) == expected
    a_part = Signals(of=Of.REDEMPTION, amount=200, share_bp=8_999, readings=readings)
    assert verdict_of(policy, a_part) is Verdict.ALLOW


numbers = st.none() | st.integers(0, 3)


@settings(max_examples=300, deadline=None)
@given(
    bounds=st.lists(st.tuples(st.sampled_from(["above", "below"]), st.integers(0, 3)), max_size=4),
    found=st.lists(numbers, min_size=5, max_size=5), unknown=st.sampled_from(Verdict),
)  # fmt: skip
def test_a_limit_speaks_exactly_when_everything_it_asks_for_is_true(bounds, found, unknown):
    kinds = ("referral", "share", "review", "birthday")
    conditions = tuple(
        Condition(measure=Measure.COUNT, of=Of.EVENT, kind=kind, window=Window.DAY, **{side: bound})
        for kind, (side, bound) in zip(kinds, bounds, strict=False)
    )
    asked = Limit(
        name="L", measure=Measure.COUNT, window=Window.DAY, above=1, verdict=Verdict.REVIEW, unknown=unknown,
        all_of=conditions,
    )  # fmt: skip
    names = [asked.reading, *(each.reading(Of.REDEMPTION) for each in conditions)]
    readings = {name: value for name, value in zip(names, found, strict=False) if value is not None}
    truths = [
        None if value is None else value > bound if side == "above" else value < bound
        for value, (side, bound) in zip(found, [("above", 1), *bounds], strict=False)
    ]
    expected = Verdict.ALLOW if False in truths else unknown if None in truths else Verdict.REVIEW
    signals = Signals(of=Of.REDEMPTION, amount=1, readings=readings)
    assert verdict_of(Policy(limits=(asked,)), signals) is expected
    assert verdict_of(Policy(limits=(asked,), shadow=True), signals) is Verdict.ALLOW


@pytest.fixture
async def cache(redis_url):
    cache = Cache(redis_url, timeout_ms=2_000)
    yield cache
    await cache.close()


async def readings_of(cache, plan, *attempts):
    tallies = await Counters(cache, 2.0).count([(each, plan) for each in attempts])
    assert tallies is not None
    return [tally.readings for tally in tallies]


def purchase(second: float, amount: int, **more):
    return attempt(second, amount=amount, of=Of.EVENT, kind="purchase", **more)


async def test_what_was_bought_within_a_week_is_read_by_redemptions_and_counted_by_purchases_alone(cache):
    plan = planned(limit(Measure.VALUE, all_of=(BOUGHT_MUCH,)))
    week = 7 * DAY
    begun = START - START % week
    for day in range(3):
        (found,) = await readings_of(cache, plan, purchase(begun + day * DAY, 300))
    assert found == {"amount.wallet.week.purchase": 900}
    for _ in range(2):
        found, other, event = await readings_of(
            cache, plan, attempt(begun + 3 * DAY, amount=50), attempt(begun + 3 * DAY, wallet_id=wallet(1)),
            attempt(begun + 3 * DAY, of=Of.EVENT, kind="share"),
        )  # fmt: skip
        assert (found, other, event) == ({READING: 900}, {READING: 0}, {})
    (found,) = await readings_of(cache, plan, attempt(begun + week - 1))
    assert found == {READING: 900}
    (found,) = await readings_of(cache, plan, attempt(begun + week + week // 6))
    assert found[READING] < 900


async def test_a_purchase_that_only_repeated_another_is_taken_back_from_the_week_and_a_reading_from_nothing(
    cache,
):
    plan = planned(limit(Measure.VALUE, all_of=(BOUGHT_MUCH,)))
    bought, spent = purchase(START, 300), attempt(START)
    await readings_of(cache, plan, bought, bought)
    assert corrections_of(spent, plan, failed=False) == []
    await Counters(cache, 2.0).correct(corrections_of(bought, plan, failed=False))
    assert await readings_of(cache, plan, spent) == [{READING: 300}]


async def test_records_of_weeks_outlive_the_days_on_which_nobody_comes(cache, redis_url):
    plan = planned(limit(Measure.AMOUNT, window=Window.WEEK), limit(Measure.COUNT, window=Window.DAY))
    await readings_of(cache, plan, attempt(START))
    async with redis.asyncio.Redis.from_url(redis_url) as raw:
        names = {name.decode().split(":")[2] for name in await raw.keys("fraud:*")}
        (week,) = [name for name in names if name.startswith("w")]
        assert len(names) == 2
        await raw.rename(f"fraud:shop:{week}", f"fraud:shop:w{int(week[1:]) - 1}")
        (found,) = await readings_of(cache, plan, attempt(START + 5 * DAY))
        assert found == {"amount.wallet.week": 200, "count.wallet.day": 1}
        assert 14 * DAY < await raw.ttl(f"fraud:shop:{week}") <= 21 * DAY


async def test_since_when_an_address_is_known_with_a_wallet_is_remembered_like_a_device(cache, database_url):
    plan = planned(TAKEOVER)
    assert plan.links == (By.DEVICE, By.ADDRESS)
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    counters, first = Counters(cache, 2.0), attempt(START, device="d1", address=ADDRESS)
    (tally,) = await counters.count([(first, plan)])
    assert has_gaps(first, plan, tally)
    memories = await fill_gaps(database, [(first, plan, tally)], timeout_seconds=5)
    assert (tally.linked_at, tally.readings) == (START, {"link_age.address": 0})
    await counters.remember(memories)
    await database.close()
    later = attempt(START + 500, device="d2", address=ADDRESS)
    (tally,) = await counters.count([(later, plan)])
    assert (tally.linked_at, tally.readings) == (None, {"link_age.address": 500})
    elsewhere = attempt(START + 500, device="d1", address=Trace(key="a2"), wallet_id=wallet(1))
    (tally,) = await counters.count([(elsewhere, plan)])
    assert (tally.linked_at, tally.readings) == (None, {})


def condition(**fields):
    return {"measure": "count", "window": "day", "above": 1, **fields}


@pytest.mark.parametrize(
    ("conditions", "place"),
    [
        ([condition(measure="counts")], "limits[0].all_of[0].measure"), ([condition(), condition(above=-1)], "limits[0].all_of[1]"),
        ([condition(below=3)], "limits[0].all_of[0]"), ([condition(above=None)], "limits[0].all_of[0]"),
        ([condition(window=None)], "limits[0].all_of[0].window"), ([condition(surprise=1)], "limits[0].all_of[0]"),
        ([condition(of="event", measure="wallets", by="device")], "limits[0].all_of[0].of"),
        ([condition(of="event", measure="link_age", window=None)], "limits[0].all_of[0].of"),
        ([condition(of="event", kind="theft")], "limits[0].all_of[0].kind"), ([condition(kind="purchase")], "limits[0].all_of[0].kind"),
        ([condition(measure="devices", window="week")], "limits[0].all_of[0].window"), ([condition()] * 9, "limits[0].all_of"),
        ([condition(measure="anomaly", window=None, above=1_001)], "limits[0].all_of[0]"),
        ([condition(of="event", by="referrer")], "limits[0].all_of[0].by"), (condition(), "limits[0].all_of"),
    ],
)  # fmt: skip
def test_everything_wrong_with_a_condition_is_said_with_its_place(conditions, place):
    policy, findings = parsed(json.dumps({"limits": [written_limit(all_of=conditions)]}))
    assert policy is None
    assert findings[0].path == place
