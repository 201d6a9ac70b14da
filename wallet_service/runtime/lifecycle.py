"""Start and stop in order: what was started last stops first, all of it within one drain time.

SIGTERM and SIGINT ask for a stop; a second one hurries it. Background loops belong to the lifecycle: one that dies is
logged and started again after a pause.
"""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from wallet_service.runtime.errors import StartError

T = TypeVar("T")
Stop = Callable[[], Awaitable[None]]
Loop = Callable[[], Coroutine[Any, Any, None]]

_log = logging.getLogger(__name__)
_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT)
_RESTART_SECONDS_MIN: Final = 0.1
_RESTART_SECONDS_MAX: Final = 10.0
_HEALTHY_SECONDS: Final = 30.0
# Kept back for each later step, so that one that hangs cannot take the time in which pools close.
_STEP_SECONDS_MIN: Final = 0.5
EXIT_CANNOT_START: Final = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    name: str
    stop: Stop


class Lifecycle:
    """An ordered life: enter it, start parts with `enter` and `keep`, wait with `until_stopped`, leave it.

    Leaving stops everything in reverse order, also after a fault during the start.
    """

    def __init__(self, *, drain_seconds: float, handle_signals: bool = True) -> None:
        self._drain_seconds = drain_seconds
        self._handle_signals = handle_signals
        self._steps: list[_Step] = []
        self._stopping = asyncio.Event()
        self._hurry = asyncio.Event()
        self._group = asyncio.TaskGroup()
        self.restarts = 0

    async def __aenter__(self) -> Self:
        await self._group.__aenter__()
        if self._handle_signals:
            for number in _SIGNALS:
                asyncio.get_running_loop().add_signal_handler(number, self._on_signal, number)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._stop_all()
        finally:
            if self._handle_signals:
                for number in _SIGNALS:
                    asyncio.get_running_loop().remove_signal_handler(number)
            await self._group.__aexit__(None, None, None)

    @property
    def stopping(self) -> bool:
        """Whether a stop was asked for."""
        return self._stopping.is_set()

    def stop(self) -> None:
        """Ask for a stop, as a signal does."""
        self._stopping.set()

    async def until_stopped(self) -> None:
        """Return when a stop was asked for."""
        await self._stopping.wait()

    def on_stop(self, name: str, stop: Stop) -> None:
        """Add a step; steps run in reverse order of being added."""
        self._steps.append(_Step(name=name, stop=stop))

    async def enter(self, name: str, start: Awaitable[T], stop: Callable[[T], Awaitable[None]]) -> T:
        """Await the start of a part and stop it in its turn."""
        part = await start
        self.on_stop(name, lambda: stop(part))
        return part

    def keep(self, name: str, loop: Loop) -> None:
        """Run a background loop until its turn to stop comes; it is cancelled then and waited for."""
        task = self._group.create_task(self._supervised(name, loop), name=name)

        async def cancel() -> None:
            task.cancel()
            await asyncio.wait([task])

        self.on_stop(name, cancel)

    async def _supervised(self, name: str, loop: Loop) -> None:
        clock = asyncio.get_running_loop().time
        pause = _RESTART_SECONDS_MIN
        while True:
            started = clock()
            try:
                await loop()
            except Exception:  # noqa: BLE001 - a worker's loop: whatever it died of, it starts again
                _log.exception("background loop died", extra={"loop": name, "pause_seconds": pause})
            else:
                return
            if clock() - started > _HEALTHY_SECONDS:
                pause = _RESTART_SECONDS_MIN
            self.restarts += 1
            await asyncio.sleep(pause)
            pause = min(pause * 2, _RESTART_SECONDS_MAX)

    async def _stop_all(self) -> None:
        self._stopping.set()
        clock = asyncio.get_running_loop().time
        deadline = clock() + self._drain_seconds
        while self._steps:
            step = self._steps.pop()
            left = deadline - clock() - _STEP_SECONDS_MIN * len(self._steps)
            await self._run_step(step, max(left, _STEP_SECONDS_MIN))

    async def _run_step(self, step: _Step, limit_seconds: float) -> None:
        """Run a step until it ends, its time is over, or a second signal hurries us."""
        work = asyncio.ensure_future(step.stop())
        hurry = asyncio.ensure_future(self._hurry.wait())
        try:
            await asyncio.wait({work, hurry}, timeout=limit_seconds, return_when=asyncio.FIRST_COMPLETED)
            if not work.done() and self._hurry.is_set():
                await asyncio.wait({work}, timeout=_STEP_SECONDS_MIN)
            if not work.done():
                _log.warning("stopping took too long and was cut short", extra={"step": step.name})
                work.cancel()
                await asyncio.wait({work}, timeout=_STEP_SECONDS_MIN)
            elif not work.cancelled() and (fault := work.exception()) is not None:
                _log.error("stopping failed", extra={"step": step.name}, exc_info=fault)
        finally:
            hurry.cancel()

    def _on_signal(self, number: signal.Signals) -> None:
        if self._stopping.is_set():
            self._hurry.set()
            return
        _log.info("stopping", extra={"signal": signal.Signals(number).name})
        self._stopping.set()


def run(main: Callable[[], Coroutine[Any, Any, int]]) -> int:
    """Run the program's coroutine on uvloop where there is one; returns the exit code.

    A StartError becomes its plain lines on stderr and exit code 2.
    """
    try:
        with asyncio.Runner(loop_factory=_loop_factory()) as runner:
            return runner.run(main())
    except StartError as refused:
        print(f"wallet: {refused}", file=sys.stderr)  # noqa: T201 - before or beside logging, for a person
        return EXIT_CANNOT_START
    except KeyboardInterrupt:
        return 130


def _loop_factory() -> Callable[[], asyncio.AbstractEventLoop] | None:
    try:
        import uvloop
    except ImportError:
        return None
    factory: Callable[[], asyncio.AbstractEventLoop] = uvloop.new_event_loop
    return factory
