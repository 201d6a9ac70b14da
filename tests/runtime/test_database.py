"""What a caller of the database may conclude from each way in which a statement can fail."""

import asyncio
from dataclasses import replace

import asyncpg
import pytest

from wallet_service.runtime.database import Database, DatabaseOptions, load_statements
from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseTimeout,
    DatabaseUnavailable,
    LedgerRejected,
    OutcomeUnknown,
    StartError,
    StatementFailed,
)

QUICK = 5.0


@pytest.fixture
async def options(database_url):
    connection = await asyncpg.connect(database_url)
    await connection.execute("create table public.counted (n int primary key)")
    await connection.execute("grant select, insert on public.counted to wallet_app")
    await connection.close()
    return DatabaseOptions(url=database_url)


@pytest.fixture
async def database(options):
    database = await Database.open(options, toy=True)
    yield database
    await database.close()


@pytest.fixture
async def session(database):
    session = database.open_session("test")
    yield session
    await session.close()


@pytest.fixture(params=["pool", "session"])
def where(request, database, session):
    """Both ways to run a statement make the same promises."""
    return database if request.param == "pool" else session


@pytest.fixture
async def killer(options):
    """Ends the server's side of every connection but its own."""
    connection = await asyncpg.connect(options.url)

    async def kill():
        await connection.execute(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            " where datname = current_database() and pid <> pg_backend_pid()"
        )

    yield kill
    await connection.close()


async def test_every_connection_works_as_the_limited_role(where):
    assert await where.fetchval("select current_user::text", timeout_seconds=QUICK) == "wallet_app"
    assert await where.fetchval("show enable_seqscan", timeout_seconds=QUICK) == "off"
    assert await where.fetchval("show statement_timeout", timeout_seconds=QUICK) == "5s"
    with pytest.raises(StatementFailed, match="permission denied"):
        await where.execute("delete from public.counted", timeout_seconds=QUICK)


async def test_our_own_sqlstates_and_broken_constraints_are_told_apart(where):
    with pytest.raises(LedgerRejected) as rejected:
        await where.execute("do $$ begin raise 'no' using errcode = 'WL001'; end $$", timeout_seconds=QUICK)
    assert rejected.value.sqlstate == "WL001"
    await where.execute("insert into public.counted values (1)", timeout_seconds=QUICK)
    with pytest.raises(StatementFailed) as failed:
        await where.execute("insert into public.counted values (1)", timeout_seconds=QUICK)
    assert failed.value.sqlstate == "23505"


async def test_a_deadlock_or_a_lock_wait_is_a_conflict(session):
    for state in ("40P01", "40001", "55P03"):
        with pytest.raises(DatabaseConflict):
            await session.execute(
                f"do $$ begin raise 'no' using errcode = '{state}'; end $$", timeout_seconds=QUICK
            )


async def test_the_servers_own_limit_means_not_applied(options):
    database = await Database.open(replace(options, statement_timeout_ms=50), toy=True)
    with pytest.raises(DatabaseTimeout):
        await database.fetchval("select pg_sleep(5)", timeout_seconds=QUICK)
    await database.close()


async def test_no_answer_in_time_means_unknown_and_the_next_statement_works(where):
    with pytest.raises(OutcomeUnknown):
        await where.fetchval("select pg_sleep(3)", timeout_seconds=0.5)
    assert await where.fetchval("select 1", timeout_seconds=QUICK) == 1


async def test_a_connection_lost_in_the_middle_means_unknown(where, killer):
    waiting = asyncio.create_task(where.fetchval("select pg_sleep(3)", timeout_seconds=QUICK))
    await asyncio.sleep(0.1)
    await killer()
    with pytest.raises(OutcomeUnknown):
        await waiting
    assert await where.fetchval("select 1", timeout_seconds=QUICK) == 1


async def test_a_connection_lost_while_idle_is_replaced(where, killer):
    await where.fetchval("select 1", timeout_seconds=QUICK)
    await killer()
    await asyncio.sleep(0.1)
    assert await where.fetchval("select 1", timeout_seconds=QUICK) == 1


async def test_a_cancelled_statement_does_not_leave_its_answer_to_the_next(session):
    waiting = asyncio.create_task(session.fetchval("select 'old' from pg_sleep(1)", timeout_seconds=QUICK))
    await asyncio.sleep(0.05)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert await session.fetchval("select 'new'", timeout_seconds=QUICK) == "new"


