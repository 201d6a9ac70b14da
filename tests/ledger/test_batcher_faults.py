"""The ledger under fire: processes that meet on the same wallets, connections that are killed."""

from __future__ import annotations

import asyncio
import multiprocessing
from typing import Any

import pytest
from hammering import hammer, hammer_process
from ledger_database import LedgerDatabase
from test_batcher import a_commit, a_grant, a_reserve, say, soon
from wallets import reason_of

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger import batcher as batching
from wallet_service.ledger.commands import Release

TRACES = """
select
  count(*) filter (where a.state like 'idle in transaction%') as idle,
  count(*) filter (where exists (select from pg_locks as l where l.pid = a.pid and not l.granted)) as waiting,
  (select deadlocks from pg_stat_database where datname = current_database()) as deadlocks
from pg_stat_activity as a
where a.datname = current_database()
"""


async def assert_no_traces(ledger: LedgerDatabase) -> None:
    traces = await ledger.owner.fetchrow(TRACES)
    assert traces is not None
    assert (traces["idle"], traces["waiting"], traces["deadlocks"]) == (0, 0, 0)


async def test_two_batchers_that_meet_on_the_same_wallets_keep_every_invariant(
    ledger: LedgerDatabase,
) -> None:
    wallets = await ledger.open_wallets(4)
    async with (
        ledger.batcher(name="one", batch_max=16) as one,
        ledger.batcher(name="two", batch_max=16) as two,
    ):
        tallies = await asyncio.gather(
            hammer(one, wallets, seed=1, callers=16, seconds=2.0),
            hammer(two, wallets, seed=2, callers=16, seconds=2.0),
        )
        assert one.counts.races_lost + two.counts.races_lost > 0, "they never met"
    assert sum(tally["done"] for tally in tallies) > 100
    assert sum(tally[Reason.INTERNAL.name] + tally[Reason.CONTENTION.name] for tally in tallies) == 0
    await ledger.assert_sound(wallets)
    await assert_no_traces(ledger)


async def test_two_processes_that_meet_on_the_same_wallets_keep_every_invariant(
    ledger: LedgerDatabase,
) -> None:
    wallets = await ledger.open_wallets(4)
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(2) as pool:
        work = pool.starmap_async(hammer_process, [(ledger.url, list(wallets), seed, 2.0) for seed in (3, 4)])
        tallies = await asyncio.to_thread(work.get, 60)
    assert all(tally["done"] > 50 for tally in tallies)
    assert (
        sum(tally.get(Reason.INTERNAL.name, 0) + tally.get(Reason.CONTENTION.name, 0) for tally in tallies)
        == 0
    )
    await ledger.assert_sound(wallets)
    await assert_no_traces(ledger)


async def test_64_devices_race_for_one_balance_and_exactly_the_affordable_number_succeeds(
    ledger: LedgerDatabase,
) -> None:
    wallets = await ledger.open_wallets(10)
    async with ledger.batcher(name="one") as one, ledger.batcher(name="two") as two:
        for wallet_id in wallets:
            await say(one, a_grant(wallet_id, 100))
            outcomes = await asyncio.gather(
                *(say((one, two)[n % 2], a_reserve(wallet_id, 15, device=f"device-{n}")) for n in range(64))
            )
            reasons = [reason_of(outcome) for outcome in outcomes]
            assert reasons.count(None) == 6
            assert reasons.count(Reason.INSUFFICIENT_BALANCE) == 58
    await ledger.assert_sound(wallets)


