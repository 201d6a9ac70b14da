"""Checkout shoppers on a running service, over real gRPC: `make load`.

make load USERS=50 TIME=30s             servers and service of its own
make load USERS=500 PROCESSES=2         several locust processes
make load WEB=1                         with locust's page, until Ctrl-C
make load TARGET=host:port TOKEN=…      a service that runs; with its DATABASE_URL every invariant is proven too

Ends by proving that everything adds up. Exits 1 if it does not, or if a call was refused for a reason that load does
not explain.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from loadtest.stage import ROOT, Process, Stage, staged
from wallet_service.runtime.embedded import free_port
from wallet_service.runtime.errors import StartError
from wallet_service.runtime.migrate import migrate

OUT: Final = ROOT / "build"
WALLETS: Final = range(10, 5_001)
"""How many wallets there may be: one for each shopper within these bounds, so that devices meet in a wallet."""
BALANCE_MINOR: Final = 50_000
HOLD_SECONDS: Final = 20
LOCUST_END_SECONDS: Final = 30
STOPPING_SECONDS: Final = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person asked for."""

    users: int
    time: str
    processes: int
    web: bool
    out: Path
    """The folder of the report."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """What is loaded: an address, a token, and where its state can be read ('' where it cannot)."""

    target: str
    token: str
    database_url: str = ""
    redis_url: str = ""


def serve_own(stage: Stage) -> Service:
    """Start a service on a stage."""
    # After the servers: gRPC must not be there when they are forked.
    from wallet_service.transport.auth import mint
    from wallet_service.transport.scopes import Scope

    asyncio.run(migrate(stage.database_url))
    process: Process = stage.serve()
    token = mint(stage.secret_file.read_bytes().strip(), "load", list(Scope), ttl_seconds=24 * 3_600)
    return Service(
        target=process.target, token=token, database_url=stage.database_url, redis_url=stage.redis_url
    )


@contextlib.contextmanager
def service() -> Iterator[Service]:
    """Yield the service that TARGET and TOKEN name, or one of its own for as long as it is looked at."""
    target, token = os.environ.get("TARGET", ""), os.environ.get("TOKEN", "")
    if target and token:
        names = ("DATABASE_URL", "REDIS_URL")
        database_url, redis_url = (os.environ.get(name, "") for name in names)
        yield Service(target=target, token=token, database_url=database_url, redis_url=redis_url)
        return
    if target or token:
        raise StartError("TARGET and TOKEN go together: `wallet token` makes a token for a service at hand")
    with staged() as stage:
        yield serve_own(stage)


async def open_town(at: Service, users: int) -> list[str]:
    """Make a program of this run's own with wallets for its shoppers."""
    from wallet_client import AsyncWalletClient, WalletError

    from loadtest.town import open_wallets

    count = min(max(users, WALLETS.start), WALLETS.stop - 1)
    program_id = f"load-{uuid.uuid4().hex[:12]}"
    try:
        async with AsyncWalletClient(at.target, token=at.token) as client:
            return await open_wallets(
                client, program_id, count, ttl_seconds=HOLD_SECONDS, balance_minor=BALANCE_MINOR
            )
    except* WalletError as errors:
        raise StartError(f"no wallets could be opened at {at.target}: {errors.exceptions[0]}") from None


