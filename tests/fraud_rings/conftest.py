from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from circles import Town, a_town
from hypothesis import HealthCheck, settings

# The same examples each time and no clock on them, so that none fails by chance.
settings.register_profile(
    "rings", deadline=None, suppress_health_check=list(HealthCheck),
    derandomize="HYPOTHESIS_EXPLORE" not in os.environ,
)  # fmt: skip
settings.load_profile("rings")


@pytest.fixture
async def town(database_url: str) -> AsyncIterator[Town]:
    async with a_town(database_url) as town:
        yield town