async def test_of_a_commit_and_a_release_that_race_one_wins_for_ever(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher(name="one") as one, ledger.batcher(name="two") as two:
        await say(one, a_grant(wallet_id, 10_000))
        for _ in range(25):
            reserve = a_reserve(wallet_id, 100)
            await say(one, reserve)
            release = Release(wallet_id=wallet_id, reservation_id=reserve.reservation_id)
            commit = a_commit(reserve)
            committed, released = await asyncio.gather(say(one, commit), say(two, release))
            assert {reason_of(committed), reason_of(released)} in (
                {None, Reason.RESERVATION_COMMITTED},
                {None, Reason.RESERVATION_RELEASED},
            )
            winner = committed if isinstance(released, Refusal) else released
            for _ in range(2):
                assert reason_of(await say(two, commit)) is reason_of(committed)
                assert reason_of(await say(one, release)) is reason_of(released)
            assert winner.reservation.state.name in {"COMMITTED", "RELEASED"}
    await ledger.assert_sound([wallet_id])


# Lost connections


KILLS = batching.ATTEMPTS_MAX - 2
"""Fewer than a batch has attempts: on the slowest machine no batch can be hit each time."""

_KILL = """
select pg_terminate_backend(pid) from pg_stat_activity
where application_name = $1 and datname = current_database() and state = 'active' limit 1
"""


async def kill_again_and_again(ledger: LedgerDatabase, name: str) -> None:
    """Terminate so many connections of one name, each in the middle of a statement."""
    for _ in range(KILLS):
        await asyncio.sleep(0.05)
        while not await ledger.owner.fetch(_KILL, name):
            await asyncio.sleep(0.001)


async def test_connections_killed_under_load_lose_nothing_and_count_nothing_twice(
    ledger: LedgerDatabase,
) -> None:
    wallets = await ledger.open_wallets(8)
    told: list[tuple[Any, Any]] = []
    async with ledger.batcher(name="shot-at", batch_max=16) as batcher:
        killer = asyncio.create_task(kill_again_and_again(ledger, "shot-at"))
        while not killer.done():
            commands = [a_grant(wallet_id, 1) for wallet_id in wallets for _ in range(4)]
            told += zip(commands, await asyncio.gather(*(say(batcher, c) for c in commands)), strict=True)
        await killer
        for _, first in told:
            assert reason_of(first) is None, "every loss was resolved by the ids"
            assert not first.replayed, "and told as new"
        again = await asyncio.gather(*(say(batcher, command) for command, _ in told))
        for (_, first), second in zip(told, again, strict=True):
            assert (second.replayed, second.balance) == (True, first.balance)
    assert sum([(await ledger.wallet(w)).available for w in wallets]) == len(told)
    await ledger.assert_sound(wallets)


async def test_who_cannot_wait_for_another_try_is_told_before_the_deadline(
    ledger: LedgerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)

    async def no_room(*_args: Any, **_kwargs: Any) -> Any:
        raise batching.DatabaseUnavailable("could not extend file: No space left on device")

    monkeypatch.setattr(batching.store, "append", no_room)
    async with ledger.batcher(sessions=1) as batcher:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + 1.0
        patient = batcher.submit(a_grant(wallet_id, 1), deadline + 9.0)
        outcome = await batcher.submit(a_grant(wallet_id, 1), deadline)
        assert reason_of(outcome) is Reason.DATABASE_UNAVAILABLE
        assert loop.time() < deadline - 0.1
        assert not patient.done(), "it has the time for more tries"
        monkeypatch.undo()
        assert reason_of(await patient) is None


async def test_who_stands_behind_a_patient_call_of_the_same_wallet_is_told_in_time_too(
    ledger: LedgerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    mine, other = await ledger.open_wallets(2)

    async def no_room(*_args: Any, **_kwargs: Any) -> Any:
        await asyncio.sleep(0.1)
        raise batching.DatabaseUnavailable("could not extend file: No space left on device")

    monkeypatch.setattr(batching.store, "append", no_room)
    async with ledger.batcher(sessions=1) as batcher:
        loop = asyncio.get_running_loop()
        patient = batcher.submit(a_grant(mine, 1), loop.time() + 9.0)
        await asyncio.sleep(0.05)
        deadline = loop.time() + 1.0
        behind = [batcher.submit(a_grant(wallet_id, 1), deadline) for wallet_id in (mine, mine, other)]
        outcomes = await asyncio.gather(*behind)
        assert {reason_of(outcome) for outcome in outcomes} == {Reason.DATABASE_UNAVAILABLE}
        assert loop.time() < deadline - 0.1
        assert not patient.done(), "it has the time for more tries"
        late = batcher.submit(a_grant(other, 1), loop.time() + 9.0)
        monkeypatch.undo()
        assert [reason_of(await each) for each in (patient, late)] == [None, None]
        assert batcher.waiting == 0
    assert [(await ledger.wallet(wallet_id)).available for wallet_id in (mine, other)] == [1, 1]


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_an_append_whose_answer_is_lost_is_resolved_by_its_ids(
    ledger: LedgerDatabase, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """The connection dies before the append reaches the server, or after it was committed and before the answer."""
    (wallet_id,) = await ledger.open_wallets(1)
    append, shots = batching.store.append, 0

    async def lossy(session: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal shots
        shots += 1
        if shots == 2 and moment == "before":
            session.drop()
            raise batching.OutcomeUnknown("the connection was lost")
        result = await append(session, *args, **kwargs)
        if shots == 2:
            session.drop()
            raise batching.OutcomeUnknown("the connection was lost")
        return result

    monkeypatch.setattr(batching.store, "append", lossy)
    async with ledger.batcher(sessions=1) as batcher:
        await say(batcher, a_grant(wallet_id, 100))
        reserve, refused = a_reserve(wallet_id, 60), a_reserve(wallet_id, 1_000)
        commands = [reserve, reserve, refused, a_grant(wallet_id, 7)]
        first, twin, no, grant = await asyncio.gather(*(batcher.submit(c, soon()) for c in commands))
        assert shots == (2 if moment == "after" else 3)
        assert (first.replayed, grant.replayed) == (False, False)
        assert twin.replayed
        assert reason_of(no) is Reason.INSUFFICIENT_BALANCE
        assert "replayed" not in no.facts
        assert (await say(batcher, refused)).facts["replayed"] == "true"
    assert (await ledger.wallet(wallet_id)).balance == (0, 47, 60, 0, 3)
    await ledger.assert_sound([wallet_id])


async def test_a_database_that_is_away_is_told_as_unavailable_and_an_open_question_as_unknown(
    ledger: LedgerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    append, load = batching.store.append, batching.store.load

    async def away(*_: Any, **__: Any) -> Any:
        raise batching.DatabaseUnavailable("nobody there")

    async def unanswered(*args: Any, **kwargs: Any) -> Any:
        await append(*args, **kwargs)
        monkeypatch.setattr(batching.store, "load", away)
        raise batching.OutcomeUnknown("the connection was lost")

    async with ledger.batcher() as batcher:
        monkeypatch.setattr(batching.store, "load", away)
        nothing_done = a_grant(wallet_id, 1)
        assert reason_of(await say(batcher, nothing_done, 0.2)) is Reason.DATABASE_UNAVAILABLE
        assert await ledger.count("entry") == 0
        monkeypatch.setattr(batching.store, "load", load)
        monkeypatch.setattr(batching.store, "append", unanswered)
        done = a_grant(wallet_id, 10)
        assert reason_of(await say(batcher, done, 0.2)) is Reason.OUTCOME_UNKNOWN
        monkeypatch.setattr(batching.store, "load", load)
        monkeypatch.setattr(batching.store, "append", append)
        assert (await say(batcher, done)).replayed
        assert not (await say(batcher, nothing_done)).replayed
    await ledger.assert_sound([wallet_id])


async def test_a_wallet_that_somebody_keeps_locked_holds_up_no_other(ledger: LedgerDatabase) -> None:
    wallets = await ledger.open_wallets(3)
    kept, *others = wallets
    async with ledger.batcher(sessions=1) as batcher:
        loop = asyncio.get_running_loop()
        async with ledger.owner.transaction():
            await ledger.owner.execute(
                "select from ledger.wallet where wallet_id = $1 for update", kept, timeout=5
            )
            deadline = loop.time() + 3.0
            stuck = batcher.submit(a_grant(kept, 1), deadline)
            outcomes = await asyncio.gather(*(say(batcher, a_grant(wallet_id, 1)) for wallet_id in others))
            assert [reason_of(outcome) for outcome in outcomes] == [None, None]
            assert not stuck.done(), "they did not wait for it"
            behind = [batcher.submit(a_grant(kept, 1), deadline) for _ in range(3)]
            told = await asyncio.gather(stuck, *behind)
            assert {reason_of(outcome) for outcome in told} == {Reason.CONTENTION}, "nothing was done"
            assert loop.time() < deadline - 0.1, "in time to pay otherwise"
        assert reason_of(await say(batcher, a_grant(kept, 2))) is None
    assert [(await ledger.wallet(wallet_id)).available for wallet_id in wallets] == [2, 1, 1]
    await ledger.assert_sound(wallets)
