"""Moments at the edge: aware datetimes in, timestamps out."""

from __future__ import annotations

from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp


def stamp(moment: datetime | None) -> Timestamp | None:
    """Return a moment as a message; a naive one is refused, because nobody can know which hour it means."""
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    message = Timestamp()
    message.FromDatetime(moment)
    return message
