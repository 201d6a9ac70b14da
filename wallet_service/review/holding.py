"""Keeps holds waiting as long as their cases may: what reviewers are given time for must not expire under them.

The hold is extended first, and only then is it written down that there is time: whoever dies in between leaves a hold
that lives longer than it had to, never a case without its hold.
"""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.judged import SubjectKind
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import ReservationId, WalletId
from wallet_service.ledger import commands
from wallet_service.ledger.model import Reservation
from wallet_service.ledger.service import Ledger
from wallet_service.review.model import ActKind, Change

HELD_SECONDS_MAX: Final = 90 * 86_400
"""From its Reserve: longer no escalation keeps a customer's value away from him."""


class Holding:
    """Asks the ledger for time."""

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger

    async def until(
        self, wallet_id: WalletId, subject_id: str, now: Instant, wanted: Instant, deadline: float
    ) -> Reservation | Refusal:
        """Keep a hold at least until a moment, or as long as it may live at most."""
        command = commands.ExtendReview(
            wallet_id=wallet_id, reservation_id=ReservationId(subject_id),
            ttl_seconds=max(0, -(-(wanted - now) // MICROSECONDS_PER_SECOND)), lifetime_seconds_max=HELD_SECONDS_MAX,
        )  # fmt: skip
        outcome = await self._ledger.submit(command, deadline)
        if isinstance(outcome, Refusal):
            return outcome
        assert isinstance(outcome, commands.ReservationOutcome), "of a reservation"
        return outcome.reservation

    async def kept(self, change: Change, deadline: float) -> Change | Refusal:
        """Return an escalation whose hold lives as long as the case may wait; any other change as it is.

        Refused: the hold has ended meanwhile, or the ledger cannot be asked now.
        """
        case = change.after
        if change.act.kind is not ActKind.ESCALATED or case.subject_kind is not SubjectKind.RESERVATION:
            return change
        hold = await self.until(case.wallet_id, case.subject_id, change.act.at, case.due_at, deadline)
        if isinstance(hold, Refusal):
            return hold
        return replace(change, after=replace(case, due_at=min(case.due_at, hold.expires_at)))
