"""`wallet up`: everything on one machine, from one command."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wallet_service.cli.options import DataDir, Port, Workers, given

if TYPE_CHECKING:
    from rich.console import Console

    from wallet_service.cli.calling import Endpoint
    from wallet_service.runtime.config import Settings
    from wallet_service.runtime.embedded import EmbeddedServers


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Servers:
    """Where the database and the cache are; `admin_url` may migrate."""

    database_url: str
    admin_url: str
    redis_url: str


def up(
    *,
    demo_checkout: Annotated[
        bool, typer.Option("--demo-checkout", help="Play one checkout through the public API and show it.")
    ] = False,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
) -> None:
    """Start the whole wallet on this machine and stay up until Ctrl-C.

    Starts an embedded PostgreSQL and Valkey under the data folder (kept between runs) unless DATABASE_URL and
    REDIS_URL name others, migrates, makes the program `demo` and a wallet in it, and serves. Prints
    `ready grpc=HOST:PORT` once it can be called.
    """
    from wallet_service.runtime.config import load_settings
    from wallet_service.runtime.embedded import start_embedded

    # A person watches: what is worth a line is printed by us, the log speaks up when something is wrong.
    quiet = {} if os.environ.get("WALLET_LOG_LEVEL") else {"log_level": "warning"}
    settings = load_settings({**given(grpc_port=port, workers=workers, data_dir=data_dir), **quiet})
    _set_up_logging(settings)
    _refuse_if_busy(settings)
    # gRPC's fork handlers would speak up whenever a dead worker is started again.
    os.environ.setdefault("GRPC_ENABLE_FORK_SUPPORT", "0")
    # Before anything imports gRPC: its threads and a child's start do not go together.
    embedded = start_embedded(
        settings.data_dir, postgres=settings.database_url is None, valkey=settings.redis_url is None
    )
    try:
        code = _serve_on(settings, _addresses(settings, embedded), demo_checkout=demo_checkout)
    finally:
        embedded.stop()
    raise typer.Exit(code)


def _refuse_if_busy(settings: Settings) -> None:
    """Say at once that the port is taken; where the data is in use as well, that is the better answer."""
    from wallet_service.runtime.embedded import EmbeddedPostgres
    from wallet_service.runtime.errors import StartError
    from wallet_service.transport.address import claim_port

    try:
        with claim_port(settings.grpc_host, settings.grpc_port):
            return
    except StartError:
        if settings.database_url is None:
            EmbeddedPostgres(settings.data_dir / "postgres").stop()
        raise


def _set_up_logging(settings: Settings) -> None:
    from wallet_service.runtime.logs import set_up_logging

    set_up_logging(level=settings.log_level, as_json=settings.log_json)


def _addresses(settings: Settings, embedded: EmbeddedServers) -> _Servers:
    """Take the embedded address where there is an embedded server, the configured one otherwise."""
    own = embedded.postgres.url if embedded.postgres else None
    login = settings.database_url.get_secret_value() if settings.database_url else ""
    admin = settings.database_admin_url.get_secret_value() if settings.database_admin_url else login
    cache = settings.redis_url.get_secret_value() if settings.redis_url else ""
    return _Servers(
        database_url=own or login,
        admin_url=own or admin,
        redis_url=embedded.valkey.url if embedded.valkey else cache,
    )


def _serve_on(settings: Settings, servers: _Servers, *, demo_checkout: bool) -> int:
    """Migrate, serve, greet; returns the exit code once told to stop."""
    from wallet_service.cli.show import console
    from wallet_service.runtime.lifecycle import run

    screen = console()
    with ExitStack() as stack:

        async def ready(address: str) -> None:
            await _greet(settings, address, screen, stack, demo_checkout=demo_checkout)

        async def main() -> int:
            from wallet_service.runtime.migrate import migrate

            await migrate(servers.admin_url)
            return await _serve(settings, servers, ready)

        code = run(main)
    if code == 0:
        screen.print(f"stopped; {_kept(settings)}", markup=False)
    return code


async def _serve(settings: Settings, servers: _Servers, ready: Callable[[str], Awaitable[None]]) -> int:
    if settings.workers > 1:
        from wallet_service.fleet import run_fleet

        return await run_fleet(
            settings, database_url=servers.database_url, redis_url=servers.redis_url, ready=ready
        )
    from wallet_service.wiring import Addresses, serve

    addresses = Addresses(database_url=servers.database_url, redis_url=servers.redis_url)
    return await serve(settings, addresses, sweep=True, ready=ready)


async def _greet(
    settings: Settings, address: str, screen: Console, stack: ExitStack, *, demo_checkout: bool
) -> None:
    """Make the demo, play the checkout, say `ready` and how to go on."""
    from wallet_service.cli.calling import own_endpoint, published
    from wallet_service.cli.tokens import minted

    endpoint = own_endpoint(settings, address)
    token = minted(settings, subject="wallet-up")
    if endpoint is None or token is None:
        screen.print("no demo: this service takes only its issuer's tokens or clients with a certificate")
    else:
        await _demo(endpoint, token, screen, demo_checkout=demo_checkout)
    stack.enter_context(published(settings, endpoint))
    # One plain line, whatever the terminal: scripts wait for it.
    print(f"ready grpc={address}", flush=True)  # noqa: T201
    if endpoint is not None and token is not None:
        _say_how_to_call(settings, endpoint, screen)


async def _demo(endpoint: Endpoint, token: str, screen: Console, *, demo_checkout: bool) -> None:
    from wallet_service.cli.calling import dial
    from wallet_service.cli.first_checkout import WALLET, ensure_demo, play

    async with dial(endpoint, token) as client:
        await ensure_demo(client)
        if demo_checkout:
            screen.print(f"One checkout of wallet [bold]{'/'.join(WALLET)}[/bold], through the public API:\n")
            await play(client, screen)


def _say_how_to_call(settings: Settings, endpoint: Endpoint, screen: Console) -> None:
    from wallet_service.cli.first_checkout import WALLET
    from wallet_service.runtime.config import Settings as Defaults

    program, customer = WALLET
    default = settings.data_dir == Defaults.model_fields["data_dir"].default
    here = "" if default else f" --data-dir {shlex.quote(str(settings.data_dir))}"
    wallet = _own_name()
    lines = f"""
