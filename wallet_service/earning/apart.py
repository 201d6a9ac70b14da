"""What becomes of a round that fails by something nobody foresaw: it goes on by halves, until the culprit is alone.

Rounds may be begun again at any moment, as after a crash: what was written down is gone on with, what was not is done
anew. An outage is no event's fault: then nothing is counted, and the leases run out.
"""

from __future__ import annotations

import logging
import time
from typing import Final, Protocol

from wallet_service.earning.rounds import Round, TakenOver
from wallet_service.runtime.errors import DatabaseError, StatementFailed

_log = logging.getLogger(__name__)
SECONDS_MAX: Final = 15.0
"""For all halves of a round: its lease must not run out meanwhile."""
_OF_VALUES: Final = ("21", "22", "23", "54", "P0")
"""Classes of SQLSTATE that tell of what a statement was given or found, not of the server or of the statement."""


class Steps(Protocol):
    """What a round consists of."""

    async def go_through(self, work: Round) -> None:
        """Do all that is to be done after the claim."""

    async def put_off(self, work: Round) -> None:
        """Count a try of what is due first in the one wallet of a round, and give the wallet back."""

    async def mark(self, work: Round) -> None:
        """Give the wallets back to the queue."""


def foreseen(fault: Exception) -> bool:
    """Whether a fault tells nothing of the events at hand."""
    if isinstance(fault, StatementFailed):
        return (fault.sqlstate or "")[:2] not in _OF_VALUES
    return isinstance(fault, DatabaseError | TakenOver | OSError | MemoryError)


async def work_off(steps: Steps, work: Round) -> None:
    """Go through a round, if need be by halves; raises only what was foreseen."""
    ends_at = time.monotonic() + SECONDS_MAX
    parts = [work]
    while parts:
        if time.monotonic() > ends_at:
            left = [claim for part in parts for claim in part.claims]
            return await steps.mark(Round(lease=work.lease, claims=left))
        part = parts.pop()
        smaller = _halves(part)
        try:
            await steps.go_through(part)
        except Exception as fault:
            if foreseen(fault):
                raise
            if smaller:
                _log.warning("a round of %d wallets goes on by halves: %r", len(part.claims), fault)
                parts += smaller
            else:
                _log.exception("an event failed alone")
                await steps.put_off(part)
    return None


def _halves(work: Round) -> list[Round]:
    """Return a round as smaller ones: of half the wallets each, then of one event; none if it is of one already."""
    middle = len(work.claims) // 2
    if middle:
        return [Round(lease=work.lease, claims=part) for part in (work.claims[middle:], work.claims[:middle])]
    return [Round(lease=work.lease, claims=work.claims, events_max=1)] if work.events_max > 1 else []
