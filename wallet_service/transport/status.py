"""How a refusal travels: a gRPC status with google.rpc.ErrorInfo in its trailing metadata."""

from __future__ import annotations

from typing import Final

import grpc
from google.protobuf.any_pb2 import Any as AnyMessage
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status as RpcStatus

from wallet_service.kernel.errors import DOMAIN, Reason, Refusal, Status

PUSHBACK_MS: Final = 100
"""What an overloaded process asks a client to wait before it tries again."""
_DETAILS_KEY: Final = "grpc-status-details-bin"
_PUSHBACK_KEY: Final = "grpc-retry-pushback-ms"
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}
_CODE_OF: Final = {status: _CODES[status.value] for status in Status}

Trailers = tuple[tuple[str, str | bytes], ...]


def code_of(refusal: Refusal) -> grpc.StatusCode:
    """Return the one gRPC status of the refusal's reason."""
    return _CODE_OF[refusal.reason.status]


def trailers_of(refusal: Refusal, pushback_ms: int = 0) -> Trailers:
    """Return the trailing metadata: ErrorInfo (reason, domain, field, facts), and when to try again if that is known."""
    facts = {"field": refusal.field, **refusal.facts} if refusal.field else dict(refusal.facts)
    detail = AnyMessage()
    detail.Pack(ErrorInfo(reason=refusal.reason.name, domain=DOMAIN, metadata=facts))
    status = RpcStatus(code=refusal.reason.status.value, message=refusal.message, details=[detail])
    details = (_DETAILS_KEY, status.SerializeToString())
    if pushback_ms and (wait_ms := retry_after_ms(refusal, pushback_ms)):
        return (details, (_PUSHBACK_KEY, str(wait_ms)))
    return (details,)


def retry_after_ms(refusal: Refusal, pushback_ms: int = PUSHBACK_MS) -> int:
    """Return how long the caller is asked to wait before it tries again; 0: nothing is asked."""
    return pushback_ms if refusal.reason is Reason.OVERLOADED else 0
