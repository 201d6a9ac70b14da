"""Group commit on a real PostgreSQL: order, bounds, deadlines, cancellation, poison."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from ledger_database import LedgerDatabase, a_wallet_nobody_has
from wallets import ORDER, change, new_id, reason_of

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import batcher as batching
from wallet_service.ledger.batcher import Batcher
from wallet_service.ledger.commands import (
    Adjust,
    Commit,
    Deferred,
    Grant,
    OperationOutcome,
    Outcome,
    Release,
    Reserve,
    Settle,
)
from wallet_service.ledger.model import Order, ReservationState, Wallet


def soon(seconds: float = 20.0) -> float:
    return asyncio.get_running_loop().time() + seconds


async def say(batcher: Batcher, command: Any, seconds: float = 20.0) -> Any:
    return await asyncio.wait_for(batcher.submit(command, soon(seconds)), seconds + 5)


def a_grant(wallet_id: WalletId, amount: int = 100, **more: Any) -> Grant:
    return Grant(
        **{"wallet_id": wallet_id, "credit_id": new_id(), "amount": amount, "pending": False, **more}
    )


def a_reserve(wallet_id: WalletId, amount: int, **more: Any) -> Reserve:
    fields = {
        "reservation_id": new_id(),
        "value_minor": amount,
        "order": ORDER,
        "device": "phone",
        "ttl_seconds": 600,
    }
    return Reserve(**{**fields, "wallet_id": wallet_id, "amount": amount, **more})


def a_commit(reserve: Reserve, amount: int | None = None, *, final: bool = True) -> Commit:
    return Commit(
        wallet_id=reserve.wallet_id, reservation_id=reserve.reservation_id, commit_id=new_id(), amount=amount, final=final
    )  # fmt: skip


async def test_a_command_is_decided_written_and_answered(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        assert (await say(batcher, a_grant(wallet_id))).balance.available == 100
        reserve = a_reserve(wallet_id, 60)
        assert (await say(batcher, reserve)).balance[:4] == (0, 40, 60, 0)
        assert (await say(batcher, a_commit(reserve, 20))).balance[:4] == (0, 80, 0, 0)
    wallet = await ledger.wallet(wallet_id)
    assert wallet.balance == (0, 80, 0, 0, 4)
    await ledger.assert_sound([wallet_id])


async def test_commands_that_wait_together_are_one_batch_and_see_each_others_effect(
    ledger: LedgerDatabase,
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    reserve = a_reserve(wallet_id, 60)
    commands = [
        a_grant(wallet_id, 100), reserve, a_reserve(wallet_id, 60), a_commit(reserve, 10, final=False),
        Release(wallet_id=wallet_id, reservation_id=reserve.reservation_id), reserve, a_reserve(wallet_id, 90),
    ]  # fmt: skip
    async with ledger.batcher() as batcher:
        outcomes = await asyncio.gather(*(batcher.submit(command, soon()) for command in commands))
        assert batcher.counts.batches == 1
    assert [reason_of(outcome) for outcome in outcomes] == [
        None, None, Reason.INSUFFICIENT_BALANCE, None, None, None, None,
    ]  # fmt: skip
    assert outcomes[5].replayed
    assert outcomes[5].reservation.state is ReservationState.HELD
    assert (await ledger.wallet(wallet_id)).balance[:4] == (0, 0, 90, 0)
    await ledger.assert_sound([wallet_id])


async def test_what_a_command_waits_for_is_waited_for_while_its_wallet_is_loaded(
    ledger: LedgerDatabase,
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    told: list[str] = []

    def ready() -> Any:
        # Asked when the wallet is there, and not before.
        told.append("asked")
        return answer()

    async def answer() -> None:
        await asyncio.sleep(0.01)
        told.append("heard")

    def build(_program: Any, wallet: Wallet, _now: Instant) -> Reserve:
        told.append(f"built on {wallet.available}")
        return a_reserve(wallet_id, 60, reservation_id=reservation_id)

    reservation_id = new_id()
    waits = Deferred(wallet_id=wallet_id, reservation_id=reservation_id, build=build, ready=ready)
    async with ledger.batcher() as batcher:
        await say(batcher, a_grant(wallet_id, 100))
        assert (await say(batcher, waits)).balance[:4] == (0, 40, 60, 0)
    assert told == ["asked", "heard", "built on 100"]


async def test_what_is_refused_or_repeated_writes_nothing(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        grant = a_grant(wallet_id)
        await say(batcher, grant)
        before = await ledger.contents()
        for command in (
            grant, a_commit(a_reserve(wallet_id, 1)), Release(wallet_id=wallet_id, reservation_id=new_id()),
            change(grant, amount=7), a_grant(wallet_id, expires_at=1), Settle(wallet_id=wallet_id),
        ):  # fmt: skip
            await say(batcher, command)
    assert await ledger.contents() == before


async def test_a_wallet_nobody_has_is_not_found_and_takes_nobody_along(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        absent, present = await asyncio.gather(
            say(batcher, a_grant(a_wallet_nobody_has())), say(batcher, a_grant(wallet_id))
        )
    assert reason_of(absent) is Reason.WALLET_NOT_FOUND
    assert present.balance.available == 100


async def test_a_wallets_commands_keep_their_order_through_many_small_batches(ledger: LedgerDatabase) -> None:
    wallets = await ledger.open_wallets(3)
    async with ledger.batcher(batch_max=4) as batcher:
        sent = []
        for turn in range(120):
            sent.append((wallets[turn % 3], batcher.submit(a_grant(wallets[turn % 3], 1), soon())))
            if turn % 7 == 0:
                await asyncio.sleep(0)
        outcomes = [(wallet_id, await future) for wallet_id, future in sent]
        assert batcher.counts.batches >= 30
    for wallet_id in wallets:
        versions = [outcome.balance.version for w, outcome in outcomes if w == wallet_id]
        assert versions == list(range(1, 41))
    await ledger.assert_sound(wallets)


async def test_what_was_answered_before_another_was_sent_has_the_smaller_version(
    ledger: LedgerDatabase,
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher(name="one") as one, ledger.batcher(name="two") as two:
        seen = 0
        for turn in range(20):
            outcome = await say((one, two)[turn % 2], a_grant(wallet_id, 1))
            assert outcome.balance.version > seen
            seen = outcome.balance.version


async def test_two_processes_repeat_one_id_and_it_counts_once(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher(name="one") as one, ledger.batcher(name="two") as two:
        await say(one, a_grant(wallet_id, 1_000))
        for _ in range(20):
            reserve = a_reserve(wallet_id, 10)
            other = change(reserve, amount=11)
            same_1, same_2, changed = await asyncio.gather(
                say(one, reserve), say(two, reserve), say(two, other)
            )
            winners = [o for o in (same_1, same_2, changed) if not isinstance(o, Refusal) and not o.replayed]
            assert len(winners) == 1
            amount = winners[0].reservation.amount
            for command, outcome in ((reserve, same_1), (reserve, same_2), (other, changed)):
                if command.amount == amount:
                    assert outcome.reservation == winners[0].reservation
                    assert outcome.balance == winners[0].balance
                else:
                    assert reason_of(outcome) is Reason.ID_REUSED
    assert len((await ledger.wallet(wallet_id)).holds) == 20
    await ledger.assert_sound([wallet_id])


# Bounds and deadlines


async def test_a_command_past_its_deadline_is_never_written(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        late = batcher.submit(a_grant(wallet_id), soon(-0.001))
        assert reason_of(await late) is Reason.DEADLINE_EXCEEDED
    assert await ledger.count("entry") == 0


async def test_a_command_that_waits_for_a_busy_wallet_past_its_deadline_is_never_written(
    ledger: LedgerDatabase,
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        async with ledger.owner.transaction():
            await ledger.owner.execute("select from ledger.wallet for update")
            first = batcher.submit(a_grant(wallet_id, 1), soon())
            await asyncio.sleep(0.05)
            late = batcher.submit(a_grant(wallet_id, 10), soon(0.05))
            patient = batcher.submit(a_grant(wallet_id, 100), soon())
            await asyncio.sleep(0.1)
        assert reason_of(await late) is Reason.DEADLINE_EXCEEDED
        assert reason_of(await first) is reason_of(await patient) is None
    assert (await ledger.wallet(wallet_id)).available == 101


async def test_a_wallet_that_waits_holds_up_no_other(ledger: LedgerDatabase) -> None:
    held_up, free = await ledger.open_wallets(2)
    async with ledger.batcher() as batcher:
        async with ledger.owner.transaction():
            await ledger.owner.execute("select from ledger.wallet where wallet_id = $1 for update", held_up)
            first = batcher.submit(a_grant(held_up), soon())
            await asyncio.sleep(0.05)
            waiting = [batcher.submit(a_grant(held_up), soon()) for _ in range(5)]
            assert (await say(batcher, a_grant(free), 1.0)).balance.available == 100
            assert not any(future.done() for future in (first, *waiting))
        assert [o.balance.version for o in await asyncio.gather(first, *waiting)] == [1, 2, 3, 4, 5, 6]


async def test_the_queue_is_bounded_and_says_so_at_once(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher(queue_max=5) as batcher:
        futures = [batcher.submit(a_grant(wallet_id, 1), soon()) for _ in range(8)]
        assert [future.done() for future in futures] == [False] * 5 + [True] * 3
        outcomes = await asyncio.gather(*futures)
        assert [reason_of(o) for o in outcomes] == [None] * 5 + [Reason.OVERLOADED] * 3
        assert batcher.waiting == 0
        assert reason_of(await say(batcher, a_grant(wallet_id, 1))) is None
    assert (await ledger.wallet(wallet_id)).available == 6


# Cancellation


async def test_cancelled_callers_leave_no_trace_in_the_queue_and_the_wallets_sound(
    ledger: LedgerDatabase,
) -> None:
    wallets = await ledger.open_wallets(4)
    async with ledger.batcher(batch_max=8) as batcher:
        commands = [a_grant(wallets[n % 4], 1) for n in range(200)]
        futures = [batcher.submit(command, soon()) for command in commands]
        for n, future in enumerate(futures):
            if n % 2:
                future.cancel()
            if n % 20 == 0:
                await asyncio.sleep(0.002)
        await asyncio.gather(*futures, return_exceptions=True)
        await batcher.drained()
        assert batcher.waiting == 0
        # Those who were answered are there; the others are there or not, and the ids tell which.
        again = [await say(batcher, command) for command in commands]
        assert all(
            outcome.replayed for outcome, future in zip(again, futures, strict=True) if not future.cancelled()
        )
    total = sum([(await ledger.wallet(w)).available for w in wallets])
    assert total == 200
    await ledger.assert_sound(wallets)


async def test_a_cancelled_caller_does_not_cancel_the_transaction(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher, ledger.owner.transaction():
        await ledger.owner.execute("select from ledger.wallet for update")
        future = batcher.submit(a_grant(wallet_id), soon())
        await asyncio.sleep(0.1)
        future.cancel()
    assert (await ledger.wallet(wallet_id)).available == 100


# Poison


async def test_one_command_that_the_database_chokes_on_fails_alone(ledger: LedgerDatabase) -> None:
    wallets = await ledger.open_wallets(10)
    async with ledger.batcher() as batcher:
        await asyncio.gather(*(say(batcher, a_grant(w)) for w in wallets))
        poison = a_reserve(wallets[3], 1_000, order=Order(order_ref="\x00", total_minor=1, currency="EUR"))
        commands: list[Any] = [a_reserve(w, 10) for w in wallets]
        commands[5:5] = [poison]
        outcomes = await asyncio.gather(*(batcher.submit(command, soon()) for command in commands))
        assert [reason_of(o) for o in outcomes] == [None] * 5 + [Reason.INTERNAL] + [None] * 5
        assert batcher.waiting == 0
        assert reason_of(await say(batcher, a_reserve(wallets[3], 10))) is None
    await ledger.assert_sound(wallets)


async def test_one_command_that_cannot_be_decided_fails_alone(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        poison = a_grant(wallet_id, "much")  # type: ignore[arg-type]
        outcomes = await asyncio.gather(
            say(batcher, a_grant(wallet_id)), say(batcher, poison), say(batcher, a_grant(wallet_id))
        )
    assert [reason_of(outcome) for outcome in outcomes] == [None, Reason.INTERNAL, None]
    assert (await ledger.wallet(wallet_id)).available == 200


async def test_a_wallet_whose_document_is_damaged_fails_alone(ledger: LedgerDatabase) -> None:
    wallets = await ledger.open_wallets(5)
    await ledger.owner.execute("update ledger.wallet set document = '[7]' where wallet_id = $1", wallets[2])
    async with ledger.batcher() as batcher:
        outcomes = await asyncio.gather(*(say(batcher, a_grant(w)) for w in wallets))
        assert [reason_of(o) for o in outcomes] == [None, None, Reason.INTERNAL, None, None]
        assert batcher.waiting == 0


async def test_a_listener_that_fails_neither_loses_an_answer_nor_counts_twice(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)

    def broken(_: object) -> None:
        raise RuntimeError("a listener that fails")

    async with ledger.batcher() as batcher:
        batcher._changed = broken
        assert reason_of(await say(batcher, a_grant(wallet_id))) is None
        assert reason_of(await say(batcher, a_grant(wallet_id))) is None
        await batcher.drained()
        assert batcher.waiting == 0
    assert (await ledger.wallet(wallet_id)).available == 200


# Contention


async def test_a_wallet_that_is_lost_again_and_again_is_locked_and_then_won(
    ledger: LedgerDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    loads = 0
    load = batching.store.load

    async def overtaken(*args: Any, **kwargs: Any) -> Any:
        """Somebody else changes the wallet after each load that does not hold it."""
        nonlocal loads
        loaded = await load(*args, **kwargs)
        loads += 1
        if loads <= batching.LOCK_FROM_ATTEMPT:
            await ledger.owner.execute("update ledger.wallet set revision = revision + 1")
        return loaded

    monkeypatch.setattr(batching.store, "load", overtaken)
    async with ledger.batcher() as batcher:
        assert (await say(batcher, a_grant(wallet_id))).balance.available == 100
        assert batcher.counts.races_lost == batching.LOCK_FROM_ATTEMPT
    assert loads == batching.LOCK_FROM_ATTEMPT + 1


async def test_settling_an_overdue_wallet_twice_records_it_once(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        await say(batcher, a_grant(wallet_id))
        await say(batcher, a_reserve(wallet_id, 100, ttl_seconds=0))
        outcomes: list[Outcome] = await asyncio.gather(
            *(say(batcher, Settle(wallet_id=wallet_id)) for _ in range(5))
        )
    assert all(isinstance(o, OperationOutcome) and o.balance[:4] == (0, 100, 0, 0) for o in outcomes)
    assert await ledger.count("entry") == 3


async def test_an_operation_is_remembered_across_batches(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.batcher() as batcher:
        command = Adjust(wallet_id=wallet_id, operation_id=new_id(), delta=5, actor="ann", reason='said "so"')
        first = await say(batcher, command)
        again = await say(batcher, command)
        other = await say(batcher, change(command, delta=6))
    assert again == change(first, replayed=True)
    assert reason_of(other) is Reason.ID_REUSED
