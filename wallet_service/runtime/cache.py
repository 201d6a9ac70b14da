"""The way to Redis or Valkey, which may be slow, empty, poisoned or gone at any moment.

No method raises: each has a definite answer for "away" (None, False), within the time limit. Values are opaque bytes
with a version; nothing here decides about money.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from hashlib import sha1
from typing import Any, Final, TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from wallet_service.runtime.breaker import Breaker
from wallet_service.runtime.config import Settings

T = TypeVar("T")

# A value is its version in 16 hex digits, then the payload: versions compare as text, exactly up to 64 bits.
_VERSION_CHARS: Final = 16
# KEYS the keys; ARGV milliseconds to live, then version and payload of each key. Writes only what is newer than what is
# there; something that is not ours (another type, a short text) is replaced. One call for all: a call of its own for
# each key cost this process a seventh of its time.
_PUT_IF_NEWER: Final = """
for n, key in ipairs(KEYS) do
  local version = ARGV[2 * n]
  local newer = true
  if redis.call('TYPE', key).ok == 'string' then
    local stored = redis.call('GETRANGE', key, 0, 15)
    newer = #stored ~= 16 or stored < version
  end
  if newer then
    redis.call('SET', key, version .. ARGV[2 * n + 1], 'PX', ARGV[1])
  end
end
return 1
"""

# KEYS a stream; ARGV its bound, then payloads. Something that is no stream is replaced.
_APPEND: Final = """
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
  redis.call('DEL', KEYS[1])
end
for n = 2, #ARGV do
  redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[1], '*', 'p', ARGV[n])
end
return 1
"""
# KEYS a stream; ARGV the place after which to begin, or '-', and how many. Something that is no stream is empty.
_READ_AFTER: Final = """
if redis.call('TYPE', KEYS[1]).ok ~= 'stream' then
  return {}
end
return redis.call('XRANGE', KEYS[1], ARGV[1], '+', 'COUNT', ARGV[2])
"""
_PLACE: Final = re.compile(r"[0-9]{1,20}-[0-9]{1,20}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Versioned:
    """What to cache: the version decides which of two writers wins."""

    key: str
    version: int
    payload: bytes


@dataclass(slots=True, kw_only=True)
class CacheCounts:
    """What happened since the start; read by telemetry."""

    hits: int = 0
    misses: int = 0
    failures: int = 0
    skipped: int = 0


class Line:
    """A connection of its own for one kind of command, one command at a time.

    Without the pool, the retries and the timers around each call of the driver, which cost twice the command itself.
    """

    def __init__(self, pool: BlockingConnectionPool) -> None:
        self._pool = pool
        self._connection: AbstractConnection | None = None
        self._turn = asyncio.Lock()

    async def ask(self, *command: str | int | bytes) -> Any:
        """Send a command and return its answer; raises RedisError or OSError. The caller bounds the time."""
        async with self._turn:
            connection = self._connection or self._pool.make_connection()  # type: ignore[no-untyped-call]
            # Until the answer is read, whatever happens leaves a connection that nobody may use again.
            self._connection = None
            try:
                if not connection.is_connected:
                    await connection.connect()
                await connection.send_packed_command(packed(command), check_health=False)
                answer = await connection.read_response(timeout=None, disconnect_on_error=False)
                self._connection = connection
            finally:
                if self._connection is None:
                    await connection.disconnect(nowait=True)
            return answer

    async def close(self) -> None:
        """Close the connection; a later command would open it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect()


def packed(command: Sequence[str | int | bytes]) -> bytes:
    """Return a command as it stands on the wire; the driver's own packing takes three times as long."""
    raw = [part if type(part) is bytes else str(part).encode() for part in command]
    return b"".join([b"*%d\r\n" % len(raw), *(b"$%d\r\n%b\r\n" % (len(part), part) for part in raw)])


class Script:
    """A script of the server's, by its digest: the text is sent only to a server that does not know it yet."""

    def __init__(self, text: str) -> None:
        self.text = text.encode()
        self.digest = sha1(self.text, usedforsecurity=False).hexdigest()


async def _run_script(line: Line, script: Script, argument: bytes) -> object:
    try:
        return await line.ask("EVALSHA", script.digest, 0, argument)
    except NoScriptError:
        return await line.ask("EVAL", script.text, 0, argument)