async def test_a_pool_that_is_used_up_refuses_in_time(options):
    database = await Database.open(replace(options, pool_size=1), toy=True)
    waiting = asyncio.create_task(database.fetchval("select pg_sleep(0.5)", timeout_seconds=QUICK))
    await asyncio.sleep(0.05)
    with pytest.raises(DatabaseUnavailable):
        await database.fetchval("select 1", timeout_seconds=0.05)
    await waiting
    await database.close()


async def test_a_transaction_is_whole_or_nothing(session):
    with pytest.raises(ValueError, match="stop"):  # noqa: PT012
        async with session.transaction(timeout_seconds=QUICK):
            await session.execute("insert into public.counted values (1)", timeout_seconds=QUICK)
            raise ValueError("stop")
    assert await session.fetchval("select count(*) from public.counted", timeout_seconds=QUICK) == 0
    async with session.transaction(timeout_seconds=QUICK):
        await session.execute("insert into public.counted values (2)", timeout_seconds=QUICK)
    assert await session.fetchval("select count(*) from public.counted", timeout_seconds=QUICK) == 1


async def test_a_transaction_that_loses_its_connection_never_goes_on_outside(session, killer):
    with pytest.raises(DatabaseUnavailable):  # noqa: PT012
        async with session.transaction(timeout_seconds=QUICK):
            await session.execute("insert into public.counted values (1)", timeout_seconds=QUICK)
            await killer()
            await asyncio.sleep(0.1)
            await session.execute("insert into public.counted values (2)", timeout_seconds=QUICK)
    assert await session.fetchval("select count(*) from public.counted", timeout_seconds=QUICK) == 0


async def test_a_read_snapshot_sees_one_moment(database):
    async with database.read_snapshot(QUICK) as view:
        assert await view.fetchval("select count(*) from public.counted", timeout_seconds=QUICK) == 0
        await database.execute("insert into public.counted values (1)", timeout_seconds=QUICK)
        assert await view.fetchval("select count(*) from public.counted", timeout_seconds=QUICK) == 0


async def test_a_stopped_server_is_unavailable_and_comes_back_without_a_restart_of_ours(own_postgres):
    own_postgres.start()
    database = await Database.open(DatabaseOptions(url=own_postgres.url, role="pg_read_all_data"))
    session = database.open_session("test")
    await session.fetchval("select 1", timeout_seconds=QUICK)
    own_postgres.kill()
    await asyncio.sleep(0.05)
    for where in (database, session):
        with pytest.raises((DatabaseUnavailable, OutcomeUnknown)):
            await where.fetchval("select 1", timeout_seconds=1)
    assert not await database.ping(0.5)
    own_postgres.start()
    assert await session.fetchval("select 1", timeout_seconds=QUICK) == 1
    assert await database.ping(QUICK)
    await session.close()
    await database.close()


@pytest.mark.parametrize("setting", ["fsync", "synchronous_commit", "full_page_writes"])
async def test_a_database_that_may_lose_money_is_refused_unless_called_a_toy(own_postgres, setting):
    own_postgres.start(settings={setting: "off"})
    options = DatabaseOptions(url=own_postgres.url, role="pg_read_all_data")
    with pytest.raises(StartError, match=f"{setting} is off"):
        await Database.open(options)
    await (await Database.open(options, toy=True)).close()


async def test_a_superuser_without_the_role_is_refused(database_url):
    with pytest.raises(StartError, match="superuser"):
        await Database.open(DatabaseOptions(url=database_url, role=None), toy=True)


async def test_an_unmigrated_database_says_what_to_run(own_postgres):
    own_postgres.start()
    with pytest.raises(StartError, match="wallet migrate"):
        await Database.open(DatabaseOptions(url=own_postgres.url))


async def test_an_unreachable_database_is_one_line(tmp_path):
    for url in (f"postgresql://u:secret@/d?host={tmp_path}", "postgresql://u:secret@127.0.0.1:1/d"):
        with pytest.raises(StartError) as refused:
            await Database.open(DatabaseOptions(url=url))
        assert "\n" not in str(refused.value)
        assert "secret" not in str(refused.value)


def test_statements_are_named_by_their_files_and_carry_no_header():
    statements = load_statements("wallet_service.runtime")
    assert statements["ping"] == "select 1 as alive"
