"""Concurrent calls gathered into Execute batches, without waiting for company.

While fewer than two batches are on the wire, what has come in goes out at once; while two are, the next one collects.
An idle client adds no wait, a busy one fills batches by itself. A crowd goes out in up to four batches: if all were
answered together, all would ask again together, and client, service and database would take turns instead of working.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from functools import partial
from typing import Final, Generic, TypeVar, cast

import grpc
from google.protobuf.message import Message
from wallet.v1.checkout_pb2 import (
    CommitRequest,
    CommitResponse,
    ExecuteResponse,
    OperationOutcome,
    ReleaseRequest,
    ReleaseResponse,
    ReserveRequest,
    ReserveResponse,
)

from wallet_client.deadlines import Deadlines
from wallet_client.errors import (
    Answer,
    DeadlinePassed,
    Malformed,
    Overloaded,
    ScopeMissing,
    TimedOut,
    TurnedAway,
    Unclear,
    WalletError,
)
from wallet_client.status import refused_in_batch

BATCH_MAX: Final = 512
ON_WIRE_MAX: Final = 2
ON_WIRE_CROWDED_MAX: Final = 4
CROWD: Final = 64
"""So many calls that wait are worth a batch of their own."""
QUEUE_MAX: Final = 65_536
ALONE_SECONDS: Final = 60.0
"""How long calls are made alone where Execute is not there, or not for this token: then it is tried again."""
OPERATION_BYTES_MAX: Final = 4_096
"""A larger operation travels alone, so that no batch outgrows the message limit by the size of one."""

# What says something about the batch, not about each call in it: Execute is not there, or a neighbour is malformed.
_OF_THE_BATCH: Final = frozenset({grpc.StatusCode.UNIMPLEMENTED, grpc.StatusCode.INVALID_ARGUMENT})

Act = TypeVar("Act", bound=Message)
Reply = TypeVar("Reply", bound=Message)
Send = Callable[[bytes, float], Awaitable[ExecuteResponse]]
"""Sends the bytes of an ExecuteRequest with a timeout in seconds; raises WalletError."""


class NotGatheredError(Exception):
    """The batch as a whole was turned away for what may be the fault of another call: make the call alone."""


class Kind(Generic[Act, Reply]):
    """One kind of operation: its name in Operation and OperationOutcome, its tag on the wire, its reply."""

    __slots__ = ("name", "reply", "tag")

    def __init__(self, name: str, number: int, reply: type[Reply]) -> None:
        self.name = name
        self.tag = bytes((number << 3 | 2,))
        self.reply = reply


RESERVE: Final = Kind[ReserveRequest, ReserveResponse]("reserve", 1, ReserveResponse)
COMMIT: Final = Kind[CommitRequest, CommitResponse]("commit", 2, CommitResponse)
RELEASE: Final = Kind[ReleaseRequest, ReleaseResponse]("release", 3, ReleaseResponse)


def operation_bytes(tag: bytes, body: bytes) -> bytes:
    """Return a request of bounded size as one of ExecuteRequest.operations (field 1), as it stands on the wire."""
    head = tag + _VARINTS[len(body)]
    return b"".join((b"\x0a", _VARINTS[len(head) + len(body)], head, body))


def _varint(number: int) -> bytes:
    """Return a length as protobuf writes it: seven bits a byte, lowest first."""
    low, rest = number & 0x7F, number >> 7
    return bytes((low | 0x80,)) + _varint(rest) if rest else bytes((low,))


# Every length that an operation can have, its own head included: two look-ups instead of two loops a call.
_VARINTS: Final = tuple(_varint(length) for length in range(OPERATION_BYTES_MAX + 8))


class _Waiting:
    """A call whose caller waits."""

    __slots__ = ("batch", "deadline", "frame", "future", "kind")

    def __init__(
        self, kind: str, frame: bytes, future: asyncio.Future[OperationOutcome], deadline: float
    ) -> None:
        self.kind = kind
        self.frame = frame
        self.future = future
        self.deadline = deadline
        self.batch: _Batch | None = None
        """What it was sent with."""


class _Batch:
    """Calls that were sent together."""

    __slots__ = ("calls", "left", "task")

    def __init__(self) -> None:
        self.calls: list[_Waiting] = []
        self.left = 0
        """How many callers did not wait for the answer."""
        self.task: asyncio.Task[None] | None = None

    def leave(self) -> None:
        """Count a caller out. A batch that nobody waits for is taken off the wire: others need its place."""
        self.left += 1
        if self.left == len(self.calls) and self.task is not None:
            self.task.cancel()


class Gatherer:
    """Turns concurrent calls into batches and their outcomes back into answers.

    A caller that is cancelled, or whose deadline passes, leaves; its operation, once sent, may still count: it is not
    taken out of its batch, and when all callers of a batch have left, nobody waits to see if it is done.
    """

    def __init__(self, send: Send) -> None:
        self._send = send
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._deadlines = Deadlines[_Waiting](self._loop, _time_is_up)
        self._queue: deque[_Waiting] = deque()
        self._on_wire: dict[asyncio.Task[None], int] = {}
        """Batches under way, and how many calls each carries."""
        self._waking = False
        self._alone_until = 0.0
        """When Execute is worth another try; 0 while it is there."""

    async def submit(self, kind: Kind[Act, Reply], request: Act, deadline: float) -> Reply:
        """Return the operation's own reply; raise its own refusal, or NotGatheredError."""
        body = request.SerializeToString()
        if len(body) > OPERATION_BYTES_MAX or (self._alone_until and self._still_alone()):
            raise NotGatheredError
        if len(self._queue) >= QUEUE_MAX:
            raise Overloaded(_local("OVERLOADED", "Too many calls wait in this client."))
        waiting = _Waiting(kind.name, operation_bytes(kind.tag, body), self._loop.create_future(), deadline)
        together = self._deadlines.join(waiting, deadline)
        self._queue.append(waiting)
        if not self._waking and self._may_send():
            # A turn of the loop later, so that calls made in the same turn go together.
            self._waking = True
            self._loop.call_soon(self._wake)
        try:
            outcome = await waiting.future
        except asyncio.CancelledError:
            # Unless it had its end already, and was cancelled before it could read it.
            if waiting.batch is not None and waiting.future.cancelled():
                waiting.batch.leave()
            raise
        finally:
            together.discard(waiting)
        reply = kind.reply()
        # A copy: a reply that is kept must not keep the whole batch in memory.
        reply.CopyFrom(cast("Reply", getattr(outcome, kind.name)))
        return reply

    async def close(self, grace_seconds: float) -> None:
        """Let what is on the wire arrive, for a while; then end every wait."""
        try:
            if self._on_wire and grace_seconds > 0:
                await asyncio.wait(self._on_wire, timeout=grace_seconds)
        finally:
            while self._queue:
                _fail(self._queue.popleft(), TurnedAway(_local("", "The client was closed.")))
            for task in tuple(self._on_wire):
                task.cancel()
            await asyncio.gather(*self._on_wire, return_exceptions=True)

    def _wake(self) -> None:
        self._waking = False
        while self._queue and self._may_send():
            batch = self._next_batch()
            if batch.calls:
                batch.task = task = self._loop.create_task(self._carry(batch.calls))
                self._on_wire[task] = len(batch.calls)
                task.add_done_callback(partial(self._landed, batch.calls))

    def _still_alone(self) -> bool:
        if self._clock() >= self._alone_until:
            self._alone_until = 0.0
        return self._alone_until > 0.0

    def _may_send(self) -> bool:
        crowded = len(self._queue) >= CROWD
        return len(self._on_wire) < (ON_WIRE_CROWDED_MAX if crowded else ON_WIRE_MAX)

    def _next_batch(self) -> _Batch:
        """Take what goes out together: of a crowd its share, so that the others find a batch to go with, too."""
        batch = _Batch()
        calls, queue = batch.calls, self._queue
        share = -(-(len(queue) + sum(self._on_wire.values())) // ON_WIRE_CROWDED_MAX)
        most = min(BATCH_MAX, max(CROWD, share))
        now = self._clock()
        while queue and len(calls) < most:
            waiting = queue.popleft()
            if waiting.deadline <= now:
                _time_is_up(waiting)
            elif not waiting.future.done():
                waiting.batch = batch
                calls.append(waiting)
        return batch

    def _landed(self, batch: list[_Waiting], task: asyncio.Task[None]) -> None:
        """Leave nobody waiting, whatever ended the batch. Runs after those just answered have made their next call."""
        self._on_wire.pop(task, None)
        cause = None if task.cancelled() else task.exception()
        for waiting in batch:
            if not waiting.future.done():
                error = Unclear(_local("", "The batch ended without this outcome."))
                error.__cause__ = cause
                _fail(waiting, error)
        # Calls know their batch: not the other way round any longer, so that both go without the collector.
        batch.clear()
        self._wake()

    async def _carry(self, batch: list[_Waiting]) -> None:
        """Send one batch and give each caller its own end."""
        try:
            timeout = max(waiting.deadline for waiting in batch) - self._clock()
            response = await self._send(b"".join([waiting.frame for waiting in batch]), timeout)
            if len(response.outcomes) == len(batch):
                _deliver(batch, response.outcomes)
        except WalletError as error:
            # Execute is newer than single calls, and needs the scopes of all its operations: without it, without a
            # try for each call. No other failure says that it is there again.
            if isinstance(error, ScopeMissing) or error.status is grpc.StatusCode.UNIMPLEMENTED:
                self._alone_until = self._clock() + ALONE_SECONDS
            _deliver_failure(batch, error)


def _deliver(batch: list[_Waiting], outcomes: Iterable[OperationOutcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        future = waiting.future
        if future.done():
            continue
        which = outcome.WhichOneof("outcome")
        if which == waiting.kind:
            future.set_result(outcome)
        elif which == "refusal":
            future.set_exception(refused_in_batch(outcome.refusal))


def _deliver_failure(batch: list[_Waiting], error: WalletError) -> None:
    """Tell each caller that the batch failed; each repeats for itself, with its own id and deadline."""
    alone = isinstance(error, ScopeMissing | Malformed) or error.status in _OF_THE_BATCH
    for waiting in batch:
        # Each its own exception: one that is raised twice collects the tracebacks of both.
        _fail(waiting, NotGatheredError() if alone else type(error)(error.answer))


def _time_is_up(waiting: _Waiting) -> None:
    if waiting.future.done():
        return
    if waiting.batch is None:
        late = _late("DEADLINE_EXCEEDED", "The deadline passed before the call was sent.")
        _fail(waiting, DeadlinePassed(late))
    else:
        _fail(waiting, TimedOut(_late("", "The deadline passed before an answer came.")))
        waiting.batch.leave()


def _fail(waiting: _Waiting, error: WalletError | NotGatheredError) -> None:
    if not waiting.future.done():
        waiting.future.set_exception(error)


def _late(reason: str, message: str) -> Answer:
    return Answer(status=grpc.StatusCode.DEADLINE_EXCEEDED, reason=reason, message=message)


def _local(reason: str, message: str) -> Answer:
    status = grpc.StatusCode.RESOURCE_EXHAUSTED if reason else grpc.StatusCode.UNAVAILABLE
    return Answer(status=status, reason=reason, message=message)
