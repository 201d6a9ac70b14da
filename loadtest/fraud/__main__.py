"""`make fraud-report`: the table, build/fraud-report.json and the pictures in docs/img."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.table import Table

from loadtest.attacks.acts import Season
from loadtest.attacks.journey import read_visits
from loadtest.attacks.town import Size
from loadtest.fraud.draw import draw
from loadtest.fraud.policy import STARTER
from loadtest.fraud.run import Wanted, play_season
from loadtest.fraud.score import Setting
from loadtest.stage import ROOT, staged
from wallet_service.runtime.migrate import migrate

OUT: Final = ROOT / "build" / "fraud-report.json"
PICTURES: Final = ROOT / "docs" / "img"


def main() -> int:
    """Play, score, show; returns 0 however many targets were met: the report says which were not."""
    asked = _arguments()
    screen = Console(width=None if sys.stdout.isatty() else 150)
    began = time.monotonic()

    def say(line: str) -> None:
        screen.print(f"[dim]{time.monotonic() - began:5.0f} s[/]  {line}", highlight=False)

    with staged() as stage:
        asyncio.run(migrate(stage.database_url))
        say("servers run; reading baskets")
        wanted = Wanted(
            visits=read_visits(asked.households, asked.seed),
            season=Season(days=asked.days, quiet_days=asked.quiet_days), seed=asked.seed, policy=asked.policy, size=Size(),
            model=asked.model,
        )  # fmt: skip
        report = asyncio.run(play_season(stage, wanted, say))
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if not asked.no_pictures:
        draw([Setting(**point) for point in report["settings"]], PICTURES, asked.seed)
    show(report, screen)
    return 0


def show(report: dict[str, Any], screen: Console) -> None:
    """Print the tables."""
    table = Table(title=f"attacks (seed {report['seed']})")
    for column in (
        "family",
        "wallets",
        "in time",
        "found",
        "value",
        "lost",
        "before found",
        "limits that spoke",
    ):
        table.add_column(column, justify="left" if column in {"family", "limits that spoke"} else "right")
    for each in report["families"]:
        reasons = ", ".join(f"{name} {number}" for name, number in list(each["reasons"].items())[:4])
        table.add_row(
            each["family"], str(each["wallets"]), f"{each['share_in_time']:.1%}",
            f"{each['found'] / each['wallets']:.1%}", _money(each["value_minor"]), _money(each["lost_minor"]),
            _money(each["lost_before_minor"]), reasons,
        )  # fmt: skip
    screen.print(table)
    honest = report["honest"]
    kinds = Table(
        title=f"honest customers: {honest['refused']:.2%} refused, {honest['reviewed']:.2%} in review"
    )
    for column in ("kind", "wallets", "refused", "in review", "redemptions", "limits that spoke"):
        kinds.add_column(column, justify="left" if column in {"kind", "limits that spoke"} else "right")
    for each in honest["kinds"]:
        reasons = ", ".join(f"{name} {number}" for name, number in list(each["reasons"].items())[:4])
        kinds.add_row(
            each["kind"],
            str(each["wallets"]),
            str(each["refused"]),
            str(each["reviewed"]),
            f"{each['redemptions']:,}",
            reasons,
        )
    screen.print(kinds)
    screen.print(
        f"in review: {honest['reviewed_households']:.2%} of ordinary households, "
        f"{honest['reviewed_lookalikes']:.2%} of those who look like something else"
    )
    for each in report["additions"]:
        screen.print(
            f"{each['name']} would name {each['attackers']} wallets of attackers ({each['attackers_more']} that nothing else "
            f"found) and {each['honest']} honest customers ({each['honest_more']} more)"
        )
    below = ", ".join(report["below_target"]) or "nothing"
    screen.print(
        f"{report['cases']} cases, {report['cases_about_honest']} about honest customers; below target: {below}"
    )


def _money(minor: int) -> str:
    return f"{minor / 100:,.2f}"


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m loadtest.fraud", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--households", type=int, default=2_469)
    parser.add_argument("--days", type=int, default=32)
    parser.add_argument("--quiet-days", type=int, default=10)
    parser.add_argument("--policy", type=Path, default=STARTER)
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--model", action="store_true", help="learn an anomaly model half-way, and count what it adds"
    )
    parser.add_argument("--no-pictures", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    raise SystemExit(main())
