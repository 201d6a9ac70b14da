"""What is about to be decided, as the counters see it. Pure."""

from __future__ import annotations

from msgspec import Struct

from wallet_service.fraud.model import By, Of, Signals, Trace, Traces
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.kernel.ids import ProgramId, WalletId


class Attempt(Struct, frozen=True, kw_only=True, gc=False, eq=False):
    """A redemption or an event at a moment. Each is itself: two with the same content are two attempts."""

    of: Of
    program_id: ProgramId
    wallet_id: WalletId
    subject_id: str
    amount: int
    at: Instant
    kind: str = ""
    traces: Traces = Traces()

    @property
    def second(self) -> int:
        """Its moment in seconds."""
        return self.at // MICROSECONDS_PER_SECOND

    def trace(self, by: By) -> Trace | None:
        """Return what it is counted by; None if that was not told."""
        return Trace(key=self.wallet_id) if by is By.WALLET else self.traces.by(by)

    def signals(self, readings: dict[str, int] | None = None, link_age_seconds: int | None = None) -> Signals:
        """Return what is known of it, with what was asked of others or without."""
        changed_at = self.traces.credentials_changed_at
        age = None if changed_at is None else max(0, self.at - changed_at) // MICROSECONDS_PER_SECOND
        return Signals(
            of=self.of, amount=self.amount, kind=self.kind, wallet_id=self.wallet_id, traces=self.traces,
            credentials_age_seconds=age, readings=readings or {}, link_age_seconds=link_age_seconds,
        )  # fmt: skip
