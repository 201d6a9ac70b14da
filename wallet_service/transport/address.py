"""Where the service listens, checked before gRPC is asked, so that a busy port is one clear line."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wallet_service.runtime.config import is_loopback
from wallet_service.runtime.errors import ConfigError, StartError

if TYPE_CHECKING:
    # It imports gRPC, which a supervisor and the start of embedded servers do without.
    from wallet_service.transport.tls import TlsFiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Binding:
    """An address to listen on, and how it is protected."""

    host: str = "127.0.0.1"
    port: int = 0
    """0 takes a free one."""
    tls: TlsFiles | None = None
    insecure_bind: bool = False
    """Said in so many words: plain text beyond loopback is wanted."""
    shared: bool = False
    """Several workers of one service listen on the same port (SO_REUSEPORT), which `claim_port` holds for them."""

    @property
    def address(self) -> str:
        """The address as gRPC writes it; IPv6 goes in brackets."""
        return join(self.host, self.port)


def join(host: str, port: int) -> str:
    """Return HOST:PORT, with an IPv6 host in brackets."""
    bare = host.strip("[]")
    return f"[{bare}]:{port}" if ":" in bare else f"{bare}:{port}"


def check(binding: Binding) -> None:
    """Raise one clear line if listening there would be unsafe or cannot work."""
    if binding.tls is None and not binding.insecure_bind and not is_loopback(binding.host):
        raise ConfigError(
            f"listening on {binding.host} without TLS is refused: configure a certificate and key,"
            " or say insecure_bind if something else encrypts"
        )
    # Workers find the port held by their parent; a lone process finds out here whether it is free.
    if not binding.shared:
        _probe(binding.host, binding.port).close()


@contextmanager
def claim_port(host: str, port: int) -> Iterator[int]:
    """Hold a port for several workers and yield its number; raises StartError if somebody else listens there.

    With SO_REUSEPORT alone a second service of the same user would quietly take half of the first one's calls, so
    the port is first tried without it. The holding socket never listens, so no connection is lost to it.
    """
    with closing(_probe(host, port)) as probe:
        number = int(probe.getsockname()[1])
    with closing(_socket(host)) as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bind(holder, host, number)
        yield number


def _probe(host: str, port: int) -> socket.socket:
    probe = _socket(host)
    _bind(probe, host, port)
    return probe


def _socket(host: str) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    # What a stopped service leaves in TIME_WAIT does not make a port busy; a listener does.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    return made


def _bind(opened: socket.socket, host: str, port: int) -> None:
    try:
        opened.bind((host.strip("[]"), port))
    except OSError as error:
        opened.close()
        if error.errno == errno.EADDRINUSE:
            raise StartError(
                f"{join(host, port)} is already in use: stop what listens there, or choose another port"
                " with --port or WALLET_GRPC_PORT"
            ) from None
        raise StartError(f"cannot listen on {join(host, port)}: {error.strerror or error}") from None
