"""Two service processes on one database and one cache, and a caller with every scope.

The processes live as long as the session; each test has a program and wallets of its own. A folder whose tests want
such a pair imports these names in its conftest, and has a pair of its own.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from rig import Api, ServiceProcess, calling, keys_of, service_settings, token

from wallet_service.runtime.config import Settings

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def shared_database_url(postgres_server, template_database) -> Iterator[str]:
    """A migrated database that all tests of this folder share."""
    name = f"wallet_service_{os.getpid()}_{next(_numbers)}"
    postgres_server.execute(f"create database {name} template {template_database}")
    yield postgres_server.url(name)
    postgres_server.execute(f"drop database {name} with (force)")


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Settings whose data folder holds the keys of these services."""
    return keys_of(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="session")
def pair(
    shared_database_url: str, redis_server_url: str, keys: Settings, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[ServiceProcess, ServiceProcess]]:
    """Two service processes; the first one sweeps."""
    log: Path = tmp_path_factory.mktemp("logs")
    environment = service_settings(
        keys.data_dir,
        shared_database_url,
        redis_server_url,
        sweep_interval_ms=100,
        # Machines that run tests are slow at times; what a short budget does has tests of its own.
        fraud_budget_ms=2_000,
    )
    first = ServiceProcess(environment, sweep=True, log=log / "first.log")
    second = ServiceProcess(environment, sweep=False, log=log / "second.log")
    first.start()  # alone: it makes the keys that both use
    second.start()
    yield first, second
    first.ask_to_stop()
    assert (second.stop(), first.stop()) == (0, 0), first.log_text() + second.log_text()
    for process in (first, second):
        assert "Traceback" not in process.log_text(), process.log_text()


@pytest.fixture
def bearer(keys: Settings) -> str:
    return token(keys)


@pytest_asyncio.fixture
async def api(pair: tuple[ServiceProcess, ServiceProcess], bearer: str) -> AsyncIterator[Api]:
    """Calls the first process."""
    async with calling(pair[0].address, bearer) as api:
        yield api


@pytest_asyncio.fixture
async def other_api(pair: tuple[ServiceProcess, ServiceProcess], bearer: str) -> AsyncIterator[Api]:
    """Calls the second process."""
    async with calling(pair[1].address, bearer) as api:
        yield api
