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
