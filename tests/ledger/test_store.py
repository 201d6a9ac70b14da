"""Loading and appending on a real PostgreSQL: the second lock on every wallet."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from ledger_database import LedgerDatabase, a_wallet_nobody_has, written
from wallets import Book, change, new_id

from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import store
from wallet_service.ledger.commands import Adjust, Commit, Freeze, Grant
from wallet_service.ledger.decide import decide
from wallet_service.ledger.model import Known, ReservationState, Terms
from wallet_service.ledger.store import Written
from wallet_service.runtime.errors import LedgerRejected, StatementFailed
from wallet_service.runtime.session import Session

SECONDS = 5.0


async def load(session: Session, *wallets: WalletId) -> store.Loaded:
    return await store.load(session, list(wallets), [], [], [], timeout_seconds=SECONDS)


async def append(session: Session, batch: Written) -> frozenset[WalletId]:
    return await store.append(session, batch, timeout_seconds=SECONDS)


def a_grant(wallet_id: WalletId, amount: int = 100) -> Grant:
    return Grant(wallet_id=wallet_id, credit_id=new_id(), amount=amount, pending=False)


async def give(ledger: LedgerDatabase, *wallets: WalletId, amount: int = 100) -> None:
    async with ledger.session() as session:
        loaded = await load(session, *wallets)
        assert not await append(session, written([a_grant(w, amount) for w in wallets], loaded, ledger.terms))


# What comes in comes out


async def test_what_was_appended_is_loaded(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.session() as session:
        loaded = await load(session, wallet_id)
        book = Book(wallet=loaded.wallets[wallet_id], now=loaded.now)
        batch = Written()

        def say(command: Any) -> None:
            before = book.wallet
            book.say(command)
            assert book.last is not None
            batch.add(before, book.last, book.terms)

        given = book.a_grant(100, pending=True, reference='"order" \\ 😀')
        say(given)
        say(book.a_grant(50))
        held = book.a_reserve(20)
        say(held)
        refused = book.a_reserve(99_999)
        say(refused)
        freeze = book.an_operation(Freeze, amount=5)
        say(freeze)
        assert not await append(session, batch)
        again = await store.load(
            session, [wallet_id], [(wallet_id, refused.reservation_id), (wallet_id, new_id())],
            [(wallet_id, given.credit_id), (wallet_id, new_id())],
            [(wallet_id, freeze.operation_id), (wallet_id, new_id())], timeout_seconds=SECONDS,
        )  # fmt: skip
    assert again.wallets == {wallet_id: book.wallet}
    assert again.reservations == {
        (wallet_id, refused.reservation_id): book.reservations[refused.reservation_id]
    }
    assert again.credits == {(wallet_id, given.credit_id): book.credits[given.credit_id]}
    assert again.operations == {(wallet_id, freeze.operation_id): book.operations[freeze.operation_id]}
    assert again.now >= loaded.now
    await ledger.assert_sound([wallet_id])


async def test_a_wallet_nobody_has_is_not_loaded(ledger: LedgerDatabase) -> None:
    async with ledger.session() as session:
        assert (await load(session, a_wallet_nobody_has())).wallets == {}


# Races


async def test_a_lost_race_is_reported_and_nothing_of_that_wallet_is_written(ledger: LedgerDatabase) -> None:
    lost, kept = sorted(await ledger.open_wallets(2))
    async with ledger.session() as session:
        loaded = await load(session, lost, kept)
        batch = written([a_grant(lost), a_grant(kept)], loaded, ledger.terms)
        await give(ledger, lost, amount=7)
        assert await append(session, batch) == {lost}
    assert (await ledger.wallet(lost)).available == 7
    assert (await ledger.wallet(kept)).available == 100
    assert await ledger.count("entry") == 2
    assert await ledger.count("credit") == 2
    await ledger.assert_sound([lost, kept])


async def test_a_race_is_lost_also_to_what_moved_no_value(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.session() as session:
        loaded = await load(session, wallet_id)
        book = Book(wallet=loaded.wallets[wallet_id], now=loaded.now)
        refused = book.decide(book.a_reserve(1))
        batch = Written()
        batch.add(book.wallet, refused, book.terms)
        assert not await append(session, batch)
        assert await append(session, written([a_grant(wallet_id)], loaded, ledger.terms)) == {wallet_id}
    assert await ledger.count("entry") == 0


async def test_a_wallet_that_does_not_exist_is_lost(ledger: LedgerDatabase) -> None:
    book = Book()
    batch = Written()
    command = book.a_grant(5)
    batch.add(book.wallet, book.decide(command), book.terms)
    async with ledger.session() as session:
        assert await append(session, batch) == {book.wallet.wallet_id}
    assert await ledger.count("entry") == 0


async def test_of_two_appends_of_one_wallet_at_once_one_is_lost(ledger: LedgerDatabase) -> None:
    wallets = await ledger.open_wallets(8)
    async with ledger.session("one") as one, ledger.session("two") as two:
        first, second = await load(one, *wallets), await load(two, *wallets[::-1])
        results = await asyncio.gather(
            append(one, written([a_grant(w) for w in wallets], first, ledger.terms)),
            append(two, written([a_grant(w) for w in wallets[::-1]], second, ledger.terms)),
        )
    assert sorted(map(len, results)) == [0, 8]
    await ledger.assert_sound(wallets)


# What does not add up


def forge(batch: Written, wallet_id: WalletId, **fields: Any) -> Written:
    """Change the wallet's row as it would be written."""
    expected, wallet, terms = batch.wallets[wallet_id]
    batch.wallets[wallet_id] = (expected, change(wallet, **fields), terms)
    return batch


