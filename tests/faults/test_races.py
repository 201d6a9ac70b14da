"""Two service processes, one database, and callers who meet on the same value."""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest_asyncio
from evidence import broken_invariants, fingerprint
from history import End, History, shopping, sound
from rig import ACCOUNTABLE, Shop, calling, open_shop, order, stamp, without_replay
from wallet.v1 import admin_pb2, checkout_pb2, types_pb2

DEVICES = 64
ROUNDS = 50
AFFORDABLE = 5
PRICE = 100


@pytest_asyncio.fixture
async def lines(pair, bearer):
    """Calls to the two processes, two connections each."""
    async with (
        calling(pair[0].address, bearer) as first, calling(pair[1].address, bearer) as second,
        calling(pair[0].address, bearer) as third, calling(pair[1].address, bearer) as fourth,
    ):  # fmt: skip
        yield [first, second, third, fourth]


async def wallets_of(shop: Shop, count: int, balance: int) -> list[Shop]:
    ids = await asyncio.gather(*(shop.open(f"c{n}", balance) for n in range(count)))
    return [Shop(api=shop.api, program=shop.program, wallet_id=wallet_id) for wallet_id in ids]


async def test_of_64_devices_racing_for_one_balance_exactly_the_affordable_number_succeeds(
    lines, shared_database_url: str
) -> None:
    shop = await open_shop(lines[0], 0)
    for number, round_ in enumerate(await wallets_of(shop, ROUNDS, AFFORDABLE * PRICE + PRICE - 1)):
        history = History()
        attempts = await asyncio.gather(
            *(history.send(lines[n % len(lines)], round_.reserve(PRICE), seconds=8.0) for n in range(DEVICES))
        )
        said = Counter(a.end if a.end is End.ANSWERED else str(a.refused) for a in attempts)
        refused = "FAILED_PRECONDITION INSUFFICIENT_BALANCE amount_minor"
        assert said == {End.ANSWERED: AFFORDABLE, refused: DEVICES - AFFORDABLE}, f"round {number}: {said}"
        balance = await round_.balance(1 + AFFORDABLE)
        assert (balance.available_minor, balance.reserved_minor) == (PRICE - 1, AFFORDABLE * PRICE)
    assert await broken_invariants(shared_database_url) == []


async def test_commit_release_and_expiry_that_race_have_one_outcome(lines, shared_database_url: str) -> None:
    """The clock of a sandbox strikes while both processes are told to commit and to release."""
    morning = datetime(2031, 1, 1, tzinfo=UTC)
    shop = await open_shop(lines[0], 0, sandbox=True)

    def advance(seconds: int) -> admin_pb2.AdvanceClockRequest:
        return admin_pb2.AdvanceClockRequest(
            program_id=shop.program.program_id, to=stamp(morning + timedelta(seconds=seconds)),
            accountability=ACCOUNTABLE,
        )  # fmt: skip

    await lines[0](advance(0))
    wallets = await wallets_of(shop, 20, 1_000)
    outcomes: Counter[int] = Counter()
    rng = random.Random(7)
    for round_ in range(1, 9):
        history = History()
        held = [await wallet.held(100, ttl_seconds=30, order=order(100)) for wallet in wallets]
        calls = [history.send(rng.choice(lines), wallet.commit(known), seconds=8.0)
                 for wallet, known in zip(wallets, held, strict=True)]  # fmt: skip
        calls += [history.send(rng.choice(lines), wallet.release(known), seconds=8.0)
                  for wallet, known in zip(wallets, held, strict=True)]  # fmt: skip
        rng.shuffle(calls)
        await _race(calls, lines[round_ % 2](advance(round_ * 30)), after=(round_ - 1) * 5)
        await history.resolve(lines)
        for wallet, known in zip(wallets, held, strict=True):
            request = checkout_pb2.GetReservationRequest(wallet=wallet.ref, reservation_id=known)
            outcomes[(await lines[0](request)).reservation.state] += 1
    assert await broken_invariants(shared_database_url) == []
    ended = {
        types_pb2.RESERVATION_STATE_COMMITTED,
        types_pb2.RESERVATION_STATE_RELEASED,
        types_pb2.RESERVATION_STATE_EXPIRED,
    }
    assert set(outcomes) <= ended
    assert len(outcomes) >= 2, f"nothing raced: {outcomes}"


