"""ReviewService: messages in, use cases, messages out."""

from __future__ import annotations

from typing import Final

from wallet.v1 import review_pb2

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal, RefusedError, refuse
from wallet_service.kernel.ids import OperationId, ProgramId, canonical_uuid
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.wire import answered, instant, plain, wallet_id_from
from wallet_service.review.model import OPEN_STATES, CaseFilter, CaseId, CaseState, Decision, Reviewer
from wallet_service.review.service import Outcome, Review
from wallet_service.review.store import FIRST, Position
from wallet_service.review.wire import (
    act_message,
    case_message,
    decision_of,
    evidence_message,
    found_message,
    policy_message,
    policy_of,
    statistics_message,
)
from wallet_service.transport.call import Call
from wallet_service.transport.scopes import Scope
from wallet_service.transport.status import fill_refusal
from wallet_service.transport.validation import first_violation

PAGE_DEFAULT: Final = 50


class ReviewRpc:
    """What people decide."""

    def __init__(self, review: Review, keys: KeyRing) -> None:
        self._review = review
        self._pages = PageTokens(keys)

    async def list_cases(
        self, request: review_pb2.ListCasesRequest, call: Call
    ) -> review_pb2.ListCasesResponse:
        """Answer a page of cases, the most urgent first."""
        wallet_id = wallet_id_from(request.wallet, call) if request.HasField("wallet") else None
        states = tuple(CaseState(state) for state in request.states if state) or tuple(sorted(OPEN_STATES))
        chosen = CaseFilter(
            program_id=ProgramId(request.program_id) if request.program_id else None, states=states,
            assigned_to=plain(request.assigned_to, "assigned_to") or None, wallet_id=wallet_id,
        )  # fmt: skip
        shape = f"{chosen.program_id}|{sorted(states)}|{chosen.assigned_to}|{wallet_id}"
        after = _position(self._pages.open("cases", shape, request.page_token))
        size = request.page_size or PAGE_DEFAULT
        page = await self._review.cases(chosen, after, size + 1, call.deadline)
        token = ""
        if len(page) > size:
            last = page[size - 1].case
            token = self._pages.seal("cases", shape, f"{last.priority},{last.opened_at},{last.case_id}")
        return review_pb2.ListCasesResponse(
            cases=[found_message(found) for found in page[:size]], next_page_token=token
        )

    async def get_case(self, request: review_pb2.GetCaseRequest, call: Call) -> review_pb2.GetCaseResponse:
        """Answer a case with its evidence and what was done about it."""
        found, acts = answered(await self._review.case(_case_id(request.case_id), call.deadline))
        return review_pb2.GetCaseResponse(
            case=found_message(found), evidence=evidence_message(found.case.evidence),
            acts=[act_message(act) for act in acts],
        )  # fmt: skip

    async def get_case_picture(
        self, request: review_pb2.GetCasePictureRequest, call: Call
    ) -> review_pb2.GetCasePictureResponse:
        """Answer a picture of the wallets that hang together with that of a case."""
        svg = answered(await self._review.picture(_case_id(request.case_id), call.deadline))
        return review_pb2.GetCasePictureResponse(svg=svg.encode())

    async def assign_case(
        self, request: review_pb2.AssignCaseRequest, call: Call
    ) -> review_pb2.AssignCaseResponse:
        """Take a case, or give it back."""
        act = self._review.unassign if request.release else self._review.assign
        reviewer = _reviewer(request.reviewer, call)
        outcome = answered(await act(_case_id(request.case_id), reviewer, call.deadline))
        return review_pb2.AssignCaseResponse(case=case_message(outcome.case))

    async def decide_case(
        self, request: review_pb2.DecideCaseRequest, call: Call
    ) -> review_pb2.DecideCaseResponse:
        """Approve or reject a case."""
        reviewer = _reviewer(request.reviewer, call)
        outcome = await self._review.decide(decision_of(request.decision), reviewer, call.deadline)
        return _decided(answered(outcome))

    async def decide_cases(
        self, request: review_pb2.DecideCasesRequest, call: Call
    ) -> review_pb2.DecideCasesResponse:
        """Decide many cases; one that is malformed or refused leaves the others untouched."""
        reviewer = _reviewer(request.reviewer, call)
        parsed = [_parsed(decision, number) for number, decision in enumerate(request.decisions)]
        sound = [item for item in parsed if not isinstance(item, Refusal)]
        outcomes = iter(await self._review.decide_many(sound, reviewer, call.deadline))
        response = review_pb2.DecideCasesResponse()
        for item in parsed:
            outcome = item if isinstance(item, Refusal) else next(outcomes)
            if isinstance(outcome, Refusal):
                fill_refusal(response.outcomes.add().refusal, outcome)
            else:
                response.outcomes.add().decided.CopyFrom(_decided(outcome))
        return response

    async def escalate_case(
        self, request: review_pb2.EscalateCaseRequest, call: Call
    ) -> review_pb2.EscalateCaseResponse:
        """Hand a case to those who may decide more."""
        outcome = answered(
            await self._review.escalate(
                _case_id(request.case_id), _operation_id(request.operation_id), _reviewer(request.reviewer, call),
                plain(request.reason, "reason"), call.deadline,
            )
        )  # fmt: skip
        return review_pb2.EscalateCaseResponse(case=case_message(outcome.case), replayed=outcome.replayed)

    async def add_note(self, request: review_pb2.AddNoteRequest, call: Call) -> review_pb2.AddNoteResponse:
        """Say something about a case."""
        outcome = answered(
            await self._review.note(
                _case_id(request.case_id), _operation_id(request.operation_id), _reviewer(request.reviewer, call),
                plain(request.text, "text"), call.deadline,
            )
        )  # fmt: skip
        return review_pb2.AddNoteResponse(case=case_message(outcome.case), replayed=outcome.replayed)

    async def get_review_statistics(
        self, request: review_pb2.GetReviewStatisticsRequest, call: Call
    ) -> review_pb2.GetReviewStatisticsResponse:
        """Answer how review is doing in a program."""
        since = instant(request.since, "since") if request.HasField("since") else Instant(0)
        until = instant(request.until, "until") if request.HasField("until") else NEVER
        found = await self._review.statistics(ProgramId(request.program_id), since, until, call.deadline)
        return statistics_message(answered(found))

    async def put_review_policy(
        self, request: review_pb2.PutReviewPolicyRequest, call: Call
    ) -> review_pb2.PutReviewPolicyResponse:
        """Replace a program's policy of review."""
        by = request.accountability
        policy = await self._review.put_policy(
            ProgramId(request.program_id), policy_of(request.policy),
            request.expected_version if request.HasField("expected_version") else None,
            plain(by.actor, "accountability.actor"), plain(by.reason, "accountability.reason"), call.deadline,
        )  # fmt: skip
        return review_pb2.PutReviewPolicyResponse(policy=policy_message(answered(policy)))

    async def get_review_policy(
        self, request: review_pb2.GetReviewPolicyRequest, call: Call
    ) -> review_pb2.GetReviewPolicyResponse:
        """Answer a program's policy of review, or the defaults."""
        policy = await self._review.policy(ProgramId(request.program_id), call.deadline)
        return review_pb2.GetReviewPolicyResponse(policy=policy_message(policy))


