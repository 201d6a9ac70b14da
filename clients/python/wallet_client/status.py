"""From what arrives on the wire to what is raised."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import grpc
from google.protobuf.message import DecodeError
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from wallet.v1.checkout_pb2 import OperationRefusal
from wallet.v1.earning_pb2 import EventRefusal

from wallet_client.errors import (
    Answer,
    OutcomeUnknown,
    Refused,
    TimedOut,
    TurnedAway,
    Unclear,
    Unreachable,
    WalletError,
    class_of,
)

DETAILS: Final = "grpc-status-details-bin"
PUSHBACK: Final = "grpc-retry-pushback-ms"
DOMAIN: Final = "wallet.v1"

_CODES: Final[Mapping[int, grpc.StatusCode]] = {code.value[0]: code for code in grpc.StatusCode}
_UNANSWERED: Final[Mapping[grpc.StatusCode, type[OutcomeUnknown]]] = {
    grpc.StatusCode.UNAVAILABLE: Unreachable,
    grpc.StatusCode.DEADLINE_EXCEEDED: TimedOut,
}
_DOUBTFUL: Final = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DATA_LOSS,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNKNOWN,
    }
)


def _class_for(answer: Answer) -> type[WalletError]:
    known = class_of(answer.reason)
    if known is not None:
        return known
    if answer.status in _UNANSWERED:
        return _UNANSWERED[answer.status]
    if answer.status in _DOUBTFUL:
        return Unclear
    # Without a reason the service itself did not speak: its library, a proxy or our side did.
    return Refused if answer.reason else TurnedAway


def error_of(answer: Answer) -> WalletError:
    """Return the exception that an answer is raised as."""
    return _class_for(answer)(answer)


def refused_in_batch(refusal: OperationRefusal | EventRefusal, *, sent_id: str = "") -> WalletError:
    """Return what a single call would have raised for a refusal inside a batch."""
    error = error_of(
        Answer(
            status=_CODES.get(refusal.code, grpc.StatusCode.UNKNOWN),
            reason=refusal.reason,
            field=refusal.field,
            message=refusal.message,
            facts=dict(refusal.metadata),
            retry_after_seconds=_asked_wait(refusal),
        )
    )
    error.sent_id = sent_id
    return error


def _asked_wait(refusal: OperationRefusal | EventRefusal) -> float | None:
    if isinstance(refusal, EventRefusal) or not refusal.retry_after_ms:
        return None
    return refusal.retry_after_ms / 1_000


def refused_call(error: grpc.aio.AioRpcError) -> WalletError:
    """Return the exception of a call that ended with a status, with its google.rpc.ErrorInfo if it has one."""
    trailing = dict(error.trailing_metadata() or ())
    info = _error_info(trailing.get(DETAILS))
    facts = dict(info.metadata) if info is not None else {}
    return error_of(
        Answer(
            status=error.code(),
            reason=info.reason if info is not None else "",
            field=facts.pop("field", ""),
            message=error.details() or "",
            facts=facts,
            retry_after_seconds=_pushback(trailing.get(PUSHBACK)),
        )
    )


def _error_info(details: str | bytes | None) -> ErrorInfo | None:
    """Return the ErrorInfo of our domain; None when there is none or it cannot be read."""
    if not isinstance(details, bytes):
        return None
    try:
        for detail in Status.FromString(details).details:
            info = ErrorInfo()
            if detail.Unpack(info) and info.domain == DOMAIN:
                return info
    except DecodeError:
        return None
    return None


def _pushback(value: str | bytes | None) -> float | None:
    """Return the wait that the service asks for, in seconds; negative says never; None when it asks nothing."""
    if value is None:
        return None
    try:
        return int(value) / 1000
    except ValueError:
        # The protocol reads a pushback that is no number as "do not repeat".
        return -1.0
