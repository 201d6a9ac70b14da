"""`wallet rules segments`: whom rules tell apart; lists that come as CSV files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token
from wallet_service.cli.rules.words import EXIT_FOUND, Actor, ProgramName, login

if TYPE_CHECKING:
    from wallet_client import AsyncWalletClient

    from wallet_service.rules.belonging import ImportRow

ROWS_SENT: Final = 5_000
"""In one call: whatever the letters, below the largest message."""

app = typer.Typer(
    name="segments", no_args_is_help=True, help="Segments: list them, import lists of customers."
)


@app.command(name="list")
def list_segments(
    program: ProgramName,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Print every segment of a program, with how many customers are on its list."""
    from wallet_service.cli.calling import Wanted, run_calls

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.show import console, json_line, plain, printable, table

        rows = table("segment", "title", "on its list", "by attributes", right=("on its list",))
        async for each in client.rules.segments(program, page_size=500):
            if as_json:
                typer.echo(json_line(plain(each)))
            tests = ", ".join(test.name for test in each.rule.all_of)
            rows.add_row(each.segment_id, printable(each.title), str(each.members), printable(tests))
        if not as_json:
            console().print(rows)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


@app.command(name="import")
def import_segment(
    program: ProgramName,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV with a column customer_ref."),
    ],
    *,
    segment: Annotated[str, typer.Option("--segment", metavar="ID", help="Whose list it is.")],
    title: Annotated[str, typer.Option("--title", help="Makes the segment, or names it anew.")] = "",
    reason: Annotated[str, typer.Option(help="Why; kept with the change.")] = "imported from a file",
    actor: Actor = "",
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Put the customers of a CSV file on a segment's list; a column `action` may say `remove` instead of `add`.

    A file with a line that is wrong is not begun with: all such lines are said (exit code 1).
    """
    from wallet_service.cli.calling import Wanted, run_calls

    rows = _read(file)
    by = login(actor)

    async def work(client: AsyncWalletClient) -> int:
        if title:
            await client.rules.put_segment(program, segment, title=title, actor=by, reason=reason)
        return await _send(client, program, segment, rows, by, reason)

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def _read(file: Path) -> Sequence[ImportRow]:
    from wallet_service.rules.belonging import read_rows

    try:
        text = file.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as fault:
        raise typer.BadParameter(f"{file} is not UTF-8: byte {fault.start}.") from None
    rows, findings = read_rows(text)
    for finding in findings:
        _say(finding.line, finding.problem, finding.message)
    if findings:
        raise typer.Exit(EXIT_FOUND)
    return rows


async def _send(
    client: AsyncWalletClient, program: str, segment: str, rows: Sequence[ImportRow], by: str, reason: str
) -> int:
    from wallet.v1 import rules_pb2

    for begin in range(0, len(rows), ROWS_SENT):
        part = [
            rules_pb2.ImportRow(line=row.line, customer_ref=row.customer_ref, remove=row.remove)
            for row in rows[begin : begin + ROWS_SENT]
        ]
        answer = await client.rules.import_segment(program, segment, part, actor=by, reason=reason)
        for finding in answer.findings:
            _say(finding.line, finding.problem, finding.message)
        if answer.findings:
            return EXIT_FOUND
    found = await client.rules.segment(program, segment)
    typer.echo(f"segment {segment}: {len(rows)} lines, {found.members} customers on its list")
    return 0


def _say(line: int, problem: str, message: str) -> None:
    from wallet_service.cli.show import printable

    typer.echo(f"line {line}: {problem}: {printable(message)}", err=True)
