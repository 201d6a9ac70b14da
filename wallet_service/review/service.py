"""Use cases of review: look at cases, take them, decide them, one or many; policies and statistics."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple, Protocol

from msgspec import Struct

from wallet_service.fraud.judged import SubjectKind
from wallet_service.fraud.rings.model import RingId
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import OperationId, ProgramId, WalletId
from wallet_service.ledger.service import Ledger, left
from wallet_service.review import policy, store
from wallet_service.review.carrying import Carrying
from wallet_service.review.holding import Holding
from wallet_service.review.model import (
    ACTS_SHOWN,
    ActKind,
    Case,
    CaseAct,
    CaseFilter,
    CaseId,
    Change,
    Decision,
    Found,
    Policy,
    Reviewer,
    Statistics,
)
from wallet_service.review.store import Position
from wallet_service.runtime.session import Statements

ATTEMPTS: Final = 5
"""How often something is decided anew because somebody else changed the case meanwhile."""
AT_ONCE: Final = 4
"""Decisions of a bulk that are under way side by side."""

LABELS_MAX: Final = 100_000
LABEL_SECONDS: Final = 30.0

Judge = Callable[[Found, Policy], Change | Refusal | None]


class Outcome(Struct, frozen=True, kw_only=True):
    """A case as it is after a call, and whether the call had been made before."""

    case: Case
    replayed: bool = False


class _Asked(NamedTuple):
    """What makes two calls with one id the same."""

    operation_id: OperationId
    kind: ActKind
    actor: str
    reason: str


async def redemption_labels(db: Statements) -> list[tuple[WalletId, str, bool]]:
    """Return what reviewers found out about redemptions: wallet, reservation, whether it was fraud."""
    return await store.read_redemption_labels(db, LABELS_MAX, timeout_seconds=LABEL_SECONDS)


class Pictures(Protocol):
    """Who draws wallets that hang together."""

    async def picture(
        self, ring_id: RingId, wallet_id: WalletId | None = None, *, timeout_seconds: float
    ) -> str | None:
        """Return a ring as SVG, one wallet in it marked; None: it is no more. The time is that of each read."""

    async def picture_around(self, wallet_id: WalletId, *, timeout_seconds: float) -> str | None:
        """Return the ring that a wallet is in, with the wallet marked; None: it is in none."""


class Review:
    """One per process. Deadlines are moments of `time.monotonic()`."""

    def __init__(self, db: Statements, ledger: Ledger, carrying: Carrying, pictures: Pictures) -> None:
        self._db = db
        self._ledger = ledger
        self._carrying = carrying
        self._holding = Holding(ledger)
        self._pictures = pictures

    async def cases(self, chosen: CaseFilter, after: Position, limit: int, deadline: float) -> list[Found]:
        """Return a page of cases, the most urgent first."""
        return await store.read_cases(self._db, chosen, after, limit, timeout_seconds=left(deadline))

    async def case(self, case_id: CaseId, deadline: float) -> tuple[Found, list[CaseAct]] | Refusal:
        """Return a case and the last that was done about it, the latest first."""
        found = await store.read_case(self._db, case_id, timeout_seconds=left(deadline))
        if found is None:
            return _no_such_case()
        acts = await store.read_acts(self._db, found.case, ACTS_SHOWN, timeout_seconds=left(deadline))
        return found, acts

    async def picture(self, case_id: CaseId, deadline: float) -> str | Refusal:
        """Return the wallets that hang together with that of a case as SVG, as they are now."""
        found = await store.read_case(self._db, case_id, timeout_seconds=left(deadline))
        if found is None:
            return _no_such_case()
        case, drawn = found.case, None
        if case.subject_kind is SubjectKind.RING:
            drawn = await self._pictures.picture(
                RingId(case.subject_id), case.wallet_id, timeout_seconds=left(deadline)
            )
        # A ring that fell apart is no more, and its wallet may be in what is left of it.
        drawn = drawn or await self._pictures.picture_around(case.wallet_id, timeout_seconds=left(deadline))
        return drawn or Refusal(reason=Reason.CASE_WITHOUT_RING, field="case_id")

    async def assign(self, case_id: CaseId, reviewer: Reviewer, deadline: float) -> Outcome | Refusal:
        """Give a case to a reviewer for as long as the policy's lease; taking it again makes the lease longer."""
        return await self._change(
            case_id, lambda found, terms: policy.assign(found, reviewer, terms, str(uuid.uuid4())), deadline
        )

    async def unassign(self, case_id: CaseId, reviewer: Reviewer, deadline: float) -> Outcome | Refusal:
        """Give a case back before its lease runs out."""
        return await self._change(
            case_id, lambda found, _: policy.unassign(found, reviewer, str(uuid.uuid4())), deadline
        )

    async def escalate(
        self, case_id: CaseId, operation_id: OperationId, reviewer: Reviewer, reason: str, deadline: float
    ) -> Outcome | Refusal:
        """Hand a case to the senior reviewers; its hold is kept as long as they have time."""
        return await self._change(
            case_id,
            lambda found, terms: policy.escalate(found, reviewer, terms, reason, operation_id),
            deadline,
            _Asked(operation_id, ActKind.ESCALATED, reviewer.name, reason),
        )

    async def note(
        self, case_id: CaseId, operation_id: OperationId, reviewer: Reviewer, text: str, deadline: float
    ) -> Outcome | Refusal:
        """Say something about a case."""
        return await self._change(
            case_id,
            lambda found, _: policy.note(found, reviewer, text, operation_id),
            deadline,
            _Asked(operation_id, ActKind.NOTED, reviewer.name, text),
        )

    async def decide(self, decision: Decision, reviewer: Reviewer, deadline: float) -> Outcome | Refusal:
        """Approve or reject a case, and tell the ledger or the event.

        The decision is written down first: of two reviewers one decides, and it stands even if this process dies
        before it is carried out. A hold that ended meanwhile ends the case in its own way.
        """
        for _ in range(ATTEMPTS):
            found = await store.read_case(self._db, decision.case_id, timeout_seconds=left(deadline))
            if found is None:
                return _no_such_case()
            act = await store.read_act(
                self._db, found.case, decision.operation_id, timeout_seconds=left(deadline)
            )
            if act is not None:
                if not policy.same_decision(act, decision, reviewer):
                    return _reused()
                return Outcome(case=await self._told(found, deadline), replayed=True)
            terms = await store.read_policy(self._db, found.case.program_id, timeout_seconds=left(deadline))
            change = policy.decide(found, decision, reviewer, terms)
            if isinstance(change, Refusal):
                return change
            if await store.record(self._db, change, timeout_seconds=left(deadline)):
                return Outcome(case=await self._told(policy.next_version(found, change), deadline))
        return _contended()

    async def decide_many(
        self, decisions: Sequence[Decision], reviewer: Reviewer, deadline: float
    ) -> list[Outcome | Refusal]:
        """Decide many cases, each for itself; an outcome for each, in order."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def one(decision: Decision) -> Outcome | Refusal:
            async with gate:
                return await self.decide(decision, reviewer, deadline)

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(decision)) for decision in decisions]
        return [task.result() for task in tasks]

    async def _told(self, found: Found, deadline: float) -> Case:
        return found.case if found.case.applied else await self._carrying.carry_out(found, deadline)

    async def _change(
        self, case_id: CaseId, judge: Judge, deadline: float, asked: _Asked | None = None
    ) -> Outcome | Refusal:
        for _ in range(ATTEMPTS):
            found = await store.read_case(self._db, case_id, timeout_seconds=left(deadline))
            if found is None:
                return _no_such_case()
            # Each time anew: whoever changed the case meanwhile may have been this very call, made twice.
            first = None if asked is None else await self._first(found, asked, deadline)
            if first is not None:
                return first
            terms = await store.read_policy(self._db, found.case.program_id, timeout_seconds=left(deadline))
            change = judge(found, terms)
            if isinstance(change, Refusal):
                return change
            if change is None:
                return Outcome(case=found.case, replayed=True)
            change = await self._holding.kept(change, deadline)
            if isinstance(change, Refusal):
                return change
            if await store.record(self._db, change, timeout_seconds=left(deadline)):
                return Outcome(case=policy.next_version(found, change).case)
        return _contended()

    async def _first(self, found: Found, asked: _Asked, deadline: float) -> Outcome | Refusal | None:
        """Return what is answered to an id that was used before."""
        act = await store.read_act(self._db, found.case, asked.operation_id, timeout_seconds=left(deadline))
        if act is None:
            return None
        same = (act.kind, act.actor, act.reason) == (asked.kind, asked.actor, asked.reason)
        return Outcome(case=found.case, replayed=True) if same else _reused()

    async def statistics(
        self, program_id: ProgramId, since: Instant, until: Instant, deadline: float
    ) -> Statistics | Refusal:
        """Return how review is doing in a program."""
        if await self._ledger.programs.find(program_id, left(deadline)) is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        return await store.read_statistics(self._db, program_id, since, until, timeout_seconds=left(deadline))

    async def policy(self, program_id: ProgramId, deadline: float) -> Policy:
        """Return a program's policy, or the defaults."""
        return await store.read_policy(self._db, program_id, timeout_seconds=left(deadline))

    async def put_policy(
        self,
        program_id: ProgramId,
        terms: Policy,
        before: int | None,
        actor: str,
        reason: str,
        deadline: float,
    ) -> Policy | Refusal:
        """Write a program's policy; `before` is the version that it replaces, None: whichever is there."""
        if await self._ledger.programs.find(program_id, left(deadline)) is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        version = (await self.policy(program_id, deadline)).version if before is None else before
        written = await store.put_policy(
            self._db, program_id, version, terms, actor, reason, timeout_seconds=left(deadline)
        )
        if written is None:
            return Refusal(reason=Reason.VERSION_MISMATCH, field="expected_version")
        return await self.policy(program_id, deadline)


def _no_such_case() -> Refusal:
    return Refusal(reason=Reason.CASE_NOT_FOUND, field="case_id")


def _reused() -> Refusal:
    return Refusal(reason=Reason.ID_REUSED, field="operation_id")


def _contended() -> Refusal:
    return Refusal(reason=Reason.CONTENTION, field="case_id")
