"""`wallet up`: everything on one machine, from one command."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from wallet_service.cli.options import DataDir, Port, Workers, given

if TYPE_CHECKING:
    from wallet_service.cli.calling import Endpoint
    from wallet_service.cli.hint import Hint
    from wallet_service.runtime.config import Settings
    from wallet_service.runtime.embedded import EmbeddedServers


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class _Servers:
    """Where the database and the cache are; `admin_url` may migrate. Empty where `own_` is not ours."""

    database_url: str
    admin_url: str
    redis_url: str
    own_database_url: str
    own_redis_url: str


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
        code = _serve_on(settings, embedded, demo_checkout=demo_checkout)
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
    database = embedded.postgres.url if embedded.postgres else ""
    cache = embedded.valkey.url if embedded.valkey else ""
    login = settings.database_url.get_secret_value() if settings.database_url else ""
    admin = settings.database_admin_url.get_secret_value() if settings.database_admin_url else login
    return _Servers(
        database_url=database or login,
        admin_url=database or admin,
        redis_url=cache or (settings.redis_url.get_secret_value() if settings.redis_url else ""),
        own_database_url=database,
        own_redis_url=cache,
    )


def _hint(endpoint: Endpoint | None, servers: _Servers) -> Hint:
    from wallet_service.cli.hint import Hint

    return Hint(
        target=endpoint.target if endpoint else "",
        ca_file=str(endpoint.ca_file) if endpoint and endpoint.ca_file else "",
        server_name=endpoint.server_name if endpoint else "",
        database_url=servers.own_database_url,
        redis_url=servers.own_redis_url,
    )


def _serve_on(settings: Settings, embedded: EmbeddedServers, *, demo_checkout: bool) -> int:
    """Migrate, serve, greet; returns the exit code once told to stop."""
    import asyncio

    from wallet_service.cli.calling import own_endpoint
    from wallet_service.cli.greeting import kept, say_how_to_call, show_demo
    from wallet_service.cli.hint import published
    from wallet_service.cli.show import console
    from wallet_service.cli.tokens import minted
    from wallet_service.runtime.lifecycle import run

    screen = console()
    servers = _addresses(settings, embedded)
    with ExitStack() as until_stopped:

        async def ready(address: str) -> None:
            endpoint, token = own_endpoint(settings, address), minted(settings, subject="wallet-up")
            await show_demo(endpoint, token, screen, play_checkout=demo_checkout)
            until_stopped.enter_context(published(settings.data_dir, _hint(endpoint, servers)))
            # One plain line, whatever the terminal: scripts wait for it.
            print(f"ready grpc={address}", flush=True)  # noqa: T201
            if endpoint is not None and token is not None:
                say_how_to_call(settings, endpoint, screen)

        async def main() -> int:
            from wallet_service.runtime.migrate import migrate

            await migrate(servers.admin_url)
            keeper = asyncio.create_task(embedded.keep_running(), name="embedded-servers")
            try:
                return await _serve(settings, servers, ready)
            finally:
                keeper.cancel()
                await asyncio.wait([keeper])

        code = run(main)
    if code == 0:
        screen.print(f"stopped; {kept(settings)}", markup=False)
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
