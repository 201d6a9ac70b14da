"""A case: what a person must decide, on what evidence, and what was done about it. Frozen values.

Structs of msgspec, because evidence and policies are stored as JSON: by field names, so that a field may be added
with a default. Moments are those of the program's clock, but for a lease, which is a person's.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum, unique
from typing import Final, NewType

from msgspec import Struct

from wallet_service.fraud.judged import Signal, SubjectKind
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import OperationId, ProgramId, WalletId

CaseId = NewType("CaseId", str)
BULK_MAX: Final = 100
HISTORY_MAX: Final = 10
"""Entries of the wallet that are kept as evidence."""
ACTS_SHOWN: Final = 200
REVIEWERS_MAX: Final = 500
RING_MEMBERS: Final = "ring.members"
"""The signal that names every wallet of a ring; its label is theirs (`sql/functions/02_record.sql`)."""
RING_EARLIER: Final = "ring.earlier"
"""What was told of a ring before: the wallet that stood for it, a slash, the subject."""
RING_EARLIER_CASES: Final = "ring.earlier_cases"
SYSTEM: Final = "review"
"""Who acts when it is nobody."""
DAY_SECONDS: Final = 86_400
_LONG_AGO: Final = Instant(0)


@unique
class CaseState(IntEnum):
    """OPEN, ASSIGNED and ESCALATED wait for a person; the others are for ever."""

    OPEN = 1
    ASSIGNED = 2
    ESCALATED = 3
    """Waits for a senior reviewer."""
    APPROVED = 4
    REJECTED = 5
    TIMED_OUT = 6
    """Nobody decided in time."""
    WITHDRAWN = 7
    """There is nothing to decide any more: the customer released the hold, or it never came to be."""


OPEN_STATES: Final = frozenset({CaseState.OPEN, CaseState.ASSIGNED, CaseState.ESCALATED})


@unique
class ActKind(StrEnum):
    """What can be done about a case."""

    OPENED = "OPENED"
    ASSIGNED = "ASSIGNED"
    UNASSIGNED = "UNASSIGNED"
    NOTED = "NOTED"
    ESCALATED = "ESCALATED"
    FIRST_APPROVED = "FIRST_APPROVED"
    """Approved by one of the two who must."""
    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    TIMED_OUT = "TIMED_OUT"
    WITHDRAWN = "WITHDRAWN"
    APPLIED = "APPLIED"
    """The ledger or the event knows of the decision."""


@unique
class Label(StrEnum):
    """What a decision teaches."""

    NONE = ""
    FRAUD = "fraud"
    HONEST = "honest"


@unique
class OnTimeout(StrEnum):
    """What becomes of a case that nobody decides."""

    REJECT = "reject"
    ESCALATE = "escalate"
    """Once; then it is rejected."""


class HistoryLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An entry of the wallet as it was when the case was opened."""

    seq: int
    kind: str
    amount: int
    available: int
    at: Instant


