"""`wallet serve`, `wallet work` and `wallet migrate`: the parts of `wallet up`, one by one, for servers."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wallet_service.cli.options import AsJson, DataDir, Port, Workers, given

if TYPE_CHECKING:
    from wallet_service.runtime.config import Settings
    from wallet_service.wiring import Addresses

_STDIN: Final = 0


def serve(
    *,
    port: Port = None,
    workers: Workers = None,
    data_dir: DataDir = None,
    worker: Annotated[int | None, typer.Option(hidden=True, min=0)] = None,
) -> None:
    """Serve calls, with the database and the cache that DATABASE_URL and REDIS_URL name, until SIGTERM or Ctrl-C.

    With several workers, each is a process of its own on the same port; one that dies is started again. The first
    of them sweeps overdue holds and expired lots.
    """
    settings = _settings(grpc_port=port, workers=workers, data_dir=data_dir)
    addresses = _addresses(settings)
    from wallet_service.runtime.lifecycle import run

    async def main() -> int:
        from wallet_service.wiring import serve

        if worker is not None:
            _end_with_parent()
            return await serve(
                settings, addresses, sweep=worker == 0, worker=worker, shared=True, ready=_say_ready
            )
        if settings.workers == 1:
            return await serve(settings, addresses, sweep=True, ready=_say_ready)
        from wallet_service.fleet import run_fleet

        return await run_fleet(
            settings, database_url=addresses.database_url, redis_url=addresses.redis_url, ready=_say_ready
        )

    raise typer.Exit(run(main))


def work(*, data_dir: DataDir = None) -> None:
    """Run only the background work (overdue holds, expired lots) until SIGTERM or Ctrl-C; answers no calls."""
    settings = _settings(data_dir=data_dir)
    addresses = _addresses(settings)
    from wallet_service.runtime.lifecycle import run

    async def main() -> int:
        from wallet_service.wiring import work

        return await work(settings, addresses)

    raise typer.Exit(run(main))


def migrate(*, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Bring the database up to date and exit. Safe to run from several places at once; nothing to do costs a query.

    Uses WALLET_DATABASE_ADMIN_URL, the login that owns the schema, or else DATABASE_URL.
    """
    from wallet_service.cli.show import json_line
    from wallet_service.runtime.errors import ConfigError
    from wallet_service.runtime.migrate import migrate

    settings = _settings(data_dir=data_dir)
    url = settings.database_admin_url or settings.database_url
    if url is None:
        raise ConfigError(
            "DATABASE_URL (or WALLET_DATABASE_ADMIN_URL) is not set: there is nothing to migrate"
        )
    report = asyncio.run(migrate(url.get_secret_value()))
    if as_json:
        typer.echo(json_line({"applied": list(report.applied), "functions": report.functions}))
    elif report.changed:
        tables = ", ".join(report.applied) or "none"
        typer.echo(f"migrations applied: {tables}; function files applied: {report.functions}")
    else:
        typer.echo("nothing to do: the database is up to date")


def _settings(**values: object) -> Settings:
    from wallet_service.runtime.config import load_settings
    from wallet_service.runtime.logs import set_up_logging

    settings = load_settings(given(**values))
    set_up_logging(level=settings.log_level, as_json=settings.log_json)
    return settings


def _addresses(settings: Settings) -> Addresses:
    from wallet_service.runtime.errors import ConfigError

    missing = [
        name
        for name, url in (("DATABASE_URL", settings.database_url), ("REDIS_URL", settings.redis_url))
        if url is None
    ]
    if settings.database_url is None or settings.redis_url is None:
        raise ConfigError(
            f"{' and '.join(missing)} not set: this command brings no servers of its own (`wallet up` does)"
        )
    from wallet_service.wiring import Addresses

    return Addresses(
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
    )


async def _say_ready(address: str) -> None:
    print(f"ready grpc={address}", flush=True)  # noqa: T201 - for the script or the parent that waits


def _end_with_parent() -> None:
    """Drain when the parent is gone: it holds the other end of our stdin and never writes."""

    def on_end() -> None:
        asyncio.get_running_loop().remove_reader(_STDIN)
        os.kill(os.getpid(), signal.SIGTERM)

    asyncio.get_running_loop().add_reader(_STDIN, on_end)
