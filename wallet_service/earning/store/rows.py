"""Rows as events. One that cannot be read is an event still, so that it holds up no other and can be shown."""

from __future__ import annotations

from typing import Final

import msgspec
from msgspec.structs import replace

from wallet_service.earning.model import Content, Event, EventId, EventKind, EventState, Purchase, Result
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.runtime.session import Row

UNREADABLE: Final = "UNREADABLE"
"""Among an event's reasons: what is recorded of it makes no sense to this version."""
_NO_SENSE: Final = (msgspec.DecodeError, RecursionError)
_content: Final = msgspec.json.Decoder(Content).decode
_result: Final = msgspec.json.Decoder(Result).decode


def event_of(row: Row) -> Event:
    """Return a row as an event; `unread` says what of it could not be read."""
    kind, unread = EventKind(row["kind"]), []
    content = _readable_content(row["content"], kind)
    if content is None:
        content, unread = _stand_in(row, kind), ["content"]
    result = _readable_result(row["result"])
    if result is None:
        result = Result()
        unread.append("result")
    if unread:
        result = replace(result, reasons=(*result.reasons, UNREADABLE))
    return Event(
        wallet_id=WalletId(str(row["wallet_id"])), event_id=EventId(str(row["event_id"])),
        program_id=ProgramId(row["program_id"]), kind=kind, state=EventState(row["state"]),
        source=row["source"], source_event_id=row["source_event_id"], occurred_at=Instant(row["occurred_at"]),
        received_at=Instant(row["received_at"]), due_at=Instant(row["due_at"]), tries=row["tries"], amount=row["amount"],
        clawed_back=row["clawed_back"], debt=row["debt"], content=content, result=result, unread=tuple(unread),
    )  # fmt: skip


def _readable_content(text: str, kind: EventKind) -> Content | None:
    try:
        content = _content(text)
    except _NO_SENSE:
        return None
    said = (content.kind, content.purchase is not None, content.returned is not None)
    return content if said == (kind, kind is EventKind.PURCHASE, kind is EventKind.RETURN) else None


def _readable_result(text: str) -> Result | None:
    try:
        return _result(text)
    except _NO_SENSE:
        return None


def _stand_in(row: Row, kind: EventKind) -> Content:
    """Return the content of which only the order is known: a second event for that order must find the first."""
    purchase = None
    if kind is EventKind.PURCHASE:
        purchase = Purchase(order_ref=row["order_ref"], currency="", lines=())
    return Content(kind=kind, occurred_at=Instant(row["occurred_at"]), purchase=purchase)
