# ruff: noqa: INP001 - a script of the image
"""Asks the service of this container for its health: exit 0 when it serves, 1 when not.

Reads the same settings as the service. With mutual TLS a probe has no certificate that the service would take, so there
an accepted connection has to do.
"""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path

import grpc
from cryptography import x509
from grpc_health.v1 import health_pb2, health_pb2_grpc

SECONDS = 2.0


def main() -> int:
    """Ask once."""
    host = os.environ.get("WALLET_GRPC_HOST", "127.0.0.1")
    host = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "[::]": "[::1]"}.get(host, host)  # noqa: S104
    port = os.environ.get("WALLET_GRPC_PORT", "50051")
    if os.environ.get("WALLET_TLS_CLIENT_CA_FILE"):
        with socket.create_connection((host.strip("[]"), int(port)), timeout=SECONDS):
            return 0
    with _channel(f"{host}:{port}") as channel:
        reply = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=SECONDS)
    return 0 if reply.status == health_pb2.HealthCheckResponse.SERVING else 1


def _channel(target: str) -> grpc.Channel:
    certificate = os.environ.get("WALLET_TLS_CERTIFICATE_FILE")
    if not certificate:
        return grpc.insecure_channel(target)
    # Our own certificate is the authority here: the question is whether it serves, not who signed it.
    pem = Path(certificate).read_bytes()
    credentials = grpc.ssl_channel_credentials(root_certificates=pem)
    return grpc.secure_channel(target, credentials, (("grpc.ssl_target_name_override", _name_in(pem)),))


def _name_in(pem: bytes) -> str:
    certificate = x509.load_pem_x509_certificate(pem)
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "localhost"
    return next((name.replace("*", "probe") for name in names.get_values_for_type(x509.DNSName)), "localhost")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (grpc.RpcError, OSError) as fault:
        print(f"not healthy: {fault.code() if isinstance(fault, grpc.RpcError) else fault}", file=sys.stderr)  # noqa: T201
        sys.exit(1)