look at it        {wallet} wallet show {program}/{customer}{here}
                  {wallet} wallet history {program}/{customer}{here}
a token           export WALLET_TOKEN="$({wallet} token{here})"
from Python       python clients/python/examples/checkout.py --target {endpoint.target} --token "$WALLET_TOKEN"
from anywhere     grpcurl -plaintext -H "authorization: Bearer $WALLET_TOKEN" \\
  (reflection)      -d '{{"wallet":{{"customer":{{"program_id":"{program}","customer_ref":"{customer}"}}}}}}' \\
                    {endpoint.target} wallet.v1.WalletService/GetWallet

Ctrl-C stops it; {_kept(settings)}"""
    if endpoint.ca_file is not None:
        lines = lines.replace("-plaintext", f"-cacert {shlex.quote(str(endpoint.ca_file))}")
    screen.print(lines, markup=False, soft_wrap=True)


def _kept(settings: Settings) -> str:
    if settings.database_url is not None:
        return "the data is in your database"
    return f"the data is kept in {settings.data_dir}"


def _own_name() -> str:
    """Return what to type to get this program: `wallet` where the shell finds it, the path to it elsewhere."""
    program = Path(sys.argv[0])
    found = shutil.which("wallet")
    if program.name != "wallet" or (found is not None and Path(found).resolve() == program.resolve()):
        return "wallet"
    try:
        return str(program.absolute().relative_to(Path.cwd()))
    except ValueError:
        return str(program)