def _reviewer(named: str, call: Call) -> Reviewer:
    """Return who decides: the token's subject, or whom a token that may speak for others names."""
    caller = call.caller
    name = plain(named, "reviewer") or caller.subject
    if name != caller.subject and Scope.REVIEW_DELEGATE not in caller.scopes:
        raise refuse(Reason.SCOPE_MISSING, "reviewer", scopes=Scope.REVIEW_DELEGATE.value)
    return Reviewer(name=name, senior=Scope.REVIEW_SENIOR in caller.scopes)


def _case_id(text: str) -> CaseId:
    return CaseId(canonical_uuid(text))


def _operation_id(text: str) -> OperationId:
    return OperationId(canonical_uuid(text))


def _parsed(decision: review_pb2.CaseDecision, number: int) -> Decision | Refusal:
    field = f"decisions[{number}]"
    refusal = first_violation(decision, field)
    if refusal is not None:
        return refusal
    try:
        return decision_of(decision, field)
    except RefusedError as refused:
        return refused.refusal


def _decided(outcome: Outcome) -> review_pb2.DecideCaseResponse:
    return review_pb2.DecideCaseResponse(case=case_message(outcome.case), replayed=outcome.replayed)


def _position(text: str | None) -> Position:
    if text is None:
        return FIRST
    priority, opened_at, case_id = text.split(",")
    return int(priority), Instant(int(opened_at)), CaseId(case_id)
