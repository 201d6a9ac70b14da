"""Several service processes on one port, and their supervisor. In the layer of `wiring`: it runs parts, decides nothing.

Workers are spawned, never forked: gRPC's threads do not survive a fork. Each holds one end of a pipe to the supervisor
as its stdin and drains when that closes, so none outlives a supervisor that was killed.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final

from wallet_service.runtime.config import PREFIX, Settings
from wallet_service.runtime.lifecycle import EXIT_CANNOT_START, Lifecycle
from wallet_service.transport.address import claim_port, join

_log = logging.getLogger(__name__)

READY: Final = b"ready "
_START_SECONDS_MAX: Final = 120.0
_PAUSE_SECONDS_MIN: Final = 0.1
_PAUSE_SECONDS_MAX: Final = 5.0
_HEALTHY_SECONDS: Final = 30.0
# The supervisor waits a little longer than its workers take, so that it is they who cut short what hangs.
_DRAIN_MARGIN_SECONDS: Final = 5.0


async def run_fleet(
    settings: Settings, *, database_url: str, redis_url: str, ready: Callable[[str], Awaitable[None]]
) -> int:
    """Run `settings.workers` processes until told to stop; `ready` is called with HOST:PORT once all of them serve.

    A worker that dies later is started again, after a pause that grows while it keeps dying. Returns 2 when one cannot
    start at first; what it had to say it has said itself. Raises StartError when the port is taken.
    """
    with claim_port(settings.grpc_host, settings.grpc_port) as port:
        environment = _environment(settings, database_url=database_url, redis_url=redis_url, port=port)
        workers = [Worker(index, environment) for index in range(settings.workers)]
        async with Lifecycle(drain_seconds=settings.drain_seconds + _DRAIN_MARGIN_SECONDS) as life:
            # One first: what stops it from starting would stop all of them, and is then said once.
            for group in (workers[:1], workers[1:]):
                for worker in group:
                    life.keep(worker.name, worker.run)
                life.on_stop("workers", lambda: stop_all(workers))
                if not await _settled(group, life):
                    return 0
                if any(worker.failed for worker in group):
                    return EXIT_CANNOT_START
            await ready(join(settings.grpc_host, port))
            await life.until_stopped()
    return 0


class Worker:
    """One process: started, watched, started again when it dies."""

    def __init__(self, index: int, environment: Mapping[str, str]) -> None:
        self.name = f"worker-{index}"
        self.settled = asyncio.Event()
        """Set once it serves for the first time, or is known not to."""
        self.failed = False
        self._index = index
        self._environment = environment
        self._process: Process | None = None
        self._stopping = False
        self._ended = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def run(self) -> None:
        """Keep one process alive until told to stop, or until the first one does not come to serve."""
        pause = _PAUSE_SECONDS_MIN
        clock = asyncio.get_running_loop().time
        try:
            while not self._stopping:
                started = clock()
                code = await self._live()
                if self._stopping or self.failed:
                    return
                if clock() - started > _HEALTHY_SECONDS:
                    pause = _PAUSE_SECONDS_MIN
                _log.error(
                    "worker died and is started again",
                    extra={"worker": self._index, "exit_code": code, "pause_seconds": pause},
                )
                await asyncio.sleep(pause)
                pause = min(pause * 2, _PAUSE_SECONDS_MAX)
        finally:
            self.kill()
            self._ended.set()
            self.settled.set()

    async def stop(self) -> None:
        """Let it drain and wait for its end."""
        self._stopping = True
        self._signal(Process.terminate)
        if self._process is not None:
            await self._process.wait()

    def kill(self) -> None:
        """End it at once; what was acknowledged is safe in the database."""
        self._stopping = True
        self._signal(Process.kill)

    async def _live(self) -> int:
        """Start a process and return its exit code once it has ended."""
        self._process = process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "wallet_service", "serve", "--worker", str(self._index)),
            env=self._environment,
            stdin=PIPE,
            stdout=PIPE,
            # Ctrl-C is for the supervisor; a worker that heard it as well would take our SIGTERM for a second one.
            start_new_session=True,
        )
        if self._stopping:
            self._signal(Process.terminate)
        serves = await self._serves(process)
        if not self.settled.is_set():
            self.failed = not serves
            self.settled.set()
        return await process.wait()

    async def _serves(self, process: Process) -> bool:
        assert process.stdout is not None
        try:
            async with asyncio.timeout(_START_SECONDS_MAX):
                line = await process.stdout.readline()
        except TimeoutError:
            _log.error("worker did not come to serve and is ended", extra={"worker": self._index})
            self._signal(Process.kill)
            return False
        return line.startswith(READY)

    def _signal(self, send: Callable[[Process], None]) -> None:
        if self._process is not None and self._process.returncode is None:
            try:
                send(self._process)
            except ProcessLookupError:  # it has just ended
                return


async def stop_all(workers: Sequence[Worker]) -> None:
    """Drain all of them at the same time; when this is cancelled, for lack of time, they are ended at once."""
    try:
        await asyncio.gather(*(worker.stop() for worker in workers))
    except asyncio.CancelledError:
        for worker in workers:
            worker.kill()
        raise


async def _settled(workers: Sequence[Worker], life: Lifecycle) -> bool:
    """Wait until each serves or has failed; False when a stop was asked for meanwhile."""

    async def all_settled() -> None:
        for worker in workers:
            await worker.settled.wait()

    settled = asyncio.ensure_future(all_settled())
    stopped = asyncio.ensure_future(life.until_stopped())
    try:
        await asyncio.wait({settled, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return settled.done()
    finally:
        settled.cancel()
        stopped.cancel()


def _environment(settings: Settings, *, database_url: str, redis_url: str, port: int) -> dict[str, str]:
    """Return what a worker is to know; secrets travel in the environment, never in arguments that others can list."""
    given = {
        "database_url": database_url,
        "redis_url": redis_url,
        "data_dir": str(settings.data_dir),
        "grpc_port": str(port),
        "workers": "1",
        "log_level": settings.log_level,
    }
    return {**os.environ, **{PREFIX + name.upper(): value for name, value in given.items()}}
