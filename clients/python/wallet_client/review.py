"""What people decide: cases, decisions, policies of review."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from datetime import datetime

from wallet.v1.review_pb2 import (
    AddNoteRequest,
    AssignCaseRequest,
    Case,
    CaseDecision,
    CaseOutcome,
    CaseState,
    DecideCaseRequest,
    DecideCaseResponse,
    DecideCasesRequest,
    EscalateCaseRequest,
    GetCasePictureRequest,
    GetCaseRequest,
    GetCaseResponse,
    GetReviewPolicyRequest,
    GetReviewStatisticsRequest,
    GetReviewStatisticsResponse,
    ListCasesRequest,
    PutReviewPolicyRequest,
    ReviewPolicy,
)
from wallet.v1.wallet_pb2 import Accountability

from wallet_client.calls import Calls
from wallet_client.ids import WalletAddress, new_id, wallet_ref
from wallet_client.times import stamp


class Review:
    """The calls of ReviewService. Who decides is the token's subject; a back office may name the `reviewer`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def cases(
        self,
        program_id: str = "",
        *,
        states: Iterable[CaseState.ValueType] = (),
        assigned_to: str = "",
        wallet: WalletAddress | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[Case]:
        """Yield cases, the most urgent first; without states those that wait for a person. The timeout is a page's."""
        request = ListCasesRequest(
            program_id=program_id, states=states, assigned_to=assigned_to, page_size=page_size,
            wallet=None if wallet is None else wallet_ref(wallet),
        )  # fmt: skip
        while True:
            page = await self._calls.unary(
                lambda line: line.review.ListCases, request, timeout_seconds=timeout_seconds
            )
            for case in page.cases:
                yield case
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def case(self, case_id: str, *, timeout_seconds: float | None = None) -> GetCaseResponse:
        """Return a case with its evidence and what was done about it."""
        return await self._calls.unary(
            lambda line: line.review.GetCase, GetCaseRequest(case_id=case_id), timeout_seconds=timeout_seconds
        )

    async def picture(self, case_id: str, *, timeout_seconds: float | None = None) -> bytes:
        """Return the wallets that hang together with that of a case, as SVG; raises CaseWithoutRing."""
        response = await self._calls.unary(
            lambda line: line.review.GetCasePicture,
            GetCasePictureRequest(case_id=case_id),
            timeout_seconds=timeout_seconds,
        )
        return response.svg

    async def take(self, case_id: str, *, reviewer: str = "", timeout_seconds: float | None = None) -> Case:
        """Take a case for as long as the lease of its program says; again: for longer."""
        request = AssignCaseRequest(case_id=case_id, reviewer=reviewer)
        response = await self._calls.unary(
            lambda line: line.review.AssignCase, request, timeout_seconds=timeout_seconds
        )
        return response.case

    async def give_back(
        self, case_id: str, *, reviewer: str = "", timeout_seconds: float | None = None
    ) -> Case:
        """Give a case back before its lease runs out."""
        request = AssignCaseRequest(case_id=case_id, reviewer=reviewer, release=True)
        response = await self._calls.unary(
            lambda line: line.review.AssignCase, request, timeout_seconds=timeout_seconds
        )
        return response.case

    async def approve(
        self,
        case_id: str,
        reason: str,
        *,
        reviewer: str = "",
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> DecideCaseResponse:
        """Let a hold or an event pass; the case is open still if a second person must approve."""
        decision = CaseDecision(
            case_id=case_id, operation_id=operation_id or new_id(), reason=reason, verdict=CaseDecision.VERDICT_APPROVE
        )  # fmt: skip
        return await self._decide(decision, reviewer, timeout_seconds)

    async def reject(
        self,
        case_id: str,
        reason: str,
        *,
        reviewer: str = "",
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> DecideCaseResponse:
        """Give a hold's value back, or let an event earn nothing."""
        decision = CaseDecision(
            case_id=case_id, operation_id=operation_id or new_id(), reason=reason, verdict=CaseDecision.VERDICT_REJECT
        )  # fmt: skip
        return await self._decide(decision, reviewer, timeout_seconds)

    async def _decide(
        self, decision: CaseDecision, reviewer: str, timeout_seconds: float | None
    ) -> DecideCaseResponse:
        return await self._calls.unary(
            lambda line: line.review.DecideCase,
            DecideCaseRequest(decision=decision, reviewer=reviewer),
            timeout_seconds=timeout_seconds,
            sent_id=decision.operation_id,
        )

    async def decide_many(
        self, decisions: Iterable[CaseDecision], *, reviewer: str = "", timeout_seconds: float | None = None
    ) -> Sequence[CaseOutcome]:
        """Decide up to 100 cases, each for itself; an outcome for each, in order."""
        response = await self._calls.unary(
            lambda line: line.review.DecideCases,
            DecideCasesRequest(decisions=decisions, reviewer=reviewer),
            timeout_seconds=timeout_seconds,
        )
        return response.outcomes

    async def escalate(
        self,
        case_id: str,
        reason: str,
        *,
        reviewer: str = "",
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Case:
        """Hand a case to those who may decide more."""
        request = EscalateCaseRequest(
            case_id=case_id, operation_id=operation_id or new_id(), reason=reason, reviewer=reviewer
        )
        response = await self._calls.unary(
            lambda line: line.review.EscalateCase,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=request.operation_id,
        )
        return response.case

    async def note(
        self,
        case_id: str,
        text: str,
        *,
        reviewer: str = "",
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Case:
        """Say something about a case."""
        request = AddNoteRequest(
            case_id=case_id, operation_id=operation_id or new_id(), text=text, reviewer=reviewer
        )
        response = await self._calls.unary(
            lambda line: line.review.AddNote,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=request.operation_id,
        )
        return response.case

    async def statistics(
        self,
        program_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        timeout_seconds: float | None = None,
    ) -> GetReviewStatisticsResponse:
        """Return how often each reason was right, and how long decisions took."""
        request = GetReviewStatisticsRequest(
            program_id=program_id, since=None if since is None else stamp(since),
            until=None if until is None else stamp(until),
        )  # fmt: skip
        return await self._calls.unary(
            lambda line: line.review.GetReviewStatistics, request, timeout_seconds=timeout_seconds
        )

    async def policy(self, program_id: str, *, timeout_seconds: float | None = None) -> ReviewPolicy:
        """Return who may decide what in a program, and how long it may take."""
        response = await self._calls.unary(
            lambda line: line.review.GetReviewPolicy,
            GetReviewPolicyRequest(program_id=program_id),
            timeout_seconds=timeout_seconds,
        )
        return response.policy

    async def put_policy(
        self,
        program_id: str,
        policy: ReviewPolicy,
        *,
        actor: str,
        reason: str,
        expected_version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> ReviewPolicy:
        """Replace a program's policy of review."""
        request = PutReviewPolicyRequest(
            program_id=program_id, policy=policy, expected_version=expected_version,
            accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        response = await self._calls.unary(
            lambda line: line.review.PutReviewPolicy, request, timeout_seconds=timeout_seconds
        )
        return response.policy
