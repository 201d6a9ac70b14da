"""Versions of the model: learnt from history, published, taken back, and done without."""

from __future__ import annotations

import asyncio
import sys
import time

import asyncpg
import pytest
from bank import BY, Bank, a_bank, a_year
from msgspec.structs import replace
from people import DAY, HOUR

from wallet_service.fraud.anomaly.calibration import TooFew
from wallet_service.fraud.anomaly.forest import Malformed, written
from wallet_service.fraud.anomaly.learner import LearnerAbsent
from wallet_service.fraud.anomaly.model import Attempt, Metrics, Origin
from wallet_service.fraud.anomaly.profiles import key_of
from wallet_service.fraud.anomaly.training import NoSuchVersion
from wallet_service.kernel.clock import Instant
from wallet_service.ledger import commands as say
from wallet_service.ledger.batcher import Limits
from wallet_service.ledger.model import Order
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.service import Ledger
from wallet_service.runtime.cache import Versioned

HISTORIES, LABELS, SPOKEN = a_year()
ANNA = HISTORIES[40]


def attempt(**changes) -> Attempt:
    """Anna redeems as she always does."""
    last = ANNA[-1]
    usual = {
        "wallet_id": last.wallet_id,
        "amount": last.amount,
        "at": Instant(last.at + 10 * DAY),
        "devices": (last.device,),
    }
    return Attempt(**usual | changes)


def theft() -> Attempt:
    later = ANNA[-1].at + 10 * DAY
    night = Instant(later - later % DAY + 3 * HOUR)
    return attempt(amount=ANNA[-1].available * 2, at=night, devices=("never seen",))


async def test_a_version_is_learnt_published_and_scores(bank: Bank):
    version = await bank.train(labels=LABELS, labelled=SPOKEN)
    assert (await bank.anomaly.scores([theft()])) == [None]
    await bank.publish(version)
    usual, stolen = await bank.anomaly.scores([attempt(), theft()])
    assert usual is not None
    assert stolen is not None
    assert stolen.score.version == version
    assert stolen.score.score > 950 > usual.score.score
    assert "device_age" in stolen.score.reasons
    (kept,) = await bank.training.versions()
    assert (kept.published, kept.origin, kept.actor) == (True, Origin.TRAIN, "tester")
    assert (kept.metrics.labelled_fraud, kept.metrics.labelled_honest) == (8, 64)
    assert kept.metrics.auc is not None
    assert kept.metrics.auc > 0.9


async def test_the_same_history_and_seed_make_the_same_version(bank: Bank):
    one = await bank.training.forest_of(await bank.train(labels=LABELS))
    two = await bank.training.forest_of(await bank.train(labels=LABELS))
    assert written(one) == written(two)


async def test_a_sample_is_no_larger_than_was_asked_by_more_than_a_page(bank: Bank, monkeypatch):
    monkeypatch.setattr("wallet_service.fraud.anomaly.training.WALLETS_IN_A_READ", 10)
    some = await bank.training.examples(1, {}, (), 300)
    assert 300 <= len(some) < 300 + 10 * 9
    everything = await bank.training.examples(1, LABELS, SPOKEN, 10**9)
    assert len({e.reservation_id for e in everything}) == len(everything) == sum(map(len, HISTORIES))


async def test_a_version_that_is_taken_back_gives_way_to_the_one_before(bank: Bank):
    first, second, third = [await bank.train(), await bank.train(), await bank.train()]
    for version in (first, second, third):
        await bank.publish(version)
    assert await bank.training.roll_back(BY) == second
    assert await bank.training.roll_back(BY) == first
    with pytest.raises(NoSuchVersion):
        await bank.training.roll_back(BY)
    assert await bank.training.roll_back(BY, third) == third
    await bank.anomaly.models.refresh()
    assert bank.anomaly.models.scoring is not None
    assert bank.anomaly.models.scoring.version == third
    with pytest.raises(NoSuchVersion):
        await bank.training.publish(99, BY)


async def test_who_publishes_instead_of_a_version_that_scores_no_more_is_told(bank: Bank):
    first, second = await bank.train(), await bank.train()
    assert await bank.training.publish(first, BY, instead_of=0)
    assert not await bank.training.publish(second, BY, instead_of=0)
    assert await bank.training.published() == first


async def test_a_version_that_cannot_be_read_scores_nothing_and_does_not_replace_itself(bank: Bank):
    good = await bank.train()
    await bank.publish(good)
    owner = await asyncpg.connect(bank.url)
    await owner.execute(
        "insert into fraud.model select 7, 0, 'train', '{}', '{\"redemptions\": 0}', now(), 'a', 'b'"
    )
    await owner.execute("insert into fraud.model_publication values (50, 7, now(), 'a', 'b')")
    await owner.close()
    await bank.anomaly.models.refresh()
    assert await bank.anomaly.scores([attempt()]) == [None]
    with pytest.raises(Malformed):
        await bank.training.publish(7, BY)
    await bank.training.roll_back(BY, good)
    await bank.anomaly.models.refresh()
    assert await bank.anomaly.scores([attempt()]) != [None]


async def test_old_versions_from_the_stream_that_never_scored_are_forgotten(bank: Bank):
    forest = await bank.training.forest_of(await bank.train())
    for number in range(30):
        version = await bank.training.keep(forest, Metrics(redemptions=1), Origin.STREAM, 1, BY)
        if number == 2:
            await bank.publish(version)
    kept = [version.version for version in await bank.training.versions()]
    assert kept == [*range(31, 11, -1), 4, 1]