def unleash(at: Service, wallet_ids: list[str], asked: Asked) -> dict[str, Any]:
    """Run locust to its end and return its figures."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "wallets").write_text("\n".join(wallet_ids))
        environment = {
            **os.environ, "LOAD_TARGET": at.target, "LOAD_TOKEN": at.token,
            "LOAD_WALLETS": str(folder / "wallets"), "LOAD_FIGURES": str(folder / "figures.json"),
        }  # fmt: skip
        _locusts(asked, environment)
        figures = folder / "figures.json"
        if not figures.exists():
            raise StartError("locust ended without figures; what it said is above")
        found: dict[str, Any] = json.loads(figures.read_text())
        return found


def _locusts(asked: Asked, environment: Mapping[str, str]) -> None:
    """Run one locust that does everything, or one that only leads and as many that work."""
    argv = [sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--loglevel", "WARNING"]
    leading = [
        *argv, "--users", str(asked.users), "--spawn-rate", str(max(asked.users / 5, 1)), "--only-summary",
        "--html", str(asked.out / "load.html"), "--stop-timeout", str(STOPPING_SECONDS), "--exit-code-on-error", "0",
    ]  # fmt: skip
    if asked.web:
        port = free_port()
        leading += ["--web-host", "127.0.0.1", "--web-port", str(port)]
        print(f"open http://127.0.0.1:{port} and start; Ctrl-C here ends it", flush=True)
    else:
        leading += ["--headless", "--run-time", asked.time]
    workers: list[subprocess.Popen[bytes]] = []
    if asked.processes > 1:
        # Started, not forked as by --processes: gRPC does not live through a fork.
        port = free_port()
        leading += ["--master", "--master-bind-host", "127.0.0.1", "--master-bind-port", str(port)]
        leading += ["--expect-workers", str(asked.processes), "--expect-workers-max-wait", "30"]
        working = [*argv, "--worker", "--master-host", "127.0.0.1", "--master-port", str(port)]
        workers = [subprocess.Popen(working, cwd=ROOT, env=environment) for _ in range(asked.processes)]
    try:
        _await(subprocess.Popen(leading, cwd=ROOT, env=environment))
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait(LOCUST_END_SECONDS)


def _await(leader: subprocess.Popen[bytes]) -> None:
    try:
        leader.wait()
    except KeyboardInterrupt:
        # The terminal has told locust too: it ends its users and writes its report.
        leader.wait(LOCUST_END_SECONDS)


async def prove(at: Service, wallet_ids: list[str]) -> dict[str, Any]:
    """Return whether everything adds up: on the database, or else wallet by wallet through the API."""
    if at.database_url:
        from loadtest import proof

        return await proof.prove(at.database_url, at.redis_url)
    from wallet_client import AsyncWalletClient

    from loadtest.town import disagreements

    async with AsyncWalletClient(at.target, token=at.token) as client:
        found = await disagreements(client, wallet_ids)
    print(f"{len(wallet_ids)} wallets verified through the API, {len(found)} disagree", *found, sep="\n")
    return {"sound": not found, "wallets": len(wallet_ids), "findings": found}


def unexpected(refused: Mapping[str, Mapping[str, int]]) -> list[str]:
    """Return the refusals that load does not explain, one sentence each."""
    from loadtest.shoppers import EXPECTED

    return [
        f"{call}: {count} x {reason}"
        for call, reasons in refused.items()
        for reason, count in reasons.items()
        if reason not in EXPECTED
    ]


def run(asked: Asked) -> bool:
    """Load a service, write the report, and return whether all is well."""
    asked.out.mkdir(parents=True, exist_ok=True)
    with service() as at:
        wallet_ids = asyncio.run(open_town(at, asked.users))
        print(f"{len(wallet_ids)} wallets opened at {at.target}; {asked.users} shoppers walk in", flush=True)
        found = unleash(at, wallet_ids, asked)
        found["unexpected"] = unexpected(found["refused"])
        found["reconciliation"] = asyncio.run(prove(at, wallet_ids))
    found = {"users": asked.users, "processes": asked.processes, **found}
    report = asked.out / "load.json"
    report.write_text(json.dumps(found, indent=1) + "\n")
    for sentence in found["unexpected"]:
        print(f"unexpected: {sentence}")
    sound = bool(found["reconciliation"]["sound"]) and not found["unexpected"]
    print(
        f"{'all is well' if sound else 'NOT WELL'}; written to {report} and {report.with_suffix('.html').name}"
    )
    return sound


def main() -> int:
    """Do what the command line asks; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--time", default="30s", help="as locust reads it: 30s, 5m, 1h")
    parser.add_argument(
        "--processes", type=int, default=1, help="locust processes; one makes some 1,500 calls/s"
    )
    parser.add_argument(
        "--web", action="store_true", help="locust's page on loopback instead of a fixed time"
    )
    parser.add_argument("--out", type=Path, default=OUT, help="folder of load.json and load.html")
    given = parser.parse_args()
    try:
        return 0 if run(Asked(**vars(given))) else 1
    except StartError as fault:
        print(fault, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
