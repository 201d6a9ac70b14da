"""The command line as a person runs it: processes, their words, their exit codes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from typer.testing import CliRunner

from wallet_service.cli.app import app

COMMAND = (sys.executable, "-m", "wallet_service")
SECONDS_MAX = 60


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("WALLET_")}
    # As in any terminal; rich would otherwise fold lines to the width of the one that runs the tests.
    return {**kept, "COLUMNS": "200", "TERM": "dumb", **more}


def wallet(*arguments: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run one command to its end."""
    return subprocess.run(
        (*COMMAND, *arguments),
        env=environment(**more),
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=SECONDS_MAX,
        check=False,
    )


def called(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run one command as `wallet` does, in this process: for tests of many, where starting each is most of the time."""
    ended = CliRunner().invoke(app, arguments, env={"COLUMNS": "200", "TERM": "dumb"})
    return subprocess.CompletedProcess(arguments, ended.exit_code, ended.stdout, ended.stderr)


def the_one_line(ended: subprocess.CompletedProcess[str]) -> str:
    """Return what a refusal says: one line on stderr, nothing on stdout, no traceback."""
    lines = ended.stderr.splitlines()
    assert len(lines) == 1, ended.stderr
    assert ended.stdout == ""
    assert lines[0].startswith("wallet: ")
    return lines[0]


@dataclass(kw_only=True)
class Running:
    """A command that stays up."""

    process: subprocess.Popen[str]
    data_dir: Path
    said: list[str] = field(default_factory=list)

    @classmethod
    def start(cls, *arguments: str, data_dir: Path, more: Mapping[str, str] | None = None) -> Running:
        process = subprocess.Popen(
            (*COMMAND, *arguments, "--port", "0", "--data-dir", str(data_dir)),
            env=environment(**(more or {})),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        return cls(process=process, data_dir=data_dir).wait_until_ready()

    def wait_until_ready(self) -> Running:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip("\n"))
            if line.startswith("ready "):
                return self
        assert self.process.stderr is not None
        raise AssertionError(f"never ready: {self.said} {self.process.stderr.read()}")

    @property
    def target(self) -> str:
        return self.said[-1].removeprefix("ready grpc=")

    @property
    def port(self) -> str:
        return self.target.rpartition(":")[2]

    def stop(self, how: signal.Signals = signal.SIGINT) -> int:
        """Ask it to stop and return its exit code; what it said last goes to `said`."""
        if self.process.poll() is None:
            self.process.send_signal(how)
        out, err = self.process.communicate(timeout=SECONDS_MAX)
        self.said += [*out.splitlines(), *err.splitlines()]
        return self.process.returncode

    def children(self) -> list[int]:
        """Return the processes that it started, oldest first."""
        folder = Path(f"/proc/{self.process.pid}/task")
        return sorted(
            int(pid) for task in folder.iterdir() for pid in (task / "children").read_text().split()
        )


def gone(pid: int, within_seconds: float = 10.0) -> bool:
    """Whether a process ends in time."""
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            return True
        if state == "Z":
            return True
        time.sleep(0.05)
    return False
