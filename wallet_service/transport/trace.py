"""The W3C trace context of a call, as far as the door needs it."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

_TRACEPARENT: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?", re.ASCII
)
_ZERO_TRACE: Final = "0" * 32
_ZERO_SPAN: Final = "0" * 16


class TraceParent(NamedTuple):
    """Where a call hangs in its caller's trace; empty strings when there is none."""

    trace_id: str
    span_id: str
    sampled: bool


NO_TRACE: Final = TraceParent("", "", sampled=False)


def parse_traceparent(text: str | None) -> TraceParent:
    """Return the parsed `traceparent`; a malformed one counts as none, as the standard asks."""
    if text is None:
        return NO_TRACE
    match = _TRACEPARENT.fullmatch(text)
    if match is None or match[1] == _ZERO_TRACE or match[2] == _ZERO_SPAN:
        return NO_TRACE
    return TraceParent(match[1], match[2], sampled=bool(int(match[3], 16) & 1))
