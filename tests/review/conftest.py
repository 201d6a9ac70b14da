from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

# The shop of the tests of earning has everything that is bought, earned and then doubted.
sys.path.append(str(Path(__file__).parent.parent / "earning"))

from office import Office, opened_office


@pytest.fixture
async def office(database_url: str, redis_url: str) -> AsyncIterator[Office]:
    """A shop with reviewers, and a program's clock that the test sets."""
    async with opened_office(database_url, redis_url) as office:
        yield office
