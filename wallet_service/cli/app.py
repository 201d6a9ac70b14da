"""The command `wallet`: its sub-commands, and how a fault becomes one line and an exit code."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Final

import typer

from wallet_service.cli import (
    demonstrating,
    events,
    fraud,
    health,
    model,
    reconciling,
    reviewing,
    rules,
    serving,
    tokens,
    up,
    wallets,
)

EXIT_REFUSED: Final = 1
EXIT_CANNOT_START: Final = 2
EXIT_INTERRUPTED: Final = 130

app = typer.Typer(
    name="wallet",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
    help=(
        "A cashback and loyalty wallet that a checkout can trust with money.\n\n"
        "Begin with `wallet up --demo-checkout`: it brings its own PostgreSQL and Valkey and plays one"
        " checkout."
    ),
    epilog=(
        "Settings are environment variables (DATABASE_URL, REDIS_URL, WALLET_…): see docs/operations.md."
        " Exit codes: 0 done, 1 refused or found unsound, 2 cannot start or wrong usage."
    ),
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer hands the option's value over
    if wanted:
        from importlib.metadata import version

        typer.echo(f"wallet {version('wallet-service')}")
        raise typer.Exit


@app.callback()
def wallet(
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say the version.")
    ] = False,
) -> None:
    """Take the options that stand before a command."""


_RUN: Final = "Run it"
_USE: Final = "Use it"
_PROVE: Final = "Prove it"

app.command("up", rich_help_panel=_RUN)(up.up)
app.command("serve", rich_help_panel=_RUN)(serving.serve)
app.command("work", rich_help_panel=_RUN)(serving.work)
app.command("migrate", rich_help_panel=_RUN)(serving.migrate)
app.command("health", rich_help_panel=_RUN)(health.health)
app.command("token", rich_help_panel=_USE)(tokens.token)
app.add_typer(wallets.app, rich_help_panel=_USE)
app.add_typer(events.app, rich_help_panel=_USE)
app.add_typer(rules.app, rich_help_panel=_USE)
app.add_typer(model.app, rich_help_panel=_USE)
app.add_typer(fraud.app, rich_help_panel=_USE)
app.add_typer(reviewing.app, rich_help_panel=_USE)
# Also without the second word: `wallet show demo/anna`.
for _name, _command in wallets.COMMANDS.items():
    app.command(_name, hidden=True)(_command)
app.command("reconcile", rich_help_panel=_PROVE)(reconciling.reconcile)
app.command("demo", rich_help_panel=_PROVE)(demonstrating.demo)


def run_app() -> int:
    """Run the command line; returns the exit code. What was foreseen is said in one line, without a traceback."""
    from wallet_service.runtime.errors import StartError

    try:
        app()
    except StartError as fault:
        typer.echo(f"wallet: {fault}", err=True)
        return EXIT_CANNOT_START
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        # The reader (head, less) had enough. Python would complain again when it flushes at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_REFUSED
    return 0
