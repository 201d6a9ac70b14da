"""What every rpc method is told about its call. Knows neither grpc nor tokens."""

from __future__ import annotations

import time
from dataclasses import dataclass

from wallet_service.kernel.ids import WalletId
from wallet_service.transport.scopes import Scope


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Who calls: a service, or a customer who may only look at one wallet."""

    subject: str
    scopes: frozenset[Scope]
    wallet_id: WalletId | None = None
    """A customer's own wallet; None for a service, which may see every wallet."""

    @property
    def is_customer(self) -> bool:
        """Whether the token speaks for one customer rather than for a service."""
        return self.wallet_id is not None

    def may_see(self, wallet_id: WalletId) -> bool:
        """Whether this wallet exists as far as the caller is concerned.

        A room answers a wallet that may not be seen exactly as one that is absent: same reason, text and details.
        """
        return self.wallet_id is None or self.wallet_id == wallet_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One call: its method, its caller, its deadline and the trace that it belongs to."""

    method: str
    """As on the wire: `/wallet.v1.CheckoutService/Quote`."""
    caller: Caller
    deadline: float
    """The moment of `time.monotonic()` at which nobody waits for the answer any more."""
    trace_id: str = ""
    """32 lower-case hex digits, or empty when the caller sent no trace."""
    parent_span_id: str = ""
    only_finishes: bool = False
    """Let in through the room that is kept for what finishes something: nothing else may begin in it."""

    def remaining_seconds(self) -> float:
        """Return how long the answer is still wanted; never negative."""
        return max(0.0, self.deadline - time.monotonic())
