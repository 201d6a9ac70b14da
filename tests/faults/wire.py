"""A wire between the service and PostgreSQL that can lose the answer to a statement after it was done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit, urlunsplit

_CHUNK = 1 << 16


class Wire:
    """Forwards everything, until it is told to lose an answer on a connection of the ledger."""

    def __init__(self, database_url: str) -> None:
        self._target = urlsplit(database_url)
        self._requests_until_loss: int | None = None
        self.lost = 0
        self.url = ""

    def lose_answer(self, number: int) -> None:
        """Lose the answer to the n-th next statement of the ledger (1: its load, 2: its append), and the connection."""
        self._requests_until_loss = number

    @asynccontextmanager
    async def up(self) -> AsyncIterator[Wire]:
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        target = self._target
        user = target.netloc.rpartition("@")[0] or "postgres"
        self.url = urlunsplit((target.scheme, f"{user}@127.0.0.1:{port}", target.path, "sslmode=disable", ""))
        try:
            yield self
        finally:
            server.close()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        said = parse_qs(self._target.query)
        if "host" in said:
            port = said.get("port", ["5432"])[0]
            return await asyncio.open_unix_connection(f"{said['host'][0]}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self._target.hostname, self._target.port or 5432)

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server_reader, server_writer = await self._connect()
        first = await reader.read(_CHUNK)
        server_writer.write(first)
        ledgers = b"ledger" in first  # the name that a session gives itself when it connects
        loss = asyncio.Event()
        both = [
            asyncio.create_task(self._up(reader, server_writer, loss if ledgers else None)),
            asyncio.create_task(self._down(server_reader, writer, loss)),
        ]
        await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        for task in both:
            task.cancel()
        await asyncio.wait(both)
        writer.close()
        server_writer.close()

    async def _up(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, loss: asyncio.Event | None
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            # A statement ends with Sync: one of them, one answer.
            if loss is not None and self._requests_until_loss is not None and chunk.endswith(b"S\0\0\0\4"):
                self._requests_until_loss -= 1
                if not self._requests_until_loss:
                    self._requests_until_loss = None
                    loss.set()
            writer.write(chunk)
            await writer.drain()

    async def _down(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, loss: asyncio.Event
    ) -> None:
        while chunk := await reader.read(_CHUNK):
            if loss.is_set():
                # It has come, so it was done; nobody hears of it.
                self.lost += 1
                return
            writer.write(chunk)
            await writer.drain()