async def _race(calls, strike, after: int) -> None:
    """Run the calls at once, and the strike when so many of them have ended: early in one round, late in another."""
    running = [asyncio.ensure_future(call) for call in calls]
    ended = asyncio.Semaphore(0)
    for call in running:
        call.add_done_callback(lambda _: ended.release())
    for _ in range(after):
        await ended.acquire()
    await asyncio.gather(strike, *running)


async def test_holds_that_end_by_the_real_clock_are_committed_in_time_or_not_at_all(
    lines, shared_database_url: str
) -> None:
    shop = await open_shop(lines[0], 0)
    wallets = await wallets_of(shop, 40, 1_000)
    history = History()

    async def at_the_last_moment(wallet: Shop, n: int) -> str:
        answer = await lines[0](wallet.reserve(1_000, ttl_seconds=1))
        held = answer.reservation
        strikes = held.expires_at.ToNanoseconds() / 1e9
        await asyncio.sleep(max(0.0, strikes - time.time() + (n - 20) * 0.002))
        attempt = await history.send(lines[n % 4], wallet.commit(held.reservation_id), seconds=8.0)
        # Whatever became of the hold, its wallet is usable at once.
        again = await history.send(lines[(n + 1) % 4], wallet.reserve(1), seconds=8.0)
        spent = attempt.end is End.ANSWERED
        assert (again.end is End.ANSWERED) is not spent, (attempt, again)
        return "spent" if spent else attempt.refused.reason

    seen = Counter(await asyncio.gather(*(at_the_last_moment(wallet, n) for n, wallet in enumerate(wallets))))
    assert set(seen) <= {"spent", "RESERVATION_EXPIRED"}
    assert await broken_invariants(shared_database_url) == []


async def test_the_same_id_through_two_processes_has_one_effect_and_one_answer(
    lines, shared_database_url: str
) -> None:
    shop = await open_shop(lines[0], 0)
    for wallet in await wallets_of(shop, 40, 1_000):
        reserve = wallet.reserve(300)
        answers = await asyncio.gather(*(line(reserve) for line in lines))
        assert sorted(answer.replayed for answer in answers) == [False, True, True, True]
        assert len({without_replay(answer) for answer in answers}) == 1
        commit = wallet.commit(reserve.reservation_id, amount_minor=100, final=False)
        answers = await asyncio.gather(*(line(commit) for line in lines))
        assert sorted(answer.replayed for answer in answers) == [False, True, True, True]
        assert len({without_replay(answer) for answer in answers}) == 1
        balance = await wallet.balance(answers[0].balance.version)
        assert (balance.available_minor, balance.reserved_minor, balance.version) == (700, 200, 3)
    assert await broken_invariants(shared_database_url) == []


async def test_the_same_id_with_other_content_through_two_processes_has_the_effect_of_one(
    lines, shared_database_url: str
) -> None:
    shop = await open_shop(lines[0], 0)
    winners: Counter[int] = Counter()
    for wallet in await wallets_of(shop, 40, 1_000):
        first = wallet.reserve(300)
        second = wallet.reserve(301, reservation_id=first.reservation_id)
        history = History()
        attempts = await asyncio.gather(
            *(
                history.send(line, request)
                for line, request in zip(lines, (first, second, second, first), strict=True)
            )
        )
        answered = [attempt for attempt in attempts if attempt.end is End.ANSWERED]
        refused = [attempt for attempt in attempts if attempt.end is End.REFUSED]
        assert (len(answered), len(refused)) == (2, 2)
        assert len({without_replay(attempt.answer) for attempt in answered}) == 1
        assert {attempt.refused.reason for attempt in refused} == {"ID_REUSED"}
        amount = answered[0].answer.reservation.amount_minor
        winners[amount] += 1
        assert (await wallet.balance(2)).reserved_minor == amount
    # The loser changes nothing, however often it comes.
    before = await fingerprint(shared_database_url)
    await history.send(lines[0], second if amount == 300 else first)
    assert await fingerprint(shared_database_url) == before
    assert set(winners) <= {300, 301}
    assert await broken_invariants(shared_database_url) == []


