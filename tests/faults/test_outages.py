"""PostgreSQL, Valkey and the service itself die, hang and come back under load; nothing that was acknowledged is lost.

PostgreSQL is durable here (fsync on), and everything is this folder's own: it is killed for real.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest_asyncio
from history import End, History, shopping, sound
from msgspec.structs import replace as changed
from rig import Api, Shop, calling, new_id, open_shop, order, refusal, until
from stack import Stack
from wallet.v1 import types_pb2, wallet_pb2

from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.model import Lot, Wallet

SERVICE_DEADLINE = 0.5
PATIENT_SECONDS = 10.0
"""What a caller gives a call that nothing should hold up: a machine that stands still for a second is not the point."""
HEALED_SECONDS = 5.0


@pytest_asyncio.fixture
async def lines(stack: Stack) -> AsyncIterator[list[Api]]:
    async with (
        calling(stack.services[0].address, stack.bearer) as first,
        calling(stack.services[1].address, stack.bearer) as second,
    ):
        yield [first, second]


async def wallets_of(api: Api, count: int = 5, balance: int = 100_000) -> list[Shop]:
    shop = await open_shop(api, 0)
    ids = [await shop.open(f"c{n}", balance) for n in range(count)]
    return [Shop(api=api, program=shop.program, wallet_id=wallet_id) for wallet_id in ids]


@asynccontextmanager
async def under_load(
    history: History, lines: list[Api], shops: list[Shop], seconds: float, call_seconds: float = 1.0
) -> AsyncIterator[None]:
    """Run the block while shoppers shop; they go on for so long, whatever happens in it."""
    load = asyncio.create_task(shopping(history, lines, shops, seconds, call_seconds=call_seconds))
    await asyncio.sleep(0.5)
    yield
    await load


@asynccontextmanager
async def goes_on(history: History, answers: int = 10) -> AsyncIterator[None]:
    """Run the block, in which more calls than those must be answered: ten shoppers had waited for one each anyway."""
    before = history.counts[End.ANSWERED.value]
    yield
    assert history.counts[End.ANSWERED.value] > before + answers, history.counts


async def healed(lines: list[Api], shops: list[Shop], since: float) -> None:
    """Assert that every process answers again, soon after a moment and with no restart by hand."""
    for line in lines:

        async def reserves(line: Api = line) -> bool:
            try:
                await line(shops[0].reserve(1), seconds=1.0)
            except grpc.aio.AioRpcError:
                return False
            return True

        await until(reserves, seconds=max(0.1, HEALED_SECONDS - (time.monotonic() - since)))


async def test_a_service_killed_under_load_loses_nothing(stack: Stack, lines: list[Api]) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    async with under_load(history, lines, shops, 6.0):
        for victim in stack.services:
            victim.kill()
            await asyncio.sleep(0.2)
            victim.launch()
            await asyncio.to_thread(victim.await_ready)
    assert history.counts[End.UNKNOWN.value] > 0
    await sound(history, lines, stack.database_url)


async def test_a_postgres_killed_under_load_loses_nothing_that_was_acknowledged(
    stack: Stack, lines: list[Api]
) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    async with under_load(history, lines, shops, 4.0):
        for _ in range(2):
            stack.postgres.kill()
            await asyncio.sleep(0.4)
            stack.start_postgres()
            back = time.monotonic()
            await healed(lines, shops, back)
            await asyncio.sleep(0.3)
    assert history.counts[End.ANSWERED.value] > 50
    await sound(history, lines, stack.database_url)


async def test_while_postgres_hangs_every_call_ends_in_time_and_afterwards_all_is_well(
    stack: Stack, lines: list[Api]
) -> None:
    shops = await wallets_of(lines[0])
    shop = shops[0]
    held = await shop.held(10)
    history = History()
    version = (await shop.balance()).version
    reading = [
        wallet_pb2.GetWalletRequest(wallet=shop.ref, min_version=version + 1),
        wallet_pb2.ListEntriesRequest(wallet=shop.ref),
        wallet_pb2.VerifyWalletRequest(wallet=shop.ref),
        shop.quote(min_version=version + 1),
    ]
    lag = asyncio.create_task(history.watch_lag())
    seen: list[tuple[str, float, str]] = []

    async def read(line: Api, request: object) -> None:
        began = time.monotonic()
        refused = await refusal(line(request, seconds=None))
        seen.append((type(request).__name__, time.monotonic() - began, refused.reason))

    with stack.postgres_stopped():
        for _ in range(6):
            # No deadline from the caller: the service must find its own end.
            calls = [read(line, request) for line in lines for request in reading]
            calls += [
                history.send(line, request, seconds=None, limit=SERVICE_DEADLINE)
                for line in lines
                for request in (
                    shop.reserve(5),
                    shop.commit(held),
                    shops[1].reserve(7),
                    shops[2].release(held),
                )
            ]
            await asyncio.gather(*calls)
    back = time.monotonic()
    lag.cancel()
    late = [s for s in seen if s[1] > SERVICE_DEADLINE + 0.1 + history.lag]
    assert not late, late
    assert {reason for _, _, reason in seen} <= {
        "DEADLINE_EXCEEDED",
        "DATABASE_UNAVAILABLE",
        "OUTCOME_UNKNOWN",
    }, seen
    assert history.counts[End.ANSWERED.value] == 0
    await healed(lines, shops, back)
    await sound(history, lines, stack.database_url)


async def test_without_redis_no_reserve_and_no_commit_fails(stack: Stack, lines: list[Api]) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    async with under_load(history, lines, shops, 3.0, call_seconds=PATIENT_SECONDS):
        stack.valkey.kill()
        async with goes_on(history):
            await asyncio.sleep(1.0)
            for line in lines:
                # Reading goes on from the database.
                assert (await line(shops[0].quote())).balance.version >= 1
                await line(wallet_pb2.GetWalletRequest(wallet=shops[0].ref))
        stack.valkey.start()
        stack.cache().flushall()
    assert not history.troubled, history.counts
    await sound(history, lines, stack.database_url)


async def test_without_redis_a_process_reads_what_the_other_has_done(stack: Stack, lines: list[Api]) -> None:
    shop = (await wallets_of(lines[0], 1, 1_000))[0]
    for line in lines:
        await line(shop.quote())
    stack.valkey.kill()
    await lines[0](shop.reserve(10))
    latest = (await lines[1](shop.reserve(900))).balance.version

    async def told() -> bool:
        wallet = (await lines[0](wallet_pb2.GetWalletRequest(wallet=shop.ref))).wallet
        return wallet.balance.version == latest

    await until(told, seconds=2.0)
    assert (await lines[0](shop.quote())).redeemable_minor <= 90


VERSION_CHARS = 16


def entry(wallet: Wallet, revision: int) -> bytes:
    """Return a wallet as the service keeps it in the cache."""
    return f"{revision:016x}".encode() + codec.snapshot_bytes(wallet)


async def cached(stack: Stack, shop: Shop) -> bytes:
    """Return what stands in the cache of a wallet, once it does."""
    name = f"wallet:{shop.wallet_id}"
    with stack.cache() as cache:

        async def there() -> bool:
            return cache.get(name) is not None

        await until(there)
        return cache.get(name)


def spoil(stack: Stack, shop: Shop, value: bytes) -> None:
    with stack.cache() as cache:
        cache.set(f"wallet:{shop.wallet_id}", value)


async def test_a_newer_snapshot_forged_in_the_cache_authorises_no_spend(
    stack: Stack, lines: list[Api]
) -> None:
    shop = (await wallets_of(lines[0], 1, 100))[0]
    await shop.held(1)
    await lines[1](wallet_pb2.GetWalletRequest(wallet=shop.ref))
    true = codec.snapshot_of((await cached(stack, shop))[VERSION_CHARS:])
    rich = changed(
        true,
        available=10**9,
        available_lots=(Lot(NEVER, 10**9),),
        reserved=0,
        holds=(),
        version=10**6,
        revision=10**6,
    )
    spoil(stack, shop, entry(rich, rich.revision))
    offered = await lines[1](shop.quote(10**6))
    # The offer may be wrong, and says from which version it was made; what decides is the ledger.
    assert offered.amount_minor == 10**6, "the forged snapshot was not even read"
    request = shop.reserve(100_000, order=order(10**6), quote_token=offered.quote_token)
    refused = await refusal(lines[1](request))
    assert (refused.reason, refused.facts.get("available_minor")) == ("INSUFFICIENT_BALANCE", "99")
    assert (await refusal(lines[0](shop.reserve(100)))).reason == "INSUFFICIENT_BALANCE"
    assert (await lines[0](shop.reserve(99))).balance.available_minor == 0


def poisons(true: Wallet) -> dict[str, bytes]:
    head, body = b"0000000000ffffff", codec.snapshot_bytes(true)
    return {
        "nothing": b"",
        "a version alone": head,
        "half a version": head[:7],
        "any bytes": head + bytes(range(256)),
        "another language": head + b'{"wallet": [1, 2, 3]}',
        "a deep well": head + b"[" * 200_000,
        "an array without an end": head + b"\x91" * 200_000,
        "cut short": head + body[: len(body) // 2],
        "with a tail": head + body + b"x",
        "twice": head + body + body,
        "of another wallet": head + codec.snapshot_bytes(changed(true, wallet_id=WalletId(new_id()))),
        "that does not add up": head + codec.snapshot_bytes(changed(true, available=true.available + 1)),
        "with a negative balance": head + codec.snapshot_bytes(changed(true, pending=-1)),
    }


async def test_garbage_in_the_cache_is_ignored(stack: Stack, lines: list[Api]) -> None:
    shop = (await wallets_of(lines[0], 1, 100))[0]
    true = codec.snapshot_of((await cached(stack, shop))[VERSION_CHARS:])
    for name, poison in poisons(true).items():
        spoil(stack, shop, poison)
        wallet = (await lines[1](wallet_pb2.GetWalletRequest(wallet=shop.ref))).wallet
        assert wallet.balance == types_pb2.Balance(available_minor=100, version=1), name
        spoil(stack, shop, poison)
        assert (await lines[1](shop.quote(50))).amount_minor == 50, name
    spoil(stack, shop, poison)
    await lines[1](shop.commit((await lines[1](shop.reserve(50))).reservation.reservation_id))


async def test_any_byte_of_a_cached_wallet_may_be_wrong_and_every_call_is_answered(
    stack: Stack, lines: list[Api]
) -> None:
    shop = (await wallets_of(lines[0], 1, 100))[0]
    await shop.held(10)
    true = await cached(stack, shop)
    rng = random.Random(17)
    for _ in range(60):
        wrong = bytearray(true)
        for _ in range(rng.randint(1, 3)):
            wrong[rng.randrange(VERSION_CHARS, len(wrong))] = rng.randrange(256)
        spoil(stack, shop, bytes(wrong))
        await lines[1](wallet_pb2.GetWalletRequest(wallet=shop.ref))
        await lines[1](shop.quote(50))
    await lines[0](shop.reserve(90))


async def test_a_cache_of_the_wrong_kind_is_ignored(stack: Stack, lines: list[Api]) -> None:
    shop = (await wallets_of(lines[0], 1, 100))[0]
    with stack.cache() as cache:
        cache.delete(f"wallet:{shop.wallet_id}")
        cache.rpush(f"wallet:{shop.wallet_id}", "a", "b")
    wallet = (await lines[1](wallet_pb2.GetWalletRequest(wallet=shop.ref))).wallet
    assert wallet.balance.available_minor == 100


async def test_above_its_limit_a_service_refuses_early_and_still_finishes_what_was_begun(
    stack: Stack, lines: list[Api]
) -> None:
    service = stack.service(
        "narrow",
        in_flight_max=24,
        in_flight_reserved=8,
        batch_max=8,
        batches_in_flight=1,
        deadline_default_ms=2_000,
    )
    service.start()
    try:
        async with (
            calling(service.address, stack.bearer) as api,
            calling(service.address, stack.bearer) as finisher,
        ):
            shops = await wallets_of(api)
            begun = [(shop, await shop.held(2)) for shop in shops for _ in range(20)]
            history, finished = History(), History()
            until_ = time.monotonic() + 2.0
            lag = asyncio.create_task(history.watch_lag())

            async def crowd(n: int) -> None:
                request = shops[n % 5].reserve(1)
                while time.monotonic() < until_:
                    attempt = await history.send(api, request, seconds=1.0)
                    if attempt.end is End.TURNED_AWAY:
                        assert attempt.refused.status is grpc.StatusCode.RESOURCE_EXHAUSTED
                    else:
                        request = shops[n % 5].reserve(1)
                    await asyncio.sleep(0.02)

            async def finish(part: list[tuple[Shop, str]]) -> None:
                for shop, known in part:
                    attempt = await finished.send(finisher, shop.commit(known), seconds=2.0)
                    assert attempt.end is End.ANSWERED, attempt

            await asyncio.gather(*(crowd(n) for n in range(96)), *(finish(begun[n::4]) for n in range(4)))
            lag.cancel()
            # How many of each is the machine's affair.
            assert history.counts[End.TURNED_AWAY.value], history.counts
            assert history.counts[End.ANSWERED.value], history.counts
            assert finished.counts == {End.ANSWERED.value: len(begun)}
            await sound(history, lines, stack.database_url)
    finally:
        assert service.stop() == 0, service.log_text()


async def test_a_service_told_to_stop_under_load_answers_what_it_has_begun(
    stack: Stack, lines: list[Api]
) -> None:
    shops = await wallets_of(lines[0])
    history = History()
    async with under_load(history, lines, shops, 4.0, call_seconds=PATIENT_SECONDS):
        for service in stack.services:
            assert await asyncio.to_thread(service.stop) == 0
            service.launch()
            await asyncio.to_thread(service.await_ready)
    # Nothing is left in doubt by an orderly stop: what had begun was answered, what came later was turned away.
    in_doubt = [
        attempt
        for attempt in history.attempts(End.UNKNOWN)
        if attempt.refused is not None and attempt.refused.reason
    ]
    assert not in_doubt, in_doubt[:3]
    await sound(history, lines, stack.database_url)


async def test_no_fault_left_a_trace_in_the_logs(stack: Stack) -> None:
    """Faults of the surroundings are told in one line each; a traceback is a surprise."""
    for service in stack.services:
        assert "Traceback" not in service.log_text(), service.log_text()[-4_000:]
