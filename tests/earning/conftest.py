from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from hypothesis import HealthCheck, settings
from shop import Shop, opened

# The same examples each time and no clock on them, so that none fails by chance.
settings.register_profile(
    "earning", deadline=None, suppress_health_check=list(HealthCheck),
    derandomize="HYPOTHESIS_EXPLORE" not in os.environ,
)  # fmt: skip
settings.load_profile("earning")


@pytest.fixture
async def shop(database_url: str, redis_url: str) -> AsyncIterator[Shop]:
    """A shop that gives 5 %, pending for 14 days."""
    async with opened(database_url, redis_url) as shop:
        await shop.begin()
        yield shop
