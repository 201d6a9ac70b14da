"""Run a command as the terminal's foreground job: `foreground.py COMMAND ARGUMENT…`.

Ctrl-C then reaches the command alone. The make that started it would otherwise get the signal, too, and die of it
with a complaint, however cleanly its recipe ended. Where there is no terminal, the command simply takes our place.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress


def main(command: list[str]) -> int:
    """Return the exit code of the command; 128 + n if signal n ended it."""
    terminal = _own_terminal()
    if terminal is None:
        os.execvp(command[0], command)  # noqa: S606 - the Makefile names it
    group = os.getpgrp()
    child = subprocess.Popen(command, process_group=0)
    # From here on we are a background job of the terminal that we give away and take back.
    signal.signal(signal.SIGTTOU, signal.SIG_IGN)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda sent, _: _send(child.pid, sent))
    os.tcsetpgrp(terminal, child.pid)
    try:
        status = _until_ended(child.pid, group, terminal)
    finally:
        with suppress(OSError):  # a terminal that was closed meanwhile
            os.tcsetpgrp(terminal, group)
    return 128 + os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


def _own_terminal() -> int | None:
    try:
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_CLOEXEC)
        return terminal if os.tcgetpgrp(terminal) == os.getpgrp() else None
    except OSError:
        return None


def _send(group: int, number: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, number)


def _until_ended(child: int, group: int, terminal: int) -> int:
    """Wait; when the job is suspended (Ctrl-Z), suspend all of us, and go on together."""
    while True:
        _, status = os.waitpid(child, os.WUNTRACED)
        if not os.WIFSTOPPED(status):
            return status
        os.tcsetpgrp(terminal, group)
        os.killpg(group, signal.SIGSTOP)
        os.tcsetpgrp(terminal, child)
        _send(child, signal.SIGCONT)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
