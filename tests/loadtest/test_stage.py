"""The processors' time of a family of processes: whoever ended is counted still."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

from loadtest.stage import family_seconds

BURNT_SECONDS: Final = 0.2
# The child uses so much of a processor, then ends; the parent says so, and stays.
PARENT: Final = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", "import time\\nwhile time.process_time() < {BURNT_SECONDS}: pass"], check=True)
print("ended", flush=True)
sys.stdin.read()
"""


def test_a_child_that_ended_is_counted() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        assert parent.stdin is not None
        assert parent.stdout.readline() == "ended\n"
        assert family_seconds(parent.pid) >= BURNT_SECONDS
        parent.stdin.close()


def test_a_process_that_is_gone_has_used_nothing() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        gone.wait()
    assert family_seconds(gone.pid) == 0.0
