"""One worker's slices of campaign budgets.

A budget is taken in slices, so its row is written once per slice and not once per event. What a slice was used for is
written in the transaction that decides the event, against the slice's own row: it can never be exceeded, whoever
believes what.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from dataclasses import dataclass
from typing import Final

from wallet_service.earning import store
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules.model import CapKey
from wallet_service.runtime.session import Statements

SLICES: Final = 64
"""A slice is this part of its budget."""
LEASE_SECONDS: Final = 60
KEEP_SECONDS: Final = 30.0
"""Well before its lease runs out, a slice is given back and another taken."""
ASK_AGAIN_SECONDS: Final = 0.5
PAUSE_SECONDS: Final = 0.03
"""What others took a moment ago is theirs to spend for 0.1 s."""
_SECONDS: Final = 5.0

Key = tuple[ProgramId, str]


@dataclass(slots=True)
class _Slice:
    slice_id: str
    left: int
    limit: int
    """The whole budget when it was taken: of one that was lowered since, nothing in hand may be spent."""
    taken_at: float


class Budgets:
    """What this worker may spend. Not for two batches at once."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._slices: dict[Key, list[_Slice]] = {}
        self._used_up: dict[Key, float] = {}

    def in_hand(self, program_id: ProgramId) -> tuple[dict[str, int], dict[str, int]]:
        """Return by budget what a program's slices have left, and the largest budget under which one was taken."""
        own = {name: parts for (owner, name), parts in self._slices.items() if owner == program_id}
        return (
            {name: sum(part.left for part in parts) for name, parts in own.items()},
            {name: max(part.limit for part in parts) for name, parts in own.items()},
        )

    async def take(self, program_id: ProgramId, key: CapKey, short: int) -> bool:
        """Take another slice because awards were trimmed by so much; False if the budget has nothing left.

        True also says: decide again, it may have by then.
        """
        name = (program_id, key.key)
        await self._give_back_above(name, key.limit)
        if time.monotonic() < self._used_up.get(name, 0.0):
            return False
        slice_id = str(uuid.uuid4())
        wanted = max(short, key.limit // SLICES)
        own = [part.slice_id for part in self._slices.get(name, ())]
        granted = await store.take_slice(
            self._db, slice_id, program_id, key.key, key.limit, short, wanted, LEASE_SECONDS, own,
            timeout_seconds=_SECONDS,
        )  # fmt: skip
        if granted < 0:
            await asyncio.sleep(PAUSE_SECONDS)
            return True
        if not granted:
            # Asking again for every event would make the budget's row hot.
            self._used_up[name] = time.monotonic() + ASK_AGAIN_SECONDS
        if granted:
            self._slices.setdefault(name, []).append(_Slice(slice_id, granted, key.limit, time.monotonic()))
        return granted > 0

    async def _give_back_above(self, name: Key, limit: int) -> None:
        parts = self._slices.get(name, [])
        if not any(part.limit > limit for part in parts):
            return
        await store.close_slices(self._db, [part.slice_id for part in parts], timeout_seconds=_SECONDS)
        del self._slices[name]
        self._used_up.pop(name, None)

    def spread(self, program_id: ProgramId, name: str, amount: int) -> list[tuple[str, int]]:
        """Return which slices pay an amount, and count it as spent."""
        parts: list[tuple[str, int]] = []
        for part in self._slices.get((program_id, name), ()):
            used = min(part.left, amount)
            if used:
                part.left -= used
                amount -= used
                parts.append((part.slice_id, used))
        assert not amount, "a budget was spent beyond its slices"
        return parts

    async def give_back(self, *, all_of_them: bool) -> None:
        """Close slices that are used up or old, and those of workers that died."""
        oldest = time.monotonic() - KEEP_SECONDS
        ended: list[str] = []
        self._used_up.clear()
        for name, parts in list(self._slices.items()):
            gone = [part for part in parts if all_of_them or not part.left or part.taken_at < oldest]
            ended += [part.slice_id for part in gone]
            self._slices[name] = [part for part in parts if part not in gone]
            if not self._slices[name]:
                del self._slices[name]
        await store.close_slices(self._db, ended, timeout_seconds=_SECONDS)
