"""Migrations: from nothing to the snapshot, safe in parallel, cheap when there is nothing to do."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

import wallet_service
from wallet_service.runtime.errors import MigrationFailed, StartError
from wallet_service.runtime.migrate import SchemaFiles, dbmate_url, is_current, migrate
from wallet_service.runtime.snapshot import snapshot

SNAPSHOT = Path(wallet_service.__file__).parent / "migrations" / "snapshot.sql"
STATE = (
    Path(wallet_service.__file__).parent / "migrations" / "0000_runtime_create_schema_state.sql"
).read_text()


@pytest.fixture
def package(tmp_path):
    """A small package of its own: one table, one function."""
    (tmp_path / "migrations").mkdir()
    (tmp_path / "ledger" / "sql" / "functions").mkdir(parents=True)
    (tmp_path / "migrations" / "0000_state.sql").write_text(STATE)
    (tmp_path / "migrations" / "0001_ledger_create.sql").write_text(
        "-- migrate:up\ncreate table public.thing (n int primary key);\n-- migrate:down\n"
    )
    (tmp_path / "ledger" / "sql" / "functions" / "one.sql").write_text(
        "create or replace function public.one() returns int language sql as 'select 1';"
    )
    return tmp_path


async def value(url, sql):
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_migrations_from_nothing_equal_the_committed_snapshot(empty_database_url, postgres_server):
    if not postgres_server.embedded:
        pytest.skip(
            "each version of PostgreSQL writes the same schema in other words; the snapshot is the embedded one's"
        )
    await migrate(empty_database_url)
    assert await snapshot(empty_database_url) == SNAPSHOT.read_text(), (
        "run `make snapshot` and review the change"
    )


async def test_tables_and_functions_are_there_after_one_run(empty_database_url, package):
    files = SchemaFiles.of(package)
    assert not await is_current(empty_database_url, files)
    report = await migrate(empty_database_url, files)
    assert report.applied == ("0000", "0001")
    assert await value(empty_database_url, "select public.one()") == 1
    assert await is_current(empty_database_url, files)


async def test_a_second_run_changes_nothing(empty_database_url, package):
    files = SchemaFiles.of(package)
    await migrate(empty_database_url, files)
    assert not (await migrate(empty_database_url, files)).changed


async def test_a_changed_function_is_applied_again(empty_database_url, package):
    await migrate(empty_database_url, SchemaFiles.of(package))
    (package / "ledger" / "sql" / "functions" / "one.sql").write_text(
        "create or replace function public.one() returns int language sql as 'select 2';"
    )
    report = await migrate(empty_database_url, SchemaFiles.of(package))
    assert report.applied == ()
    assert await value(empty_database_url, "select public.one()") == 2


async def test_four_replicas_that_start_at_once_migrate_once(empty_database_url, package):
    files = SchemaFiles.of(package)
    await asyncio.gather(*(migrate(empty_database_url, files) for _ in range(4)))
    assert await value(empty_database_url, "select count(*) from public.schema_migrations") == 2


async def test_a_broken_migration_is_named_and_leaves_nothing(empty_database_url, package):
    (package / "migrations" / "0002_ledger_break.sql").write_text(
        "-- migrate:up\ncreate table public.half (n int);\nselect no_such_column;\n-- migrate:down\n"
    )
    with pytest.raises(MigrationFailed, match="no_such_column"):
        await migrate(empty_database_url, SchemaFiles.of(package))
    assert await value(empty_database_url, "select to_regclass('public.half')") is None


async def test_a_broken_function_undoes_all_functions(empty_database_url, package):
    (package / "ledger" / "sql" / "functions" / "two.sql").write_text("create or replace function broken")
    with pytest.raises(MigrationFailed, match=r"two\.sql"):
        await migrate(empty_database_url, SchemaFiles.of(package))
    assert await value(empty_database_url, "select to_regproc('public.one')") is None


async def test_a_migration_below_the_last_one_is_refused(empty_database_url, package):
    (package / "migrations" / "0005_ledger_later.sql").write_text(
        "-- migrate:up\nselect 1;\n-- migrate:down\n"
    )
    await migrate(empty_database_url, SchemaFiles.of(package))
    (package / "migrations" / "0003_ledger_late.sql").write_text(
        "-- migrate:up\nselect 1;\n-- migrate:down\n"
    )
    with pytest.raises(MigrationFailed):
        await migrate(empty_database_url, SchemaFiles.of(package))


async def test_an_unreachable_database_is_one_line(tmp_path):
    with pytest.raises(StartError) as refused:
        await migrate(f"postgresql://postgres@/postgres?host={tmp_path}")
    assert "\n" not in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)


def test_the_tool_connects_as_we_did():
    assert dbmate_url("postgresql://u:p@h:1/d", encrypted=False) == "postgres://u:p@h:1/d?sslmode=disable"
    assert dbmate_url("postgresql://u:p@h:1/d?sslmode=prefer", encrypted=True).endswith("sslmode=require")
    assert "host=%2Ftmp%2Fs" in dbmate_url("postgresql://u@/d?host=/tmp/s&port=5432", encrypted=False)
