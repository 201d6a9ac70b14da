"""One call: its deadline, its attempts, its line; alone or gathered."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from functools import partial
from typing import Any, Final, TypeAlias, TypeVar

import grpc
from wallet.v1.checkout_pb2 import ExecuteResponse

from wallet_client.deadlines import SECONDS_MAX, bounded
from wallet_client.errors import Answer, DeadlinePassed, TurnedAway, Unclear, WalletError
from wallet_client.gather import Act, Gatherer, Kind, NotGatheredError, Reply
from wallet_client.lines import Line, Lines
from wallet_client.retry import Retries, repeated
from wallet_client.status import refused_call

Request = TypeVar("Request")
Response = TypeVar("Response")
Method: TypeAlias = Callable[[Line], grpc.aio.UnaryUnaryMultiCallable[Request, Response]]
Stream: TypeAlias = Callable[[Line], grpc.aio.UnaryStreamMultiCallable[Request, Response]]

CLOSE_SECONDS_MAX: Final = 5.0
_LATE: Final = Answer(
    status=grpc.StatusCode.DEADLINE_EXCEEDED,
    reason="DEADLINE_EXCEEDED",
    message="The deadline passed before the call was sent.",
)


class Calls:
    """What every face of the client sends through."""

    def __init__(self, lines: Lines, *, timeout_seconds: float, retries: Retries, gather: bool) -> None:
        self._lines = lines
        if not timeout_seconds > 0:
            raise ValueError("default_timeout_seconds: more than 0")
        self._timeout_seconds = bounded(timeout_seconds)
        self.retries = retries
        self._clock = asyncio.get_running_loop().time
        self._gatherer = Gatherer(self._execute) if gather else None
        self._closed = False

    async def unary(
        self,
        method: Method[Request, Response],
        request: Request,
        *,
        timeout_seconds: float | None = None,
        sent_id: str = "",
        repeat_unknown: bool = True,
    ) -> Response:
        """Return the answer within the timeout; raise Refused or OutcomeUnknown, with the id that was sent."""
        deadline = self._deadline(timeout_seconds, sent_id)
        try:
            return await repeated(
                self._alone(method, request, deadline), self.retries, deadline, repeat_unknown=repeat_unknown
            )
        except WalletError as error:
            error.sent_id = sent_id
            raise

    async def act(
        self,
        kind: Kind[Act, Reply],
        method: Method[Act, Reply],
        request: Act,
        *,
        timeout_seconds: float | None,
        sent_id: str,
    ) -> Reply:
        """Like `unary`, for what may travel with other calls."""
        gatherer = self._gatherer
        if gatherer is None:
            return await self.unary(method, request, timeout_seconds=timeout_seconds, sent_id=sent_id)
        deadline = self._deadline(timeout_seconds, sent_id)
        failed: WalletError | None = None
        try:
            # Nearly every call ends here; what repeats is built only for those that do not.
            return await gatherer.submit(kind, request, deadline)
        except NotGatheredError:
            attempt = self._alone(method, request, deadline)
        except WalletError as error:
            failed = error
            attempt = self._gathered(gatherer, kind, method, request, deadline)
        try:
            # One count of attempts and of doubts, however they travel: what a lost batch may have done stays in doubt.
            return await repeated(attempt, self.retries, deadline, failed=failed)
        except WalletError as error:
            error.sent_id = sent_id
            raise

    def _alone(
        self, method: Method[Request, Response], request: Request, deadline: float
    ) -> Callable[[], Awaitable[Response]]:
        return lambda: self._once(method, request, deadline - self._clock())

    def _gathered(
        self,
        gatherer: Gatherer,
        kind: Kind[Act, Reply],
        method: Method[Act, Reply],
        request: Act,
        deadline: float,
    ) -> Callable[[], Awaitable[Reply]]:
        """Return what travels with others until it is sent away from them, and alone from then on."""
        alone = False

        async def attempt() -> Reply:
            nonlocal alone
            if not alone:
                try:
                    return await gatherer.submit(kind, request, deadline)
                except NotGatheredError:
                    alone = True
            return await self._once(method, request, deadline - self._clock())

        return attempt

    async def stream(
        self, method: Stream[Request, Response], request: Request, *, timeout_seconds: float | None
    ) -> AsyncGenerator[Response, None]:
        """Yield one stream's answers, without repetition."""
        self._check_open()
        line = self._lines.pick()
        line.in_flight += 1
        call = method(line)(request, timeout=timeout_seconds, metadata=self._lines.metadata())
        try:
            async for response in call:
                yield response
        except grpc.aio.AioRpcError as error:
            raise refused_call(error) from error
        except asyncio.CancelledError:
            self._unless_closed_under_way()
            raise
        finally:
            call.cancel()
            line.in_flight -= 1

    async def close(self, *, at_once: bool = False) -> None:
        """Let gathered calls that are on the wire arrive, for a while; then close every line.

        Idempotent. Whoever cancels it hurries it: no call is waited for any longer, and the lines are closed.
        """
        self._closed = True
        try:
            if self._gatherer is not None:
                await self._gatherer.close(0.0 if at_once else CLOSE_SECONDS_MAX)
        finally:
            await self._lines.close()

    def _deadline(self, timeout_seconds: float | None, sent_id: str) -> float:
        """Return when the call ends; raise DeadlinePassed if that is now, before anything is sent."""
        self._check_open(sent_id)
        if timeout_seconds is None:
            timeout_seconds = self._timeout_seconds
        elif not 0 < timeout_seconds <= SECONDS_MAX:
            timeout_seconds = bounded(timeout_seconds)
            if timeout_seconds <= 0:
                raise DeadlinePassed(_LATE, sent_id=sent_id)
        return self._clock() + timeout_seconds

    def _check_open(self, sent_id: str = "") -> None:
        if self._closed:
            message = "The client is closed."
            raise TurnedAway(Answer(status=grpc.StatusCode.CANCELLED, message=message), sent_id=sent_id)

    async def _once(
        self, method: Method[Request, Response], request: Request, timeout_seconds: float
    ) -> Response:
        self._check_open()
        line = self._lines.pick()
        line.in_flight += 1
        try:
            call = method(line)(request, timeout=timeout_seconds, metadata=self._lines.metadata())
            await _end_of(call)
            return await call
        except grpc.aio.AioRpcError as error:
            raise refused_call(error) from error
        except asyncio.CancelledError:
            self._unless_closed_under_way()
            raise
        finally:
            line.in_flight -= 1

    def _unless_closed_under_way(self) -> None:
        """Raise if it was the line that was cancelled, by closing this client, and not the task that waits on it."""
        task = asyncio.current_task()
        if self._closed and task is not None and not task.cancelling():
            message = "The client was closed before an answer came."
            raise Unclear(Answer(status=grpc.StatusCode.CANCELLED, message=message))

    async def _execute(self, batch: bytes, timeout_seconds: float) -> ExecuteResponse:
        return await self._once(_execute_of, batch, timeout_seconds)


async def _end_of(call: grpc.aio.UnaryUnaryCall[Any, Any]) -> None:
    """Wait until a call has its end; whoever is cancelled before takes it off the wire, and does not wait for that.

    Waiting for the call itself would pass the cancellation on to the library's own task, and what that has allocated
    for the call is then never given back: a kilobyte for each (grpc/grpc#43360). A call that is taken off the wire
    comes to its end like any other, and leaves nothing behind.
    """
    end = asyncio.get_running_loop().create_future()
    call.add_done_callback(partial(_ended, end))
    try:
        await end
    except asyncio.CancelledError:
        # The public one cancels that task, too.
        getattr(call, "_cancel", lambda _why: call.cancel())("Nobody waits for it any more.")
        raise


def _ended(end: asyncio.Future[None], _call: object) -> None:
    if not end.done():
        end.set_result(None)


def _execute_of(line: Line) -> grpc.aio.UnaryUnaryMultiCallable[bytes, ExecuteResponse]:
    return line.execute
