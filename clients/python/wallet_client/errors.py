"""What a call can end with instead of an answer.

Two kinds matter to money. `Refused`: a definite no, nothing changed. `OutcomeUnknown`: no answer came; it may have
been done, and only the same call with the same id can tell. Each reason of the API has a class of its own; a reason
that is newer than this client is still `Refused` or `OutcomeUnknown`, with its name in `reason`.
"""

# A refusal is named after its reason, so that both are found by one word.
# ruff: noqa: N818

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from dataclasses import field as fresh
from types import MappingProxyType
from typing import ClassVar, Final

import grpc

_BY_REASON: Final[dict[str, type[WalletError]]] = {}


def _no_facts() -> Mapping[str, str]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the service said: status, reason and field as in google.rpc.ErrorInfo, and facts about it."""

    status: grpc.StatusCode
    reason: str = ""
    field: str = ""
    message: str = ""
    facts: Mapping[str, str] = fresh(default_factory=_no_facts)
    retry_after_seconds: float | None = None
    """When the service asked to wait before the next attempt; negative: do not repeat."""


class WalletError(Exception):
    """The root of everything that a call raises on purpose."""

    reason_name: ClassVar[str] = ""
    transient: ClassVar[bool] = False
    """Whether the same call with the same id may have another end a moment later."""

    def __init_subclass__(cls, *, reason: str = "") -> None:
        super().__init_subclass__()
        cls.reason_name = reason
        if reason:
            _BY_REASON[reason] = cls

    def __init__(self, answer: Answer, *, sent_id: str = "") -> None:
        super().__init__(answer.message)
        self.answer = answer
        self.sent_id = sent_id
        """The reservation, commit, extension or operation id of the call, to repeat it with."""

    @property
    def status(self) -> grpc.StatusCode:
        """The gRPC status."""
        return self.answer.status

    @property
    def reason(self) -> str:
        """The reason as in reason.proto without its prefix; empty when the service did not answer."""
        return self.answer.reason

    @property
    def field(self) -> str:
        """The field of the request that is at fault; empty when none is."""
        return self.answer.field

    @property
    def message(self) -> str:
        """The sentence for a person."""
        return self.answer.message

    @property
    def facts(self) -> Mapping[str, str]:
        """Further facts that a machine can read."""
        return self.answer.facts

    def __str__(self) -> str:
        name = self.answer.reason or self.answer.status.name
        at = f" ({self.answer.field})" if self.answer.field else ""
        return f"{name}{at}: {self.answer.message}"


class Refused(WalletError):
    """A definite no. Nothing changed, except that a refused reservation is remembered as such."""


class OutcomeUnknown(WalletError, reason="OUTCOME_UNKNOWN"):
    """No answer came: it may have been done. The same call with the same id (`sent_id`) tells."""

    transient = True


class TimedOut(OutcomeUnknown):
    """The deadline of the call passed before an answer came."""

    transient = False


class Unreachable(OutcomeUnknown):
    """The connection failed before an answer came, and so did each repetition."""


class Unclear(OutcomeUnknown):
    """Something on the way broke off with a status of its own."""

    transient = False


class InternalFault(OutcomeUnknown, reason="INTERNAL"):
    """The service met something that it did not expect."""

    transient = False


class TurnedAway(Refused):
    """Nothing was decided: the id that was sent has no outcome by this attempt."""


class NotNow(TurnedAway):
    """Nothing was done; the same call may succeed a moment later. The client has repeated it already."""

    transient = True


class ShuttingDown(NotNow, reason="SHUTTING_DOWN"):
    """This process is draining."""


class Overloaded(NotNow, reason="OVERLOADED"):
    """Too much is in flight, in the service or in this client."""


class DatabaseUnavailable(NotNow, reason="DATABASE_UNAVAILABLE"):
    """The database of the service does not answer."""


class Contention(NotNow, reason="CONTENTION"):
    """The wallet changed faster than the call could be decided."""


class DeadlinePassed(TurnedAway, reason="DEADLINE_EXCEEDED"):
    """The deadline passed before the work was begun; nothing was done."""


class NotAllowed(TurnedAway):
    """The token does not open this door."""


class TokenMissing(NotAllowed, reason="TOKEN_MISSING"):
    """The call carries no bearer token."""


class TokenInvalid(NotAllowed, reason="TOKEN_INVALID"):
    """The bearer token cannot be trusted."""


class TokenExpired(NotAllowed, reason="TOKEN_EXPIRED"):
    """The bearer token has expired or is not valid yet."""


class ScopeMissing(NotAllowed, reason="SCOPE_MISSING"):
    """The token lacks the scope of this method."""


class Malformed(TurnedAway):
    """The request cannot be right, whatever the state of the wallet."""


class MessageInvalid(Malformed, reason="MESSAGE_INVALID"):
    """The message cannot be read."""


class FieldInvalid(Malformed, reason="FIELD_INVALID"):
    """A field holds a value that it cannot have."""


class PageTokenInvalid(Malformed, reason="PAGE_TOKEN_INVALID"):
    """The page token was not made for this request."""


class NotFound(Refused):
    """What is named does not exist, or is not yours."""


class ProgramNotFound(NotFound, reason="PROGRAM_NOT_FOUND"):
    """There is no such program."""


class WalletNotFound(NotFound, reason="WALLET_NOT_FOUND"):
    """There is no such wallet, or it is not yours."""


class ReservationNotFound(NotFound, reason="RESERVATION_NOT_FOUND"):
    """The wallet has no such reservation."""


class CreditNotFound(NotFound, reason="CREDIT_NOT_FOUND"):
    """The wallet has no such credit."""


class EventNotFound(NotFound, reason="EVENT_NOT_FOUND"):
    """This wallet has no such event."""


class RulesetNotFound(NotFound, reason="RULESET_NOT_FOUND"):
    """The program has no such draft or version of its rules."""


class IdReused(Refused, reason="ID_REUSED"):
    """The id was used before with other content; nothing changed."""


class QuoteRefused(Refused):
    """The quote token does not open this reservation."""


class QuoteInvalid(QuoteRefused, reason="QUOTE_INVALID"):
    """The token was not made by this service."""


class QuoteMismatch(QuoteRefused, reason="QUOTE_MISMATCH"):
    """The quote was made for another wallet, order, amount or policy."""


class QuoteExpired(QuoteRefused, reason="QUOTE_EXPIRED"):
    """The quote has expired; ask for a new one."""


class PolicyRefused(Refused):
    """The program's policy does not allow it for this order."""


