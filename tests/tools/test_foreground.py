"""Ctrl-C at a terminal ends what `make` runs, and make ends as it did."""

import os
import pty
import signal
import sys
import time
from pathlib import Path

import pytest

TOOL = Path(__file__).parents[2] / "tools" / "foreground.py"
WAITS = """
import signal, sys, time
signal.signal(signal.SIGINT, lambda *_: sys.exit(int(sys.argv[1])))
print("up", flush=True)
time.sleep(60)
"""


@pytest.fixture
def makefile(tmp_path):
    script = tmp_path / "waits.py"
    script.write_text(WAITS)

    def made(code: int) -> Path:
        path = tmp_path / "Makefile"
        path.write_text(f"run:\n\t@exec {sys.executable} {TOOL} {sys.executable} {script} {code}\n")
        return path

    return made


def until_in_front(terminal: int, starter: int) -> bytes:
    """Wait until the command runs and the terminal is its own; returns what it printed."""
    shown = b""
    deadline = time.monotonic() + 20
    while (b"up" not in shown or os.tcgetpgrp(terminal) == starter) and time.monotonic() < deadline:
        shown += os.read(terminal, 1_000) if b"up" not in shown else b""
    return shown


def at_a_terminal(makefile: Path, say: bytes) -> tuple[int, bytes]:
    """Run make under a terminal of its own, type `say` once it is up; returns how it ended and what it printed."""
    child, terminal = pty.fork()
    if child == 0:
        os.execvp("make", ["make", "-f", str(makefile), "run"])
    shown = until_in_front(terminal, child)
    os.write(terminal, say)
    try:
        while part := os.read(terminal, 1_000):
            shown += part
    except OSError:  # Linux: the other end is closed
        pass
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    return os.waitstatus_to_exitcode(status), shown


def test_make_ends_well_when_what_it_runs_ends_well_on_ctrl_c(makefile):
    code, shown = at_a_terminal(makefile(0), b"\x03")
    assert code == 0, shown
    assert b"***" not in shown


def test_make_tells_that_what_it_runs_failed(makefile):
    code, shown = at_a_terminal(makefile(3), b"\x03")
    assert code == 2
    assert b"Error 3" in shown


def test_without_a_terminal_the_command_takes_the_place_of_its_starter(makefile):
    reader, writer = os.pipe()
    child = os.posix_spawn(
        sys.executable,
        [sys.executable, str(TOOL), sys.executable, "-c", "import os; print(os.getpid())"],
        os.environ,
        file_actions=[(os.POSIX_SPAWN_DUP2, writer, 1)],
        setsid=True,
    )
    os.close(writer)
    with os.fdopen(reader) as told:
        assert int(told.read()) == child
    assert os.waitpid(child, 0)[1] == 0


def test_a_signal_to_the_starter_reaches_the_command(makefile):
    child, terminal = pty.fork()
    if child == 0:
        script = makefile(0).parent / "waits.py"
        os.execvp(sys.executable, [sys.executable, str(TOOL), sys.executable, str(script), "5"])
    until_in_front(terminal, child)
    os.kill(child, signal.SIGINT)
    _, status = os.waitpid(child, 0)
    os.close(terminal)
    assert os.waitstatus_to_exitcode(status) == 5