class Evidence(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was known when the case was opened; it does not change with the wallet."""

    signals: dict[str, Signal] = {}
    policy_version: int = 0
    judged_at: Instant = _LONG_AGO
    pending: int = 0
    available: int = 0
    reserved: int = 0
    wallet_opened_at: Instant = _LONG_AGO
    order_ref: str = ""
    history: tuple[HistoryLine, ...] = ()
    linked_wallets: tuple[str, ...] = ()
    devices: tuple[str, ...] = ()


class Case(Struct, frozen=True, kw_only=True):
    """A case as it is recorded. Its id follows from its subject, so that no subject has two."""

    wallet_id: WalletId
    case_id: CaseId
    program_id: ProgramId
    customer_ref: str
    subject_kind: SubjectKind
    subject_id: str
    state: CaseState
    priority: int
    amount: int
    reasons: tuple[str, ...]
    evidence: Evidence
    opened_by: str
    opened_at: Instant
    due_at: Instant
    escalated: bool = False
    assigned_to: str = ""
    assigned_senior: bool = False
    """Whether whoever has it is a senior."""
    leased_until: Instant = _LONG_AGO
    escalated_by: str = ""
    approvals: tuple[str, ...] = ()
    operation_id: OperationId | None = None
    """Of the decision, however it came about: the ledger knows it by this."""
    decided_by: str = ""
    decided_at: Instant | None = None
    reason: str = ""
    approved_ttl_seconds: int = 0
    """How long the checkout has to commit, as the policy said when it was approved."""
    applied: bool = True
    """Whether the ledger or the event knows of the decision."""
    version: int = 1

    @property
    def is_open(self) -> bool:
        """Whether it waits for a person."""
        return self.state in OPEN_STATES


class Found(Struct, frozen=True, kw_only=True):
    """A case, the time of its program, and the time that leases are counted in."""

    case: Case
    now: Instant
    people_now: Instant


class CaseAct(Struct, frozen=True, kw_only=True):
    """What was done about a case; `before` and `after` are JSON of what it changed."""

    act_id: str
    kind: ActKind
    actor: str
    reason: str
    at: Instant
    before: str = "{}"
    after: str = "{}"
    seq: int = 0


class Change(Struct, frozen=True, kw_only=True):
    """What is to be written: the case after an act, the act, and what it teaches."""

    before: Case
    after: Case
    act: CaseAct
    label: Label = Label.NONE


class Reviewer(Struct, frozen=True, kw_only=True):
    """Who asks. A senior decides what is escalated or above everybody's limit."""

    name: str
    senior: bool = False


class Decision(Struct, frozen=True, kw_only=True):
    """What a reviewer decides about one case, and why; a repeated id is the same decision."""

    case_id: CaseId
    operation_id: OperationId
    approve: bool
    reason: str


class ReviewerTerms(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one reviewer may decide: up to an amount (0: the program's), and not about these customers."""

    name: str
    limit_minor: int = 0
    own_customers: tuple[str, ...] = ()


class Policy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who may decide what in a program, and how long it may take. 0 of an amount: no limit."""

    version: int = 0
    timeout_seconds: int = DAY_SECONDS
    on_timeout: OnTimeout = OnTimeout.REJECT
    escalated_timeout_seconds: int = DAY_SECONDS
    lease_seconds: int = 900
    approved_ttl_seconds: int = 3_600
    """How long the checkout has to commit what was approved."""
    second_approver_above_minor: int = 0
    reviewer_limit_minor: int = 0
    reviewers: tuple[ReviewerTerms, ...] = ()


class CaseFilter(Struct, frozen=True, kw_only=True):
    """Which cases; None or nothing: all."""

    program_id: ProgramId | None = None
    states: tuple[CaseState, ...] = ()
    assigned_to: str | None = None
    wallet_id: WalletId | None = None


class Waiting(Struct, frozen=True, kw_only=True):
    """What waits for a person and has no case yet."""

    wallet_id: WalletId
    subject_kind: SubjectKind
    subject_id: str
    program_id: ProgramId
    customer_ref: str
    amount: int
    reasons: tuple[str, ...]
    signals: dict[str, Signal]
    policy_version: int
    judged_at: Instant
    now: Instant
    people_now: Instant


class ReasonCount(Struct, frozen=True, kw_only=True):
    """How often a reason opened a case, and how often people agreed that it was fraud."""

    reason: str
    cases: int
    approved: int
    rejected: int

    @property
    def precision_bp(self) -> int:
        """Of those that people decided, how many they rejected, in hundredths of a percent."""
        decided = self.approved + self.rejected
        return self.rejected * 10_000 // decided if decided else 0


class Statistics(Struct, frozen=True, kw_only=True):
    """How review is doing in a program."""

    open: int
    assigned: int
    escalated: int
    oldest_seconds: int
    approved: int
    rejected: int
    timed_out: int
    withdrawn: int
    half_seconds: int
    """Half of the decided cases took at most so long."""
    most_seconds: int
    """Nine in ten took at most so long."""
    by_reason: tuple[ReasonCount, ...]
