"""A connection to PostgreSQL: how it is opened, and a session that owns one and opens it again after a loss.

Every wait has a deadline, every fault becomes one of `runtime.errors`, and every connection takes the service's
role, which may SELECT and EXECUTE and nothing else.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Final, Protocol, Self

import asyncpg

from wallet_service.runtime.config import Settings
from wallet_service.runtime.database_errors import DRIVER_ERRORS, translated, translated_before_send
from wallet_service.runtime.errors import DatabaseUnavailable, OutcomeUnknown

Row = asyncpg.Record

CLOSE_SECONDS: Final = 2.0
_IDLE_IN_TRANSACTION_MS: Final = 10_000


class Statements(Protocol):
    """What can run a statement; `timeout_seconds` covers the whole wait, a connection included."""

    async def fetch(self, sql: str, *args: object, timeout_seconds: float) -> list[Row]:
        """Return all rows."""

    async def fetchrow(self, sql: str, *args: object, timeout_seconds: float) -> Row | None:
        """Return the first row, or None."""

    async def fetchval(self, sql: str, *args: object, timeout_seconds: float) -> Any:
        """Return the first column of the first row, or None."""

    async def execute(self, sql: str, *args: object, timeout_seconds: float) -> str:
        """Run a statement for its effect; returns the server's command tag."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DatabaseOptions:
    """How to connect. Not printable: the address holds a password."""

    url: str
    role: str | None = "wallet_app"
    pool_size: int = 8
    connect_timeout_seconds: float = 5.0
    statement_timeout_ms: int = 5_000
    lock_timeout_ms: int = 2_000
    behind_pooler: bool = False
    prefer_indexes: bool = True

    @classmethod
    def from_settings(cls, settings: Settings, url: str, *, prefer_indexes: bool = True) -> Self:
        """Take the options from the settings; the address is given, as it may be an embedded server's."""
        return cls(
            url=url,
            role=None if settings.database_behind_pooler else settings.database_role,
            pool_size=settings.database_pool_size,
            connect_timeout_seconds=settings.database_connect_timeout_ms / 1_000,
            statement_timeout_ms=settings.database_statement_timeout_ms,
            lock_timeout_ms=settings.database_lock_timeout_ms,
            behind_pooler=settings.database_behind_pooler,
            prefer_indexes=prefer_indexes,
        )

    def connect_arguments(self, application_name: str) -> dict[str, Any]:
        """Return the driver's arguments."""
        arguments: dict[str, Any] = {
            "dsn": self.url,
            "timeout": self.connect_timeout_seconds,
            # The server ends a statement first; this is for a server that does not answer at all.
            "command_timeout": self.statement_timeout_ms / 1_000 + 1,
        }
        if self.behind_pooler:
            # Connections are shared between statements: nothing may be prepared or set on one.
            return {**arguments, "statement_cache_size": 0}
        server_settings = {
            "application_name": application_name,
            "statement_timeout": str(self.statement_timeout_ms),
            "lock_timeout": str(self.lock_timeout_ms),
            "idle_in_transaction_session_timeout": str(_IDLE_IN_TRANSACTION_MS),
            "jit": "off",
            "timezone": "UTC",
        }
        if self.prefer_indexes:
            # A plan cached while the tables are empty would keep its sequential scans as they grow.
            server_settings["enable_seqscan"] = "off"
            # Planned once, not for each length of an array anew: a single payment spent more on planning than on work.
            server_settings["plan_cache_mode"] = "force_generic_plan"
        if self.role is not None:
            server_settings["role"] = self.role
        return {**arguments, "server_settings": server_settings, "max_cached_statement_lifetime": 0}


