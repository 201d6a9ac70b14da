"""What a call can end with when a person has a say in it."""

from __future__ import annotations

from wallet_client.errors.roots import NotFound, Refused
from wallet_client.errors.wallets import ReservationEnded


class UnderReview(Refused, reason="UNDER_REVIEW"):
    """The hold waits for a reviewer: commit it again once its `review` is APPROVED, or release it."""


class ReservationRejected(ReservationEnded, reason="RESERVATION_REJECTED"):
    """A reviewer rejected it; its value is the customer's again."""


class ReviewRefused(Refused):
    """A reviewer's call was refused because of the case or of who asks."""


class CaseNotFound(NotFound, reason="CASE_NOT_FOUND"):
    """There is no such case, or nothing to decide about it."""


class CaseDecided(ReviewRefused, reason="CASE_DECIDED"):
    """The case was decided before; what was decided stands."""


class CaseTaken(ReviewRefused, reason="CASE_TAKEN"):
    """Another reviewer has taken the case."""


class ReviewerConflict(ReviewRefused, reason="REVIEWER_CONFLICT"):
    """This reviewer may not decide this case: somebody else must."""


class AboveReviewerLimit(ReviewRefused, reason="ABOVE_REVIEWER_LIMIT"):
    """The case is above what this reviewer may decide: escalate it."""


class CaseWithoutRing(ReviewRefused, reason="CASE_WITHOUT_RING"):
    """There is no picture: the wallet of the case hangs together with no other."""
