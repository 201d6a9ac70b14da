"""`wallet review list|show|picture|take|approve|reject|escalate|note|stats|policy`: what people must decide."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias

import typer

from wallet_service.cli import review_policy
from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from wallet.v1.review_pb2 import Case, CaseState
    from wallet_client import AsyncWalletClient

app = typer.Typer(name="review", no_args_is_help=True, help="Decide what waits for a person.")

CaseName: TypeAlias = Annotated[str, typer.Argument(metavar="CASE", help="The case's id.")]
Why: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; kept for ever.", prompt=True)]
Who: TypeAlias = Annotated[
    str, typer.Option("--reviewer", help="Who decides; without it, whom the token speaks for.")
]
CaseNames: TypeAlias = Annotated[
    list[str], typer.Argument(metavar="CASE...", help="One case or several, each for itself.")
]
CASES_SHOWN = 50
CASES_AT_ONCE = 100


def list_cases(
    program: Annotated[str, typer.Argument(metavar="[PROGRAM]", help="Of one program only.")] = "",
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="Only such cases, e.g. open or timed-out; may be repeated."),
    ] = None,
    mine: Annotated[
        str, typer.Option("--taken-by", metavar="NAME", help="Only what this reviewer has.")
    ] = "",
    limit: Annotated[int, typer.Option(min=1, max=500, metavar="N")] = CASES_SHOWN,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """List what waits for a person, the most urgent first. --json prints one object a line."""
    states = _states(state or [])

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.case_tables import case_table
        from wallet_service.cli.show import console, json_line, plain

        found: list[Case] = []
        async for case in client.review.cases(program, states=states, assigned_to=mine, page_size=limit):
            found.append(case)
            if len(found) >= limit:
                break
        if as_json:
            for case in found:
                typer.echo(json_line(plain(case)))
        else:
            console().print(case_table(found) if found else "nothing waits")
        return 0

    _call(target, token, ca, data_dir, work)


def show(
    case: CaseName,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Show a case: why it was opened, what was known, and what was done about it."""

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.case_tables import case_tables
        from wallet_service.cli.show import console, json_line, plain

        found = await client.review.case(case)
        if as_json:
            typer.echo(json_line(plain(found)))
        else:
            for shown in case_tables(found):
                console().print(shown)
        return 0

    _call(target, token, ca, data_dir, work)


def picture(
    case: CaseName,
    *,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", metavar="FILE", dir_okay=False, help="Where to; without it, ring-CASE.svg here."
        ),
    ] = None,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Draw the wallets that hang together with that of a case, with what they share, as an SVG file."""

    async def work(client: AsyncWalletClient) -> int:
        drawn = await client.review.picture(case)
        file = out or Path(f"ring-{case}.svg")
        try:
            file.write_bytes(drawn)
        except OSError as fault:
            raise typer.BadParameter(f"{file} cannot be written: {fault.strerror}") from fault
        typer.echo(str(file.absolute()))
        return 0

    _call(target, token, ca, data_dir, work)


def take(
    case: CaseName,
    *,
    give_back: Annotated[bool, typer.Option("--give-back", help="Give it back instead.")] = False,
    reviewer: Who = "",
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Take a case, so that nobody else decides it meanwhile."""

    async def work(client: AsyncWalletClient) -> int:
        act = client.review.give_back if give_back else client.review.take
        _say(await act(case, reviewer=reviewer), as_json=as_json)
        return 0

    _call(target, token, ca, data_dir, work)


