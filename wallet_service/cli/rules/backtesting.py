"""`wallet rules backtest`: what a draft would have given, beside what was in force."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token
from wallet_service.cli.rules.words import EXIT_FOUND

if TYPE_CHECKING:
    from rich.console import Console
    from wallet.v1.backtest_pb2 import BacktestCustomer, BacktestProgress, BacktestResult, BacktestSides
    from wallet_client import AsyncWalletClient

_DATES: Final = ["%Y-%m-%d", "%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"]
_DATE: Final = "2026-06-01"
_NO_ROWS: Final = "(nobody)"


def backtest(
    source: Annotated[
        str, typer.Argument(metavar="DRAFT|VERSION", help="A draft's name, or a version's number.")
    ],
    *,
    begins: Annotated[datetime, typer.Option("--from", formats=_DATES, metavar=_DATE, help="Begin; UTC.")],
    ends: Annotated[
        datetime, typer.Option("--to", formats=_DATES, metavar=_DATE, help="End, not included; UTC.")
    ],
    program: Annotated[
        str,
        typer.Option(
            "--program", metavar="PROGRAM", help="Whose rules; without it, the only program there is."
        ),
    ] = "",
    top: Annotated[
        int, typer.Option(min=0, max=1_000, metavar="N", help="How many who gain and lose most are named.")
    ] = 10,
    unused: Annotated[
        bool,
        typer.Option("--unused", help="Caps and budgets begin unused: as if nothing had been earned before."),
    ] = False,
    as_json: AsJson = False,
    picture: Annotated[
        Path | None,
        typer.Option("--picture", metavar="FILE", dir_okay=False, help="Draw it there as well, as SVG."),
    ] = None,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Replay recorded events through a draft or version and through what was in force, and compare. Writes nothing.

    Caps and budgets begin with what events before had used of them, unless --unused says otherwise.
    """
    from wallet_service.cli.calling import Wanted, run_calls

    span = (begins.replace(tzinfo=UTC), ends.replace(tzinfo=UTC))

    async def work(client: AsyncWalletClient) -> int:
        chosen = program or await _only_program(client)
        if not chosen:
            return EXIT_FOUND
        named = int(source) if source.isdecimal() else source
        result = await _run(client, chosen, named, span, top, unused=unused)
        if result is None:
            return EXIT_FOUND
        _show(result, await _unit(client, chosen), as_json=as_json)
        if picture is not None:
            from wallet_service.cli.rules.picture import drawn

            picture.write_text(drawn(result, f"{chosen}: {source}"), encoding="utf-8")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


async def _only_program(client: AsyncWalletClient) -> str:
    programs = [each.program_id async for each in client.admin.list_programs()]
    if len(programs) != 1:
        typer.echo(f"wallet: there are {len(programs)} programs: name one with --program", err=True)
        return ""
    return programs[0]


async def _unit(client: AsyncWalletClient, program: str) -> tuple[int, str]:
    found = await client.admin.get_program(program)
    return found.exponent, found.asset


async def _run(
    client: AsyncWalletClient,
    program: str,
    source: str | int,
    span: tuple[datetime, datetime],
    top: int,
    *,
    unused: bool,
) -> BacktestResult | None:
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
    from wallet.v1.backtest_pb2 import BacktestResult

    columns = (BarColumn(), TextColumn("{task.description}"), TimeElapsedColumn())
    result = None
    # On stderr: what is found may go into a file.
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("0 events", total=(span[1] - span[0]).total_seconds())
        steps = client.rules.backtest(
            program, source, starts_at=span[0], ends_at=span[1], top=top, unused_caps=unused
        )
        async for step in steps:
            if isinstance(step, BacktestResult):
                result = step
            else:
                bar.update(
                    task, completed=step.reached_at.seconds - span[0].timestamp(), description=_progress(step)
                )
    return result


def _progress(step: BacktestProgress) -> str:
    return f"{step.events:,} events, {step.lines:,} lines"


def _show(result: BacktestResult, unit: tuple[int, str], *, as_json: bool) -> None:
    from wallet_service.cli.show import console, json_line, plain

    if as_json:
        typer.echo(json_line(plain(result)))
        return
    sheet = _Sheet(console(), unit)
    sheet.totals(result)
    sheet.rules(result)
    sheet.campaigns(result)
    sheet.customers("gain most", result.winners)
    sheet.customers("lose most", result.losers)


class _Sheet:
    """The result as tables."""

    def __init__(self, to: Console, unit: tuple[int, str]) -> None:
        self._to = to
        self._exponent, self._asset = unit

    def _sides(self, sides: BacktestSides) -> tuple[str, str, str]:
        difference = self._amount(sides.trial - sides.in_force)
        sign = "+" if sides.trial > sides.in_force else ""
        return self._amount(sides.trial), self._amount(sides.in_force), sign + difference

    def _amount(self, amount: int) -> str:
        from wallet_service.cli.show import money

        return money(amount, self._exponent)

    def totals(self, result: BacktestResult) -> None:
        """Print what it would have cost, and who gains and loses."""
        trial, in_force, difference = self._sides(result.given)
        self._to.print(
            f"{result.events:,} events with {result.lines:,} lines of {result.customers:,} customers, in {self._asset}\n"
            f"trial {trial}, in force {in_force}, difference {difference}; given at the time"
            f" {self._amount(result.recorded)}\n"
            f"{result.gaining:,} customers gain {self._amount(result.gained)}, {result.losing:,} lose"
            f" {self._amount(result.lost)}",
            *result.notes,
            sep="\n",
        )

    def rules(self, result: BacktestResult) -> None:
        """Print the rules that give most."""
        from wallet_service.cli.show import printable, table

        numbers = ("trial", "in force", "difference", "awards", "trimmed")
        rows = table("rule", "title", *numbers, right=numbers)
        for each in result.rules:
            rows.add_row(
                printable(each.rule_id), printable(each.title), *self._sides(each.given), f"{each.awards.trial:,}",
                self._amount(each.trimmed.trial),
            )  # fmt: skip
        self._to.print(rows)

    def campaigns(self, result: BacktestResult) -> None:
        """Print what campaigns used of their budgets, and when they ran out."""
        from wallet_service.cli.show import moment, printable, table

        if not result.campaigns:
            return
        numbers = ("budget", "trial", "in force", "difference")
        rows = table("campaign", *numbers, "trial ran out", "in force ran out", right=numbers)
        for each in result.campaigns:
            rows.add_row(
                printable(each.campaign_id), self._amount(each.budget), *self._sides(each.given),
                moment(each.trial_spent_at), moment(each.in_force_spent_at),
            )  # fmt: skip
        self._to.print(rows)

    def customers(self, how: str, customers: Iterable[BacktestCustomer]) -> None:
        """Print some customers."""
        from wallet_service.cli.show import printable, table

        numbers = ("trial", "in force", "difference")
        rows = table(f"customers who {how}", *numbers, right=numbers)
        for each in customers:
            rows.add_row(printable(each.customer_ref), *self._sides(each.given))
        if not rows.row_count:
            rows.add_row(_NO_ROWS)
        self._to.print(rows)
