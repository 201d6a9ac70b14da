"""How a refusal travels: a gRPC status with google.rpc.ErrorInfo in its trailing metadata."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Final, Protocol

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus

from wallet_service.kernel.errors import DOMAIN, Reason, Refusal, Status

_PUSHBACK_MS: Final = 100
"""What an overloaded process asks a client to wait before it tries again."""
_DETAILS_KEY: Final = "grpc-status-details-bin"
_PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_CODE_OF: Final = {status: _CODES[status.value] for status in Status}

Trailers = tuple[tuple[str, str | bytes], ...]


class RefusalMessage(Protocol):
    """A generated message for one operation of a batch, as far as all of them are alike."""

    code: int
    reason: str
    field: str
    message: str

    @property
    def metadata(self) -> MutableMapping[str, str]:
        """Facts that a program can use."""


def code_of(refusal: Refusal) -> grpc.StatusCode:
    """Return the one gRPC status of the refusal's reason."""
    return _CODE_OF[refusal.reason.status]


def trailers_of(refusal: Refusal) -> Trailers:
    """Return the trailing metadata: ErrorInfo (reason, domain, field, facts), and when to try again if that is known."""
    facts = {"field": refusal.field, **refusal.facts} if refusal.field else dict(refusal.facts)
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=refusal.reason.name, domain=DOMAIN, metadata=facts))
    status = RpcStatus(code=refusal.reason.status.value, message=refusal.message, details=[detail])
    details = (_DETAILS_KEY, status.SerializeToString())
    wait_ms = retry_after_ms(refusal)
    return (details, (_PUSHBACK_KEY, str(wait_ms))) if wait_ms else (details,)


def fill_refusal(message: RefusalMessage, refusal: Refusal) -> None:
    """Set the refusal of one operation of a batch in a message, in the words of a single call."""
    message.code, message.reason = refusal.reason.status.value, refusal.reason.name
    message.field, message.message = refusal.field, refusal.message
    message.metadata.update(refusal.facts)


def retry_after_ms(refusal: Refusal) -> int:
    """Return how long the caller is asked to wait before it tries again; 0: nothing is asked."""
    return _PUSHBACK_MS if refusal.reason is Reason.OVERLOADED else 0
