"""Asks a running service for its health, as a container's supervisor does."""

from __future__ import annotations

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc


def health_of(
    target: str, *, timeout_seconds: float, ca_pem: bytes | None = None, server_name: str = ""
) -> str:
    """Return SERVING, NOT_SERVING, or the status of a call that got no answer; never raises for a service that is away."""
    with _channel(target, ca_pem, server_name) as channel:
        try:
            reply: health_pb2.HealthCheckResponse = health_pb2_grpc.HealthStub(channel).Check(
                health_pb2.HealthCheckRequest(), timeout=timeout_seconds
            )
        except grpc.RpcError as fault:
            return str(fault.code().name)
    return str(health_pb2.HealthCheckResponse.ServingStatus.Name(reply.status))


def _channel(target: str, ca_pem: bytes | None, server_name: str) -> grpc.Channel:
    if ca_pem is None:
        return grpc.insecure_channel(target)
    options = (("grpc.ssl_target_name_override", server_name),) if server_name else ()
    return grpc.secure_channel(target, grpc.ssl_channel_credentials(root_certificates=ca_pem), options)
