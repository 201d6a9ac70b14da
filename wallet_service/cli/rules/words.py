"""The options that the commands about rules share, and how they read and speak."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, Protocol, TypeAlias

import typer

if TYPE_CHECKING:
    from wallet_client import AsyncWalletClient

EXIT_FOUND: Final = 1

ProgramName: TypeAlias = Annotated[str, typer.Argument(metavar="PROGRAM", help="The program's id.")]
RulesPath: TypeAlias = Annotated[
    Path,
    typer.Argument(
        metavar="PATH",
        exists=True,
        help="A ruleset as JSON, or a folder with ruleset.json, campaigns/ and segments/.",
    ),
]
Actor: TypeAlias = Annotated[str, typer.Option("--actor", help="Who does this; without it, your login.")]


def login(actor: str) -> str:
    """Return who does this."""
    return actor or os.environ.get("USER", "wallet-cli")


async def newest(client: AsyncWalletClient, program: str) -> tuple[int, str]:
    """Return the newest version and its document; 0 and nothing if there is none."""
    async for published in client.rules.history(program, page_size=1):
        return published.version, (await client.rules.get(program, published.version)).document
    return 0, ""


class Said(Protocol):
    """A finding, from here or from the service."""

    @property
    def path(self) -> str:
        """Where."""

    @property
    def problem(self) -> str:
        """What, as a word."""

    @property
    def message(self) -> str:
        """What, for a person."""


def say_findings(findings: Iterable[Said]) -> None:
    """Write findings to stderr, a line each."""
    from wallet_service.cli.show import printable

    for finding in findings:
        typer.echo(f"{printable(finding.path)}: {finding.problem}: {printable(finding.message)}", err=True)
