"""`make load`, on a service that runs already."""

import asyncio
import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from loadtest import load
from wallet_service.runtime.errors import StartError

ROOT = Path(__file__).parents[2]
SECONDS_MAX = 60
with_locust = pytest.mark.skipif(
    importlib.util.find_spec("locust") is None, reason="locust is in the set `load`"
)


def test_refusals_that_load_does_not_explain_are_named():
    refused = {"Reserve": {"INSUFFICIENT_BALANCE": 3, "INTERNAL": 2}, "Quote": {"OVERLOADED": 9}}
    assert load.unexpected(refused) == ["Reserve: 2 x INTERNAL"]


def test_a_target_without_a_token_is_a_mistake_in_one_line(monkeypatch):
    monkeypatch.setenv("TARGET", "127.0.0.1:1")
    monkeypatch.delenv("TOKEN", raising=False)
    with pytest.raises(StartError) as fault, load.service():
        pass
    assert "\n" not in str(fault.value)


async def test_a_target_that_is_not_there_is_told_in_one_line():
    with pytest.raises(StartError, match=r"no wallets could be opened at 127\.0\.0\.1:1") as fault:
        await load.open_town(load.Service(target="127.0.0.1:1", token="t"), 10)
    assert "\n" not in str(fault.value)


@with_locust
async def test_shoppers_of_two_processes_leave_a_report_and_sound_books(
    target, load_token, tmp_path, database_url, redis_url
):
    environment = {
        **os.environ, "TARGET": target, "TOKEN": load_token, "DATABASE_URL": database_url, "REDIS_URL": redis_url,
        "WALLET_TOY_DATABASE": "true",
    }  # fmt: skip
    argv = ["-m", "loadtest.load", "--users", "4", "--time", "2s", "--processes", "2", "--out", str(tmp_path)]
    run = await asyncio.create_subprocess_exec(
        sys.executable, *argv, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    async with asyncio.timeout(SECONDS_MAX):
        said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()
    report = json.loads((tmp_path / "load.json").read_text())
    assert report["calls"]["GetWallet"]["calls"] > 0
    assert report["reconciliation"]["sound"]
    assert (tmp_path / "load.html").stat().st_size > 0
