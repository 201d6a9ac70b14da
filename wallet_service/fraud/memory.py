"""What the database remembers of things that the cache has never seen, or has forgotten. Asked in one statement."""

from __future__ import annotations

from collections.abc import Sequence

from wallet_service.fraud import store
from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.counters import Memory
from wallet_service.fraud.model import By, Trace
from wallet_service.fraud.plan import Plan, Shelf
from wallet_service.fraud.question import Tally, link_name, member_of
from wallet_service.runtime.session import Statements

Open = tuple[Attempt, Plan, Tally]
"""An attempt whose tally may have gaps."""


def has_gaps(attempt: Attempt, plan: Plan, tally: Tally) -> bool:
    """Whether the cache could not tell something that the database may know."""
    return bool(tally.unseen) or bool(_unlinked(attempt, plan, tally))


def _unlinked(attempt: Attempt, plan: Plan, tally: Tally) -> list[tuple[By, Trace]]:
    """Return what the cache has never seen with the wallet."""
    traces = [(by, attempt.trace(by)) for by in plan.links if by not in tally.linked]
    return [(by, trace) for by, trace in traces if trace is not None]


def leave_gaps(plan: Plan, tally: Tally) -> None:
    """Drop what was counted in places of which the cache knows no beginning: there may have been more of them.

    What is above a bound without those is certain, and stays.
    """
    for shelf in tally.unseen:
        for _, reading in shelf.distinct:
            bound = plan.certain_above.get(reading)
            if bound is None or tally.readings.get(reading, 0) <= bound:
                tally.readings.pop(reading, None)


async def fill_gaps(db: Statements, opened: Sequence[Open], *, timeout_seconds: float) -> list[Memory]:
    """Fill the gaps of tallies; returns what the cache should be told, so that it is asked only once.

    What the database does not know either was never seen before: its age is nothing, and it is remembered as new.
    """
    wanted: list[store.Wanted] = []
    places: list[tuple[Attempt, Tally, Shelf | By]] = []
    for attempt, plan, tally in opened:
        for shelf in tally.unseen:
            wanted.append(_of_shelf(len(wanted), attempt, shelf))
            places.append((attempt, tally, shelf))
        for by, trace in _unlinked(attempt, plan, tally):
            wanted.append(
                store.Wanted(
                    n=len(wanted), what="link", program_id=attempt.program_id, wallet_id=attempt.wallet_id,
                    kind=by, keys=(trace.key, *trace.others),
                )
            )  # fmt: skip
            places.append((attempt, tally, by))
    found = await store.read_remembered(db, wanted, timeout_seconds=timeout_seconds)
    return [
        _filled(attempt, tally, shelf, found[number]) for number, (attempt, tally, shelf) in enumerate(places)
    ]


def _of_shelf(number: int, attempt: Attempt, shelf: Shelf) -> store.Wanted:
    trace = attempt.trace(shelf.by)
    assert trace is not None, "it was counted by it"
    what = "wallet" if shelf.by is By.WALLET else "thing"
    return store.Wanted(
        n=number, what=what, program_id=attempt.program_id, wallet_id=attempt.wallet_id, kind=shelf.by,
        keys=(trace.key, *trace.others),
    )  # fmt: skip


def _filled(attempt: Attempt, tally: Tally, shelf: Shelf | By, known: store.Remembered) -> Memory:
    second = attempt.second
    first = min(second if known.first_second is None else known.first_second, second)
    if isinstance(shelf, By):
        linked = attempt.trace(shelf)
        assert linked is not None, "it was asked for its link"
        tally.link(shelf, first, second)
        name = link_name(attempt.wallet_id, linked.key)
        return Memory(program_id=attempt.program_id, name=name, first_second=first)
    trace = attempt.trace(shelf.by)
    assert trace is not None, "it was counted by it"
    if shelf.age:
        tally.readings[shelf.age] = second - first
    own = _own_member(attempt, shelf)
    for window, reading in shelf.distinct:
        met = {
            member_of(member) for member, seen in known.members if second - window.seconds < seen <= second
        }
        number = len(met | own)
        # The cache may know of some that are not written down yet.
        tally.readings[reading] = max(tally.readings.get(reading, 0), number)
    return Memory(
        program_id=attempt.program_id, name=shelf.name + trace.key, first_second=first,
        members=known.members if shelf.distinct else (),
    )  # fmt: skip


def _own_member(attempt: Attempt, shelf: Shelf) -> set[str]:
    if shelf.by is not By.WALLET:
        return {member_of(attempt.wallet_id)}
    device = attempt.traces.device
    return set() if device is None else {member_of(device.key)}
