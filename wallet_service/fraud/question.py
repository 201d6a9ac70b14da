"""What is asked of the counters about many attempts at once, and what their answers mean. Pure.

Flat lists and shapes that are said once: most of what a decision costs here is the making of small objects.
"""

from __future__ import annotations

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
_MEMBER_CHARS: Final = 24
_NUMBER_MAX: Final = 2**53
_ADD: Final = {Measure.COUNT: 1, Measure.AMOUNT: 2, Measure.FAILURES: 0}
_LINK_SHAPE: Final = 1
_pack: Final = msgspec.msgpack.Encoder().encode
_unpack: Final = msgspec.msgpack.Decoder(list[int]).decode


@dataclass(slots=True, kw_only=True)
class Tally:
    """What the counters answered about one attempt."""

    readings: dict[str, int] = field(default_factory=dict)
    unseen: list[Shelf] = field(default_factory=list)
    """Places where it was never seen as far as the cache knows: the database is asked."""
    linked_at: int | None = None
    """The second when its device was first seen with its wallet; None: the cache does not know."""


def link_name(wallet_id: str, device: str) -> str:
    """Return the name of the record of a device's link to a wallet."""
    return f"l:{wallet_id}:{device}"


def member_of(text: str) -> str:
    """Return what is kept of a wallet or device that is counted among others: enough to tell them apart."""
    return text[:_MEMBER_CHARS]


class Group:
    """The records of one program that a script works on, and what it is to do with them."""

    __slots__ = ("former", "lines", "names", "others")

    def __init__(self) -> None:
        self.names: dict[str, int] = {}
        self.lines: list[Any] = []
        self.others: dict[int, list[int]] = {}
        self.former: dict[int, list[str]] = {}

    def place(self, name: str) -> int:
        """Return the place of a record's name, from 1."""
        return self.names.setdefault(name, len(self.names) + 1)


class Groups:
    """Groups by program."""

    __slots__ = ("_groups",)

    def __init__(self) -> None:
        self._groups: dict[ProgramId, Group] = {}

    def of(self, program_id: ProgramId) -> Group:
        """Return the group of a program."""
        found = self._groups.get(program_id)
        if found is None:
            found = self._groups[program_id] = Group()
        return found

    def plain(self, day: int) -> list[tuple[Any, ...]]:
        """Return the groups as the scripts take them; `day` is the real one, whatever a program's test clock says."""
        return [
            (
                f"fraud:{program_id}:{day}", f"fraud:{program_id}:{day - 1}", _TTL_SECONDS, list(group.names),
                group.lines, group.others, group.former,
            )
            for program_id, group in self._groups.items()
        ]  # fmt: skip

    def packed(self, day: int) -> bytes:
        """Return the argument of a script."""
        return _pack(self.plain(day))


Step = tuple[By, str, int, bool, Shelf]
"""What is done in one place at one second: by what, the beginning of the record's name, its shape, whether it has members."""


class Question:
    """One question about many attempts."""

    def __init__(self) -> None:
        self._shapes: list[Any] = [((), (), (), (), 0)]
        self._steps: dict[tuple[Plan, Of, str, int], list[Step]] = {}
        self._groups = Groups()
        self._asked: dict[ProgramId, list[tuple[int, int, Shelf | None]]] = {}

    def add(self, number: int, attempt: Attempt, plan: Plan) -> None:
        """Ask about an attempt."""
        program_id, second, traces = attempt.program_id, attempt.second, attempt.traces
        group, asked = self._groups.of(program_id), self._asked.setdefault(program_id, [])
        names, lines, wallet_id = group.names, group.lines, attempt.wallet_id
        at = (plan, attempt.of, attempt.kind, second)
        for by, name, shape, distinct, shelf in self._steps.get(at) or self._planned(at):
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
            lines += (shape, place, attempt.amount, member)
            asked.append((number, second, shelf))
        device = traces.device
        if plan.link and device is not None:
            place = group.place(link_name(wallet_id, device.key))
            if device.others:
                group.others[place] = [group.place(link_name(wallet_id, other)) for other in device.others]
            lines += (_LINK_SHAPE, place, 0, "")
            asked.append((number, second, None))

    def _planned(self, at: tuple[Plan, Of, str, int]) -> list[Step]:
        plan, of, kind, second = at
        steps: list[Step] = []
        for shelf in plan.shelves(of, kind):
            self._shapes.append(
                (
                    [counted.prefix for counted in shelf.counted], [counted.bucket(second) for counted in shelf.counted],
                    [_ADD[counted.measure] for counted in shelf.counted],
                    [second - window.seconds for window, _ in shelf.distinct], second,
                )
            )  # fmt: skip
            steps.append((shelf.by, shelf.name, len(self._shapes), bool(shelf.distinct), shelf))
        self._steps[at] = steps
        return steps

    @property
    def empty(self) -> bool:
        """Whether nothing is asked."""
        return not any(self._asked.values())

    def packed(self, day: int) -> bytes:
        """Return the argument of the script."""
        return _pack((self._shapes, self._groups.plain(day)))

    def read(self, raw: bytes, tallies: list[Tally]) -> bool:
        """Take the answers in, if they can be ours."""
        try:
            answers = _unpack(raw)
        except msgspec.MsgspecError:
            return False
        asked = [line for lines in self._asked.values() for line in lines]
        if len(answers) != sum(1 if shelf is None else len(shelf.readings) + 1 for _, _, shelf in asked):
            return False
        start = 0
        for number, second, shelf in asked:
            tally = tallies[number]
            if shelf is None:
                first, start = answers[start], start + 1
                tally.linked_at = first if first > 0 else None
                continue
            for name in shelf.readings:
                found, start = answers[start], start + 1
                if 0 <= found < _NUMBER_MAX:
                    tally.readings[name] = found
            first, start = answers[start], start + 1
            if shelf.age or shelf.distinct:
                if first <= 0:
                    tally.unseen.append(shelf)
                elif shelf.age:
                    tally.readings[shelf.age] = max(0, second - first)
        return True


def _device_member(attempt: Attempt, group: Group, place: int) -> str:
    device = attempt.traces.device
    if device is None:
        return ""
    if device.others:
        group.former[place] = [member_of(other) for other in device.others]
    return member_of(device.key)