class Cache:
    """A cache that is allowed to be away. Use it from one event loop."""

    def __init__(self, url: str, *, timeout_ms: int = 50, connections_max: int = 16) -> None:
        self._timeout_seconds = timeout_ms / 1_000
        # One retry policy at the top (none) instead of the driver's, which would try for a minute.
        pool = BlockingConnectionPool.from_url(
            url,
            max_connections=connections_max,
            timeout=self._timeout_seconds,
            socket_timeout=self._timeout_seconds,
            socket_connect_timeout=self._timeout_seconds,
            retry=Retry(NoBackoff(), 0),
            protocol=2,
            driver_info=None,  # two more round trips per connection, for a name
        )
        self._client: Redis = Redis(connection_pool=pool)
        self._reading, self._writing = Line(pool), Line(pool)
        self._asking, self._telling = Line(pool), Line(pool)
        self._breaker = Breaker()
        self._script_breaker = Breaker()
        self.counts = CacheCounts()

    @classmethod
    def from_settings(cls, settings: Settings, url: str) -> Cache:
        """Take limits from the settings; the address is given, as it may be an embedded server's."""
        return cls(url, timeout_ms=settings.redis_timeout_ms, connections_max=settings.redis_connections_max)

    @property
    def away(self) -> bool:
        """Whether calls are held back at present."""
        return self._breaker.is_open

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return each key's payload; None where there is none, and for all when the cache is away."""
        if not keys:
            return []
        values = await self._guarded(lambda: self._read(keys))
        if values is None:
            return [None] * len(keys)
        found = [_payload(value) for value in values]
        hits = sum(payload is not None for payload in found)
        self.counts.hits += hits
        self.counts.misses += len(found) - hits
        return found

    async def put_if_newer_many(self, items: Sequence[Versioned], *, ttl_seconds: int) -> bool:
        """Write each item unless the cache has its version or a newer one; False when the cache is away."""
        if not items:
            return True
        return await self._guarded(lambda: self._write(items, ttl_seconds * 1_000)) is not None

    async def evaluate(
        self, script: Script, argument: bytes, *, timeout_seconds: float, behind: bool = False
    ) -> bytes | None:
        """Run a script on one packed argument; None when the cache is away or has no answer in that time.

        What nobody waits for goes `behind`, on a line of its own. Its breaker is its own too: its time limits are
        shorter than those of snapshots, which it must not cut off.
        """
        line, breaker = self._telling if behind else self._asking, self._script_breaker
        if not breaker.allows(time.monotonic()):
            self.counts.skipped += 1
            return None
        try:
            async with asyncio.timeout(timeout_seconds):
                answer = await _run_script(line, script, argument)
        except (RedisError, OSError, TimeoutError):
            self.counts.failures += 1
            breaker.failed(time.monotonic())
            return None
        except asyncio.CancelledError:
            breaker.abandoned()
            raise
        breaker.succeeded()
        return answer if isinstance(answer, bytes) else None

    async def delete(self, keys: Sequence[str]) -> bool:
        """Forget keys; False when the cache is away."""
        if not keys:
            return True
        return await self._guarded(lambda: self._forget(keys)) is not None

    async def append(self, stream: str, payloads: Sequence[bytes], *, most: int) -> bool:
        """Append to a stream that keeps about the last `most`; False when the cache is away."""
        if not payloads:
            return True
        return await self._guarded(lambda: self._append(stream, payloads, most)) is not None

    async def read_after(self, stream: str, place: str, limit: int) -> list[tuple[str, bytes]]:
        """Return what was appended after a place (empty: from the first), each with its own; none when away."""
        begin = f"({place}" if _PLACE.fullmatch(place) else "-"
        return await self._guarded(lambda: self._read_after(stream, begin, limit)) or []

    async def ping(self) -> bool:
        """Whether the cache answers in time."""
        return await self._guarded(self._client.ping) is not None

    async def close(self) -> None:
        """Close every connection."""
        try:
            async with asyncio.timeout(1.0):
                await self._reading.close()
                await self._writing.close()
                await self._asking.close()
                await self._telling.close()
                await self._client.aclose()
                await self._client.connection_pool.disconnect()
        except (RedisError, OSError, TimeoutError):
            return

    async def _read(self, keys: Sequence[str]) -> list[Any]:
        # One command: in a pipeline each key would cost as much as a call. What is not a string counts as absent.
        found: list[Any] = await self._reading.ask("MGET", *keys)
        return found

    async def _write(self, items: Sequence[Versioned], ttl_ms: int) -> bool:
        arguments: list[str | int | bytes] = [item.key for item in items]
        arguments.append(ttl_ms)
        for item in items:
            arguments += (f"{item.version:016x}", item.payload)
        await self._writing.ask("EVAL", _PUT_IF_NEWER, len(items), *arguments)
        return True

    async def _append(self, stream: str, payloads: Sequence[bytes], most: int) -> bool:
        await self._writing.ask("EVAL", _APPEND, 1, stream, most, *payloads)
        return True

    async def _read_after(self, stream: str, begin: str, limit: int) -> list[tuple[str, bytes]]:
        rows = await self._reading.ask("EVAL", _READ_AFTER, 1, stream, begin, limit)
        return [(place.decode(), fields[1]) for place, fields in rows if len(fields) > 1]

    async def _forget(self, keys: Sequence[str]) -> bool:
        async with self._client.pipeline(transaction=False) as pipeline:
            for key in keys:
                pipeline.unlink(key)
            await pipeline.execute()
        return True

    async def _guarded(self, call: Callable[[], Awaitable[T]]) -> T | None:
        if not self._breaker.allows(time.monotonic()):
            self.counts.skipped += 1
            return None
        try:
            async with asyncio.timeout(self._timeout_seconds):
                answer = await call()
        except (RedisError, OSError, TimeoutError):
            self.counts.failures += 1
            self._breaker.failed(time.monotonic())
            return None
        except asyncio.CancelledError:
            self._breaker.abandoned()
            raise
        self._breaker.succeeded()
        return answer


def _payload(value: object) -> bytes | None:
    if isinstance(value, bytes) and len(value) >= _VERSION_CHARS:
        return value[_VERSION_CHARS:]
    return None
