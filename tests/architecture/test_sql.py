"""Rules of the SQL files: what each must say of itself, and what it may touch."""

import re

import pytest
from project_files import SERVICE, code_of, shown, sql_files

from wallet_service.runtime.migrate import SLICES

# What changes rows or holds them. `for update` is written in its weaker forms too.
LOCKING = re.compile(
    r"\b(insert\s+into|update\s+\w|delete\s+from|for\s+(no\s+key\s+)?update|for\s+(key\s+)?share)\b",
    re.IGNORECASE,
)
TABLES = re.findall(
    r"create table (\w+)\.(\w+)",
    "\n".join(path.read_text() for path in (SERVICE / "migrations").glob("0*.sql")),
)
OF_SLICES = [path for path in sql_files() if path.relative_to(SERVICE).parts[0] in SLICES]


def shown_id(path):
    return str(path.relative_to(SERVICE))


@pytest.mark.parametrize("path", sql_files(), ids=shown_id)
def test_a_sql_file_begins_by_saying_what_it_is_for(path):
    assert path.read_text().startswith("-- "), f"{shown(path)} has no header"


@pytest.mark.parametrize("path", OF_SLICES, ids=shown_id)
def test_a_statement_of_a_slice_states_its_promise_and_its_locks(path):
    text = path.read_text()
    header = "\n".join(line for line in text.splitlines() if line.startswith("--"))
    assert header.startswith("-- Promise: "), f"{shown(path)} states no promise"
    if LOCKING.search(code_of(path)):
        assert "-- Locks: " in header, f"{shown(path)} changes or holds rows and does not say which"


@pytest.mark.parametrize("path", OF_SLICES, ids=shown_id)
def test_sql_calls_flow_down_the_river(path):
    """A slice's SQL names its own schema and those of the slices it stands on, never one above."""
    here = SLICES.index(path.relative_to(SERVICE).parts[0])
    for schema in re.findall(r"\b(" + "|".join(SLICES) + r")\.\w+", code_of(path)):
        assert SLICES.index(schema) <= here, f"{shown(path)} looks up the river at {schema}"


@pytest.mark.parametrize("path", sql_files(migrations=True), ids=shown_id)
def test_tables_are_named_with_their_schema(path):
    """Neither search_path nor session settings reach the shards of a distributed database."""
    code = code_of(path)
    for schema, table in TABLES:
        unqualified = re.search(
            rf"\b(from|join|into|update|table|only)\s+{table}\b(?!\s*\()", code, re.IGNORECASE
        )
        assert not unqualified, f"{shown(path)} names {table} without its schema {schema}"


@pytest.mark.parametrize("path", sorted(SERVICE.glob("*/sql/functions/*.sql")), ids=shown_id)
def test_a_function_that_runs_as_its_owner_is_closed_to_everybody_else(path):
    code = code_of(path)
    for name in re.findall(r"create or replace function (\w+\.\w+)", code):
        if "security definer" not in code:
            continue
        assert "set search_path = pg_catalog, pg_temp" in code, f"{name} could be led to other tables"
        assert f"revoke all on function {name} from public" in code, f"{name} can be called by anybody"


def test_no_migration_makes_a_trigger_or_gives_more_than_reading():
    """Invariants are checks, grants and functions; the service's role may SELECT and EXECUTE."""
    for path in sorted((SERVICE / "migrations").glob("0*.sql")):
        code = code_of(path)
        assert not re.search(r"create\s+(or\s+replace\s+)?trigger", code, re.IGNORECASE), (
            f"{shown(path)} makes a trigger"
        )
        for privileges in re.findall(r"grant\s+(.+?)\s+on\s", code, re.IGNORECASE | re.DOTALL):
            assert privileges.lower() in {"select", "usage", "execute"}, f"{shown(path)} grants {privileges}"


def test_a_wallet_table_is_keyed_by_its_wallet_first():
    """So that the tables can be spread over machines by wallet without a change."""
    text = (SERVICE / "migrations" / "0001_ledger_create_tables.sql").read_text()
    for table, body in re.findall(r"create table (ledger\.\w+) \((.*?)\n\)", text, re.DOTALL):
        if "wallet_id uuid" in body:
            keyed = re.search(r"wallet_id uuid primary key|primary key \(wallet_id[,)]", body)
            assert keyed, f"{table} is not keyed by wallet_id first"
            assert "unique" not in body, f"{table} has a unique key of its own"