class Session:
    """One connection of its own, opened at need and again after a loss. For one user at a time."""

    def __init__(self, options: DatabaseOptions, application_name: str) -> None:
        self._options = options
        self._application_name = application_name
        self._connection: asyncpg.Connection[Row] | None = None
        self._in_transaction: asyncpg.Connection[Row] | None = None

    async def fetch(self, sql: str, *args: object, timeout_seconds: float) -> list[Row]:
        """Return all rows."""
        connection, left = await self._connected(timeout_seconds)
        with _Translated(connection, self):
            return await connection.fetch(sql, *args, timeout=left)

    async def fetchrow(self, sql: str, *args: object, timeout_seconds: float) -> Row | None:
        """Return the first row, or None."""
        connection, left = await self._connected(timeout_seconds)
        with _Translated(connection, self):
            return await connection.fetchrow(sql, *args, timeout=left)

    async def fetchval(self, sql: str, *args: object, timeout_seconds: float) -> Any:
        """Return the first column of the first row, or None."""
        connection, left = await self._connected(timeout_seconds)
        with _Translated(connection, self):
            return await connection.fetchval(sql, *args, timeout=left)

    async def execute(self, sql: str, *args: object, timeout_seconds: float) -> str:
        """Run a statement for its effect; returns the server's command tag."""
        connection, left = await self._connected(timeout_seconds)
        with _Translated(connection, self):
            return await connection.execute(sql, *args, timeout=left)

    @asynccontextmanager
    async def transaction(self, *, timeout_seconds: float) -> AsyncIterator[None]:
        """Run the statements of the block in one transaction; a loss before the commit leaves nothing behind.

        The timeout covers connecting; the statements carry their own.
        """
        connection, _ = await self._connected(timeout_seconds)
        transaction = connection.transaction()
        with _Translated(connection, self):
            await transaction.start()
        self._in_transaction = connection
        try:
            yield
        except Exception:
            if self._connection is connection and not connection.is_closed():
                with _Translated(connection, self):
                    await transaction.rollback()
            raise
        except BaseException:
            self.drop()  # cancelled: a rollback would make the canceller wait
            raise
        else:
            self._in_transaction = None
            if self._connection is not connection:
                raise _lost_transaction()
            with _Translated(connection, self):
                await transaction.commit()
        finally:
            self._in_transaction = None

    async def close(self) -> None:
        """Close the connection; a later statement would open it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await _close(connection)

    def drop(self) -> None:
        """Forget a connection whose state is not known any more; the server sees it end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.terminate()

    async def _connected(self, timeout_seconds: float) -> tuple[asyncpg.Connection[Row], float]:
        connection = self._connection
        if connection is not None and not connection.is_closed():
            return connection, timeout_seconds
        if self._in_transaction is not None:
            # A new connection would run the rest of the block outside of its transaction.
            raise _lost_transaction()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + timeout_seconds
        try:
            async with asyncio.timeout(timeout_seconds):
                connection = await asyncpg.connect(**self._options.connect_arguments(self._application_name))
        except DRIVER_ERRORS as fault:
            raise translated_before_send(fault) from fault
        self._connection = connection
        return connection, max(deadline - loop.time(), 0.001)


def _lost_transaction() -> DatabaseUnavailable:
    return DatabaseUnavailable("the transaction was lost with its connection; nothing of it was applied")


class _Translated:
    """Turns the driver's faults into ours; written as a class since it is entered twice per ledger batch."""

    __slots__ = ("_connection", "_session")

    def __init__(self, connection: asyncpg.Connection[Row], session: Session) -> None:
        self._connection, self._session = connection, session

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, fault: BaseException | None, _trace: object) -> None:
        if fault is None:
            return
        if not isinstance(fault, DRIVER_ERRORS):
            # Cancelled in the middle: the answer may still be under way on this connection.
            self._session.drop()
            return
        meaning = translated(fault)
        if isinstance(meaning, OutcomeUnknown | DatabaseUnavailable) or self._connection.is_closed():
            self._session.drop()
        raise meaning from fault


async def _close(connection: asyncpg.Connection[Row]) -> None:
    try:
        await connection.close(timeout=CLOSE_SECONDS)
    except DRIVER_ERRORS:
        connection.terminate()