class CurrencyMismatch(PolicyRefused, reason="CURRENCY_MISMATCH"):
    """The order is in another currency than the program."""


class TtlOutOfRange(PolicyRefused, reason="TTL_OUT_OF_RANGE"):
    """The program does not allow holding for so long."""


class BelowMinimumPurchase(PolicyRefused, reason="BELOW_MINIMUM_PURCHASE"):
    """The order is too small."""


class BelowMinimumRedemption(PolicyRefused, reason="BELOW_MINIMUM_REDEMPTION"):
    """The amount is below the smallest redemption."""


class AboveMaximumRedemption(PolicyRefused, reason="ABOVE_MAXIMUM_REDEMPTION"):
    """The amount is above the largest redemption."""


class AboveMaximumShare(PolicyRefused, reason="ABOVE_MAXIMUM_SHARE"):
    """The amount is above the share of the order that may be paid."""


class NotAStep(PolicyRefused, reason="NOT_A_STEP"):
    """The amount is not a multiple of the program's step."""


class WalletRefused(Refused):
    """The state of the wallet does not allow it."""


class WalletClosed(WalletRefused, reason="WALLET_CLOSED"):
    """The wallet is closed."""


class WalletFrozen(WalletRefused, reason="WALLET_FROZEN"):
    """Nothing new may be reserved."""


