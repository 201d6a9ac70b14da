"""What a program, and its rules, refuse."""

from __future__ import annotations

from wallet_client.errors.roots import NotFound, ProgramRefused


class ProgramNotFound(NotFound, reason="PROGRAM_NOT_FOUND"):
    """There is no such program."""


class ProgramImmutable(ProgramRefused, reason="PROGRAM_IMMUTABLE"):
    """What defines a program's money cannot change."""


class ClockIsLive(ProgramRefused, reason="CLOCK_IS_LIVE"):
    """Only a sandbox program has a clock that can be set."""


class ClockBackwards(ProgramRefused, reason="CLOCK_BACKWARDS"):
    """A program's clock never runs backwards."""


class RulesetNotFound(NotFound, reason="RULESET_NOT_FOUND"):
    """The program has no such draft or version of its rules."""


class RulesetInvalid(ProgramRefused, reason="RULESET_INVALID"):
    """The rules cannot be published as they are."""


class SecondPersonNeeded(ProgramRefused, reason="SECOND_PERSON_NEEDED"):
    """Who wrote the draft cannot publish it."""


class SegmentNotFound(NotFound, reason="SEGMENT_NOT_FOUND"):
    """The program has no such segment."""


class BacktestTooLarge(ProgramRefused, reason="BACKTEST_TOO_LARGE"):
    """The time holds more than one backtest replays."""
