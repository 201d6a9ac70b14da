"""The kinds of ends that the classes of reasons are made from, and the register of reasons.

A reason that is newer than this client is still `Refused` or `OutcomeUnknown`, with its name in `reason`.
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


class NotFound(Refused):
    """What is named does not exist, or is not yours."""


class ProgramRefused(Refused):
    """The program does not allow the change."""


class BoundReached(Refused):
    """A balance or a count would leave its bounds."""


def class_of(reason: str) -> type[WalletError] | None:
    """Return the class of a reason; None for one that is newer than this client."""
    return _BY_REASON.get(reason)
