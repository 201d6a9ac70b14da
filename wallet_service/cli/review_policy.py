"""`wallet review policy export|apply`: who may decide what in a program, as a file."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from wallet_service.cli.options import CaFile, DataDir, Target, Token

if TYPE_CHECKING:
    from wallet.v1.review_pb2 import ReviewPolicy
    from wallet_client import AsyncWalletClient

app = typer.Typer(name="policy", no_args_is_help=True, help="Who may decide what, and how long it may take.")

ProgramName: TypeAlias = Annotated[str, typer.Argument(metavar="PROGRAM", help="The program's id.")]


def export(
    program: ProgramName,
    *,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print the policy in force as JSON, defaults included."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        typer.echo(_written(await client.review.policy(program)))
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def apply(
    program: ProgramName,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A policy of review as JSON.")
    ],
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")] = "applied from a file",
    actor: Annotated[str, typer.Option("--actor", help="Who does this; without it, your login.")] = "",
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Put a policy in force, unless somebody else does meanwhile; what the file does not say is the default."""
    from wallet_service.cli.calling import Wanted, run_calls

    wanted = _read(file)

    async def work(client: AsyncWalletClient) -> int:
        before = await client.review.policy(program)
        by = actor or os.environ.get("USER", "wallet-cli")
        after = await client.review.put_policy(
            program, wanted, actor=by, reason=reason, expected_version=before.version
        )
        typer.echo(f"version {after.version} is in force")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


for _command in (export, apply):
    app.command()(_command)


def _written(policy: ReviewPolicy) -> str:
    """Return a policy as a file holds it: without its number, which is not the writer's to say."""
    from wallet_service.cli.show import plain

    said = plain(policy)
    del said["version"]
    return json.dumps(said, indent=2, ensure_ascii=False)


def _read(file: Path) -> ReviewPolicy:
    from google.protobuf.json_format import Parse, ParseError
    from wallet.v1.review_pb2 import ReviewPolicy

    try:
        policy = Parse(file.read_text(encoding="utf-8"), ReviewPolicy())
    except (ParseError, UnicodeDecodeError) as fault:
        raise typer.BadParameter(f"{file}: {fault}") from fault
    policy.ClearField("version")
    return policy
