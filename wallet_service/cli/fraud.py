"""`wallet fraud policy apply|export|diff`, `report` and `hash`: fraud policies as files, and what came of them."""

from __future__ import annotations

import os
import sys
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TypeAlias

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token

if TYPE_CHECKING:
    from wallet.v1.fraud_pb2 import FraudReportLine
    from wallet_client import AsyncWalletClient

    from wallet_service.fraud.model import Policy

app = typer.Typer(name="fraud", no_args_is_help=True, help="Fraud policies, and what came of them.")
policy_app = typer.Typer(
    name="policy", no_args_is_help=True, help="Policies as files: apply, export, compare."
)
app.add_typer(policy_app)

ProgramName: TypeAlias = Annotated[str, typer.Argument(metavar="PROGRAM", help="The program's id.")]
PolicyFile: TypeAlias = Annotated[
    Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A fraud policy as JSON.")
]
_EXIT_FOUND: Final = 1


def apply(
    program: ProgramName,
    file: PolicyFile,
    *,
    reason: Annotated[str, typer.Option(help="Why; kept with the version.")] = "applied from a file",
    actor: Annotated[str, typer.Option("--actor", help="Who does this; without it, your login.")] = "",
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Put a policy in force as the next version; says all that is wrong with it instead (exit code 1).

    What is in force already makes no new version.
    """
    from wallet_service.cli.calling import Wanted, run_calls
    from wallet_service.fraud.document import parsed

    text = file.read_text(encoding="utf-8")
    policy, findings = parsed(text)
    for finding in findings:
        typer.echo(f"{finding.path or '(document)'}: {finding.problem}: {finding.message}", err=True)
    if policy is None:
        raise typer.Exit(_EXIT_FOUND)

    async def work(client: AsyncWalletClient) -> int:
        before, _ = await _newest(client, program)
        by = actor or os.environ.get("USER", "wallet-cli")
        put = await client.fraud.put_policy(program, text, expected_version=before, actor=by, reason=reason)
        same = put.version == before
        typer.echo(f"version {put.version} {'says the same: nothing to do' if same else 'is in force'}")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def export(
    program: ProgramName,
    *,
    version: Annotated[
        int, typer.Option(min=0, metavar="N", help="Which version; 0 is the one in force.")
    ] = 0,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print a version as JSON, the same text for the same policy."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.fraud.document import pretty

        found = await client.fraud.get_policy(program, version)
        typer.echo(pretty(_read(found.document)), nl=False)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def diff(
    program: ProgramName,
    file: PolicyFile,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Compare the policy in force with a file, limit by limit; writes nothing. Exits 1 if they differ."""
    from wallet_service.cli.calling import Wanted, run_calls

    text = file.read_text(encoding="utf-8")

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.show import json_line
        from wallet_service.fraud.document import differences

        newest, document = await _newest(client, program)
        found = differences(_read(document), _read(text))
        for path, before, after in found:
            if as_json:
                typer.echo(json_line({"path": path, "before": before, "after": after}))
            else:
                typer.echo(f"{path}: {before or '(nothing)'} -> {after or '(nothing)'}")
        if not found and not as_json:
            typer.echo(f"version {newest} says the same")
        return _EXIT_FOUND if found else 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def report(
    program: ProgramName,
    *,
    since: Annotated[
        datetime | None, typer.Option(help="From when, UTC; without it, the last 24 hours.")
    ] = None,
    until: Annotated[datetime | None, typer.Option(help="Until when, UTC; without it, now.")] = None,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say how often each limit spoke and what was done, and what limits in shadow would have done."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.show import json_line

        lines = await client.fraud.report(program, since=_utc(since), until=_utc(until))
        if not as_json:
            _print(list(lines))
            return 0
        for line in lines:
            typer.echo(
                json_line(
                    {
                        "reason": line.reason, "shadow": line.shadow, "subject_kind": line.subject_kind,
                        "verdict": _verdict(line), "number": line.number, "amount_minor": line.amount_minor,
                        "wallets": line.wallets,
                    }
                )
            )  # fmt: skip
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def hash_trace(
    program: ProgramName,
    *,
    fingerprint: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Of a device; - reads it from standard input.")
    ] = None,
    address: Annotated[str | None, typer.Option(metavar="TEXT", help="Of the network; - as above.")] = None,
    app_instance: Annotated[
        str | None, typer.Option("--app", metavar="TEXT", help="Of an app; - as above.")
    ] = None,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print what a device or an address is known by, for the policy's lists of trusted ones. It is kept nowhere."""
    from wallet_service.cli.calling import Wanted, run_calls

    told = [text for text in (fingerprint, address, app_instance) if text is not None]
    if len(told) != 1:
        raise typer.BadParameter("name one of --fingerprint, --address and --app")

    async def work(client: AsyncWalletClient) -> int:
        found = await client.fraud.hash(
            program,
            fingerprint=_typed(fingerprint),
            address=_typed(address),
            app_instance=_typed(app_instance),
        )
        typer.echo(found)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


for _command in (apply, export, diff):
    policy_app.command()(_command)
app.command()(report)
app.command("hash")(hash_trace)


def _typed(text: str | None) -> str | None:
    """Return what was typed: not on the line that a shell remembers, if it is a dash."""
    return sys.stdin.readline().rstrip("\r\n") if text == "-" else text


async def _newest(client: AsyncWalletClient, program: str) -> tuple[int, str]:
    """Return the version in force and its document; 0 and an empty policy if there is none."""
    from wallet_client.errors import FraudPolicyNotFound

    try:
        found = await client.fraud.get_policy(program)
    except FraudPolicyNotFound:
        return 0, "{}"
    return found.version, found.document


def _read(text: str) -> Policy:
    from wallet_service.fraud.document import parsed

    policy, findings = parsed(text)
    if policy is None:
        raise typer.BadParameter("; ".join(f"{each.path}: {each.message}" for each in findings))
    return policy


def _utc(moment: datetime | None) -> datetime | None:
    from datetime import UTC

    return None if moment is None else moment.replace(tzinfo=moment.tzinfo or UTC)


def _verdict(line: FraudReportLine) -> str:
    from wallet.v1.fraud_pb2 import FraudVerdict

    from wallet_service.cli.show import word

    return word(FraudVerdict, line.verdict)


def _print(lines: list[FraudReportLine]) -> None:
    from wallet_service.cli.show import console, printable, table

    shown = table(
        "reason", "of", "verdict", "", "times", "amount", "wallets", right=("times", "amount", "wallets")
    )
    for line in lines:
        done = "would have been" if line.shadow else "acted on"
        shown.add_row(
            printable(line.reason), line.subject_kind, _verdict(line), done, str(line.number),
            str(line.amount_minor), str(line.wallets),
        )  # fmt: skip
    console().print(shown if lines else "nothing was judged in this time")
