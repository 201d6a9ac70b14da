from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings
from ledger_database import LedgerDatabase, open_ledger

# The same examples each time and no clock on them, so that none fails by chance; HYPOTHESIS_EXPLORE=1 looks for new ones.
settings.register_profile(
    "ledger", deadline=None, suppress_health_check=[HealthCheck.too_slow],
    derandomize="HYPOTHESIS_EXPLORE" not in os.environ,
)  # fmt: skip
settings.load_profile("ledger")


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerDatabase]:
    """A migrated database with one program and no wallets."""
    ledger = await open_ledger(database_url)
    yield ledger
    await ledger.owner.close(timeout=5)
