"""What is asked of the counters about many attempts at once, and what their answers mean. Pure.

Flat lists and shapes that are said once: most of what a decision costs here is the making of small objects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.model import By, Measure, Of
from wallet_service.fraud.plan import Plan, Shelf
from wallet_service.kernel.ids import ProgramId

DAY_SECONDS: Final = 86_400
_TTL_SECONDS: Final = 3 * DAY_SECONDS
"""Of a day's records: they are read on their own day and on the next."""
_WEEKLY: Final = "w"
_WEEKLY_DAYS: Final = 7
_WEEKLY_TTL_SECONDS: Final = 21 * DAY_SECONDS
_MEMBER_CHARS: Final = 24
_NUMBER_MAX: Final = 2**53
_ADD: Final = {Measure.COUNT: 1, Measure.AMOUNT: 2, Measure.FAILURES: 0}
_LINK_SHAPE: Final = 1
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[int]).decode
_unpack_any: Final = msgspec.msgpack.Decoder(list[object]).decode
_NOTHING: Final = -1
"""What stands for an answer that says nothing: it is no reading, and no second in which anything was seen."""


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the counters answered about one attempt."""

    readings: dict[str, int] = field(default_factory=dict)
    unseen: list[Shelf] = field(default_factory=list)
    """Places where it was never seen as far as the cache knows: the database is asked."""
    linked: dict[By, int] = field(default_factory=dict)
    """The second when its device (address, payment method) was first seen with its wallet, where the cache knows."""

    @property
    def linked_at(self) -> int | None:
        """When its device was first seen with its wallet."""
        return self.linked.get(By.DEVICE)

    def link(self, by: By, first: int, second: int) -> None:
        """Note since when something is linked with the wallet."""
        self.linked[by] = first
        if by is not By.DEVICE:
            self.readings[f"{Measure.LINK_AGE}.{by}"] = max(0, second - first)


def link_name(wallet_id: str, device: str) -> str:
    """Return the name of the record of a device's link to a wallet."""
    return f"l:{wallet_id}:{device}"


def member_of(text: str) -> str:
    """Return what is kept of a wallet or device that is counted among others: enough to tell them apart."""
    return text[:_MEMBER_CHARS]


Kept = tuple[ProgramId, bool]
"""Whose records, and whether they are kept for weeks: whoever buys on Mondays is not seen on any day between."""


Asked = tuple[int, int, Shelf | By]
"""The number of an attempt, its second, and where it is counted, or of what its link to the wallet is asked."""


class Group:
    """The records of one program that a script works on, what it is to do with them, and who asked."""

    __slots__ = ("asked", "former", "lines", "names", "others")

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.lines: list[Any] = []
        self.asked: list[Asked] = []
        self.others: dict[int, list[int]] = {}
        self.former: dict[int, list[str]] = {}

    def place(self, name: str) -> int:
        """Return the place of a record's name, from 1."""
        return self.names.setdefault(name, len(self.names) + 1)


class Groups:
    """Groups by program, those of weeks apart."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[Kept, Group] = {}

    def of(self, kept: Kept) -> Group:
        """Return the group of a program."""
        found = self._groups.get(kept)
        if found is None:
            found = self._groups[kept] = Group()
        return found

    def asked(self) -> list[Asked]:
        """Return who asked, in the order in which the answers come."""
        return [line for group in self._groups.values() for line in group.asked]

    def plain(self, day: int) -> list[tuple[Any, ...]]:
        """Return the groups as the scripts take them; `day` is the real one, whatever a program's test clock says."""
        return [
            (*_hashes(*kept, day), list(group.names), group.lines, group.others, group.former)
            for kept, group in self._groups.items()
        ]

    def packed(self, day: int) -> bytes:
        """Return the argument of a script."""
        return _pack(self.plain(day))


def _hashes(program_id: ProgramId, weekly: bool, day: int) -> tuple[str, str, int]:  # noqa: FBT001
    """Return where records are now, where they were before, and how long they live."""
    if weekly:
        week = day // _WEEKLY_DAYS
        return (
            f"fraud:{program_id}:{_WEEKLY}{week}",
            f"fraud:{program_id}:{_WEEKLY}{week - 1}",
            _WEEKLY_TTL_SECONDS,
        )
    return f"fraud:{program_id}:{day}", f"fraud:{program_id}:{day - 1}", _TTL_SECONDS


