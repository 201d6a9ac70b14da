"""Counters in the cache: one round trip for many decisions, counted and read in the same step.

Whatever the cache answers is checked: it may be empty, poisoned or gone, and then what it would have told is unknown.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Final

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.model import Measure, Window
from wallet_service.fraud.plan import Counted, Plan
from wallet_service.fraud.question import DAY_SECONDS, Groups, Question, Tally, member_of
from wallet_service.kernel.ids import ProgramId
from wallet_service.runtime.cache import Cache, Script

BEHIND_SECONDS: Final = 1.0


def _script(name: str) -> Script:
    lua = resources.files("wallet_service.fraud").joinpath("lua")
    return Script(
        "".join(lua.joinpath(f"{part}.lua").read_text(encoding="utf-8") for part in ("records", name))
    )


_COUNT: Final = _script("count")
_REMEMBER: Final = _script("remember")
_CORRECT: Final = _script("correct")


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """What the database knows of one record: its first second, and whom it was seen with lately, and when."""

    program_id: ProgramId
    name: str
    first_second: int
    members: Sequence[tuple[str, int]] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Correction:
    """What is to be added to one counter after the fact."""

    program_id: ProgramId
    name: str
    counted: Counted
    second: int
    by: int


class Counters:
    """Counts attempts and answers what was counted. Never raises."""

    def __init__(self, cache: Cache, budget_seconds: float) -> None:
        self._cache = cache
        self._budget_seconds = budget_seconds

    async def count(self, attempts: Sequence[tuple[Attempt, Plan]]) -> list[Tally] | None:
        """Count attempts, each with all before it; None when the cache does not answer in time."""
        question = Question()
        for number, (attempt, plan) in enumerate(attempts):
            question.add(number, attempt, plan)
        tallies = [Tally() for _ in attempts]
        if question.empty:
            return tallies
        packed = question.packed(_today())
        raw = await self._cache.evaluate(_COUNT, packed, timeout_seconds=self._budget_seconds)
        return tallies if raw is not None and question.read(raw, tallies) else None

    async def correct(self, corrections: Sequence[Correction]) -> None:
        """Add to counters behind the reply; when the cache is away this is lost."""
        groups = Groups()
        for each in corrections:
            group = groups.of((each.program_id, each.counted.window is Window.WEEK))
            bucket = each.counted.bucket(each.second)
            group.lines.append((group.place(each.name), each.counted.prefix, bucket, each.by))
        await self._behind(_CORRECT, groups)

    async def remember(self, memories: Sequence[Memory]) -> None:
        """Put back what the database knows; when the cache is away it will be asked for again."""
        groups = Groups()
        for each in memories:
            # What is kept for weeks is only counted: no age, and nobody whom it was seen with.
            group = groups.of((each.program_id, False))
            members = [part for member, second in each.members for part in (member_of(member), second)]
            group.lines.append((group.place(each.name), each.first_second, members))
        await self._behind(_REMEMBER, groups)

    async def _behind(self, script: Script, groups: Groups) -> None:
        await self._cache.evaluate(
            script, groups.packed(_today()), timeout_seconds=BEHIND_SECONDS, behind=True
        )


def _today() -> int:
    return int(time.time()) // DAY_SECONDS


def corrections_of(attempt: Attempt, plan: Plan, *, failed: bool) -> list[Correction]:
    """Return what to add: one failure of an attempt that was refused, or less of what only repeated another."""
    found: list[Correction] = []
    for shelf in plan.failures if failed else plan.shelves(attempt.of, attempt.kind):
        trace = attempt.trace(shelf.by)
        if trace is None or shelf.only_read:
            continue
        for counted in shelf.counted:
            if (counted.measure is Measure.FAILURES) is failed:
                by = 1 if failed else -attempt.amount if counted.measure is Measure.AMOUNT else -1
                found.append(
                    Correction(
                        program_id=attempt.program_id, name=shelf.name + trace.key, counted=counted,
                        second=attempt.second, by=by,
                    )
                )  # fmt: skip
    return found
