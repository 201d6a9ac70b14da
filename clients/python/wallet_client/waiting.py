"""How code without asyncio waits for the client's calls: one loop on a thread of its own, from any number of threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, Protocol, TypeVar

import grpc

from wallet_client.errors import Answer, Overloaded, TurnedAway

P = ParamSpec("P")
R = TypeVar("R")
Face = TypeVar("Face")

CALLS_MAX: Final = 1_024
"""How many threads may wait at once; one more is refused rather than queued without end."""
STOP_SECONDS_MAX: Final = 15.0


class Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._room = threading.BoundedSemaphore(CALLS_MAX)
        self._thread = threading.Thread(target=self._loop.run_forever, name="wallet-client", daemon=True)
        self._thread.start()
        self.stopped = False

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        """Return what the call returns; a thread that is interrupted cancels its call."""
        if not self._room.acquire(blocking=False):
            call.close()
            message = f"{CALLS_MAX} threads wait in this client already."
            status = grpc.StatusCode.RESOURCE_EXHAUSTED
            raise Overloaded(Answer(status=status, reason="OVERLOADED", message=message))
        try:
            return self.end(call)
        finally:
            self._room.release()

    def end(self, call: Coroutine[Any, Any, R]) -> R:
        """As `run`, for what ends something: it is never refused for want of room."""
        if self.stopped:
            call.close()
            raise TurnedAway(Answer(status=grpc.StatusCode.CANCELLED, message="The client is closed."))
        return _ended(asyncio.run_coroutine_threadsafe(call, self._loop))

    def stop(self) -> None:
        """End every call that still waits, the loop and its thread. Idempotent."""
        if self.stopped:
            return
        self.stopped = True
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result(STOP_SECONDS_MAX)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS_MAX)
        self._loop.close()


def _ended(future: Future[R]) -> R:
    try:
        # No timeout here: the call carries its own deadline.
        return future.result()
    finally:
        # Of what has ended nothing is left to cancel; who was interrupted waits for it no longer.
        future.cancel()


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _HasFace(Protocol[Face]):
    _loop: Loop
    _face: Face


def waits(
    method: Callable[Concatenate[Face, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[_HasFace[Face], P], R]:
    """Return the method that waits for the asynchronous one: same parameters, same end."""

    @wraps(method)
    def call(self: _HasFace[Face], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._loop.run(method(self._face, *args, **kwargs))

    return call


def yields(
    method: Callable[Concatenate[Face, P], AsyncIterator[R]],
) -> Callable[Concatenate[_HasFace[Face], P], Iterator[R]]:
    """Return the method that yields, one wait at a time, what the asynchronous one yields."""

    @wraps(method)
    def call(self: _HasFace[Face], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        items = method(self._face, *args, **kwargs)
        try:
            while True:
                try:
                    item = self._loop.run(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                self._loop.end(items.aclose())

    return call


async def _next(items: AsyncIterator[R]) -> R:
    return await anext(items)
