"""A server with fake rooms for each test of the door."""

import pytest
from fake_rooms import open_house


@pytest.fixture
async def house():
    opened = await open_house()
    yield opened
    await opened.close()


@pytest.fixture
async def open_with():
    """Open houses of the test's own making; all are closed at its end."""
    opened = []

    async def make(**parts):
        opened.append(await open_house(**parts))
        return opened[-1]

    yield make
    for each in opened:
        await each.close()
