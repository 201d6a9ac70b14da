"""The worker learns from what was granted, and from nothing else."""

from __future__ import annotations

from bank import BY, Bank, a_year
from people import examples, wallet_of

from wallet_service.fraud.anomaly.model import Example, Metrics, Origin
from wallet_service.fraud.anomaly.observed import STREAM, Observation
from wallet_service.fraud.anomaly.worker import EACH_MAX, ModelWorker

_, LABELS, SPOKEN = a_year()


def observation(example: Example) -> Observation:
    return Observation(wallet_id=example.wallet_id, at=example.at, features=example.features)


async def grant(bank: Bank, some: list[Example]) -> None:
    for example in some:
        bank.anomaly.observations.note(observation(example))
    await bank.anomaly.observations.flush()


async def learn(worker: ModelWorker) -> None:
    while await worker.step():
        pass


async def test_what_is_granted_becomes_a_version_that_scores(bank: Bank):
    parent = await bank.train(labels=LABELS, labelled=SPOKEN)
    await bank.publish(parent)
    worker = ModelWorker(bank.database, bank.cache)
    await grant(bank, examples(31, people=100, stolen=0)[:600])
    await learn(worker)
    assert worker.learnt == 600
    version = await worker.keep()
    assert version == parent + 1
    newest, _ = await bank.training.versions()
    assert (newest.origin, newest.parent, newest.published) == (Origin.STREAM, parent, True)
    assert newest.metrics.redemptions == 600
    # It goes on from there, and keeps nothing while there is nothing new.
    await learn(worker)
    assert await worker.keep() is None


async def test_nothing_is_learnt_before_a_first_version_was_published(bank: Bank):
    worker = ModelWorker(bank.database, bank.cache)
    await grant(bank, examples(31, people=10, stolen=0))
    await learn(worker)
    assert (worker.learnt, await worker.keep()) == (0, None)


async def test_one_wallet_does_not_teach_the_model_what_is_usual(bank: Bank):
    await bank.publish(await bank.train())
    worker = ModelWorker(bank.database, bank.cache)
    theft = next(example for example in examples(31) if example.fraud)
    await grant(bank, [theft] * 500)
    await learn(worker)
    assert (worker.learnt, worker.skipped) == (EACH_MAX, 500 - EACH_MAX)


async def test_garbage_in_the_stream_is_passed_over(bank: Bank):
    await bank.publish(await bank.train())
    worker = ModelWorker(bank.database, bank.cache)
    nan = b'["%s",1,[%s]]' % (wallet_of(1, 1).encode(), b",".join([b"NaN"] * 10))
    far = b'["%s",1,[%s]]' % (wallet_of(1, 1).encode(), b",".join([b"1e308"] * 10))
    await bank.cache.append(
        STREAM, [b"", b"{}", b"\xff\xfe", nan, far, b'["w",1,[0.5]]', b"x" * 100_000], most=1_000
    )
    await grant(bank, examples(31, people=2, stolen=0))
    await learn(worker)
    assert worker.learnt == len(examples(31, people=2, stolen=0))


async def test_a_stream_of_another_kind_is_empty_and_is_replaced(bank: Bank, redis_url):
    import redis

    with redis.Redis.from_url(redis_url) as client:
        client.set(STREAM, "poison")
    assert await bank.anomaly.observations.after("") == ([], "")
    await grant(bank, examples(31, people=2, stolen=0))
    assert len((await bank.anomaly.observations.after("not a place"))[0]) == 24
    assert not bank.cache.away


async def test_a_version_that_tells_fraud_apart_worse_is_kept_but_does_not_score(bank: Bank):
    parent = await bank.train(labels=LABELS, labelled=SPOKEN)
    await bank.publish(parent)
    told = await bank.training.labelled(LABELS, SPOKEN)
    worker = ModelWorker(bank.database, bank.cache, labelled=told)
    # A campaign of thefts from ever new wallets, until thefts are what is usual.
    thefts = [example for example in examples(33, people=450, each=3, stolen=450) if example.fraud]
    for _ in range(4):
        await grant(bank, thefts)
        await learn(worker)
    version = await worker.keep()
    assert version == parent + 1
    assert await bank.training.published() == parent
    newest, before = await bank.training.versions()
    assert newest.metrics.auc is not None
    assert before.metrics.auc is not None
    assert newest.metrics.auc < before.metrics.auc - 0.02


async def test_a_version_published_meanwhile_is_where_it_goes_on_from(bank: Bank):
    first = await bank.train()
    await bank.publish(first)
    worker = ModelWorker(bank.database, bank.cache)
    await grant(bank, examples(31, people=50, stolen=0)[:300])
    await learn(worker)
    second = await bank.training.keep(
        await bank.training.forest_of(first), Metrics(redemptions=1), Origin.TRAIN, 0, BY
    )
    await bank.publish(second)
    assert await worker.keep() == second + 1
    assert await bank.training.published() == second
    await worker.step()
    assert await worker.keep() is None
