"""A command in the ledger's queue, from its caller's call to its answer."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from wallet_service.ledger.commands import Command, Deferred, Outcome


@dataclass(slots=True, eq=False)
class Waiting:
    """A command and the caller who waits for its outcome."""

    command: Command | Deferred
    deadline: float
    future: asyncio.Future[Outcome]
    decided: Outcome | None = None
    """What the append that is under way would tell."""
    unknown: Outcome | None = None
    """What an append that had no answer would have told: it may have happened."""
    answered: bool = False
    freed: bool = False
    """Whether its wallet was given back to others."""
