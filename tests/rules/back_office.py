"""Two processes' view of one database, as those who write rules have it."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger import store as ledger_store
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.programs import Programs
from wallet_service.rules.audience import Audience
from wallet_service.rules.live import Rulesets
from wallet_service.rules.publication import Accountable
from wallet_service.rules.service import Authoring
from wallet_service.runtime.database import Database, DatabaseOptions

DEMO = ProgramId("demo")
BY = Accountable(actor="anna", reason="summer", subject="anna@token")


@dataclass
class Office:
    """What writes, and what another process knows."""

    database: Database
    rulesets: Rulesets
    elsewhere: Rulesets
    authoring: Authoring
    audience: Audience

    def deadline(self) -> float:
        return time.monotonic() + 10

    async def publish(
        self, source: str | int, expected: int, effective_at: Instant | None = None, by: Accountable = BY
    ):
        return await self.authoring.publish(DEMO, source, expected, effective_at, by, self.deadline())

    async def draft(self, text: str, name: str = "next", expected: int | None = None, by: Accountable = BY):
        return await self.authoring.put_draft(DEMO, name, text, expected, by, self.deadline())


@asynccontextmanager
async def opened(database_url: str) -> AsyncIterator[Office]:
    database = await Database.open(DatabaseOptions(url=database_url, pool_size=2), toy=True)
    program = Program(
        program_id=DEMO, display_name="Demo", sandbox=False, asset="EUR", exponent=2, currency="EUR",
        rate_numerator=1, rate_denominator=1, redemption=RedemptionPolicy(),
    )  # fmt: skip
    assert await ledger_store.put_program(database, program, None, 0, "anna", "start", timeout_seconds=10)
    rulesets, programs = Rulesets(database), Programs(database)
    try:
        yield Office(
            database, rulesets, Rulesets(database), Authoring(database, programs, rulesets),
            Audience(database, programs, rulesets),
        )  # fmt: skip
    finally:
        await database.close()