def forge_entry(batch: Written, position: int, value: Any) -> Written:
    row = list(batch.entries[-1])
    row[position] = value
    batch.entries[-1] = tuple(row)
    return batch


FORGERIES: dict[str, Any] = {
    "a balance without its entry": lambda b, w: forge(b, w, available=101),
    "a balance in another account": lambda b, w: forge(b, w, available=0, pending=100),
    "value in nobody's account": lambda b, w: forge(b, w, frozen=1),
    "reserved without a reserve": lambda b, w: forge(b, w, reserved=1),
    "a version ahead of its entries": lambda b, w: forge(b, w, version=2),
    "a version behind its entries": lambda b, w: forge(b, w, version=0),
    "a revision that does not grow": lambda b, w: forge(b, w, revision=0),
    "an entry of another amount": lambda b, _: forge_entry(b, 5, 99),
    "an entry of nothing": lambda b, _: forge_entry(b, 5, 0),
    "an entry of a negative amount": lambda b, _: forge_entry(b, 5, -100),
    "an entry from an account to itself": lambda b, _: forge_entry(b, 3, 2),
    "an entry from no account": lambda b, _: forge_entry(b, 3, 12),
    "an entry with another number": lambda b, _: forge_entry(b, 1, 2),
    "an entry with other balances after it": lambda b, _: forge_entry(b, 7, 99),
    "an entry with another hash than the wallet's": lambda b, _: forge_entry(b, 15, bytes(32)),
    "an entry with no hash": lambda b, _: forge_entry(b, 15, b""),
    "a wallet with half a hash": lambda b, w: forge(b, w, head=b"half"),
    "an entry of a wallet that is not named": lambda b, _: forge_entry(b, 0, a_wallet_nobody_has()),
    "an entry more, of a wallet that is not named": lambda b, _: one_more(b),
    "a gap between entries": lambda b, _: gap(b),
}


def one_more(batch: Written) -> Written:
    batch.entries.append((a_wallet_nobody_has(), *batch.entries[-1][1:]))
    return batch


def gap(batch: Written) -> Written:
    """A second entry whose number skips one, and takes nothing away from the sums."""
    first = batch.entries[-1]
    wallet_id = first[0]
    give_back = list(first)
    give_back[1], give_back[3], give_back[4], give_back[9] = 3, 2, 4, 100
    give_back[7] = 0
    batch.entries.append(tuple(give_back))
    return forge(batch, wallet_id, available=0, frozen=100, version=2, head=give_back[15])


async def test_append_refuses_what_does_not_add_up_and_changes_nothing(ledger: LedgerDatabase) -> None:
    honest, forged = await ledger.open_wallets(2)
    before = await ledger.contents()
    async with ledger.session() as session:
        for name, forgery in FORGERIES.items():
            loaded = await load(session, honest, forged)
            batch = written([a_grant(honest), a_grant(forged)], loaded, ledger.terms)
            with pytest.raises((LedgerRejected, StatementFailed)) as refused:
                pytest.fail(f"{name} was written: {await append(session, forgery(batch, forged))}")
            assert refused.value.sqlstate in {"WL001", "23514"}, name
            assert await ledger.contents() == before, name


