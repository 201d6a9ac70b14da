"""Doors for those who know more than counters do: a model of what is unusual, a map of who belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from msgspec import Struct

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.model import Signals


class Opinion(Struct, frozen=True, kw_only=True):
    """A score from 0 to 1,000, and what it rests on."""

    score: int
    reasons: tuple[str, ...] = ()


class Advisor(Protocol):
    """Has opinions about attempts: asked only where a policy has a limit on them, and never waited for beyond the budget."""

    async def opinions(self, asked: Sequence[tuple[Attempt, Signals]]) -> Sequence[Opinion | None]:
        """Return an opinion for each, in order; None: none."""
