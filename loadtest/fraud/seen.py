"""What became of each act, as the callers saw it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, unique
from typing import NamedTuple

from loadtest.attacks.acts import Act


class Moment(NamedTuple):
    """A place in the order of everything: the second of the season, then how many things came before."""

    at: int
    number: int


@unique
class Became(Enum):
    """What became of an act."""

    COMMITTED = "committed"
    REFUSED = "refused"
    """By fraud rules."""
    REVIEWED = "reviewed"
    FROZEN = "frozen"
    """The fraud desk had frozen the wallet."""
    UNAFFORDED = "unafforded"
    """The wallet has not enough: what was earned is not there yet, or was taken back."""
    OTHERWISE = "otherwise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of one act."""

    act: Act
    became: Became
    when: Moment
    wanted_minor: int = 0
    committed_minor: int = 0
    reasons: tuple[str, ...] = ()


@dataclass(slots=True)
class Records:
    """Everything that was seen."""

    outcomes: list[Outcome] = field(default_factory=list)
    frozen: dict[str, Moment] = field(default_factory=dict)
    """When the desk froze whose wallet."""
    spared: set[str] = field(default_factory=set)
    """Attacks that never were: there was too little to take."""
    cases: int = 0
    cases_wrong: int = 0
    """Cases that were opened about somebody honest."""
