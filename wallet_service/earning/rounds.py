"""What one round of the worker has in hand, from its claim to its mark."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wallet_service.earning import store
from wallet_service.earning.asking import Asked
from wallet_service.earning.desk import Desk
from wallet_service.earning.model import Event, EventId, EventKey, Result
from wallet_service.fraud.model import Signals
from wallet_service.kernel.ids import WalletId
from wallet_service.rules.model import Profile

EVENTS_PER_WALLET: Final = 50


@dataclass(slots=True, kw_only=True)
class Round:
    """What one round has in hand."""

    lease: str
    claims: list[store.Claim]
    events_max: int = EVENTS_PER_WALLET
    """How many of each wallet's events are worked on."""
    due: list[Event] = field(default_factory=list)
    related: list[Event] = field(default_factory=list)
    elsewhere: set[tuple[WalletId, str]] = field(default_factory=set)
    """Purchases whose orders are those of other wallets."""
    owing: list[Event] = field(default_factory=list)
    pace: dict[WalletId, store.Pace] = field(default_factory=dict)
    used: dict[WalletId, dict[str, int]] = field(default_factory=dict)
    signals: dict[WalletId, dict[EventId, Signals]] = field(default_factory=dict)
    """By wallet, too: an event's id says its source and nothing of its program."""
    profiles: dict[WalletId, Profile] = field(default_factory=dict)
    desks: dict[WalletId, Desk] = field(default_factory=dict)
    asked: dict[int, Asked] = field(default_factory=dict)
    known: dict[EventKey, Result] = field(default_factory=dict)
    """What stands written as the result of each event."""

    @property
    def wallets(self) -> list[WalletId]:
        """The wallets that were claimed."""
        return [claim.wallet_id for claim in self.claims]


class TakenOver(Exception):  # noqa: N818 - it says what happened
    """The lease ran out and another worker has the wallet: whatever it does next is its own."""
