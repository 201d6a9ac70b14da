"""One town, built once; every test gets a copy of it to spoil."""

from __future__ import annotations

import asyncio
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest
from town import Town, opened

from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def town_template(postgres_server, template_database, redis_server_url):
    name = f"wallet_town_{os.getpid()}"
    postgres_server.execute(f"create database {name} template {template_database}")

    async def build():
        async with opened(postgres_server.url(name), redis_server_url) as ledger:
            await Town(ledger).settle_in()

    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, build()).result()
    yield name
    postgres_server.execute(f"drop database {name} with (force)")


@pytest.fixture
def town_url(postgres_server, town_template):
    """The town's database, of this test's own."""
    name = f"wallet_town_{os.getpid()}_{next(_numbers)}"
    postgres_server.execute(f"create database {name} template {town_template}")
    yield postgres_server.url(name)
    postgres_server.execute(f"drop database {name} with (force)")


@pytest.fixture
async def owner(town_url):
    """Whoever owns the database and may do anything to it."""
    connection = await asyncpg.connect(town_url)
    yield connection
    await connection.close()


@pytest.fixture
async def database(town_url):
    """The database as the service sees it."""
    database = await Database.open(DatabaseOptions(url=town_url), toy=True)
    yield database
    await database.close()


@pytest.fixture
async def cache(redis_url):
    cache = Cache(redis_url, timeout_ms=1_000)
    yield cache
    await cache.close()