async def test_an_ended_reservation_cannot_end_again_otherwise(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    await give(ledger, wallet_id)
    async with ledger.session() as session:
        wallet, now = await held_and_committed(session, wallet_id)
        key, reservation = wallet.popitem()

        before = await ledger.contents()
        for other in (
            change(reservation, state=ReservationState.RELEASED, committed=0),
            change(reservation, committed=reservation.committed - 1),
            change(reservation, state=ReservationState.EXPIRED),
        ):
            loaded = await load(session, wallet_id)
            batch = written([a_grant(wallet_id)], loaded, ledger.terms)
            batch.reservations[key] = other
            with pytest.raises(LedgerRejected):
                await append(session, batch)
    assert now
    assert await ledger.contents() == before


async def held_and_committed(session: Session, wallet_id: WalletId) -> tuple[dict[Any, Any], int]:
    loaded = await load(session, wallet_id)
    book = Book(wallet=loaded.wallets[wallet_id], now=loaded.now)
    batch = Written()
    held = book.a_reserve(20)
    for command in (
        held,
        Commit(
            wallet_id=wallet_id,
            reservation_id=held.reservation_id,
            commit_id=new_id(),
            amount=None,
            final=True,
        ),
    ):
        before = book.wallet
        book.say(command)
        assert book.last is not None
        batch.add(before, book.last, book.terms)
    assert not await append(session, batch)
    return {(wallet_id, held.reservation_id): book.reservations[held.reservation_id]}, book.now


async def test_a_credit_never_grows_and_its_claw_backs_never_shrink(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.session() as session:
        loaded = await load(session, wallet_id)
        command = a_grant(wallet_id)
        assert not await append(session, written([command], loaded, ledger.terms))
        before = await ledger.contents()
        loaded = await load(session, wallet_id)
        batch = written(
            [Grant(wallet_id=wallet_id, credit_id=command.credit_id, amount=101, pending=False)],
            loaded,
            Terms(),
        )
        with pytest.raises(LedgerRejected):
            await append(session, batch)
    assert await ledger.contents() == before


# The role, and the owner


FORBIDDEN = [
    "insert into ledger.entry select * from ledger.entry",
    "update ledger.entry set amount = amount + 1",
    "delete from ledger.entry",
    "truncate ledger.entry",
    "insert into ledger.reservation select * from ledger.reservation",
    "update ledger.reservation set committed = 0",
    "delete from ledger.reservation",
    "truncate ledger.reservation",
    "insert into ledger.wallet select * from ledger.wallet",
    "update ledger.wallet set available = available + 1",
    "delete from ledger.wallet",
    "truncate ledger.wallet",
    "insert into ledger.credit select * from ledger.credit",
    "update ledger.credit set pending = 0",
    "delete from ledger.credit",
    "truncate ledger.credit",
    "insert into ledger.operation select * from ledger.operation",
    "update ledger.operation set actor = 'nobody'",
    "delete from ledger.operation",
    "truncate ledger.operation",
    "update ledger.program set floor_minor = -1000000",
    "delete from ledger.program_history",
    "drop table ledger.entry",
    "alter table ledger.entry disable trigger all",
    "create table ledger.mine (x int)",
    "create or replace function ledger.moment(p_microseconds bigint) returns timestamptz language sql return now()",
    "alter role wallet_app superuser",
    "select ledger.write_records(null, null, null)",
]


async def test_the_services_role_changes_nothing_but_through_the_functions(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    await give(ledger, wallet_id)
    before = await ledger.contents()
    async with ledger.session() as session:
        for statement in FORBIDDEN:
            with pytest.raises(StatementFailed) as refused:
                pytest.fail(
                    f"allowed: {statement}: {await session.execute(statement, timeout_seconds=SECONDS)}"
                )
            assert refused.value.sqlstate == "42501", statement
    assert await ledger.contents() == before


IMPOSSIBLE = [
    "update ledger.wallet set available = -1",
    "update ledger.wallet set pending = -1",
    "update ledger.wallet set reserved = -1",
    "update ledger.wallet set frozen = -1",
    "update ledger.wallet set floor_minor = 1",
    "update ledger.wallet set state = 4",
    "update ledger.wallet set head = 'short'",
    "update ledger.entry set amount = 0",
    "update ledger.entry set amount = -5",
    "update ledger.entry set target = source",
    "update ledger.entry set kind = 13",
    "update ledger.entry set source = 10",
    "update ledger.entry set pending_after = -1",
    "update ledger.entry set hash = ''",
    "update ledger.entry set seq = 0",
    "update ledger.reservation set committed = amount + 1",
    "update ledger.reservation set committed = -1",
    "update ledger.reservation set committed = 0",
    "update ledger.reservation set restored = committed + 1",
    "update ledger.reservation set state = 1",
    "update ledger.credit set clawed_back = amount + 1",
    "update ledger.credit set pending = amount, frozen = 1",
    "update ledger.credit set frozen_from_pending = frozen + 1",
]


async def test_the_tables_refuse_what_can_never_be_even_from_their_owner(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    await give(ledger, wallet_id)
    async with ledger.session() as session:
        await held_and_committed(session, wallet_id)
    for statement in IMPOSSIBLE:
        with pytest.raises(asyncpg.CheckViolationError):
            pytest.fail(f"allowed: {statement}: {await ledger.owner.execute(statement)}")


async def test_a_wallet_goes_no_deeper_than_its_programs_floor(ledger: LedgerDatabase) -> None:
    (wallet_id,) = await ledger.open_wallets(1)
    async with ledger.session() as session:
        loaded = await load(session, wallet_id)
        book = Book(wallet=loaded.wallets[wallet_id], now=loaded.now, terms=Terms(floor_minor=-50))
        deep = decide(book.wallet, book.an_operation(Adjust, delta=-50), loaded.now, book.terms, Known())
        batch = Written()
        batch.add(book.wallet, deep, Terms(floor_minor=-49))
        with pytest.raises(StatementFailed) as refused:
            await append(session, batch)
        assert refused.value.sqlstate == "23514"
        batch = Written()
        batch.add(book.wallet, deep, book.terms)
        assert not await append(session, batch)
        # A raised floor lets the wallet live where it is, and come up.
        loaded = await load(session, wallet_id)
        assert not await append(session, written([a_grant(wallet_id, 10)], loaded, Terms(floor_minor=0)))
    assert (await ledger.wallet(wallet_id)).available == -40
