"""Every reason for which a call is refused, in order of precedence, each with its status and its sentence.

`proto/wallet/v1/reason.proto` and `docs/errors.md` say the same; a test reads all three together.
"""

from __future__ import annotations

from enum import Enum, unique
from typing import Final

from msgspec import Struct

DOMAIN: Final = "wallet.v1"


@unique
class Status(Enum):
    """The gRPC status codes that we answer with, by their numbers."""

    INVALID_ARGUMENT = 3
    DEADLINE_EXCEEDED = 4
    NOT_FOUND = 5
    ALREADY_EXISTS = 6
    PERMISSION_DENIED = 7
    RESOURCE_EXHAUSTED = 8
    FAILED_PRECONDITION = 9
    ABORTED = 10
    OUT_OF_RANGE = 11
    INTERNAL = 13
    UNAVAILABLE = 14
    UNAUTHENTICATED = 16


@unique
class Reason(Enum):
    """A reason: its number (also its precedence: the lowest is answered), status and sentence."""

    number: int
    status: Status
    sentence: str

    def __new__(cls, number: int, status: Status, sentence: str) -> Reason:  # noqa: PYI034
        """Make a member whose value is its number."""
        member = object.__new__(cls)
        member._value_ = number
        member.number, member.status, member.sentence = number, status, sentence
        return member

    SHUTTING_DOWN = 1, Status.UNAVAILABLE, "This process is draining; send the call to another."
    OVERLOADED = 2, Status.RESOURCE_EXHAUSTED, "Too much is in flight; retry after a pause with the same id."
    TOKEN_MISSING = 3, Status.UNAUTHENTICATED, "The call carries no bearer token."
    TOKEN_INVALID = 4, Status.UNAUTHENTICATED, "The bearer token cannot be trusted."
    TOKEN_EXPIRED = 5, Status.UNAUTHENTICATED, "The bearer token has expired or is not valid yet."
    SCOPE_MISSING = 6, Status.PERMISSION_DENIED, "The token does not carry the scope that this method needs."
    MESSAGE_INVALID = 7, Status.INVALID_ARGUMENT, "The message is not one that this method can read."
    FIELD_INVALID = 8, Status.INVALID_ARGUMENT, "A field holds a value that it cannot have."
    PAGE_TOKEN_INVALID = (
        9,
        Status.INVALID_ARGUMENT,
        "The page token was not made by this service for this request.",
    )
    DEADLINE_EXCEEDED = (
        10,
        Status.DEADLINE_EXCEEDED,
        "The deadline passed before the work was begun; nothing was done.",
    )

    PROGRAM_NOT_FOUND = 20, Status.NOT_FOUND, "There is no such program."
    WALLET_NOT_FOUND = 21, Status.NOT_FOUND, "There is no such wallet, or it is not yours."
    RESERVATION_NOT_FOUND = 22, Status.NOT_FOUND, "This wallet has no such reservation."
    CREDIT_NOT_FOUND = 23, Status.NOT_FOUND, "This wallet has no such credit."
    VERSION_UNKNOWN = 24, Status.OUT_OF_RANGE, "The wallet has not reached this version."
    EVENT_NOT_FOUND = 25, Status.NOT_FOUND, "This wallet has no such event."
    RULESET_NOT_FOUND = 26, Status.NOT_FOUND, "The program has no such draft or version of its rules."
    CASE_NOT_FOUND = 27, Status.NOT_FOUND, "There is no such case, or nothing to decide about it."
    FRAUD_POLICY_NOT_FOUND = 28, Status.NOT_FOUND, "The program has no such version of its fraud policy."

    ID_REUSED = 30, Status.ALREADY_EXISTS, "This id was used before with other content; nothing changed."

    QUOTE_INVALID = 40, Status.INVALID_ARGUMENT, "The quote token was not made by this service."
    QUOTE_MISMATCH = (
        41,
        Status.FAILED_PRECONDITION,
        "The quote was made for another wallet, order, amount or policy.",
    )
    QUOTE_EXPIRED = 42, Status.FAILED_PRECONDITION, "The quote has expired; ask for a new one."
    CURRENCY_MISMATCH = 43, Status.FAILED_PRECONDITION, "The order is in another currency than the program."
    TTL_OUT_OF_RANGE = 44, Status.FAILED_PRECONDITION, "The program does not allow holding for so long."
    BELOW_MINIMUM_PURCHASE = (
        45,
        Status.FAILED_PRECONDITION,
        "The order is too small to be paid with the wallet.",
    )
    BELOW_MINIMUM_REDEMPTION = 46, Status.FAILED_PRECONDITION, "The amount is below the smallest redemption."
    ABOVE_MAXIMUM_REDEMPTION = 47, Status.FAILED_PRECONDITION, "The amount is above the largest redemption."
    ABOVE_MAXIMUM_SHARE = (
        48,
        Status.FAILED_PRECONDITION,
        "The amount is above the share of the order that may be paid.",
    )
    NOT_A_STEP = 49, Status.FAILED_PRECONDITION, "The amount is not a multiple of the program's step."

    EVENT_IN_FUTURE = 50, Status.FAILED_PRECONDITION, "The event lies further ahead than clocks differ."
    EVENT_TOO_OLD = 51, Status.FAILED_PRECONDITION, "The event is older than the program takes in."
    EVENT_NOT_DEAD = 52, Status.FAILED_PRECONDITION, "The event was not given up on, or goes on already."
    EVENT_BEYOND_RETRY = 53, Status.FAILED_PRECONDITION, "To try the event again would leave value behind."

    WALLET_CLOSED = 60, Status.FAILED_PRECONDITION, "The wallet is closed."
    WALLET_FROZEN = 61, Status.FAILED_PRECONDITION, "The wallet is frozen; nothing new may be reserved."
    VERSION_MISMATCH = (
        62,
        Status.ABORTED,
        "The wallet or program has changed since the version that was expected.",
    )
    FRAUD_REFUSED = 63, Status.FAILED_PRECONDITION, "The program's fraud policy does not let this pass."
    DEVICE_CONFLICT = (
        64,
        Status.FAILED_PRECONDITION,
        "Another device has a reservation open in this wallet.",
    )
    UNDER_REVIEW = 65, Status.FAILED_PRECONDITION, "The reservation waits for a reviewer's decision."
    RESERVATION_REJECTED = 66, Status.FAILED_PRECONDITION, "A reviewer rejected the reservation."

    RESERVATION_REFUSED = 70, Status.FAILED_PRECONDITION, "The reservation was refused from the start."
    RESERVATION_COMMITTED = 71, Status.FAILED_PRECONDITION, "The reservation was committed before."
    RESERVATION_RELEASED = 72, Status.FAILED_PRECONDITION, "The reservation was released before."
    RESERVATION_EXPIRED = (
        73,
        Status.FAILED_PRECONDITION,
        "The reservation has expired; its value is free again.",
    )
    COMMIT_ABOVE_RESERVATION = 74, Status.FAILED_PRECONDITION, "The commit is larger than what is still held."
    TOO_MANY_COMMITS = 75, Status.FAILED_PRECONDITION, "The reservation has as many parts as one may have."
    CREDIT_NOT_PENDING = 76, Status.FAILED_PRECONDITION, "The credit is not pending any more."
    ABOVE_CREDIT = 77, Status.FAILED_PRECONDITION, "More is taken back than the credit has left."
    ABOVE_COMMITTED = 78, Status.FAILED_PRECONDITION, "More is given back than was spent."
    RETURN_ABOVE_PURCHASE = 79, Status.FAILED_PRECONDITION, "More comes back than was bought."

    TOO_MANY_RESERVATIONS = (
        80,
        Status.RESOURCE_EXHAUSTED,
        "The wallet has as many open reservations as the program allows.",
    )
    TOO_MANY_LOTS = 81, Status.RESOURCE_EXHAUSTED, "The wallet has as many lots as it may have."
    AMOUNT_OUT_OF_RANGE = 82, Status.OUT_OF_RANGE, "The balance would leave the range of amounts."
    EXPIRY_IN_THE_PAST = 83, Status.FAILED_PRECONDITION, "The value would have expired before it was given."
    INSUFFICIENT_BALANCE = 84, Status.FAILED_PRECONDITION, "The wallet does not have so much to spend."
    BELOW_FLOOR = 85, Status.FAILED_PRECONDITION, "The balance would fall below the program's floor."
    WALLET_NOT_EMPTY = 86, Status.FAILED_PRECONDITION, "The wallet still holds value."

    CASE_DECIDED = 90, Status.FAILED_PRECONDITION, "The case was decided before."
    CASE_TAKEN = 91, Status.FAILED_PRECONDITION, "Another reviewer has taken the case."
    REVIEWER_CONFLICT = 92, Status.PERMISSION_DENIED, "This reviewer may not decide this case."
    ABOVE_REVIEWER_LIMIT = 93, Status.PERMISSION_DENIED, "The case is above what this reviewer may decide."
    CASE_WITHOUT_RING = 94, Status.FAILED_PRECONDITION, "The wallet of the case hangs together with no other."

    PROGRAM_IMMUTABLE = 100, Status.FAILED_PRECONDITION, "What defines a program's money cannot change."
    CLOCK_IS_LIVE = 101, Status.FAILED_PRECONDITION, "Only a sandbox program has a clock that can be set."
    CLOCK_BACKWARDS = 102, Status.FAILED_PRECONDITION, "A program's clock never runs backwards."
    RULESET_INVALID = 103, Status.FAILED_PRECONDITION, "The rules cannot be published as they are."
    FRAUD_POLICY_INVALID = (
        104,
        Status.FAILED_PRECONDITION,
        "The fraud policy cannot be put in force as it is.",
    )

    SECOND_PERSON_NEEDED = (
        105,
        Status.PERMISSION_DENIED,
        "Who wrote the draft cannot publish it; another person must.",
    )
    SEGMENT_NOT_FOUND = 106, Status.NOT_FOUND, "The program has no such segment."
    BACKTEST_TOO_LARGE = (
        107,
        Status.FAILED_PRECONDITION,
        "The time holds more than one backtest replays; name a shorter one.",
    )

    WATCH_TOO_SLOW = (
        110,
        Status.RESOURCE_EXHAUSTED,
        "The watcher reads too slowly; resume after the last version seen.",
    )

    DATABASE_UNAVAILABLE = (
        120,
        Status.UNAVAILABLE,
        "The database does not answer; nothing was done. Retry with the same id.",
    )
    OUTCOME_UNKNOWN = (
        121,
        Status.UNAVAILABLE,
        "It is not known whether this was done; the same id tells. Retry with it.",
    )
    CONTENTION = (
        122,
        Status.ABORTED,
        "The wallet changed faster than this could be decided. Retry with the same id.",
    )
    INTERNAL = 123, Status.INTERNAL, "Something unexpected happened; it has been logged."


_BY_NUMBER: Final = {reason.number: reason for reason in Reason}


def reason_of(number: int) -> Reason:
    """Return the reason of that number; raises KeyError if there is none."""
    return _BY_NUMBER[number]


class Refusal(Struct, frozen=True, kw_only=True):
    """A refusal as a value: the reason, the field of the request it is about, and facts a machine can read."""

    reason: Reason
    field: str = ""
    detail: str = ""
    facts: dict[str, str] = {}

    @property
    def message(self) -> str:
        """The sentence that a person reads."""
        return f"{self.reason.sentence} {self.detail}".rstrip()


class RefusedError(Exception):
    """Carries a refusal to the edge from where values cannot: parsing, authentication, a lost database."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.message)
        self.refusal = refusal


def refuse(reason: Reason, field_name: str = "", detail: str = "", **facts: str) -> RefusedError:
    """Return the exception of a refusal, to be raised."""
    return RefusedError(Refusal(reason=reason, field=field_name, detail=detail, facts=facts))
