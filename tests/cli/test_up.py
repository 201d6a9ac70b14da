from __future__ import annotations

import json
import os
import re
import signal
import socket
import time
from pathlib import Path

from command import Running, the_one_line, wallet
from wallet_client import WalletClient


def test_one_command_plays_a_checkout_step_by_step_and_then_says_ready_once(up: Running) -> None:
    steps = [found[1] for line in up.said if (found := re.match(r"  \d  (\w+)", line))]
    assert steps == ["balance", "quote", "reserve", "reserve", "commit", "history", "balance"]
    text = "\n".join(up.said)
    assert "60.00 EUR to spend" in text
    assert "limit: maximum share" in text
    assert "refused, INSUFFICIENT_BALANCE" in text
    assert "30.00 EUR spent, 19.50 EUR given back" in text
    assert "its hash chain holds" in text
    assert [line for line in up.said if line.startswith("ready")] == [f"ready grpc=127.0.0.1:{up.port}"]


def test_show_tells_the_balances_of_a_wallet_by_name_and_by_id(up: Running) -> None:
    shown = wallet("wallet", "show", "demo/anna", "--data-dir", str(up.data_dir))
    assert shown.returncode == 0, shown.stderr
    assert "30.00 EUR" in shown.stdout
    by_name = wallet("wallet", "show", "demo/anna", "--json", "--data-dir", str(up.data_dir))
    found = json.loads(by_name.stdout)
    assert found["balance"]["available_minor"] == 3_000
    assert found["state"] == "WALLET_STATE_ACTIVE"
    by_id = wallet("show", found["wallet_id"].upper(), "--json", "--data-dir", str(up.data_dir))
    assert json.loads(by_id.stdout) == found


def test_history_tells_the_newest_entries_first_and_only_the_kinds_asked_for(up: Running) -> None:
    shown = wallet("wallet", "history", "demo/anna", "--data-dir", str(up.data_dir))
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.index("release") < shown.stdout.index("commit") < shown.stdout.index("reserve")
    as_lines = wallet(
        *("wallet", "history", "demo/anna", "--json", "--oldest-first", "--kind", "adjust"),
        *("--kind", "commit", "--limit", "2", "--data-dir", str(up.data_dir)),
    )
    entries = [json.loads(line) for line in as_lines.stdout.splitlines()]
    assert [(entry["kind"], entry["amount_minor"]) for entry in entries] == [
        ("ENTRY_KIND_ADJUST", 6_000),
        ("ENTRY_KIND_COMMIT", 3_000),
    ]


def test_verify_says_that_the_history_is_sound(up: Running) -> None:
    told = wallet("wallet", "verify", "demo/anna", "--data-dir", str(up.data_dir))
    assert (told.returncode, told.stdout.split(",")[0]) == (0, "sound: 4 entries")
    found = json.loads(wallet("verify", "demo/anna", "--json", "--data-dir", str(up.data_dir)).stdout)
    assert found["sound"] is True
    assert found["faults"] == []


def test_reconcile_proves_the_running_services_books(up: Running) -> None:
    told = wallet("reconcile", "--json", "--data-dir", str(up.data_dir))
    assert told.returncode == 0, told.stdout + told.stderr
    report = json.loads(told.stdout)
    assert (report["sound"], report["wallets"]) == (True, 1)
    assert {check["number"] for check in report["checks"] if check["holds"]} >= {1, 2, 3, 4, 5, 6, 13, 16}
    shown = wallet("reconcile", "--program", "demo", "--data-dir", str(up.data_dir))
    assert shown.returncode == 0
    assert "everything agrees" in shown.stdout


def test_a_customers_token_opens_its_own_wallet_and_no_other(up: Running) -> None:
    here = ("--data-dir", str(up.data_dir))
    anna = wallet("token", "--customer", "demo/anna", *here).stdout.strip()
    bob = wallet("token", "--customer", "demo/bob", *here).stdout.strip()
    assert wallet("wallet", "show", "demo/anna", *here, WALLET_TOKEN=anna).returncode == 0
    refused = wallet("wallet", "show", "demo/anna", *here, "--token", bob)
    assert refused.returncode == 1
    assert the_one_line(refused).startswith("wallet: WALLET_NOT_FOUND (wallet): ")


def test_a_token_allows_only_the_scopes_it_was_made_with(up: Running) -> None:
    here = ("--data-dir", str(up.data_dir))
    reader = wallet("token", "--scope", "wallet.read", *here).stdout.strip()
    assert wallet("wallet", "show", "demo/anna", "--token", reader, *here).returncode == 0
    refused = wallet("wallet", "verify", "demo/anna", "--token", reader, *here)
    assert refused.returncode == 1
    assert "SCOPE_MISSING" in the_one_line(refused)


def test_health_is_an_exit_code(up: Running) -> None:
    well = wallet("health", "--data-dir", str(up.data_dir))
    assert (well.returncode, well.stdout) == (0, f"SERVING grpc={up.target}\n")
    away = wallet("health", "--target", "127.0.0.1:1", "--timeout", "1")
    assert away.returncode == 1
    assert away.stdout.startswith("UNAVAILABLE")


