"""Hints from PostgreSQL (`LISTEN`): they make things faster and may be lost, so a poll stands beside each of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import asyncpg

from wallet_service.runtime.database_errors import DRIVER_ERRORS
from wallet_service.runtime.session import DatabaseOptions, Row
from wallet_service.runtime.statements import load_statements

_log = logging.getLogger(__name__)
_SQL = load_statements("wallet_service.runtime")
_PROBE_SECONDS: Final = 10.0
_PROBE_ANSWER_SECONDS: Final = 3.0
_RETRY_SECONDS_MIN, _RETRY_SECONDS_MAX = 0.2, 5.0

Hint = Callable[[str], None]


class Listener:
    """Hears one channel until cancelled, over a connection of its own that it opens again after every loss.

    `on_hint` is called with each payload, and with "" after every (re)connection, as hints may have been missed. It
    must return at once.
    """

    def __init__(self, options: DatabaseOptions, channel: str, on_hint: Hint) -> None:
        self._options, self._channel, self._on_hint = options, channel, on_hint
        self._heard = False

    async def run(self) -> None:
        """Listen until cancelled. Behind a transaction pooler there are no hints: waits for ever."""
        if self._options.behind_pooler:
            await asyncio.Event().wait()
        pause = _RETRY_SECONDS_MIN
        while True:
            self._heard = False
            try:
                await self._listen()
            except DRIVER_ERRORS as fault:
                _log.warning("hints interrupted", extra={"channel": self._channel, "fault": str(fault)})
            pause = _RETRY_SECONDS_MIN if self._heard else min(pause * 2, _RETRY_SECONDS_MAX)
            await asyncio.sleep(pause)

    async def _listen(self) -> None:
        connection: asyncpg.Connection[Row] = await asyncpg.connect(
            **self._options.connect_arguments(f"wallet:listen:{self._channel}")
        )
        try:
            await connection.add_listener(self._channel, self._hear)
            self._heard = True
            self._on_hint("")
            ended = asyncio.Event()
            connection.add_termination_listener(lambda _connection: ended.set())
            while not connection.is_closed():
                # A listening connection may die silently: only an answer proves that it still hears.
                with suppress(TimeoutError):
                    await asyncio.wait_for(ended.wait(), _PROBE_SECONDS)
                await connection.fetchval(_SQL["ping"], timeout=_PROBE_ANSWER_SECONDS)
        finally:
            if not connection.is_closed():
                connection.terminate()

    def _hear(self, _connection: Any, _pid: int, _channel: str, payload: object) -> None:
        self._on_hint(str(payload))
