"""`wallet rules apply|export|diff`: rules as files, so that what is earned can live in git."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token

if TYPE_CHECKING:
    from wallet.v1.rules_pb2 import Finding
    from wallet_client import AsyncWalletClient

    from wallet_service.rules.ruleset import Ruleset

app = typer.Typer(name="rules", no_args_is_help=True, help="Rules as files: apply, export, compare.")

ProgramName: TypeAlias = Annotated[str, typer.Argument(metavar="PROGRAM", help="The program's id.")]
RulesFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A ruleset as JSON.")
]
Draft: TypeAlias = Annotated[str, typer.Option("--draft", metavar="NAME", help="The draft to write.")]
Actor: TypeAlias = Annotated[str, typer.Option("--actor", help="Who does this; without it, your login.")]
_DRAFT: Final = "file"
_EXIT_FOUND: Final = 1


def apply(
    program: ProgramName,
    file: RulesFile,
    *,
    publish: Annotated[
        bool, typer.Option("--publish", help="Put it in force at once, if nothing is wrong.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")] = "applied from a file",
    draft: Draft = _DRAFT,
    actor: Actor = "",
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Write the draft and say all that is wrong with it (exit code 1); with --publish, make it the next version.

    What is in force already is not published again.
    """
    from wallet_service.cli.calling import Wanted, run_calls

    text = file.read_text(encoding="utf-8")

    async def work(client: AsyncWalletClient) -> int:
        by = actor or os.environ.get("USER", "wallet-cli")
        kept = await client.rules.put_draft(program, draft, text, actor=by, reason=reason)
        if kept.findings:
            _say(kept.findings)
            return _EXIT_FOUND
        typer.echo(f"draft {draft}: revision {kept.revision}, nothing is wrong")
        if not publish:
            return 0
        newest, document = await _newest(client, program)
        if document and not _differences(document, text):
            typer.echo(f"version {newest} says the same: nothing to publish")
            return 0
        made = await client.rules.publish(program, draft, expected_version=newest, actor=by, reason=reason)
        typer.echo(f"version {made.version} is published")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def export(
    program: ProgramName,
    *,
    version: Annotated[int, typer.Option(min=0, metavar="N", help="Which version; 0 is the newest.")] = 0,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print a published version as JSON, the same text for the same rules."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.rules.document import pretty

        number = version or (await _newest(client, program))[0]
        if not number:
            typer.echo(f"wallet: nothing was published for {program} yet", err=True)
            return _EXIT_FOUND
        typer.echo(pretty(_read((await client.rules.get(program, number)).document)), nl=False)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def diff(
    program: ProgramName,
    file: RulesFile,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Compare the newest published version with a file, rule by rule; writes nothing. Exits 1 if they differ."""
    from wallet_service.cli.calling import Wanted, run_calls

    text = file.read_text(encoding="utf-8")

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.show import json_line

        newest, document = await _newest(client, program)
        found = _differences(document or '{"time_zone": "UTC"}', text)
        for path, before, after in found:
            if as_json:
                typer.echo(json_line({"path": path, "before": before, "after": after}))
            else:
                typer.echo(f"{path}: {before or '(nothing)'} -> {after or '(nothing)'}")
        if not found and not as_json:
            typer.echo(f"version {newest} says the same")
        return _EXIT_FOUND if found else 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


for _command in (apply, export, diff):
    app.command()(_command)


async def _newest(client: AsyncWalletClient, program: str) -> tuple[int, str]:
    """Return the newest version and its document; 0 and nothing if there is none."""
    async for published in client.rules.history(program, page_size=1):
        return published.version, (await client.rules.get(program, published.version)).document
    return 0, ""


def _read(text: str) -> Ruleset:
    from wallet_service.rules.document import parsed
    from wallet_service.rules.ruleset import Ruleset

    ruleset, findings = parsed(Ruleset, text)
    if ruleset is None:
        raise typer.BadParameter("; ".join(f"{each.path}: {each.message}" for each in findings))
    return ruleset


def _differences(before: str, after: str) -> list[tuple[str, str, str]]:
    from wallet_service.rules.differing import differences

    return [(each.path, each.before, each.after) for each in differences(_read(before), _read(after))]


def _say(findings: Sequence[Finding]) -> None:
    from wallet_service.cli.show import printable

    for finding in findings:
        typer.echo(f"{printable(finding.path)}: {finding.problem}: {printable(finding.message)}", err=True)
