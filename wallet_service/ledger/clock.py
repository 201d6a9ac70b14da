"""The database's clock, as far as this process can tell without asking: good enough to offer, never to decide."""

from __future__ import annotations

import time

from wallet_service.kernel.clock import Instant


class DatabaseClock:
    """Follows the clock of the database by what its answers say."""

    def __init__(self) -> None:
        self._offset: int | None = None

    def heard(self, now: Instant) -> None:
        """Take note of the moment that an answer carried."""
        self._offset = now - time.monotonic_ns() // 1_000

    def now(self) -> Instant | None:
        """Return the moment by the database's clock; None before the first answer."""
        return None if self._offset is None else Instant(self._offset + time.monotonic_ns() // 1_000)