Step = tuple[By, str, int, bool, Shelf]
"""What is done in one place at one second: by what, the beginning of the record's name, its shape, whether it has members."""


class Question:
    """One question about many attempts."""

    def __init__(self) -> None:
        self._shapes: list[Any] = [((), (), (), (), 0)]
        self._steps: dict[tuple[Plan, Of, str, int], list[Step]] = {}
        self._groups = Groups()

    def add(self, number: int, attempt: Attempt, plan: Plan) -> None:
        """Ask about an attempt."""
        program_id, second, traces = attempt.program_id, attempt.second, attempt.traces
        wallet_id = attempt.wallet_id
        at = (plan, attempt.of, attempt.kind, second)
        daily = self._groups.of((program_id, False))
        for by, name, shape, distinct, shelf in self._steps.get(at) or self._planned(at):
            group = self._groups.of((program_id, True)) if shelf.weekly else daily
            names = group.names
            if by is By.WALLET:
                place = names.setdefault(name + wallet_id, len(names) + 1)
                member = _device_member(attempt, group, place) if distinct else ""
            else:
                trace = traces.device if by is By.DEVICE else traces.by(by)
                if trace is None:
                    continue
                place = names.setdefault(name + trace.key, len(names) + 1)
                if trace.others:
                    group.others[place] = [group.place(name + other) for other in trace.others]
                member = member_of(wallet_id) if distinct else ""
            group.lines += (shape, place, attempt.amount, member)
            group.asked.append((number, second, shelf))
        for by in plan.links:
            trace = traces.by(by)
            if trace is None:
                continue
            place = daily.place(link_name(wallet_id, trace.key))
            if trace.others:
                daily.others[place] = [daily.place(link_name(wallet_id, other)) for other in trace.others]
            daily.lines += (_LINK_SHAPE, place, 0, "")
            daily.asked.append((number, second, by))

    def _planned(self, at: tuple[Plan, Of, str, int]) -> list[Step]:
        plan, of, kind, second = at
        steps: list[Step] = []
        for shelf in plan.shelves(of, kind):
            self._shapes.append(
                (
                    [counted.prefix for counted in shelf.counted], [counted.bucket(second) for counted in shelf.counted],
                    [0 if shelf.only_read else _ADD[counted.measure] for counted in shelf.counted],
                    [second - window.seconds for window, _ in shelf.distinct], second,
                )
            )  # fmt: skip
            steps.append((shelf.by, shelf.name, len(self._shapes), bool(shelf.distinct), shelf))
        self._steps[at] = steps
        return steps

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return not self._groups.asked()

    def packed(self, day: int) -> bytes:
        """Return the argument of the script."""
        return _pack((self._shapes, self._groups.plain(day)))

    def read(self, raw: bytes, tallies: list[Tally]) -> bool:
        """Take the answers in, if they can be ours."""
        answers = _numbers(raw)
        asked = self._groups.asked()
        if len(answers) != sum(
            1 if isinstance(shelf, By) else len(shelf.readings) + 1 for _, _, shelf in asked
        ):
            return False
        start = 0
        for number, second, shelf in asked:
            tally = tallies[number]
            if isinstance(shelf, By):
                first, start = answers[start], start + 1
                if first > 0:
                    tally.link(shelf, first, second)
                continue
            end = start + len(shelf.readings)
            _take(tally, shelf, second, answers[start : end + 1])
            start = end + 1
        return True


def _numbers(raw: bytes) -> list[int]:
    """Return the answers; one that is no whole number says nothing, and takes none of the others along."""
    try:
        return _unpack(raw)
    except msgspec.MsgspecError:
        pass
    try:
        return [each if type(each) is int else _NOTHING for each in _unpack_any(raw)]
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return []


def _take(tally: Tally, shelf: Shelf, second: int, answers: Sequence[int]) -> None:
    """Take in what one place answered: its readings, then when it was first seen."""
    for name, found in zip(shelf.readings, answers, strict=False):
        if 0 <= found < _NUMBER_MAX:
            tally.readings[name] = found
    first = answers[-1]
    if shelf.age or shelf.distinct:
        if first <= 0:
            tally.unseen.append(shelf)
        elif shelf.age:
            tally.readings[shelf.age] = max(0, second - first)


def _device_member(attempt: Attempt, group: Group, place: int) -> str:
    device = attempt.traces.device
    if device is None:
        return ""
    if device.others:
        group.former[place] = [member_of(other) for other in device.others]
    return member_of(device.key)
