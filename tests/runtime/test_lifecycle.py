"""Start in order, stop in reverse, never longer than the drain, never with a loop left behind."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import pytest

from wallet_service.runtime import lifecycle
from wallet_service.runtime.errors import StartError
from wallet_service.runtime.lifecycle import EXIT_CANNOT_START, Lifecycle, run


def stopper(order, name, seconds=0.0):
    async def stop(*_):
        await asyncio.sleep(seconds)
        order.append(name)

    return stop


async def started(value):
    return value


async def test_parts_stop_in_reverse_order_of_their_start():
    order = []
    async with Lifecycle(drain_seconds=5, handle_signals=False) as life:
        assert await life.enter("pool", started(1), stopper(order, "pool")) == 1
        life.keep("sweeper", lambda: asyncio.sleep(60))
        life.on_stop("door", stopper(order, "door"))
    assert order == ["door", "pool"]


async def test_a_fault_during_the_start_stops_what_had_started():
    order = []
    with pytest.raises(StartError):  # noqa: PT012
        async with Lifecycle(drain_seconds=5, handle_signals=False) as life:
            life.on_stop("pool", stopper(order, "pool"))
            raise StartError("busy port")
    assert order == ["pool"]


async def test_a_step_that_hangs_or_fails_does_not_keep_later_steps_from_running():
    order = []

    async def fails():
        raise RuntimeError("no")

    begun = time.monotonic()
    async with Lifecycle(drain_seconds=1, handle_signals=False) as life:
        life.on_stop("pool", stopper(order, "pool"))
        life.on_stop("fails", fails)
        life.on_stop("hangs", stopper(order, "hangs", 60))
    assert order == ["pool"]
    assert time.monotonic() - begun < 3


async def test_a_loop_that_dies_is_started_again(monkeypatch):
    monkeypatch.setattr(lifecycle, "_RESTART_SECONDS_MIN", 0.01)
    runs = asyncio.Event()
    count = 0

    async def loop():
        nonlocal count
        count += 1
        if count < 3:
            raise ValueError("poison")
        runs.set()
        await asyncio.sleep(60)

    async with Lifecycle(drain_seconds=5, handle_signals=False) as life:
        life.keep("loop", loop)
        await asyncio.wait_for(runs.wait(), 5)
        assert life.restarts == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_asks_for_a_stop(number):
    async with Lifecycle(drain_seconds=5) as life:
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), number)
        await asyncio.wait_for(life.until_stopped(), 5)
        assert life.stopping


async def test_a_second_signal_hurries_the_drain():
    order = []
    begun = time.monotonic()
    async with Lifecycle(drain_seconds=30) as life:
        life.on_stop("slow", stopper(order, "slow", 20))
        life.stop()
        asyncio.get_running_loop().call_later(0.05, os.kill, os.getpid(), signal.SIGINT)
    assert time.monotonic() - begun < 5


CODE = """
import asyncio, sys
from wallet_service.runtime.lifecycle import Lifecycle, run
async def main():
    async with Lifecycle(drain_seconds=5) as life:
        life.keep("loop", lambda: asyncio.sleep(60))
        print("ready", flush=True)
        await life.until_stopped()
    return 0
sys.exit(run(main))
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_process_that_is_asked_to_stop_exits_0_without_a_traceback(number):
    with subprocess.Popen(
        [sys.executable, "-c", CODE], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        _, errors = process.communicate(timeout=10)
    assert process.returncode == 0
    assert "Traceback" not in errors


def test_a_start_that_is_refused_is_a_plain_line_and_its_own_exit_code(capsys):
    async def main():
        raise StartError("port 50051 is busy")

    assert run(main) == EXIT_CANNOT_START
    assert capsys.readouterr().err == "wallet: port 50051 is busy\n"
