"""What the judge of events is told and what it answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, unique


@unique
class Verdict(Enum):
    """PASS goes on, REVIEW waits for a person, REJECT earns nothing."""

    PASS = "pass"  # noqa: S105
    REVIEW = "review"
    REJECT = "reject"


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """What is known of an event: its own value, and how many events of what value its wallet sent in the window."""

    value_minor: int
    window_events: int
    window_value_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Above these, an event is not simply believed. 0: no limit."""

    window_seconds: int = 3_600
    review_events: int = 200
    reject_events: int = 2_000
    review_value_minor: int = 5_000_000
    review_window_value_minor: int = 20_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """A verdict with its reasons, each a name that a reviewer's page can explain."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
