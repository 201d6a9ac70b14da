"""Tells the ledger or the event what was decided.

Telling twice is telling once; whatever is not known to have been told is told again by the worker.
"""

from __future__ import annotations

from typing import Final

from wallet_service.earning.service import Earning
from wallet_service.fraud.judged import SubjectKind
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ReservationId
from wallet_service.ledger import commands
from wallet_service.ledger.service import Ledger, left
from wallet_service.review import policy, store
from wallet_service.review.model import Case, CaseState, Found
from wallet_service.runtime.session import Statements

_TRANSIENT: Final = frozenset(
    {
        Reason.OVERLOADED,
        Reason.SHUTTING_DOWN,
        Reason.DEADLINE_EXCEEDED,
        Reason.DATABASE_UNAVAILABLE,
        Reason.OUTCOME_UNKNOWN,
        Reason.CONTENTION,
        Reason.INTERNAL,
    }
)
"""Says nothing about the hold: it is told again later."""
_DONE: Final = frozenset({Reason.CASE_DECIDED, Reason.RESERVATION_COMMITTED, Reason.RESERVATION_REJECTED})
"""Somebody told it before, by another id."""


class Carrying:
    """Carries decisions out."""

    def __init__(self, db: Statements, ledger: Ledger, earning: Earning) -> None:
        self._db = db
        self._ledger = ledger
        self._earning = earning

    async def carry_out(self, found: Found, deadline: float) -> Case:
        """Carry out what was decided, as far as that is possible now; returns the case as it is then."""
        told, too_late = await self._tell(found.case, deadline)
        if not told:
            return found.case
        change = policy.applied(found, too_late)
        if change is None:
            return found.case
        if await store.record(self._db, change, timeout_seconds=left(deadline)):
            return policy.next_version(found, change).case
        # Somebody was as fast, or has said something meanwhile.
        again = await store.read_case(self._db, found.case.case_id, timeout_seconds=left(deadline))
        return found.case if again is None else again.case

    async def _tell(self, case: Case, deadline: float) -> tuple[bool, Refusal | None]:
        """Return whether the decision has arrived, and why it came too late, if it did."""
        approve = case.state is CaseState.APPROVED
        match case.subject_kind:
            case SubjectKind.RESERVATION:
                return await self._tell_ledger(case, approve=approve, deadline=deadline)
            case SubjectKind.EVENT:
                await self._earning.review(
                    case.wallet_id, case.subject_id, approve=approve, deadline=deadline
                )
                return True, None
            case SubjectKind.RING:
                # A picture of wallets: what follows from it is decided wallet by wallet.
                return True, None

    async def _tell_ledger(
        self, case: Case, *, approve: bool, deadline: float
    ) -> tuple[bool, Refusal | None]:
        assert case.operation_id is not None, "it was decided"
        command = commands.Review(
            wallet_id=case.wallet_id, operation_id=case.operation_id, reservation_id=ReservationId(case.subject_id),
            approve=approve, actor=case.decided_by, reason=case.reason, ttl_seconds=case.approved_ttl_seconds,
        )  # fmt: skip
        outcome = await self._ledger.submit(command, deadline)
        if not isinstance(outcome, Refusal) or outcome.reason in _DONE:
            return True, None
        return (False, None) if outcome.reason in _TRANSIENT else (True, outcome)
