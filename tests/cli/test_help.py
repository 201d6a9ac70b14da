from __future__ import annotations

import re

import pytest
from command import wallet
from typer.testing import CliRunner

from wallet_service.cli.app import app

COMMANDS = {
    "fraud",
    "up",
    "serve",
    "work",
    "migrate",
    "health",
    "demo",
    "token",
    "wallet",
    "reconcile",
    "rules",
    "model",
    "review",
    "events",
}


def test_help_names_every_command_and_loads_none_of_the_service() -> None:
    told = wallet("--help", PYTHONPROFILEIMPORTTIME="1")
    assert told.returncode == 0
    assert set(re.findall(r"^│ (\w+) ", told.stdout, re.MULTILINE)) == COMMANDS
    loaded = {line.rpartition("|")[2].strip() for line in told.stderr.splitlines()}
    slow = {"grpc", "pydantic", "asyncpg", "redis", "opentelemetry", "wallet_client", "wallet_service.wiring"}
    assert not slow & loaded


@pytest.mark.parametrize(
    "command",
    [*([name] for name in sorted(COMMANDS)), *(["wallet", name] for name in ("show", "history", "verify"))],
)
def test_every_command_explains_itself(command: list[str]) -> None:
    told = CliRunner().invoke(app, [*command, "--help"], env={"COLUMNS": "120", "TERM": "dumb"})
    assert told.exit_code == 0
    usage, sentence = [line for line in told.stdout.splitlines() if line.strip()][:2]
    assert usage.strip().startswith(f"Usage: wallet {' '.join(command)}")
    assert len(sentence.split()) > 4


def test_version_is_one_line() -> None:
    told = wallet("--version")
    assert re.fullmatch(r"wallet \d+\.\d+\.\d+\n", told.stdout)


def test_a_wrong_option_is_explained_and_exits_2() -> None:
    told = wallet("serve", "--prot", "1")
    assert told.returncode == 2
    assert "No such option" in told.stderr
    assert "Traceback" not in told.stderr
