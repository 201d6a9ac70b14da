"""What a policy makes it necessary to count, worked out once per version of the policy. Pure.

Counts live in buckets of a sixth of their window. A window is read as the bucket of the moment and the six before it:
never less than the window, at most a sixth more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from wallet_service.fraud.model import By, Condition, Limit, Measure, Of, Policy, Verdict, Window

BUCKET_SECONDS: Final = {window: window.seconds // 6 for window in Window}
_LETTERS: Final = {Window.MINUTE: "m", Window.HOUR: "h", Window.DAY: "d", Window.WEEK: "w"}
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
    only_read: bool = False
    """It is counted by attempts of another kind."""
    weekly: bool = False
    """Its records are kept for weeks, apart from those that only a day needs."""

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
    links: tuple[By, ...]
    """Of what the age of its link to the wallet is asked for."""
    failures: tuple[Shelf, ...]
    anomaly: bool
    ring: bool
    certain_above: Mapping[str, int]
    """Above which a number of different wallets or devices says something, even if there are more of them."""

    def shelves(self, of: Of, kind: str) -> tuple[Shelf, ...]:
        """Return what is counted of this, and what is only read for it."""
        if of is Of.REDEMPTION:
            return self.redemption
        return tuple(shelf for shelf in self.events if shelf.only_read or shelf.stream in {"e", f"e.{kind}"})


class _Place(NamedTuple):
    """Where something is counted, and for whom: a shelf that another kind of attempt counts in is only read."""

    asked_of: Of
    by: By
    stream: str
    only_read: bool
    weekly: bool


def plan_of(policy: Policy) -> Plan:
    """Return what a policy needs to be counted."""
    drafts: dict[_Place, _Draft] = {}
    for limit in policy.limits:
        _ask(drafts, limit, limit.of, limit.of, limit.reading)
        for condition in limit.all_of:
            of = condition.of or limit.of
            # It is counted where it happens, whatever reads it.
            _ask(drafts, condition, of, of, condition.reading(of))
            _ask(drafts, condition, of, limit.of, condition.reading(limit.of))
    shelves = [(place.asked_of, _shelf(place, draft)) for place, draft in drafts.items()]
    asked: list[Limit | Condition] = [*policy.limits]
    asked += [condition for limit in policy.limits for condition in limit.all_of]
    measures = {each.measure for each in asked}
    redemption = tuple(shelf for of, shelf in shelves if of is Of.REDEMPTION)
    return Plan(
        redemption=redemption, events=tuple(shelf for of, shelf in shelves if of is Of.EVENT),
        links=_links(policy, asked),
        failures=tuple(
            s for s in redemption if not s.only_read and any(c.measure is Measure.FAILURES for c in s.counted)
        ),
        anomaly=Measure.ANOMALY in measures, ring=Measure.RING in measures, certain_above=_certain_above(policy),
    )  # fmt: skip


def _certain_above(policy: Policy) -> dict[str, int]:
    bounds: dict[str, int] = {}
    for limit in policy.limits:
        said = [(limit.measure, limit.reading, limit.above)]
        said += [(each.measure, each.reading(limit.of), each.above) for each in limit.all_of]
        for measure, reading, above in said:
            if measure in _DISTINCT and above is not None:
                bounds[reading] = min(above, bounds.get(reading, above))
    return bounds


def _links(policy: Policy, asked: Sequence[Limit | Condition]) -> tuple[By, ...]:
    wanted = {
        By.DEVICE if each.by is By.WALLET else each.by for each in asked if each.measure is Measure.LINK_AGE
    }
    if policy.devices.second_device is not Verdict.ALLOW:
        wanted.add(By.DEVICE)
    return tuple(by for by in By if by in wanted)


def _shelf(place: _Place, draft: _Draft) -> Shelf:
    return Shelf(
        by=place.by, stream=place.stream, counted=tuple(draft.counted.values()),
        distinct=tuple((window, reading) for reading, window in draft.distinct.items()), age=draft.age,
        name=f"{place.stream}:{place.by}:", readings=(*draft.counted, *draft.distinct), only_read=place.only_read,
        weekly=place.weekly,
    )  # fmt: skip


def _ask(
    drafts: dict[_Place, _Draft], asked: Limit | Condition, counted_of: Of, asked_of: Of, reading: str
) -> None:
    """Note what must be counted, or read, so that one kind of attempt can be judged by this."""
    is_age = asked.measure is Measure.AGE and asked.by is not By.WALLET
    if not (asked.measure in _COUNTED or asked.measure in _DISTINCT or is_age):
        return
    kind = asked.kind
    stream = "r" if counted_of is Of.REDEMPTION else "e" + (f".{kind}" if kind else "")
    place = _Place(asked_of, asked.by, stream, counted_of is not asked_of, asked.window is Window.WEEK)
    draft = drafts.setdefault(place, _Draft())
    if is_age:
        draft.age = reading
    elif asked.window is not None and asked.measure in _DISTINCT:
        draft.distinct[reading] = asked.window
    elif asked.window is not None:
        draft.counted[reading] = Counted(measure=asked.measure, window=asked.window, reading=reading)