async def test_too_little_history_makes_no_version(bank: Bank):
    owner = await asyncpg.connect(bank.url)
    await owner.execute("delete from ledger.entry where seq > 1")
    await owner.close()
    with pytest.raises(TooFew):
        await bank.train()


async def test_without_the_library_nothing_is_learnt_and_everything_scores(bank: Bank, monkeypatch):
    await bank.publish(await bank.train())
    monkeypatch.setitem(sys.modules, "river.anomaly", None)
    with pytest.raises(LearnerAbsent, match=r"wallet-service\[anomaly\]"):
        await bank.train()
    assert await bank.anomaly.scores([attempt()]) != [None]


async def test_a_profile_is_made_from_what_the_ledger_recorded(bank: Bank):
    ledger = Ledger(bank.database, bank.cache, Limits(), 300)
    try:
        program = Program(
            program_id="shop", display_name="Shop", sandbox=False, asset="EUR", exponent=2, currency="EUR",
            rate_numerator=1, rate_denominator=1, redemption=RedemptionPolicy(),
        )  # fmt: skip
        soon = time.monotonic() + 10
        await ledger.put_program(program, None, "t", "t", soon)
        wallet_id, _ = await ledger.open_wallet("shop", "bert", soon)
        await ledger.submit(
            say.Adjust(
                wallet_id=wallet_id, operation_id=ANNA[0].reservation_id, delta=1_000, actor="t", reason="t"
            ),
            soon,
        )
        for number, device in enumerate(("phone", "tablet")):
            reserve = say.Reserve(
                wallet_id=wallet_id, reservation_id=HISTORIES[number][0].reservation_id, amount=100, value_minor=100,
                order=Order(order_ref="o", total_minor=100, currency="EUR"), device=device, ttl_seconds=60,
            )  # fmt: skip
            await ledger.submit(reserve, soon)
            if not number:
                await ledger.submit(
                    say.Release(wallet_id=wallet_id, reservation_id=reserve.reservation_id), soon
                )
    finally:
        await ledger.close()
    # One reservation has ended, the other stands in the wallet's document.
    profile = (await bank.anomaly.profiles.get([wallet_id]))[wallet_id]
    assert (profile.redemptions, profile.available) == (2, 900)
    assert [device for device, _ in profile.devices] == ["phone", "tablet"]
    assert abs(profile.recent[-1] - profile.opened_at) < 10_000_000


async def test_a_redemption_that_was_granted_is_part_of_the_history_everywhere(bank: Bank, redis_url):
    await bank.publish(await bank.train())
    tried = theft()
    (first,) = await bank.anomaly.scores([tried])
    assert first is not None
    bank.anomaly.granted(first, tried, 0)
    await bank.anomaly.profiles.flush()
    async with a_bank(bank.url, redis_url, budget_seconds=5.0) as other:
        await other.anomaly.models.refresh()
        (second,) = await other.anomaly.scores([replace(tried, at=Instant(tried.at + DAY))])
    assert second is not None
    assert "never seen" in dict(second.profile.devices)
    assert second.profile.redemptions == first.profile.redemptions + 1


@pytest.mark.parametrize(
    "poison",
    [b"", b"[]", b"\xff", b'["x"]', b"[0,0,5,1e999]", b"[0,0,-5]", b"[0,1,2,0,0,[],[1]]", b"[" * 9_999],
)
async def test_a_poisoned_profile_is_made_anew(bank: Bank, poison):
    await bank.publish(await bank.train())
    key = key_of(ANNA[0].wallet_id)
    await bank.cache.put_if_newer_many([Versioned(key=key, version=1, payload=poison)], ttl_seconds=60)
    (scored,) = await bank.anomaly.scores([attempt()])
    assert scored is not None
    assert scored.profile.redemptions == len(ANNA)


async def test_a_slow_database_costs_a_decision_no_more_than_its_budget(bank: Bank, redis_url):
    await bank.publish(await bank.train())
    owner = await asyncpg.connect(bank.url)
    async with a_bank(bank.url, redis_url) as slow:
        await slow.anomaly.models.refresh()
        async with owner.transaction():
            await owner.execute("lock table ledger.wallet in access exclusive mode")
            began = time.monotonic()
            assert await slow.anomaly.scores([attempt(), theft()]) == [None, None]
            taken = time.monotonic() - began
        assert slow.anomaly.counts.late == 2
        # The read went on behind it: the next decision finds what it brought.
        async with asyncio.timeout(5):
            while await slow.anomaly.scores([attempt()]) == [None]:
                await asyncio.sleep(0.01)
    await owner.close()
    assert 0.015 < taken < 2


async def test_without_a_model_nothing_is_waited_for(bank: Bank):
    began = time.monotonic()
    for _ in range(100):
        assert await bank.anomaly.scores([attempt()]) == [None]
    # A hundred times the budget would be two seconds.
    assert time.monotonic() - began < 1
    assert bank.anomaly.counts.without == 100


async def test_a_wallet_that_nobody_knows_has_no_score(bank: Bank):
    await bank.publish(await bank.train())
    assert await bank.anomaly.scores([attempt(wallet_id="00000000-0000-4000-8000-000000000000")]) == [None]
