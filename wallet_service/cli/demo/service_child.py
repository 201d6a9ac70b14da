"""The service in a child of its own, started as `wallet serve` starts a worker; it drains when its parent is gone."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from pathlib import Path
from typing import IO, Final, Self

from wallet_service.runtime.config import PREFIX, Settings
from wallet_service.runtime.errors import StartError

_READY: Final = "ready grpc="
_START_SECONDS_MAX: Final = 60.0
_STOP_SECONDS_MAX: Final = 30.0
# Ours is on loopback, for the one who holds the data folder: what a deployment sets about that does not apply.
_NOT_OURS: Final = (
    "tls_certificate_file",
    "tls_key_file",
    "tls_client_ca_file",
    "auth_jwks_file",
    "auth_hs256_secret_file",
    "prometheus_port",
)


class ServiceChild:
    """A serving process; enter it to have its address, leave it to have it drained."""

    def __init__(self, settings: Settings, *, database_url: str, redis_url: str) -> None:
        self.address = ""
        self._log_path = settings.data_dir / "service.log"
        # Secrets travel in the environment, never in arguments that others can list.
        self._environment = {
            **os.environ,
            **{PREFIX + name.upper(): "" for name in _NOT_OURS},
            **{
                PREFIX + name.upper(): value
                for name, value in {
                    "database_url": database_url,
                    "redis_url": redis_url,
                    "data_dir": str(settings.data_dir),
                    "grpc_host": "127.0.0.1",
                    "grpc_port": "0",
                    "workers": "1",
                    "log_level": "warning",
                    # A day of the replay waits for the worker: it must not sleep longer than the day's work takes.
                    "sweep_interval_ms": "30",
                }.items()
            },
        }
        self._child: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        with self._log_path.open("w") as log:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "wallet_service", "serve", "--worker", "0"],
                env=self._environment,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                start_new_session=True,  # Ctrl-C is for us: the service is told after the replay has stopped
            )
        assert self._child.stdout is not None
        line = _first_line(self._child.stdout)
        if not line.startswith(_READY):
            self.__exit__()
            raise StartError(f"the service did not start: {self._last_words()} (see {self._log_path})")
        self.address = line.removeprefix(_READY).strip()
        return self

    def __exit__(self, *_: object) -> None:
        child = self._child
        if child is None:
            return
        child.terminate()
        try:
            child.wait(_STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        for pipe in (child.stdin, child.stdout):
            if pipe is not None:
                pipe.close()

    def _last_words(self) -> str:
        lines = Path(self._log_path).read_text(errors="replace").splitlines()
        return lines[-1].strip() if lines else "no message"


def _first_line(stream: IO[str]) -> str:
    """Return the first line of a child, or nothing if it ends or takes too long."""
    deadline = time.monotonic() + _START_SECONDS_MAX
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while time.monotonic() < deadline:
            if selector.select(deadline - time.monotonic()):
                return stream.readline()
    return ""