def test_a_second_start_on_the_same_data_is_one_line(up: Running) -> None:
    for port in ("0", up.port):
        second = wallet("up", "--port", port, "--data-dir", str(up.data_dir))
        assert second.returncode == 2
        assert f"another process (pid {up.process.pid}) is using the data" in the_one_line(second)


def test_a_busy_port_is_one_line_and_starts_nothing(up: Running, open_dir: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        for arguments, more in ((("--port", port), {}), ((), {"WALLET_GRPC_PORT": port})):
            refused = wallet("up", *arguments, "--data-dir", str(open_dir / "other"), **more)
            assert refused.returncode == 2
            line = the_one_line(refused)
            assert f"127.0.0.1:{port} is already in use" in line
            assert "--port or WALLET_GRPC_PORT" in line
    assert not list((open_dir / "other").rglob("PG_VERSION"))


def test_a_broken_database_url_is_one_line_without_its_password(open_dir: Path) -> None:
    for url in ("postgresql://u:s3cret@127.0.0.1:1/x", "not a url s3cret"):
        refused = wallet("up", "--port", "0", "--data-dir", str(open_dir / "other"), DATABASE_URL=url)
        assert refused.returncode == 2
        line = the_one_line(refused)
        assert "DATABASE_URL" in line
        assert "s3cret" not in line


def test_commands_say_in_one_line_that_no_service_runs(open_dir: Path) -> None:
    here = ("--data-dir", str(open_dir / "nobody"))
    assert "no development secret" in the_one_line(wallet("wallet", "show", "demo/anna", *here))
    away = wallet("wallet", "show", "demo/anna", "--target", "127.0.0.1:1", "--token", "x.y.z", *here)
    assert away.returncode == 1
    assert "no service answers at 127.0.0.1:1" in the_one_line(away)


def test_a_wallet_is_named_by_id_or_by_program_and_customer() -> None:
    wrong = wallet("wallet", "show", "anna")
    assert wrong.returncode == 2
    assert "neither a wallet's id nor PROGRAM/CUSTOMER" in wrong.stderr


def test_ctrl_c_ends_with_0_and_the_next_start_goes_on_with_the_same_data(open_dir: Path) -> None:
    data_dir = open_dir / "kept"
    hint = data_dir / "endpoint.json"
    for run, how in ((1, signal.SIGINT), (2, signal.SIGTERM)):
        running = Running.start("up", "--demo-checkout", data_dir=data_dir)
        assert json.loads(hint.read_text())["target"] == running.target
        told = wallet("wallet", "verify", "demo/anna", "--json", "--data-dir", str(data_dir))
        assert json.loads(told.stdout)["entries"] == 4 * run
        children = running.children()
        assert len(children) == 2
        assert running.stop(how) == 0
        assert running.said[-1] == f"stopped; the data is kept in {data_dir}"
        assert not hint.exists()


def reaped(running: Running, victim: int) -> bool:
    """Whether its parent notices in time that a process has ended."""
    deadline = time.monotonic() + 10
    while victim in running.children() and time.monotonic() < deadline:
        time.sleep(0.05)
    return victim not in running.children()


def test_servers_that_died_are_started_again_and_the_wallet_serves_on(open_dir: Path) -> None:
    running = Running.start("up", "--demo-checkout", data_dir=open_dir / "kept")
    try:
        token = wallet("token", "--data-dir", str(running.data_dir)).stdout.strip()
        with WalletClient(running.target, token=token) as client:
            for victim in running.children():
                os.kill(victim, signal.SIGKILL)
                # Within its retries: nobody restarts anything by hand.
                client.wallet.adjust(("demo", "anna"), 1_00, actor="test", reason=f"after {victim} died")
                assert reaped(running, victim)
            assert client.wallet.get(("demo", "anna")).balance.available_minor == 32_00
        assert len(running.children()) == 2
    finally:
        assert running.stop() == 0
    assert any("PostgreSQL has died" in line for line in running.said)
    assert any("Valkey has died" in line for line in running.said)


def test_a_demo_wallet_that_is_frozen_or_closed_does_not_keep_the_service_from_starting(
    open_dir: Path,
) -> None:
    data_dir, anna, why = open_dir / "kept", ("demo", "anna"), {"actor": "test", "reason": "to see"}
    told = []
    for act in ("freeze", "close", ""):
        running = Running.start("up", "--demo-checkout", data_dir=data_dir)
        try:
            told.append("\n".join(running.said))
            token = wallet("token", "--data-dir", str(data_dir)).stdout.strip()
            with WalletClient(running.target, token=token) as client:
                if act == "freeze":
                    client.wallet.freeze(anna, **why)
                elif act == "close":
                    client.wallet.close(anna, forfeit=True, **why)
        finally:
            assert running.stop() == 0
    played, frozen, closed = told
    assert "its hash chain holds" in played
    assert "wallet frozen" in frozen
    assert "the demo cannot be played: WALLET_CLOSED" in closed
