"""Everything that a fault can strike, in one hand: PostgreSQL (durable), Valkey, two services."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import redis
from rig import ServiceProcess, keys_of, service_settings, token

from wallet_service.runtime.embedded import EmbeddedPostgres, EmbeddedValkey
from wallet_service.runtime.migrate import migrate


class Stack:
    """Started on entering, stopped on leaving; `heal` brings back whatever a test has killed."""

    def __init__(self, folder: Path) -> None:
        self.postgres = EmbeddedPostgres(folder / "pg")
        self.valkey = EmbeddedValkey(folder / "vk")
        self._folder = folder
        self.services: list[ServiceProcess] = []

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _start(self) -> None:
        self._start_postgres()
        self.valkey.start()
        asyncio.run(migrate(self.database_url))
        self.keys = keys_of(self._folder / "data")
        self.bearer = token(self.keys)
        self.services = [self.service(f"service-{n}", sweep=n == 0) for n in range(2)]
        self.services[0].start()
        self.services[1].start()

    def service(self, name: str, *, sweep: bool = False, **settings: object) -> ServiceProcess:
        """Return a service on this stack, not started; impatient, so that a test of faults is short."""
        impatient = {
            "toy_database": False, "deadline_default_ms": 500, "database_statement_timeout_ms": 1_000,
            "database_lock_timeout_ms": 500, "database_connect_timeout_ms": 1_000, "sweep_interval_ms": 200,
        }  # fmt: skip
        environment = service_settings(
            self.keys.data_dir, self.database_url, self.valkey.url, **{**impatient, **settings}
        )
        return ServiceProcess(environment, sweep=sweep, log=self._folder / f"{name}.log")

    def __exit__(self, *_: object) -> None:
        running = [service for service in self.services if service.running]
        for service in running:
            service.ask_to_stop()
        for service in running:
            service.stop()
        self.valkey.stop()
        self.postgres.stop()

    @property
    def database_url(self) -> str:
        return self.postgres.url

    def _start_postgres(self) -> None:
        # Durable on purpose (fsync is on): only the sizes are those of a test.
        self.postgres.start(
            settings={"shared_buffers": "64MB", "max_wal_size": "256MB", "log_min_messages": "panic"}
        )

    def start_postgres(self) -> None:
        self._start_postgres()

    def heal(self) -> None:
        if not self.postgres.running:
            self._start_postgres()
        if not self.valkey.running:
            self.valkey.start()
        for service in self.services:
            if not service.running:
                service.start()

    @contextmanager
    def postgres_stopped(self) -> Iterator[None]:
        """SIGSTOP the whole of PostgreSQL, as a machine that hangs would."""
        assert self.postgres.process is not None
        family = [self.postgres.process.pid, *_children(self.postgres.process.pid)]
        for pid in family:
            _signal(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in family:
                _signal(pid, signal.SIGCONT)

    def cache(self) -> redis.Redis:
        return redis.Redis.from_url(self.valkey.url, socket_timeout=2)


def _children(parent: int) -> list[int]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            after_name = (folder / "stat").read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(after_name[1]) == parent:
            found.append(int(folder.name))
    return found


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
