"""Notices when the machine stands still: a test that fails while it did is run once more, and told (`RERUN`).

A virtual machine is stopped by its host now and then, for tenths of a second up to some. Every test here that waits for
something, or gives something little time, would fail in such a moment, and a suite of thousands meets one in each run.
What fails on a machine that goes on is never run again.
"""

from __future__ import annotations

import os
import threading
import time

import pytest

LONG_SECONDS = 0.1
"""A processor that does not come back to a sleeper for so long was not there."""
_LOOK_SECONDS = 0.02


class Standstill:
    """One sleeper on each processor; the longest that one was kept waiting since `forget`."""

    def __init__(self) -> None:
        self.longest = 0.0
        self._watching = False

    def watch(self) -> None:
        """Begin, once; the sleepers end with the process."""
        if not self._watching:
            self._watching = True
            for processor in sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (None,):
                threading.Thread(target=self._sleep, args=(processor,), daemon=True).start()

    def forget(self) -> None:
        """Count from now on."""
        self.longest = 0.0

    @property
    def long(self) -> bool:
        """Whether a processor was away for long."""
        return self.longest >= LONG_SECONDS

    def _sleep(self, processor: int | None) -> None:
        if processor is not None:
            os.sched_setaffinity(0, {processor})  # of this thread alone
        while True:
            began = time.monotonic()
            time.sleep(_LOOK_SECONDS)
            self.longest = max(self.longest, time.monotonic() - began - _LOOK_SECONDS)


standstill = Standstill()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup() -> None:
    standstill.watch()
    standstill.forget()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        item.add_marker(pytest.mark.flaky(reruns=1, condition=lambda: standstill.long))
