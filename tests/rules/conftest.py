from __future__ import annotations

import os
from collections.abc import AsyncIterator

import pytest
from back_office import Office, opened
from hypothesis import HealthCheck, settings

settings.register_profile(
    "rules", deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.large_base_example],
    derandomize="HYPOTHESIS_EXPLORE" not in os.environ,
)  # fmt: skip
settings.load_profile("rules")


@pytest.fixture
async def office(database_url: str) -> AsyncIterator[Office]:
    async with opened(database_url) as made:
        yield made