def approve(
    cases: CaseNames,
    *,
    reason: Why,
    reviewer: Who = "",
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Let it pass: the checkout may commit, the event earns. Above the program's amount a second person must agree."""

    async def work(client: AsyncWalletClient) -> int:
        if len(cases) > 1:
            return await _decide_many(client, cases, reason, reviewer, approve=True, as_json=as_json)
        _say((await client.review.approve(cases[0], reason, reviewer=reviewer)).case, as_json=as_json)
        return 0

    _call(target, token, ca, data_dir, work)


def reject(
    cases: CaseNames,
    *,
    reason: Why,
    reviewer: Who = "",
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Reject it: the value goes back to the wallet, the event earns nothing."""

    async def work(client: AsyncWalletClient) -> int:
        if len(cases) > 1:
            return await _decide_many(client, cases, reason, reviewer, approve=False, as_json=as_json)
        _say((await client.review.reject(cases[0], reason, reviewer=reviewer)).case, as_json=as_json)
        return 0

    _call(target, token, ca, data_dir, work)


async def _decide_many(
    client: AsyncWalletClient, cases: list[str], reason: str, reviewer: str, *, approve: bool, as_json: bool
) -> int:
    """Decide each for itself, and say what became of each; returns 1 if any was refused."""
    from wallet.v1.review_pb2 import CaseDecision
    from wallet_client.ids import new_id

    verdict = CaseDecision.VERDICT_APPROVE if approve else CaseDecision.VERDICT_REJECT
    refused = 0
    for start in range(0, len(cases), CASES_AT_ONCE):
        page = cases[start : start + CASES_AT_ONCE]
        decisions = [
            CaseDecision(case_id=case, operation_id=new_id(), verdict=verdict, reason=reason) for case in page
        ]
        outcomes = await client.review.decide_many(decisions, reviewer=reviewer)
        for case, outcome in zip(page, outcomes, strict=True):
            if outcome.HasField("decided"):
                _say(outcome.decided.case, as_json=as_json)
            else:
                refused = 1
                typer.echo(f"{case}: {outcome.refusal.reason}: {outcome.refusal.message}", err=True)
    return refused


def escalate(
    case: CaseName,
    *,
    reason: Why,
    reviewer: Who = "",
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Hand it to those who may decide more."""

    async def work(client: AsyncWalletClient) -> int:
        _say(await client.review.escalate(case, reason, reviewer=reviewer), as_json=as_json)
        return 0

    _call(target, token, ca, data_dir, work)


def note(
    case: CaseName,
    text: Annotated[str, typer.Argument(help="What is to be kept with the case.")],
    *,
    reviewer: Who = "",
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say something about a case."""

    async def work(client: AsyncWalletClient) -> int:
        _say(await client.review.note(case, text, reviewer=reviewer), as_json=as_json)
        return 0

    _call(target, token, ca, data_dir, work)


def stats(
    program: Annotated[str, typer.Argument(metavar="PROGRAM", help="The program's id.")],
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Say how often each reason was right, and how long decisions took."""

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.case_tables import statistics_tables
        from wallet_service.cli.show import console, json_line, plain

        found = await client.review.statistics(program)
        if as_json:
            typer.echo(json_line(plain(found)))
        else:
            for shown in statistics_tables(found):
                console().print(shown)
        return 0

    _call(target, token, ca, data_dir, work)


app.add_typer(review_policy.app)
app.command("list")(list_cases)
for _command in (show, picture, take, approve, reject, escalate, note, stats):
    app.command()(_command)


def _call(
    target: str | None, token: str | None, ca: Any, data_dir: Any,
    work: Callable[[AsyncWalletClient], Awaitable[int]],
) -> None:  # fmt: skip
    from wallet_service.cli.calling import Wanted, run_calls

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def _states(names: list[str]) -> list[CaseState.ValueType]:
    from wallet.v1.review_pb2 import CaseState

    from wallet_service.cli.show import numbers_of

    return numbers_of(CaseState, names, "state")


def _say(case: Case, *, as_json: bool) -> None:
    from wallet.v1.review_pb2 import CaseState

    from wallet_service.cli.show import json_line, plain, printable, word

    if as_json:
        typer.echo(json_line(plain(case)))
        return
    said = word(CaseState, case.state)
    if case.assigned_to:
        said += f" to {printable(case.assigned_to)}"
    if case.approvals and not case.decided_by:
        said += f", approved by {printable(case.approvals[0])}: a second person must agree"
    if case.decided_by and not case.applied:
        said += ", and is being carried out"
    typer.echo(f"{case.case_id}: {said}")
