"""The pool to PostgreSQL, for reads and rare writes; `open_session` gives the ledger connections of its own."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Any, Final, Self

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from wallet_service.runtime.database_errors import DRIVER_ERRORS, translated, translated_before_send
from wallet_service.runtime.errors import DatabaseUnavailable, OutcomeUnknown, StartError
from wallet_service.runtime.session import CLOSE_SECONDS, DatabaseOptions, Row, Session, Statements
from wallet_service.runtime.statements import load_statements

__all__ = ["Database", "DatabaseOptions", "Row", "Session", "Statements", "load_statements"]

_SQL = load_statements("wallet_service.runtime")


def _in_one_line(record: logging.LogRecord) -> bool:
    """Keep what the driver says while the server is away to a line: it would print a traceback for every try."""
    record.exc_info = None
    return True


logging.getLogger("asyncpg.pool").addFilter(_in_one_line)
_OLDEST_VERSION: Final = 150_000


class Database:
    """The pool. Open it with `open`, close it with `close`; any task may use it at any time."""

    def __init__(self, options: DatabaseOptions, pool: asyncpg.Pool[Row], application_name: str) -> None:
        self.options = options
        self._pool = pool
        self._application_name = application_name

    @classmethod
    async def open(
        cls, options: DatabaseOptions, *, application_name: str = "wallet", toy: bool = False
    ) -> Self:
        """Connect and check the server; raises StartError if it cannot be reached or be trusted with money."""
        try:
            pool = await asyncpg.create_pool(
                **options.connect_arguments(application_name),
                min_size=1,
                max_size=options.pool_size,
                max_inactive_connection_lifetime=300.0,
                reset=_reset,
            )
        except (*DRIVER_ERRORS, ValueError) as fault:
            raise StartError(_unreachable(options, fault)) from fault
        database = cls(options, pool, application_name)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(database.close)
            await database._check(toy=toy)
            undo.pop_all()
        return database

    async def close(self) -> None:
        """Give running statements a moment, then close every connection."""
        try:
            async with asyncio.timeout(CLOSE_SECONDS):
                await self._pool.close()
        except TimeoutError:
            self._pool.terminate()

    def open_session(self, purpose: str, *, lock_timeout_ms: int | None = None) -> Session:
        """Return a session of its own (not of the pool); it connects at its first statement.

        It waits for locks as long as all do, or less if so much is given.
        """
        options = self.options
        if lock_timeout_ms is not None:
            options = replace(options, lock_timeout_ms=min(lock_timeout_ms, options.lock_timeout_ms))
        return Session(options, f"{self._application_name}:{purpose}")

    async def fetch(self, sql: str, *args: object, timeout_seconds: float) -> list[Row]:
        """Return all rows."""
        async with self._acquired(timeout_seconds) as (connection, left):
            return await connection.fetch(sql, *args, timeout=left)

    async def fetchrow(self, sql: str, *args: object, timeout_seconds: float) -> Row | None:
        """Return the first row, or None."""
        async with self._acquired(timeout_seconds) as (connection, left):
            return await connection.fetchrow(sql, *args, timeout=left)

    async def fetchval(self, sql: str, *args: object, timeout_seconds: float) -> Any:
        """Return the first column of the first row, or None."""
        async with self._acquired(timeout_seconds) as (connection, left):
            return await connection.fetchval(sql, *args, timeout=left)

    async def execute(self, sql: str, *args: object, timeout_seconds: float) -> str:
        """Run a statement for its effect; returns the server's command tag."""
        async with self._acquired(timeout_seconds) as (connection, left):
            return await connection.execute(sql, *args, timeout=left)

    async def ping(self, timeout_seconds: float) -> bool:
        """Whether the database answers in time."""
        try:
            return bool(await self.fetchval(_SQL["ping"], timeout_seconds=timeout_seconds))
        except (DatabaseUnavailable, OutcomeUnknown):
            return False

    @asynccontextmanager
    async def read_snapshot(self, timeout_seconds: float) -> AsyncIterator[Statements]:
        """Give a view in which every statement sees the same moment (REPEATABLE READ, READ ONLY)."""
        async with (
            self._acquired(timeout_seconds) as (connection, _left),
            connection.transaction(isolation="repeatable_read", readonly=True),
        ):
            yield _Snapshot(connection)

    @asynccontextmanager
    async def _acquired(
        self, timeout_seconds: float
    ) -> AsyncIterator[tuple[PoolConnectionProxy[Row], float]]:
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        try:
            connection = await self._pool.acquire(timeout=timeout_seconds)
        except DRIVER_ERRORS as fault:
            raise translated_before_send(fault) from fault
        try:
            yield connection, max(deadline - loop.time(), 0.001)
        except (asyncio.CancelledError, TimeoutError) as fault:
            # Its answer is still under way, and the pool would wait for it, behind everybody's back.
            connection.terminate()
            if isinstance(fault, TimeoutError):
                raise translated(fault) from fault
            raise
        except DRIVER_ERRORS as fault:
            raise translated(fault) from fault
        finally:
            await self._pool.release(connection, timeout=CLOSE_SECONDS)

    async def _check(self, *, toy: bool) -> None:
        found = await self.fetchrow(
            _SQL["check_server"], timeout_seconds=self.options.connect_timeout_seconds
        )
        faults = _distrust(found, toy=toy) if found is not None else ["its role is not known to it"]
        if faults:
            raise StartError("\n".join(f"the database is refused: {fault}" for fault in faults))


