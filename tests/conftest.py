"""Real servers for every test: embedded ones, or those that DATABASE_URL and REDIS_URL name.

`database_url` is a fresh migrated database for each test, cloned from a template; `redis_url` an empty cache.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import shutil
import tempfile
import threading
from collections.abc import Callable, Coroutine, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import asyncpg
import pytest
import redis
from standstill import pytest_collection_modifyitems, pytest_runtest_setup

from wallet_service.runtime.embedded import TOY_POSTGRES_SETTINGS, EmbeddedPostgres, EmbeddedValkey
from wallet_service.runtime.migrate import migrate

__all__ = ["pytest_collection_modifyitems", "pytest_runtest_setup"]

# gRPC's fork handlers start threads in a forked child, where a user namespace can then no longer be entered.
os.environ["GRPC_ENABLE_FORK_SUPPORT"] = "0"
# Taken out of the environment, so that no setting of a test is decided by the shell it runs in.
_DATABASE_URL = os.environ.pop("DATABASE_URL", None)
_REDIS_URL = os.environ.pop("REDIS_URL", None)
for _name in [name for name in os.environ if name.startswith(("WALLET_", "OTEL_"))]:
    del os.environ[_name]

_TEST_SETTINGS = {
    **TOY_POSTGRES_SETTINGS,
    "shared_buffers": "64MB",
    "max_wal_size": "1GB",
    "autovacuum": "off",
}


T = TypeVar("T")


def run_apart(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a coroutine to its end in a loop of its own, whether or not the test has one running."""
    results: list[T] = []
    thread = threading.Thread(target=lambda: results.append(asyncio.run(work())))
    thread.start()
    thread.join()
    return results[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class PostgresServer:
    """A cluster on which tests may create databases."""

    admin_url: str
    embedded: bool

    def url(self, database: str) -> str:
        """Return the address of one of its databases."""
        parts = urlsplit(self.admin_url)
        return urlunsplit((parts.scheme, parts.netloc, f"/{database}", parts.query, ""))

    def execute(self, *statements: str) -> None:
        """Run statements as administrator, each in its own transaction."""

        async def work() -> None:
            connection = await asyncpg.connect(self.admin_url, timeout=10)
            try:
                for statement in statements:
                    await connection.execute(statement, timeout=60)
            finally:
                await connection.close()

        run_apart(work)


@pytest.fixture(scope="session")
def short_dir() -> Iterator[Path]:
    """A folder whose name is short enough for unix sockets; gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="wt-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def postgres_server(short_dir: Path) -> Iterator[PostgresServer]:
    if _DATABASE_URL is not None:
        yield PostgresServer(admin_url=_DATABASE_URL, embedded=False)
        return
    with EmbeddedPostgres(short_dir / "pg") as server:
        server.start(settings=_TEST_SETTINGS)
        yield PostgresServer(admin_url=server.url, embedded=True)


@pytest.fixture(scope="session")
def template_database(postgres_server: PostgresServer) -> Iterator[str]:
    """The name of a migrated database that nobody connects to."""
    name = f"wallet_template_{os.getpid()}"
    postgres_server.execute(f"create database {name} template template0")
    run_apart(lambda: migrate(postgres_server.url(name)))
    yield name
    postgres_server.execute(f"drop database {name} with (force)")


_numbers = itertools.count(1)


@pytest.fixture
def database_url(postgres_server: PostgresServer, template_database: str) -> Iterator[str]:
    """A migrated, empty database of this test's own; the login owns it (migrations), the service takes its role."""
    name = f"wallet_test_{os.getpid()}_{next(_numbers)}"
    postgres_server.execute(f"create database {name} template {template_database}")
    yield postgres_server.url(name)
    postgres_server.execute(f"drop database {name} with (force)")


@pytest.fixture
def empty_database_url(postgres_server: PostgresServer) -> Iterator[str]:
    """A database with nothing in it."""
    name = f"wallet_empty_{os.getpid()}_{next(_numbers)}"
    postgres_server.execute(f"create database {name} template template0")
    yield postgres_server.url(name)
    postgres_server.execute(f"drop database {name} with (force)")


@pytest.fixture
def own_postgres() -> Iterator[EmbeddedPostgres]:
    """A durable PostgreSQL of this test's own, not started and not migrated: to be killed, stopped and restarted."""
    folder = Path(tempfile.mkdtemp(prefix="wp-"))
    folder.chmod(0o755)
    with EmbeddedPostgres(folder / "pg") as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def own_valkey() -> Iterator[EmbeddedValkey]:
    """A Valkey of this test's own, not started: to be killed, stopped and restarted."""
    folder = Path(tempfile.mkdtemp(prefix="wv-"))
    folder.chmod(0o755)
    with EmbeddedValkey(folder / "vk") as server:
        yield server
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def redis_server_url(short_dir: Path) -> Iterator[str]:
    if _REDIS_URL is not None:
        yield _REDIS_URL
        return
    with EmbeddedValkey(short_dir / "vk") as server:
        yield server.start().url


@pytest.fixture
def redis_url(redis_server_url: str) -> Iterator[str]:
    """The address of an empty cache."""
    with redis.Redis.from_url(redis_server_url, socket_timeout=5) as client:
        client.flushdb()
        yield redis_server_url
