"""Doors for those who know more than counters do: a model of what is unusual, a map of who belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.model import By
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId


class Opinion(Struct, frozen=True, kw_only=True):
    """A score from 0 to 1,000, and what it rests on."""

    score: int
    reasons: tuple[str, ...] = ()


class Advisor(Protocol):
    """Has opinions about attempts: asked only where a policy has a limit on them, and never waited for beyond the budget.

    One that fails, whatever it raises, has no opinion that time: what was counted and the other advisors' stand.
    """

    async def opinions(self, asked: Sequence[Attempt]) -> Sequence[Opinion | None]:
        """Return an opinion for each, in order; None: none."""

    def granted(self, attempt: Attempt) -> None:
        """Hear of an attempt that was let pass and went through; called behind the reply."""


class Hearsay(Protocol):
    """Who keeps what wallets were seen with, for more than counting. Never waited for."""

    def saw(self, wallet_id: WalletId, by: By, key: str, at: Instant) -> None:
        """Hear that a wallet was seen with something, by its keyed hash."""

    def referred(self, wallet_id: WalletId, by: WalletId, at: Instant) -> None:
        """Hear that a wallet came by another one's word."""