class VersionMismatch(WalletRefused, reason="VERSION_MISMATCH"):
    """The wallet or program has changed since the version that was expected."""


class WalletNotEmpty(WalletRefused, reason="WALLET_NOT_EMPTY"):
    """The wallet still holds value."""


class ReservationEnded(Refused):
    """The reservation does not hold what is asked of it."""


class ReservationRefused(ReservationEnded, reason="RESERVATION_REFUSED"):
    """It was refused from the start."""


class ReservationCommitted(ReservationEnded, reason="RESERVATION_COMMITTED"):
    """It was committed before."""


class ReservationReleased(ReservationEnded, reason="RESERVATION_RELEASED"):
    """It was released before."""


class ReservationExpired(ReservationEnded, reason="RESERVATION_EXPIRED"):
    """It has expired; its value is free again."""


class CommitAboveReservation(ReservationEnded, reason="COMMIT_ABOVE_RESERVATION"):
    """The commit is larger than what is still held."""


class TooManyCommits(ReservationEnded, reason="TOO_MANY_COMMITS"):
    """The reservation has as many parts as one may have."""


class BoundReached(Refused):
    """A balance or a count would leave its bounds."""


class InsufficientBalance(BoundReached, reason="INSUFFICIENT_BALANCE"):
    """The wallet does not have so much to spend."""


class TooManyReservations(BoundReached, reason="TOO_MANY_RESERVATIONS"):
    """The wallet has as many open reservations as the program allows."""


class TooManyLots(BoundReached, reason="TOO_MANY_LOTS"):
    """The wallet has as many lots as it may have."""


class AmountOutOfRange(BoundReached, reason="AMOUNT_OUT_OF_RANGE"):
    """The balance would leave the range of amounts."""


class BelowFloor(BoundReached, reason="BELOW_FLOOR"):
    """The balance would fall below the program's floor."""


class ExpiryInThePast(BoundReached, reason="EXPIRY_IN_THE_PAST"):
    """The value would have expired before it was given."""


class CreditNotPending(BoundReached, reason="CREDIT_NOT_PENDING"):
    """The credit is not pending any more."""


class AboveCredit(BoundReached, reason="ABOVE_CREDIT"):
    """More is taken back than the credit has left."""


class AboveCommitted(BoundReached, reason="ABOVE_COMMITTED"):
    """More is given back than was spent."""


class ReturnAbovePurchase(BoundReached, reason="RETURN_ABOVE_PURCHASE"):
    """More comes back than was bought."""


class ProgramRefused(Refused):
    """The program does not allow the change."""


class ProgramImmutable(ProgramRefused, reason="PROGRAM_IMMUTABLE"):
    """What defines a program's money cannot change."""


class ClockIsLive(ProgramRefused, reason="CLOCK_IS_LIVE"):
    """Only a sandbox program has a clock that can be set."""


class ClockBackwards(ProgramRefused, reason="CLOCK_BACKWARDS"):
    """A program's clock never runs backwards."""


class RulesetInvalid(ProgramRefused, reason="RULESET_INVALID"):
    """The rules cannot be published as they are."""


class WatchTooSlow(NotNow, reason="WATCH_TOO_SLOW"):
    """The watcher reads too slowly."""


class EventInFuture(Refused, reason="EVENT_IN_FUTURE"):
    """The event lies further ahead than clocks differ."""


class EventTooOld(Refused, reason="EVENT_TOO_OLD"):
    """The event is older than the program takes in."""


class VersionUnknown(Refused, reason="VERSION_UNKNOWN"):
    """The wallet has not reached this version."""


def class_of(reason: str) -> type[WalletError] | None:
    """Return the class of a reason; None for one that is newer than this client."""
    return _BY_REASON.get(reason)
