"""The door: one lean wrapper per method, made at registration. Everything that is true of every call happens here.

The order is the order of precedence of `docs/errors.md`: draining and overload, token, scope, message, field,
deadline; only then the room is called, and never longer than its deadline.

Refusals are set on the context and returned, not raised by `context.abort`: the host does not wait for what a
handler still does after an abort, so an abort could leave clean-up behind at shutdown.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Protocol

import grpc
from google.protobuf.message import DecodeError, Message

from wallet_service.kernel.errors import Reason, Refusal, RefusedError, refuse
from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseError,
    DatabaseTimeout,
    DatabaseUnavailable,
    OutcomeUnknown,
)
from wallet_service.transport.auth import Authenticator
from wallet_service.transport.call import Call, Caller
from wallet_service.transport.deadlines import Deadlines
from wallet_service.transport.gate import Gate
from wallet_service.transport.scopes import MethodRule
from wallet_service.transport.status import code_of, trailers_of
from wallet_service.transport.telemetry import DoorTelemetry
from wallet_service.transport.trace import NO_TRACE, TraceParent, parse_traceparent
from wallet_service.transport.validation import first_violation

_log = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[bytes, bytes]
UnaryRoom = Callable[[Message, Call], Awaitable[Message]]
StreamRoom = Callable[[Message, Call], AsyncIterator[Message]]
UnaryDoor = Callable[[bytes, Context], Awaitable[bytes]]
StreamDoor = Callable[[bytes, Context], Awaitable[None]]

_NO_REPLY: Final = b""
_OK: Final = "OK"
_CANCELLED: Final = "CANCELLED"
_DATABASE_REASONS: Final[dict[type[DatabaseError], Reason]] = {
    DatabaseUnavailable: Reason.DATABASE_UNAVAILABLE,
    DatabaseTimeout: Reason.DATABASE_UNAVAILABLE,
    DatabaseConflict: Reason.CONTENTION,
    OutcomeUnknown: Reason.OUTCOME_UNKNOWN,
}


class MessageType(Protocol):
    """A generated message class, as far as the door needs it."""

    def FromString(self, s: bytes, /) -> Message:  # noqa: N802 - protobuf's name
        """Return the parsed message; raises DecodeError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorLimits:
    """How long and how large a call may be."""

    deadline_default_seconds: float = 2.0
    deadline_max_seconds: float = 30.0
    stream_seconds_max: float = 900.0
    stream_write_seconds_max: float = 10.0
    """A watcher that takes nothing for so long is cut off."""
    message_bytes_max: int = 4 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One rpc method: its name on the wire, what it takes, and what the door must know of it."""

    name: str
    request: MessageType
    rule: MethodRule


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorParts:
    """What all doors of one server share."""

    gate: Gate
    authenticator: Authenticator
    limits: DoorLimits
    telemetry: DoorTelemetry
    deadlines: Deadlines = field(default_factory=Deadlines)


class Door:
    """The wrapper of one method."""

    def __init__(self, method: Method, parts: DoorParts) -> None:
        self._method = method
        self._rule = method.rule
        self._gate = parts.gate
        self._caller_of = parts.authenticator.caller
        self._limits = parts.limits
        self._telemetry = parts.telemetry
        self._deadlines = parts.deadlines

    def unary(self, room: UnaryRoom) -> UnaryDoor:
        """Return the handler of a method with one answer."""
        gate, rule, telemetry = self._gate, self._rule, self._telemetry

        async def door(raw: bytes, context: Context) -> bytes:
            refusal = gate.refusal(rule)
            if refusal is not None:
                return self._refuse(context, refusal)
            crowded = gate.crowded
            gate.enter()
            try:
                call, message, trace = self._admit(
                    raw, context, self._unary_seconds(context), crowded=crowded
                )
                if telemetry.on:
                    return await self._observed(room, message, call, trace, context)
                with self._deadlines.until(call.deadline):
                    reply = await room(message, call)
                return reply.SerializeToString()
            except Exception as error:  # noqa: BLE001 - the outermost door: nothing may leave it untyped
                return self._refuse(context, self._refusal_of(error, context))
            finally:
                gate.leave()

        return door

    def stream(self, room: StreamRoom) -> StreamDoor:
        """Return the handler of a method with a stream of answers, ended by a typed refusal or by the room."""
        gate, seconds_max = self._gate, self._limits.stream_seconds_max

        async def door(raw: bytes, context: Context) -> None:
            refusal = gate.stream_refusal()
            if refusal is not None:
                self._refuse(context, refusal)
                return
            timeout = asyncio.timeout(None)
            gate.enter_stream(timeout)
            try:
                async with timeout:
                    asked = context.time_remaining()
                    seconds = seconds_max if asked is None else min(asked, seconds_max)
                    call, message, _ = self._admit(raw, context, seconds)
                    timeout.reschedule(asyncio.get_running_loop().time() + call.remaining_seconds())
                    await self._pour(room(message, call), context)
            except Exception as error:  # noqa: BLE001 - the outermost door: nothing may leave it untyped
                self._refuse(context, self._stream_refusal_of(error, context, expired=timeout.expired()))
            finally:
                gate.leave_stream(timeout)

        return door

    def _unary_seconds(self, context: Context) -> float:
        limits = self._limits
        asked: float | None = context.time_remaining()
        return limits.deadline_default_seconds if asked is None else min(asked, limits.deadline_max_seconds)

    def _admit(
        self, raw: bytes, context: Context, seconds: float, *, crowded: bool = False
    ) -> tuple[Call, Message, TraceParent]:
        """Check everything that can be checked before the room is called; raises RefusedError."""
        deadline = time.monotonic() + seconds
        authorization: str | None = None
        trace = NO_TRACE
        for key, value in context.invocation_metadata() or ():
            if key == "authorization":
                authorization = value if isinstance(value, str) else None
            elif key == "traceparent":
                trace = parse_traceparent(value if isinstance(value, str) else None)
        caller = self._caller_of(authorization)
        self._check_scopes(caller)
        message = self._parse(raw)
        if seconds <= 0.0 or time.monotonic() >= deadline:
            raise refuse(Reason.DEADLINE_EXCEEDED)
        call = Call(
            method=self._method.name,
            caller=caller,
            deadline=deadline,
            trace_id=trace.trace_id,
            parent_span_id=trace.span_id,
            only_finishes=crowded,
        )
        return call, message, trace

    def _check_scopes(self, caller: Caller) -> None:
        if caller.wallet_id is not None and not self._rule.customers:
            raise refuse(Reason.SCOPE_MISSING, detail="A customer's token cannot call this method.")
        if not self._rule.scopes <= caller.scopes:
            needed = " ".join(sorted(self._rule.scopes))
            raise refuse(Reason.SCOPE_MISSING, detail=f"Needed: {needed}.", scopes=needed)

    def _parse(self, raw: bytes) -> Message:
        if len(raw) > self._limits.message_bytes_max:
            raise refuse(
                Reason.MESSAGE_INVALID,
                detail="It is too large.",
                bytes_max=str(self._limits.message_bytes_max),
            )
        try:
            message = self._method.request.FromString(raw)
        except DecodeError:
            raise refuse(Reason.MESSAGE_INVALID) from None
        violation = first_violation(message)
        if violation is not None:
            raise RefusedError(violation)
        return message

    async def _observed(
        self, room: UnaryRoom, message: Message, call: Call, trace: TraceParent, context: Context
    ) -> bytes:
        """Call the room within a span, and record how long it took and how it ended."""
        started_at, outcome = time.perf_counter(), _CANCELLED
        with self._telemetry.span(call, sampled=trace.sampled) as span:
            try:
                with self._deadlines.until(call.deadline):
                    reply = await room(message, call)
                outcome = _OK
                return reply.SerializeToString()
            except Exception as error:  # noqa: BLE001 - as in the door, but the outcome is told as well
                refusal = self._refusal_of(error, context)
                outcome = refusal.reason.status.name
                return self._refuse(context, refusal)
            finally:
                self._telemetry.ended(call.method, outcome, started_at, span)

    async def _pour(self, changes: AsyncIterator[Message], context: Context) -> None:
        """Write each change as it comes; a reader that takes nothing is cut off."""
        patience = self._limits.stream_write_seconds_max
        try:
            async for change in changes:
                try:
                    async with asyncio.timeout(patience):
                        await context.write(change.SerializeToString())
                except TimeoutError:
                    raise refuse(Reason.WATCH_TOO_SLOW) from None
        finally:
            # Now, not when the collector finds it: a watcher that left must not stay subscribed.
            if isinstance(changes, AsyncGenerator):
                await changes.aclose()

    def _refuse(self, context: Context, refusal: Refusal) -> bytes:
        context.set_code(code_of(refusal))
        context.set_details(refusal.message)
        context.set_trailing_metadata(trailers_of(refusal))
        if self._telemetry.on:
            self._telemetry.refused(self._method.name, refusal.reason)
        return _NO_REPLY

    def _refusal_of(self, error: Exception, context: Context) -> Refusal:
        """Return what is answered when a unary method ended with this exception."""
        if isinstance(error, RefusedError):
            return error.refusal
        if isinstance(error, TimeoutError):
            # A reading method changed nothing, so time that ran out is just that. A writing method may have been
            # cut off after its command reached the ledger, which carries on by itself: only the id can tell. The
            # reason keeps its one status (UNAVAILABLE), which is also what makes clients retry with the same id.
            return Refusal(reason=Reason.OUTCOME_UNKNOWN if self._rule.writes else Reason.DEADLINE_EXCEEDED)
        reason = _DATABASE_REASONS.get(type(error)) if isinstance(error, DatabaseError) else None
        if reason is not None:
            return Refusal(reason=reason)
        return self._surprise(error, context)

    def _stream_refusal_of(self, error: Exception, context: Context, *, expired: bool) -> Refusal:
        if expired and isinstance(error, TimeoutError):
            if self._gate.closing:
                return Refusal(reason=Reason.SHUTTING_DOWN)
            detail = "A stream has a time limit; resume after the last version seen."
            return Refusal(reason=Reason.DEADLINE_EXCEEDED, detail=detail)
        return self._refusal_of(error, context)

    def _surprise(self, error: Exception, context: Context) -> Refusal:
        """Log what nobody expected and return INTERNAL, which says nothing but where to look it up."""
        trace_id = ""
        for key, value in context.invocation_metadata() or ():
            if key == "traceparent" and isinstance(value, str):
                trace_id = parse_traceparent(value).trace_id
        trace_id = trace_id or secrets.token_hex(16)
        _log.error("unexpected error in %s", self._method.name, exc_info=error, extra={"trace_id": trace_id})
        return Refusal(reason=Reason.INTERNAL, facts={"trace_id": trace_id})
