"""Each program's policy of earning, as this process knows it: few, read often, refreshed in the background."""

from __future__ import annotations

import asyncio
import logging
from typing import Final

from wallet_service.earning import store
from wallet_service.earning.model import Policy
from wallet_service.kernel.ids import ProgramId
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 2.0
_READ_SECONDS: Final = 2.0
_DEFAULT: Final = Policy()


class Policies:
    """A program without one has the defaults."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._known: dict[ProgramId, Policy] = {}

    def of(self, program_id: ProgramId | None) -> Policy:
        """Return a program's policy as last heard of."""
        return self._known.get(program_id, _DEFAULT) if program_id is not None else _DEFAULT

    def looking_ahead(self) -> dict[ProgramId, Policy]:
        """Return the programs in whose wallets something may be about to expire that nobody else sees to."""
        return {program_id: policy for program_id, policy in self._known.items() if policy.looks_ahead}

    async def refresh(self) -> None:
        """Read all of them."""
        self._known = dict(await store.read_policies(self._db, timeout_seconds=_READ_SECONDS))

    async def run(self) -> None:
        """Refresh for ever; a database that is away leaves what is known."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except DatabaseError as fault:
                _log.warning("policies of earning were not refreshed: %s", fault)
