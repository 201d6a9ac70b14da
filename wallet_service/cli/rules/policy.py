"""`wallet rules policy`: how a program's rules come into force."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wallet_service.cli.options import CaFile, DataDir, Target, Token
from wallet_service.cli.rules.words import Actor, ProgramName, login

if TYPE_CHECKING:
    from wallet_client import AsyncWalletClient


def policy(
    program: ProgramName,
    *,
    second_person: Annotated[
        bool | None,
        typer.Option(
            "--second-person/--no-second-person",
            help="Whether somebody else than the writer of a draft must publish it.",
            show_default=False,
        ),
    ] = None,
    reason: Annotated[str, typer.Option(help="Why; kept with the change.")] = "by command line",
    actor: Actor = "",
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say whether a second person must publish what one has written, or change it."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        if second_person is None:
            found = await client.rules.policy(program)
        else:
            found = await client.rules.put_policy(
                program, second_person=second_person, actor=login(actor), reason=reason
            )
        asks = "a second person publishes" if found.second_person else "who writes may publish"
        typer.echo(f"{program}: {asks}")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)
