"""`wallet rules apply|export|diff`: rules, campaigns and segments as files, so that what is earned can live in git."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token
from wallet_service.cli.rules.words import (
    EXIT_FOUND,
    Actor,
    ProgramName,
    RulesPath,
    login,
    newest,
    say_findings,
)

if TYPE_CHECKING:
    from wallet_client import AsyncWalletClient

    from wallet_service.cli.rules.folder import Configuration

_DRAFT: Final = "file"


def apply(
    program: ProgramName,
    path: RulesPath,
    *,
    publish: Annotated[
        bool, typer.Option("--publish", help="Put it in force at once, if nothing is wrong.")
    ] = False,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")] = "applied from a file",
    draft: Annotated[str, typer.Option("--draft", metavar="NAME", help="The draft to write.")] = _DRAFT,
    actor: Actor = "",
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Write the draft and say all that is wrong with it (exit code 1); with --publish, make it the next version.

    Of a folder, new campaigns and segments are written too, and with --publish those that changed. What is so already
    is left as it is.
    """
    from wallet_service.cli.calling import Wanted, run_calls

    wanted = _readable(path)

    async def work(client: AsyncWalletClient) -> int:
        desk = _Desk(client, program, actor=login(actor), reason=reason)
        return await desk.apply(wanted, draft, publish=publish)

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def export(
    program: ProgramName,
    *,
    version: Annotated[int, typer.Option(min=0, metavar="N", help="Which version; 0 is the newest.")] = 0,
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", metavar="FOLDER", file_okay=False, help="Write files there, campaigns and segments too."
        ),
    ] = None,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print a published version as JSON, the same text for the same rules; or write all there is into a folder."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.rules.folder import pretty_ruleset, read_program, write_folder

        number = version or (await newest(client, program))[0]
        text = (await client.rules.get(program, number)).document if number else ""
        if to is not None:
            there = await read_program(client, program)
            there.text = text
            for name in write_folder(to, there):
                typer.echo(name)
            return 0
        if not number:
            typer.echo(f"wallet: nothing was published for {program} yet", err=True)
            return EXIT_FOUND
        typer.echo(pretty_ruleset(text), nl=False)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def diff(
    program: ProgramName,
    path: RulesPath,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say how a file or folder differs from what there is; exit code 1 if it does."""
    from wallet_service.cli.calling import Wanted, run_calls

    wanted = _readable(path)

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.rules.folder import item_differences, read_program, ruleset_differences
        from wallet_service.cli.show import json_line

        number, document = await newest(client, program)
        found = ruleset_differences(document, wanted.text) if wanted.text else []
        found += item_differences(await read_program(client, program), wanted)
        for each in found:
            if as_json:
                typer.echo(json_line({"path": each.path, "before": each.before, "after": each.after}))
            else:
                typer.echo(f"{each.path}: {each.before or '(nothing)'} -> {each.after or '(nothing)'}")
        if not found and not as_json:
            typer.echo(f"version {number} says the same")
        return EXIT_FOUND if found else 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def _readable(path: Path) -> Configuration:
    """Return what a file or folder says; exits with 1 and everything that cannot be read."""
    from wallet_service.cli.rules.folder import read_path
    from wallet_service.rules.document import parsed
    from wallet_service.rules.ruleset import Ruleset

    wanted, findings = read_path(path)
    if wanted.text:
        findings += parsed(Ruleset, wanted.text)[1]
    if findings:
        say_findings(findings)
        raise typer.Exit(EXIT_FOUND)
    return wanted


class _Desk:
    """One program, and who writes to it, and why."""

    def __init__(self, client: AsyncWalletClient, program: str, *, actor: str, reason: str) -> None:
        self._client = client
        self._program = program
        self._actor = actor
        self._reason = reason

    async def apply(self, wanted: Configuration, draft: str, *, publish: bool) -> int:
        """Write what is new, then the draft, then what changed; nothing that is in force without `publish`."""
        from wallet_service.cli.rules.folder import read_program, ruleset_differences

        there = await read_program(self._client, self._program)
        await self._put_items(wanted, there, only_new=True)
        number, document = await newest(self._client, self._program)
        same = not wanted.text or (bool(document) and not ruleset_differences(document, wanted.text))
        revision = None if same else await self._put_draft(wanted.text, draft)
        if not same and revision is None:
            return EXIT_FOUND
        if publish:
            await self._put_items(wanted, there, only_new=False)
        if same:
            typer.echo(f"version {number} says the same: nothing to publish")
        elif publish:
            made = await self._client.rules.publish(
                self._program, draft, expected_version=number, actor=self._actor, reason=self._reason,
                # What was written just now, and not what somebody else has made of it since.
                expected_draft_revision=revision,
            )  # fmt: skip
            typer.echo(f"version {made.version} is published")
        return 0

    async def _put_draft(self, text: str, draft: str) -> int | None:
        """Write the draft; returns its revision, or None if something is wrong with it."""
        kept = await self._client.rules.put_draft(
            self._program, draft, text, actor=self._actor, reason=self._reason
        )
        say_findings(kept.findings)
        if not all(finding.advice for finding in kept.findings):
            return None
        typer.echo(f"draft {draft}: revision {kept.revision}, nothing is wrong")
        return kept.revision

    async def _put_items(self, wanted: Configuration, there: Configuration, *, only_new: bool) -> None:
        """Write campaigns and segments: what nobody asks for yet, or what differs from what is in force."""
        from wallet_service.cli.rules.folder import campaign_message, rule_message

        for name, campaign in wanted.campaigns.items():
            before = there.campaigns.get(name)
            if (before is None) is only_new and before != campaign:
                await self._client.rules.put_campaign(
                    self._program, campaign_message(campaign), actor=self._actor, reason=self._reason
                )
                typer.echo(f"campaign {name}: {'new' if only_new else 'changed'}")
        for name, segment in wanted.segments.items():
            known = there.segments.get(name)
            if (known is None) is only_new and known != segment:
                await self._client.rules.put_segment(
                    self._program, name, title=segment.title, rule=rule_message(segment), actor=self._actor,
                    reason=self._reason,
                )  # fmt: skip
                typer.echo(f"segment {name}: {'new' if only_new else 'changed'}")