class _Snapshot:
    """One connection inside a read-only transaction."""

    def __init__(self, connection: PoolConnectionProxy[Row]) -> None:
        self._connection = connection

    async def fetch(self, sql: str, *args: object, timeout_seconds: float) -> list[Row]:
        return await self._connection.fetch(sql, *args, timeout=timeout_seconds)

    async def fetchrow(self, sql: str, *args: object, timeout_seconds: float) -> Row | None:
        return await self._connection.fetchrow(sql, *args, timeout=timeout_seconds)

    async def fetchval(self, sql: str, *args: object, timeout_seconds: float) -> Any:
        return await self._connection.fetchval(sql, *args, timeout=timeout_seconds)

    async def execute(self, sql: str, *args: object, timeout_seconds: float) -> str:
        return await self._connection.execute(sql, *args, timeout=timeout_seconds)


async def _reset(connection: asyncpg.Connection[Row]) -> None:
    """Skip the driver's round trip: nothing is ever set on a connection, and every transaction is a context."""
    if connection.is_in_transaction():
        await connection.reset()


def _distrust(found: Row, *, toy: bool) -> list[str]:
    faults = [
        f"{setting} is off, so it may lose what was acknowledged;"
        " turn it on, or say WALLET_TOY_DATABASE=true for a toy"
        for setting in ("fsync", "synchronous_commit", "full_page_writes")
        if found[setting] == "off" and not toy
    ]
    if found["version"] < _OLDEST_VERSION:
        faults.append("PostgreSQL 15 or newer is needed")
    if found["is_superuser"]:
        faults.append(
            f"the service would work as superuser {found['role_name']!r}, for whom no grant is a limit;"
            " let the login take the role wallet_app"
        )
    return faults


def _unreachable(options: DatabaseOptions, fault: BaseException) -> str:
    if isinstance(fault, asyncpg.InvalidParameterValueError) and "role" in str(fault):
        return f"the database has no role {options.role!r} yet: run `wallet migrate` first"
    if isinstance(fault, asyncpg.InsufficientPrivilegeError):
        return f"the database login may not take the role {options.role!r}: GRANT {options.role} TO it"
    reason = " ".join(str(fault).split()) or type(fault).__name__
    return f"the database cannot be used: {reason} (see DATABASE_URL)"
