"""The connections of a client. A service of several processes shares connections out, not calls: so several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, TypeAlias

import grpc
from wallet.v1.admin_pb2_grpc import AdminServiceStub
from wallet.v1.checkout_pb2 import ExecuteResponse
from wallet.v1.checkout_pb2_grpc import CheckoutServiceStub
from wallet.v1.earning_pb2_grpc import EarningServiceStub
from wallet.v1.review_pb2_grpc import ReviewServiceStub
from wallet.v1.wallet_pb2_grpc import WalletServiceStub

if TYPE_CHECKING:
    # Exist in the stub files only: at runtime one class serves both kinds of channel.
    from wallet.v1.admin_pb2_grpc import AdminServiceAsyncStub
    from wallet.v1.checkout_pb2_grpc import CheckoutServiceAsyncStub
    from wallet.v1.earning_pb2_grpc import EarningServiceAsyncStub
    from wallet.v1.review_pb2_grpc import ReviewServiceAsyncStub
    from wallet.v1.wallet_pb2_grpc import WalletServiceAsyncStub

TokenSource: TypeAlias = str | Callable[[], str]
"""A bearer token, or what returns the present one; asked before every call, so it must not block."""

Metadata: TypeAlias = tuple[tuple[str, str], ...]

EXECUTE: Final = "/wallet.v1.CheckoutService/Execute"
_OPTIONS: Final[tuple[tuple[str, int | str], ...]] = (
    # Equal channels would share one connection.
    ("grpc.use_local_subchannel_pool", 1),
    # A name that stands for several processes (a headless service): calls go to all of them by turns, not to the first.
    ("grpc.lb_policy_name", "round_robin"),
    # Repetition is ours: the library's own knows nothing of ids.
    ("grpc.enable_retries", 0),
    # A restarted service is found again within a second; the default backs off to two minutes.
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 1_000),
    ("grpc.max_reconnect_backoff_ms", 1_000),
    # A peer that vanished without a word is noticed while calls wait for it.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.max_receive_message_length", 16 * 1024 * 1024),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """How to trust the service, and (mutual TLS) how to be trusted; all in PEM."""

    ca_pem: bytes | None = None
    """Absent: the roots that the gRPC library brings."""
    key_pem: bytes | None = None
    certificate_pem: bytes | None = None
    server_name: str = ""
    """The name in the service's certificate, where it is not that of the target."""


class Line:
    """One connection: its stubs, and how many calls are on it."""

    __slots__ = ("admin", "channel", "checkout", "earning", "execute", "in_flight", "review", "wallet")

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self.channel = channel
        self.checkout: CheckoutServiceAsyncStub = CheckoutServiceStub(channel)
        self.wallet: WalletServiceAsyncStub = WalletServiceStub(channel)
        self.earning: EarningServiceAsyncStub = EarningServiceStub(channel)
        self.admin: AdminServiceAsyncStub = AdminServiceStub(channel)
        self.review: ReviewServiceAsyncStub = ReviewServiceStub(channel)
        # Operations are encoded one by one as they come in: a batch is their bytes in a row.
        self.execute: grpc.aio.UnaryUnaryMultiCallable[bytes, ExecuteResponse] = channel.unary_unary(
            EXECUTE, response_deserializer=ExecuteResponse.FromString
        )
        self.in_flight = 0


class Lines:
    """All connections of a client to one target."""

    __slots__ = ("_lines", "_metadata", "_token", "_turn")

    def __init__(self, target: str, token: TokenSource, *, channels: int, tls: Tls | None) -> None:
        if channels < 1:
            raise ValueError("channels: at least 1")
        self._lines = [Line(_open(target, tls)) for _ in range(channels)]
        self._turn = 0
        self._token = token
        self._metadata = _bearer(token) if isinstance(token, str) else None

    def pick(self) -> Line:
        """Return the line with the fewest calls on it; equals take turns."""
        self._turn = (self._turn + 1) % len(self._lines)
        turn = self._lines[self._turn]
        least = min(self._lines, key=_calls_on)
        return least if least.in_flight < turn.in_flight else turn

    def metadata(self) -> Metadata:
        """Return what every call carries: the bearer token."""
        if self._metadata is not None:
            return self._metadata
        return _bearer(self._token if isinstance(self._token, str) else self._token())

    async def close(self) -> None:
        """Close every connection; calls still on them end as cancelled."""
        for line in self._lines:
            await line.channel.close()


def _calls_on(line: Line) -> int:
    return line.in_flight


def _bearer(token: str) -> Metadata:
    return (("authorization", f"Bearer {token}"),)


def _open(target: str, tls: Tls | None) -> grpc.aio.Channel:
    if tls is None:
        return grpc.aio.insecure_channel(target, options=_OPTIONS)
    options: list[tuple[str, int | str]] = list(_OPTIONS)
    if tls.server_name:
        options.append(("grpc.ssl_target_name_override", tls.server_name))
    credentials = grpc.ssl_channel_credentials(tls.ca_pem, tls.key_pem, tls.certificate_pem)
    return grpc.aio.secure_channel(target, credentials, options=options)
