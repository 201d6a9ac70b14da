"""The programs as this process knows them.

Few, read often, refreshed in the background and whenever a batch shows that one has changed.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Final

from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger import store
from wallet_service.ledger.model import Terms, Wallet
from wallet_service.ledger.program import Program
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 2.0
READ_SECONDS: Final = 2.0
PAGE: Final = 500


class Programs:
    """A cache of all programs. What decides about money is checked against the version that the batch has loaded."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._known: dict[ProgramId, Program] = {}

    def known(self, program_id: ProgramId) -> Program | None:
        """Return the program as last heard of."""
        return self._known.get(program_id)

    async def find(self, program_id: ProgramId, timeout_seconds: float) -> Program | None:
        """Return a program, asking the database if it is not known here yet."""
        return self._known.get(program_id) or await self.reread(program_id, timeout_seconds)

    async def reread(self, program_id: ProgramId, timeout_seconds: float) -> Program | None:
        """Return a program as it is in the database now."""
        program = await store.read_program(self._db, program_id, timeout_seconds=timeout_seconds)
        if program is not None:
            self._known[program_id] = program
        return program

    async def ensure(self, versions: Mapping[ProgramId, int]) -> None:
        """Know each of these programs at least at that version."""
        for program_id, version in versions.items():
            program = self._known.get(program_id)
            if program is None or program.version < version:
                await self.reread(program_id, READ_SECONDS)

    def terms_of(self, wallet: Wallet) -> Terms:
        """Return what the program of a wallet allows; call `ensure` first."""
        return self._known[wallet.program_id].terms()

    def program_of(self, wallet: Wallet) -> Program:
        """Return the program of a wallet; call `ensure` first."""
        return self._known[wallet.program_id]

    async def refresh(self) -> None:
        """Read all programs."""
        after = ""
        while page := await store.read_programs(self._db, after, PAGE, timeout_seconds=READ_SECONDS):
            self._known.update({program.program_id: program for program in page})
            after = page[-1].program_id

    async def run(self) -> None:
        """Refresh for ever; a database that is away leaves what is known."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except DatabaseError as fault:
                _log.warning("programs were not refreshed: %s", fault)
