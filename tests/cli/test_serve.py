from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
from command import COMMAND, Running, environment, gone, the_one_line, wallet


@pytest.fixture
def addresses(database_url: str, redis_url: str) -> dict[str, str]:
    return {"DATABASE_URL": database_url, "REDIS_URL": redis_url, "WALLET_TOY_DATABASE": "true"}


def test_serve_says_which_address_is_missing(redis_url: str) -> None:
    both = wallet("serve")
    assert both.returncode == 2
    assert "DATABASE_URL and REDIS_URL not set" in the_one_line(both)
    one = wallet("work", REDIS_URL=redis_url)
    assert one.returncode == 2
    assert "DATABASE_URL not set" in the_one_line(one)


def test_up_on_given_servers_starts_none_of_its_own(
    open_dir: Path, empty_database_url: str, redis_url: str
) -> None:
    data_dir = open_dir / "given"
    given = {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url, "WALLET_TOY_DATABASE": "true"}
    running = Running.start("up", "--demo-checkout", data_dir=data_dir, more=given)
    try:
        assert running.children() == []
        assert {entry.name for entry in data_dir.iterdir()} == {"keys", "endpoint.json"}
        told = wallet("verify", "demo/anna", "--data-dir", str(data_dir))
        assert told.stdout.startswith("sound: 4 entries")
    finally:
        assert running.stop() == 0


def test_workers_share_a_port_and_one_that_is_killed_is_started_again(
    open_dir: Path, addresses: dict[str, str]
) -> None:
    running = Running.start("serve", "--workers", "2", data_dir=open_dir / "two", more=addresses)
    try:
        first, second = running.children()
        os.kill(second, signal.SIGKILL)
        # The other one goes on serving, on connections of its own.
        assert wallet("health", "--target", running.target).returncode == 0
        deadline = time.monotonic() + 20
        while len(running.children()) < 2 and time.monotonic() < deadline:
            time.sleep(0.05)
        replaced = running.children()
        assert replaced[0] == first
        assert len(replaced) == 2
        assert second not in replaced
    finally:
        assert running.stop(signal.SIGTERM) == 0
    assert any("worker died and is started again" in line for line in running.said)
    assert all(gone(pid) for pid in replaced)


def test_workers_end_when_their_supervisor_is_killed(open_dir: Path, addresses: dict[str, str]) -> None:
    running = Running.start("serve", "--workers", "2", data_dir=open_dir / "three", more=addresses)
    workers = running.children()
    running.process.kill()
    # Not communicate(): the workers hold our end of stderr until they have drained.
    assert running.process.wait(10) == -signal.SIGKILL
    assert all(gone(pid, within_seconds=20) for pid in workers)
    running.stop()


def test_what_keeps_workers_from_starting_is_said_once(open_dir: Path, addresses: dict[str, str]) -> None:
    broken = {**addresses, "DATABASE_URL": "postgresql://u:s3cret@127.0.0.1:1/x"}
    refused = wallet("serve", "--workers", "2", "--port", "0", "--data-dir", str(open_dir / "no"), **broken)
    assert refused.returncode == 2
    assert "the database cannot be used" in the_one_line(refused)


def test_work_runs_until_it_is_told_to_stop(open_dir: Path, addresses: dict[str, str]) -> None:
    process = subprocess.Popen(
        (*COMMAND, "work", "--data-dir", str(open_dir / "work")),
        env=environment(**addresses),
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    assert "working" in process.stderr.readline()
    process.terminate()
    assert process.wait(30) == 0
    process.stderr.close()


def test_migrate_brings_an_empty_database_up_to_date_once(empty_database_url: str) -> None:
    first = wallet("migrate", "--json", DATABASE_URL=empty_database_url)
    assert first.returncode == 0, first.stderr
    done = json.loads(first.stdout)
    assert done["applied"]
    assert done["functions"] > 0
    again = wallet("migrate", DATABASE_URL=empty_database_url)
    assert again.stdout == "nothing to do: the database is up to date\n"
    assert "DATABASE_URL" in the_one_line(wallet("migrate"))


def test_serve_on_an_empty_database_says_to_migrate_first(
    open_dir: Path, template_database: str, empty_database_url: str, redis_url: str
) -> None:
    given = {"DATABASE_URL": empty_database_url, "REDIS_URL": redis_url, "WALLET_TOY_DATABASE": "true"}
    refused = wallet("serve", "--port", "0", "--data-dir", str(open_dir / "empty"), **given)
    assert refused.returncode == 2
    assert "wallet migrate" in the_one_line(refused)