async def test_each_call_sent_several_times_to_both_processes_counts_once(
    lines, shared_database_url: str
) -> None:
    shop = await open_shop(lines[0], 0)
    wallets = await wallets_of(shop, 6, 500)
    history = History()
    rng = random.Random(11)

    async def sent(request) -> End:
        times = rng.randint(2, 5)
        attempts = await asyncio.gather(
            *(history.send(rng.choice(lines), request, seconds=8.0) for _ in range(times))
        )
        return next((a.end for a in attempts if a.end is End.ANSWERED), attempts[0].end)

    async def checkout(wallet: Shop) -> None:
        for _ in range(12):
            request = wallet.reserve(rng.randint(1, 60))
            if await sent(request) is End.ANSWERED:
                known = request.reservation_id
                await sent(wallet.commit(known, amount_minor=1, final=False))
                await sent(rng.choice([wallet.commit(known), wallet.release(known)]))

    await asyncio.gather(*(checkout(wallet) for wallet in wallets for _ in range(2)))
    assert not history.troubled, history.counts
    await sound(history, lines, shared_database_url)


async def test_half_of_the_calls_cancelled_lose_nothing(lines, shared_database_url: str) -> None:
    shop = await open_shop(lines[0], 0)
    wallets = await wallets_of(shop, 8, 2_000)
    history = History()
    rng = random.Random(13)

    async def impatient(request) -> None:
        task = asyncio.create_task(history.send(rng.choice(lines), request, seconds=8.0))
        if rng.random() < 0.5:
            await asyncio.sleep(rng.uniform(0.001, 0.010))
            task.cancel()
        await asyncio.wait([task])

    async def checkout(wallet: Shop) -> None:
        for _ in range(25):
            request = wallet.reserve(rng.randint(2, 50))
            await impatient(request)
            ending = [wallet.commit(request.reservation_id), wallet.release(request.reservation_id)]
            await impatient(rng.choice(ending))

    await asyncio.gather(*(checkout(wallet) for wallet in wallets for _ in range(2)))
    assert history.counts[End.UNKNOWN.value] > 100
    await sound(history, lines, shared_database_url)


async def test_connections_that_are_terminated_under_load_lose_nothing(
    lines, shared_database_url: str
) -> None:
    shop = await open_shop(lines[0], 0)
    wallets = await wallets_of(shop, 5, 100_000)
    history = History()
    killed = 0

    async def killer() -> None:
        nonlocal killed
        connection = await asyncpg.connect(shared_database_url, timeout=10)
        try:
            while True:
                await asyncio.sleep(0.2)
                killed += await connection.fetchval(
                    "select count(pg_terminate_backend(pid)) from (select pid from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid() order by random() limit 1) as x"
                )
        finally:
            await connection.close()

    task = asyncio.create_task(killer())
    await shopping(history, lines, wallets, 4.0, call_seconds=8.0)
    task.cancel()
    await asyncio.wait([task])
    assert killed >= 10
    answered = history.counts[End.ANSWERED.value]
    assert answered > 100
    # A lost connection is the service's business: nearly everybody is answered all the same.
    assert history.troubled <= answered // 10, history.counts
    await sound(history, lines, shared_database_url)
