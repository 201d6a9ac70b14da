from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from ledger_database import LedgerDatabase, open_ledger


@pytest.fixture
async def ledger(database_url: str) -> AsyncIterator[LedgerDatabase]:
    """A migrated database with one program and no wallets."""
    ledger = await open_ledger(database_url)
    yield ledger
    await ledger.owner.close(timeout=5)
