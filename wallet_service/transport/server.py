"""The host of the calls: grpc.aio with one door per method, health, reflection, and an orderly end."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.internal import api_implementation
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection

from wallet_service.runtime.errors import StartError
from wallet_service.transport import address
from wallet_service.transport.address import Binding
from wallet_service.transport.auth import Authenticator
from wallet_service.transport.directory import Directory
from wallet_service.transport.door import Door, DoorLimits, DoorParts, Method
from wallet_service.transport.gate import Gate, GateLimits
from wallet_service.transport.scopes import RULES
from wallet_service.transport.telemetry import DoorTelemetry
from wallet_service.transport.tls import server_credentials
from wallet_service.transport.validation import first_violation

if TYPE_CHECKING:
    from wallet_service.transport.directory import Handler

_log = logging.getLogger(__name__)

_WORD_START: Final = re.compile(r"(?<!^)(?=[A-Z])")
_UNWATCHED_CALLS: Final = 1_024
"""Room for calls that are being refused, and for health and reflection, beyond what the gate admits."""
_PENDING_MAX: Final = 20_000
_LAST_WORDS_SECONDS: Final = 0.5
"""How long answers already given may take to leave; health watchers and reflection never end by themselves."""
_HARD_LIMIT_FACTOR: Final = 2
"""A message a little too large gets our typed refusal; one far too large is cut off by gRPC while it arrives."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hosted:
    """A service of the protos and the rpc room that answers it: one method per rpc, in snake_case."""

    service: ServiceDescriptor
    room: object


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionLimits:
    """What a connection may do; see the gRPC channel arguments of the same names."""

    metadata_bytes_max: int = 16 << 10
    streams_max: int = 1_024
    """Calls at a time on one connection; more wait in the client."""
    age_seconds_max: int = 1_800
    """Connections are renewed, so that load spreads over new processes."""
    idle_seconds_max: int = 900
    keepalive_seconds: int = 60
    keepalive_timeout_seconds: int = 20
    ping_seconds_min: int = 10
    """Clients that ping more often than this are disconnected."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerLimits:
    """All limits of one server."""

    gate: GateLimits = field(default_factory=GateLimits)
    door: DoorLimits = field(default_factory=DoorLimits)
    connection: ConnectionLimits = field(default_factory=ConnectionLimits)


class GrpcServer:
    """Made from plain parts, started once, drained once."""

    def __init__(
        self,
        *,
        hosted: Sequence[Hosted],
        authenticator: Authenticator,
        binding: Binding,
        limits: ServerLimits | None = None,
        telemetry: DoorTelemetry | None = None,
    ) -> None:
        self._hosted = tuple(hosted)
        self._binding = binding
        self._limits = limits or ServerLimits()
        self._telemetry = telemetry or DoorTelemetry()
        self._authenticator = authenticator
        self._health = health.aio.HealthServicer()
        self._gate: Gate | None = None
        self._server: grpc.aio.Server | None = None

    @property
    def in_flight(self) -> int:
        """Calls that are being answered now."""
        return self._gate.in_flight if self._gate else 0

    @property
    def watchers(self) -> int:
        """Streams that are open now."""
        return self._gate.watchers if self._gate else 0

    async def start(self) -> str:
        """Listen, say SERVING, and return HOST:PORT; raises StartError, one line, when that cannot be."""
        if api_implementation.Type() != "upb":
            raise StartError(
                "protobuf runs without its C runtime (upb); reinstall protobuf for this platform"
            )
        address.check(self._binding)
        self._gate = gate = Gate(self._limits.gate)
        self._telemetry.watch(lambda: gate.in_flight, lambda: gate.watchers)
        server = grpc.aio.server(
            options=self._options(),
            maximum_concurrent_rpcs=self._calls_max(),
            compression=grpc.Compression.NoCompression,
        )
        names = [hosted.service.full_name for hosted in self._hosted]
        directory = Directory(self._handlers(gate))
        health_pb2_grpc.add_HealthServicer_to_server(self._health, directory)
        reflection.enable_server_reflection([*names, health.SERVICE_NAME, reflection.SERVICE_NAME], directory)
        server.add_generic_rpc_handlers((directory,))
        port = self._listen(server)
        await server.start()
        self._server = server
        for name in names:
            await self._health.set(name, health_pb2.HealthCheckResponse.SERVING)
        return address.join(self._binding.host, port)

    async def report_health(self, *, serving: bool, services: Iterable[str] = ("",)) -> None:
        """Say for these services ("" is the process as a whole) whether they can work now."""
        states = health_pb2.HealthCheckResponse
        for service in services:
            await self._health.set(service, states.SERVING if serving else states.NOT_SERVING)

    async def drain(self, seconds: float) -> bool:
        """Say NOT_SERVING, refuse what comes, let what is in flight finish, stop; whether all finished in time."""
        await self._health.enter_graceful_shutdown()
        if self._server is None or self._gate is None:
            return True
        finished = await self._gate.close(seconds)
        if not finished:
            _log.warning(
                "stopped with %d calls and %d streams unfinished", self._gate.in_flight, self._gate.watchers
            )
        await self._server.stop(_LAST_WORDS_SECONDS)
        return finished

    def _handlers(self, gate: Gate) -> dict[str, Handler]:
        parts = DoorParts(
            gate=gate,
            authenticator=self._authenticator,
            limits=self._limits.door,
            telemetry=self._telemetry,
        )
        return {
            _name_of(method): _handler(method, hosted.room, parts)
            for hosted in self._hosted
            for method in hosted.service.methods
        }

    def _listen(self, server: grpc.aio.Server) -> int:
        binding = self._binding
        try:
            if binding.tls is None:
                return server.add_insecure_port(binding.address)
            return server.add_secure_port(binding.address, server_credentials(binding.tls))
        except RuntimeError:
            raise StartError(f"cannot listen on {binding.address}") from None

    def _calls_max(self) -> int:
        gate = self._limits.gate
        return gate.in_flight_max + gate.watchers_max + _UNWATCHED_CALLS

    def _options(self) -> list[tuple[str, int]]:
        connection, door = self._limits.connection, self._limits.door
        return [
            ("grpc.so_reuseport", int(self._binding.shared)),
            ("grpc.max_receive_message_length", door.message_bytes_max * _HARD_LIMIT_FACTOR),
            ("grpc.max_metadata_size", connection.metadata_bytes_max),
            # The same, not gRPC's default of a quarter more: between the two it refuses at random.
            ("grpc.absolute_max_metadata_size", connection.metadata_bytes_max),
            ("grpc.max_concurrent_streams", connection.streams_max),
            ("grpc.max_connection_age_ms", connection.age_seconds_max * 1_000),
            ("grpc.max_connection_age_grace_ms", int(door.stream_seconds_max * 1_000)),
            ("grpc.max_connection_idle_ms", connection.idle_seconds_max * 1_000),
            ("grpc.keepalive_time_ms", connection.keepalive_seconds * 1_000),
            ("grpc.keepalive_timeout_ms", connection.keepalive_timeout_seconds * 1_000),
            ("grpc.http2.min_ping_interval_without_data_ms", connection.ping_seconds_min * 1_000),
            ("grpc.keepalive_permit_without_calls", 1),
            # Identity only: a few bytes must not unfold into many megabytes.
            ("grpc.compression_enabled_algorithms_bitset", 1),
            ("grpc.server_handshake_timeout_ms", 10_000),
            # Calls that wait to be taken in. Beyond a thousand the host would begin to cancel some, without a word; the
            # gate refuses what is too much, by name.
            ("grpc.server.max_pending_requests", _PENDING_MAX),
            ("grpc.server.max_pending_requests_hard_limit", _PENDING_MAX),
        ]


def _name_of(method: MethodDescriptor) -> str:
    return f"/{method.containing_service.full_name}/{method.name}"


def _handler(method: MethodDescriptor, room: object, parts: DoorParts) -> Handler:
    name = _name_of(method)
    answer = getattr(room, _WORD_START.sub("_", method.name).lower(), None)
    if answer is None or name not in RULES:
        missing = "rule in scopes.py" if answer is not None else f"method in {type(room).__name__}"
        raise TypeError(f"{name} has no {missing}")
    request = GetMessageClass(method.input_type)
    # Compiles the rules now: a rule that is wrong stops the start, and the first customer does not wait for it.
    first_violation(request())
    door = Door(Method(name=name, request=request, rule=RULES[name]), parts)
    # No deserializer: the door reads the bytes itself, so that unreadable ones get a typed refusal too.
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(door.stream(answer))
    return grpc.unary_unary_rpc_method_handler(door.unary(answer))
