"""A command in the ledger's queue, from its caller's call to its answer."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass

from msgspec.structs import replace

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import WalletId
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


def leave_before(line: deque[Waiting], end: float, wallets: Collection[WalletId]) -> list[Waiting]:
    """Take out of a line who waits for one of the wallets and whose time is over by a moment, and return them."""
    leaving = {
        waiting
        for waiting in line
        if waiting.deadline <= end and not waiting.future.done() and waiting.command.wallet_id in wallets
    }
    if leaving:
        staying = [waiting for waiting in line if waiting not in leaving]
        line.clear()
        line.extend(staying)
    return list(leaving)


def refusal_of(waiting: Waiting, reason: Reason) -> Refusal:
    """Refuse a command that found no answer: what may have happened all the same is unknown."""
    return Refusal(reason=reason if waiting.unknown is None else Reason.OUTCOME_UNKNOWN)


def as_first(waiting: Waiting, outcome: Outcome) -> Outcome:
    """Answer as the attempt that had no answer would have: what we find now is what it had done."""
    first = waiting.unknown
    if first is None or _replayed(first):
        return outcome
    if not isinstance(outcome, Refusal):
        return replace(outcome, replayed=False) if outcome.replayed else outcome
    facts = {name: fact for name, fact in outcome.facts.items() if name != "replayed"}
    return replace(outcome, facts=facts) if len(facts) < len(outcome.facts) else outcome


def _replayed(outcome: Outcome) -> bool:
    return "replayed" in outcome.facts if isinstance(outcome, Refusal) else outcome.replayed
