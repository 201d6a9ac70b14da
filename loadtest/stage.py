"""The stage: real servers in a folder of their own, service processes, and how much CPU each of them used."""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

import asyncpg
import psutil

from wallet_service.runtime.embedded import EmbeddedServers, start_embedded
from wallet_service.runtime.migrate import migrate

ROOT: Final = Path(__file__).resolve().parents[1]
READY_SECONDS: Final = 30


@dataclass(slots=True)
class Process:
    """A program that printed `ready … HOST:PORT` and runs until it is stopped."""

    popen: subprocess.Popen[str]
    target: str

    def stop(self) -> None:
        """Ask it to end, and insist after a while."""
        self.popen.terminate()
        try:
            self.popen.wait(30)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait()


@dataclass(slots=True)
class Stage:
    """Embedded servers and a secret for tokens; processes are started on it one after the other."""

    folder: Path
    servers: EmbeddedServers
    processes: list[Process] = field(default_factory=list)

    @property
    def database_url(self) -> str:
        """The database's address."""
        assert self.servers.postgres is not None
        return self.servers.postgres.url

    async def another_database(self, name: str) -> str:
        """Make a migrated database beside the stage's own; returns its address."""
        assert self.servers.postgres is not None
        connection = await asyncpg.connect(self.database_url)
        try:
            await connection.execute(f"create database {name}")
        finally:
            await connection.close()
        url = self.servers.postgres.database_url(name)
        await migrate(url)
        return url

    @property
    def redis_url(self) -> str:
        """The cache's address."""
        assert self.servers.valkey is not None
        return self.servers.valkey.url

    @property
    def secret_file(self) -> Path:
        """Where the secret of development tokens is."""
        return self.folder / "token.secret"

    def environment(self) -> dict[str, str]:
        """Return the settings of the processes on this stage."""
        return {
            **os.environ, "DATABASE_URL": self.database_url, "REDIS_URL": self.redis_url,
            "WALLET_DATA_DIR": str(self.folder), "WALLET_AUTH_HS256_SECRET_FILE": str(self.secret_file),
            "WALLET_LOG_LEVEL": "warning", "WALLET_IN_FLIGHT_MAX": "4096", "GRPC_ENABLE_FORK_SUPPORT": "0",
        }  # fmt: skip

    def start(self, *argv: str, settings: Mapping[str, str] | None = None) -> Process:
        """Start a Python program of this project and wait until it is ready; `settings` go before the stage's own."""
        log = (self.folder / "processes.log").open("a")
        popen = subprocess.Popen(
            [sys.executable, *argv],
            cwd=ROOT,
            env={**self.environment(), **(settings or {})},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        process = Process(popen, _target(popen.stdout, popen))
        self.processes.append(process)
        return process

    def serve(self, workers: int = 1, settings: Mapping[str, str] | None = None) -> Process:
        """Start the service with all its features on; an empty setting is the service's default."""
        argv = ("-m", "wallet_service", "serve", "--port", "0", "--workers", str(workers))
        return self.start(*argv, settings=settings)

    def stop(self, process: Process) -> None:
        """End a process."""
        process.stop()
        self.processes.remove(process)


def _target(lines: IO[str] | None, popen: subprocess.Popen[str]) -> str:
    assert lines is not None
    for line in lines:
        if "ready" in line and "=" in line:
            return line.split("=")[1].split()[0]
    raise RuntimeError(f"a process of the stage ended with {popen.wait()} before it was ready")


@contextlib.contextmanager
def staged() -> Iterator[Stage]:
    """Start the servers in a temporary folder; everything ends and is removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="wb-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        servers = start_embedded(folder)
        stage = Stage(folder, servers)
        stage.secret_file.write_text(secrets.token_hex(32))
        stage.secret_file.chmod(0o600)
        try:
            yield stage
        finally:
            for process in list(stage.processes):
                stage.stop(process)
            servers.stop()


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSeconds:
    """CPU time used so far by the client (this process), the service, PostgreSQL and the cache."""

    client: float
    server: float
    postgres: float
    cache: float

    @classmethod
    def now(cls, stage: Stage) -> CpuSeconds:
        """Read the counters of the operating system."""
        own = psutil.Process().cpu_times()
        return cls(
            client=own.user + own.system,
            server=sum(family_seconds(process.popen.pid) for process in stage.processes),
            postgres=family_seconds(_pid(stage.servers.postgres)),
            cache=family_seconds(_pid(stage.servers.valkey)),
        )

    def since(self, before: CpuSeconds, operations: int) -> dict[str, float]:
        """Return microseconds per operation by process."""
        return {
            name: round((getattr(self, name) - getattr(before, name)) / max(operations, 1) * 1e6, 1)
            for name in ("client", "server", "postgres", "cache")
        }


def _pid(server: object) -> int:
    process = getattr(server, "process", None)
    assert process is not None
    return int(process.pid)


def family_seconds(pid: int) -> float:
    """CPU seconds of a process and all that came from it, those that ended included; zero when it is not there."""
    try:
        parent = psutil.Process(pid)
        return sum(_seconds(process) for process in (parent, *parent.children(recursive=True)))
    except psutil.NoSuchProcess:
        return 0.0


def _seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    # A database session that ends takes its time out of the list: its parent keeps it with that of its own.
    return float(times.user + times.system + times.children_user + times.children_system)
