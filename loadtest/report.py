"""Put the figures of the last benchmark into docs/benchmarks.md, between its markers: `python -m loadtest.report`."""

from __future__ import annotations

import json
from typing import Any, Final

from loadtest.ratios import TARGETS
from loadtest.stage import ROOT

PAGE: Final = ROOT / "docs" / "benchmarks.md"
BEGIN, END = "<!-- figures: made by loadtest.report -->", "<!-- end of figures -->"
KEYS: Final = (
    "echo_unary", "quote", "reserve_unary", "pairs_unary", "pairs_batch", "pairs_batch_in_full", "pairs_batch_active",
    "pairs_batch_fraud", "reserve_active", "reserve_fraud", "hot_wallet", "zipf", "mixed", "workers", "growth", "ledger_in_process",
)  # fmt: skip
PROCESSES: Final = ("client", "server", "postgres", "cache")


def _ratios(found: dict[str, Any]) -> list[str]:
    lines = ["| ratio | found | asked |", "| --- | --- | --- |"]
    for name, value in found["ratios"].items():
        lines.append(f"| {name} | {value:.2f} | {TARGETS.get(name, 0):.2f} |")
    return lines


def _figures(found: dict[str, Any]) -> list[str]:
    lines = [
        "| figure | at | per second | p50 ms | p99 ms | CPU µs an act: client, service, PostgreSQL, cache |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for key in KEYS:
        for callers, figure in found.get(key, {}).items():
            cpu = figure["cpu_us"]
            used = (
                ", ".join(f"{cpu[name]:.0f}" for name in PROCESSES) if isinstance(cpu, dict) else f"{cpu:.0f}"
            )
            lines.append(
                f"| {key} | {callers} | {figure['per_s']:,.0f} | {figure['p50_ms']:.1f} | {figure['p99_ms']:.1f} | {used} |"
            )
    for callers, figure in found.get("trial", {}).get("batch", {}).items():
        lines.append(
            f"| yardstick | {callers} | {figure['per_s']:,.0f} | {figure['p50_ms']:.1f} | {figure['p99_ms']:.1f} | |"
        )
    return lines


def _earning(earn: dict[str, Any]) -> list[str]:
    lines = [
        "| earning | per second | p99 ms | CPU µs: service, PostgreSQL |",
        "| --- | --- | --- | --- |",
    ]
    pipeline = earn["pipeline"]
    used = f"{pipeline['cpu_us_server']:.0f}, {pipeline['cpu_us_postgres']:.0f}"
    lines.append(f"| events from RecordEvents to credited | {pipeline['per_s']:,.0f} | | {used} |")
    for key, name in (
        ("event_alone", "events, nothing else waits"),
        ("event_in_backlog", "events, 200,000 wait"),
    ):
        event = earn[key]
        used = f"{event['server_us']:.0f}, {event['postgres_us']:.0f}"
        lines.append(f"| {name} | {event['per_s']:,.0f} | | {used} |")
    for key, name in (
        ("reserve_alone", "Reserve, 8 callers"),
        ("reserve_beside_backlog", "Reserve, 8 callers, 200,000 events wait"),
    ):
        reserve, cpu = earn[key], earn[key]["cpu_us"]
        used = f"{cpu['server']:.0f}, {cpu['postgres']:.0f}"
        lines.append(f"| {name} | {reserve['per_s']:,.0f} | {reserve['p99_ms']:.1f} | {used} |")
    beside = earn["events_beside_reserves_per_s"]
    return [*lines, "", f"Beside those Reserves {beside:,.0f} events a second went on."]


def main() -> None:
    """Rewrite the part of the page that is made of figures."""
    found = json.loads((ROOT / "build" / "bench.json").read_text())
    page = PAGE.read_text()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    lines = [BEGIN, "", *_ratios(found), "", *_figures(found), ""]
    if "overload" in found:
        over = found["overload"]
        lines += [
            f"Three times too much: {over['useful_per_s']:,.0f} of {over['capacity_per_s']:,.0f} pairs a second went on,",
            f"no call later than its deadline by more than {over['late_ms_max']:.0f} ms.",
            "",
        ]
    if "earn" in found:
        lines += [*_earning(found["earn"]), ""]
    if "idle_memory_mb" in found:
        idle, used = found["idle_memory_mb"], found["used_memory_mb"]
        lines += [
            f"Memory of one service process: {idle:.0f} MB before its first call, {used:.0f} MB after the run.",
            "",
        ]
    PAGE.write_text(before + "\n".join([*lines, END]) + after)
    print(f"{PAGE.relative_to(ROOT)} has the figures of this run")


if __name__ == "__main__":
    main()
