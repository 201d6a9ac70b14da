"""How proofs and the demo's result look: tables for a person, one JSON object for a machine."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from wallet_service.cli.show import table
from wallet_service.reconciliation.model import Check, Finding, Report

FINDINGS_SHOWN: Final = 5
"""Of each invariant; JSON has all that were looked up."""


def render(report: Report, console: Console) -> None:
    """Show every invariant with a tick or a cross, and beneath it what was found."""
    rows = table("", "#", "always true", "took", right=("#", "took"))
    for check in report.checks:
        tick = "[green]✓[/]" if check.holds else "[bold red]✗[/]"
        rows.add_row(tick, str(check.invariant.number), _said(check), f"{check.seconds * 1_000:,.0f} ms")
    console.print(rows)
    found = len(report.findings)
    verdict = "[green]every invariant holds[/]" if report.sound else f"[bold red]{found} findings[/]"
    what = f"program {report.program_id}" if report.program_id else "all programs"
    wallets = sum(inside.wallets for inside in report.totals.inside)
    console.print(
        f"{verdict}: {what}, {wallets:,} wallets, {report.totals.entries:,} entries, {report.seconds:.1f} s"
    )


def _said(check: Check) -> str:
    lines = [check.invariant.sentence + (f" [dim]({escape(check.note)})[/]" if check.note else "")]
    lines += [f"[red]{escape(_line(finding))}[/]" for finding in check.findings[:FINDINGS_SHOWN]]
    if check.more or len(check.findings) > FINDINGS_SHOWN:
        lines.append("[red]… and more[/]")
    return "\n".join(lines)


def _line(finding: Finding) -> str:
    where = f" · wallet {finding.wallet_id}" if finding.wallet_id else ""
    where += f" · program {finding.program_id}" if finding.program_id else ""
    facts = ", ".join(f"{name} {value}" for name, value in finding.facts.items() if value is not None)
    return f"{finding.sentence}{where}" + (f" · {facts}" if facts else "")


def report_json(report: Report) -> dict[str, object]:
    """Return a report as JSON holds it."""
    return {
        "sound": report.sound,
        "program_id": report.program_id,
        "seconds": round(report.seconds, 3),
        "wallets": sum(inside.wallets for inside in report.totals.inside),
        "entries": report.totals.entries,
        "invariants": [
            {
                "number": check.invariant.number,
                "name": check.invariant.name.lower(),
                "sentence": check.invariant.sentence,
                "holds": check.holds,
                "seconds": round(check.seconds, 3),
                "note": check.note,
                "more": check.more,
                "findings": [_finding_json(finding) for finding in check.findings],
            }
            for check in report.checks
        ],
    }


def _finding_json(finding: Finding) -> dict[str, object]:
    return {
        "sentence": finding.sentence,
        "wallet_id": finding.wallet_id,
        "program_id": finding.program_id,
        "facts": dict(finding.facts),
    }


def facts_table(facts: Mapping[str, str]) -> Table:
    """Return names and values as a table of two columns."""
    rows = table("what happened", "", right=("",))
    for name, value in facts.items():
        rows.add_row(name, value)
    return rows
