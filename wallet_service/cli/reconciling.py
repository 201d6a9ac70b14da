"""`wallet reconcile`: prove that everything adds up, and show what does not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from wallet_service.cli.options import AsJson, DataDir, given

if TYPE_CHECKING:
    from rich.console import Console

    from wallet_service.reconciliation.model import Check, Report
    from wallet_service.runtime.config import Settings
    from wallet_service.wiring import Addresses

TIMEOUT_SECONDS: Final = 1_800
_EXIT_UNSOUND: Final = 1


def reconcile(
    *,
    program: Annotated[
        str | None, typer.Option(metavar="PROGRAM", help="Only this program.", show_default=False)
    ] = None,
    timeout: Annotated[
        int, typer.Option(min=1, metavar="SECONDS", help="How long it may take.")
    ] = TIMEOUT_SECONDS,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Prove on the database that entries, balances, reservations, lots, hash chains and the cache agree.

    Reads one moment and writes nothing, so it may run beside a service at work: the one of DATABASE_URL (and
    REDIS_URL), or else the one that `wallet up` runs on this data folder. Exits 1 if anything disagrees.
    """
    from wallet_service.cli.show import console, json_line
    from wallet_service.kernel.ids import ProgramId
    from wallet_service.runtime.config import load_settings
    from wallet_service.runtime.logs import set_up_logging

    settings = load_settings(given(data_dir=data_dir))
    set_up_logging(level=settings.log_level, as_json=settings.log_json)
    addresses = addresses_of(settings)
    from wallet_service.wiring import reconcile

    report = asyncio.run(
        reconcile(
            settings,
            addresses,
            program_id=ProgramId(program) if program else None,
            timeout_seconds=float(timeout),
        )
    )
    if as_json:
        typer.echo(json_line(as_plain(report)))
    else:
        render(report, console())
    raise typer.Exit(0 if report.sound else _EXIT_UNSOUND)


def render(report: Report, screen: Console) -> None:
    """Show a line for each invariant, then everything that was found."""
    from wallet_service.cli.show import printable, table

    shown = table("", "no.", "invariant", "", "time", right=("no.", "time"))
    for check in report.checks:
        shown.add_row(
            "[green]✓[/green]" if check.holds else "[red]✗[/red]",
            str(check.invariant.number),
            check.invariant.sentence,
            printable(_remark(check)),
            f"{check.seconds * 1_000:.0f} ms",
        )
    screen.print(shown)
    for finding in report.findings:
        facts = "".join(f" {name}={value}" for name, value in finding.facts.items())
        where = finding.wallet_id or finding.program_id or ""
        screen.print(
            f"[red]✗[/red] {finding.invariant.number} {printable(f'{where} {finding.sentence}{facts}'.strip())}"
        )
    wallets = sum(inside.wallets for inside in report.totals.inside)
    verdict = (
        "[green]everything agrees[/green]"
        if report.sound
        else "[red]THERE ARE DIFFERENCES: stop and look[/red]"
    )
    screen.print(f"{wallets:,} wallets, {report.totals.entries:,} entries, {report.seconds:.1f} s: {verdict}")


def as_plain(report: Report) -> dict[str, Any]:
    """Return the report as JSON holds it."""
    return {
        "program_id": report.program_id,
        "sound": report.sound,
        "seconds": round(report.seconds, 3),
        "wallets": sum(inside.wallets for inside in report.totals.inside),
        "entries": report.totals.entries,
        "checks": [_plain_check(check) for check in report.checks],
    }


def _plain_check(check: Check) -> dict[str, Any]:
    return {
        "number": check.invariant.number,
        "name": check.invariant.name.lower(),
        "says": check.invariant.sentence,
        "holds": check.holds,
        "note": check.note,
        "more": check.more,
        "findings": [
            {
                "sentence": finding.sentence,
                "wallet_id": finding.wallet_id,
                "program_id": finding.program_id,
                "facts": {name: _plain_fact(value) for name, value in finding.facts.items()},
            }
            for finding in check.findings
        ],
    }


def _plain_fact(value: object) -> object:
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def _remark(check: Check) -> str:
    count = f"{len(check.findings)}{' or more' if check.more else ''} found" if check.findings else ""
    return " · ".join(part for part in (count, check.note) if part)


def addresses_of(settings: Settings) -> Addresses:
    """Return the servers that the settings name, else those of `wallet up` on this data folder."""
    from wallet_service.cli.hint import read_hint
    from wallet_service.runtime.errors import ConfigError

    hint = read_hint(settings.data_dir)
    own = settings.database_url is None
    database_url = (
        hint.database_url if settings.database_url is None else settings.database_url.get_secret_value()
    )
    if not database_url:
        raise ConfigError("no database: set DATABASE_URL, or run this beside `wallet up`")
    redis_url = settings.redis_url.get_secret_value() if settings.redis_url else hint.redis_url if own else ""
    from wallet_service.wiring import Addresses

    return Addresses(database_url=database_url, redis_url=redis_url)
