"""The second lock behind the judgements: holds that wait for a person though nobody told of them.

A judgement is written after the ledger has the hold. A process that dies in between, or loses what it still had to
write, leaves a hold without a case. So all wallets are looked through again and again, a page at a time.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from wallet_service.kernel.ids import WalletId
from wallet_service.review import store
from wallet_service.review.model import Waiting
from wallet_service.runtime.session import Statements

WALLETS: Final = 2_000
"""Looked through in one round: a million in some eight minutes, for some milliseconds of the database a second."""
UNTOLD_SECONDS: Final = 5.0
"""What still has no case so long after it was found is told of by nobody: its judgement is under way otherwise."""
SUSPECTS_MAX: Final = 500
_BEGINNING: Final = WalletId("00000000-0000-0000-0000-000000000000")
_LAST: Final = WalletId("ffffffff-ffff-ffff-ffff-ffffffffffff")
_SECONDS: Final = 10.0


class Untold:
    """One per worker. Its place among the wallets and its suspects are only remembered, never needed."""

    def __init__(self, db: Statements, now: Callable[[], float] = time.monotonic) -> None:
        self._db = db
        self._now = now
        self._after = _BEGINNING
        self._suspects: dict[tuple[WalletId, str], float] = {}

    async def next(self) -> list[Waiting]:
        """Look through one page, and again at what was suspicious; return what has waited for its case too long."""
        last = await store.read_page_end(self._db, self._after, WALLETS, timeout_seconds=_SECONDS)
        found = await store.read_untold(
            self._db, (self._after, last or _LAST), {wallet_id for wallet_id, _ in self._suspects}, SUSPECTS_MAX,
            timeout_seconds=_SECONDS,
        )  # fmt: skip
        if len(found) < SUSPECTS_MAX:  # or what did not fit is on this page the next time
            self._after = last or _BEGINNING
        now = self._now()
        known = self._suspects
        self._suspects = {
            (each.wallet_id, each.subject_id): known.get((each.wallet_id, each.subject_id), now) for each in found
        }  # fmt: skip
        return [
            each for each in found if now - self._suspects[each.wallet_id, each.subject_id] >= UNTOLD_SECONDS
        ]
