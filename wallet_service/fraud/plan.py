"""What a policy makes it necessary to count, worked out once per version of the policy. Pure.

Counts live in buckets of a sixth of their window. A window is read as the bucket of the moment and the six before it:
never less than the window, at most a sixth more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from wallet_service.fraud.model import By, Limit, Measure, Of, Policy, Verdict, Window

BUCKET_SECONDS: Final = {window: window.seconds // 6 for window in Window}
_LETTERS: Final = {Window.MINUTE: "m", Window.HOUR: "h", Window.DAY: "d"}
_COUNTED: Final = (Measure.COUNT, Measure.AMOUNT, Measure.FAILURES)
_DISTINCT: Final = frozenset({Measure.WALLETS, Measure.DEVICES})


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """One counter of a record: what is added up, over which window, and the reading that it answers."""

    measure: Measure
    window: Window
    reading: str

    @property
    def prefix(self) -> str:
        """Its name within a record."""
        return f"{_LETTERS[self.window]}{self.measure[0]}"

    def bucket(self, second: int) -> int:
        """Return the number of the bucket that a moment falls in."""
        return second // BUCKET_SECONDS[self.window]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Shelf:
    """What is counted in one place: for one kind of key and one stream of happenings."""

    by: By
    stream: str
    """`r`: redemptions; `e`: events; `e.purchase`: events of one kind."""
    counted: tuple[Counted, ...]
    distinct: tuple[tuple[Window, str], ...]
    """Windows in which different wallets or devices are counted, and their readings."""
    age: str
    """The reading of its age; empty if nobody asks."""
    name: str
    """What the names of its records begin with."""
    readings: tuple[str, ...]
    """What it answers, in order, but for its age."""

    @property
    def remembers(self) -> bool:
        """Whether it answers from what was seen long ago, which the database knows better than a cache."""
        return bool(self.age or self.distinct)


@dataclass(slots=True, kw_only=True)
class _Draft:
    counted: dict[str, Counted] = field(default_factory=dict)
    distinct: dict[str, Window] = field(default_factory=dict)
    age: str = ""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Plan:
    """What must be counted for redemptions, and for events by their kind."""

    redemption: tuple[Shelf, ...]
    events: tuple[Shelf, ...]
    link: bool
    """The age of a device's link to its wallet is asked for."""
    failures: tuple[Shelf, ...]
    anomaly: bool
    ring: bool

    def shelves(self, of: Of, kind: str) -> tuple[Shelf, ...]:
        """Return what is counted of this."""
        if of is Of.REDEMPTION:
            return self.redemption
        return tuple(shelf for shelf in self.events if shelf.stream in {"e", f"e.{kind}"})


def plan_of(policy: Policy) -> Plan:
    """Return what a policy needs to be counted."""
    drafts: dict[tuple[By, str], _Draft] = {}
    for limit in policy.limits:
        if limit.measure in _COUNTED or limit.measure in _DISTINCT or _asks_age(limit):
            stream = "r" if limit.of is Of.REDEMPTION else "e" + (f".{limit.kind}" if limit.kind else "")
            _note(drafts.setdefault((limit.by, stream), _Draft()), limit)
    shelves = [_shelf(by, stream, draft) for (by, stream), draft in drafts.items()]
    measures = {limit.measure for limit in policy.limits}
    redemption = tuple(shelf for shelf in shelves if shelf.stream == "r")
    return Plan(
        redemption=redemption, events=tuple(shelf for shelf in shelves if shelf.stream != "r"),
        link=policy.devices.second_device is not Verdict.ALLOW or Measure.LINK_AGE in measures,
        failures=tuple(s for s in redemption if any(c.measure is Measure.FAILURES for c in s.counted)),
        anomaly=Measure.ANOMALY in measures, ring=Measure.RING in measures,
    )  # fmt: skip


def _shelf(by: By, stream: str, draft: _Draft) -> Shelf:
    return Shelf(
        by=by, stream=stream, counted=tuple(draft.counted.values()),
        distinct=tuple((window, reading) for reading, window in draft.distinct.items()), age=draft.age,
        name=f"{stream}:{by}:", readings=(*draft.counted, *draft.distinct),
    )  # fmt: skip


def _asks_age(limit: Limit) -> bool:
    return limit.measure is Measure.AGE and limit.by is not By.WALLET


def _note(draft: _Draft, limit: Limit) -> None:
    reading = limit.reading
    if limit.measure is Measure.AGE:
        draft.age = reading
    elif limit.window is not None and limit.measure in _DISTINCT:
        draft.distinct[reading] = limit.window
    elif limit.window is not None:
        draft.counted[reading] = Counted(measure=limit.measure, window=limit.window, reading=reading)
