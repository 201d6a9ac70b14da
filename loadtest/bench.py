"""The benchmark: everything in one run on one machine, so that only ratios are read from it.

make bench                      nine to twelve minutes
make bench TRIAL=…/trial.py     with a yardstick program in the same run
make bench ONLY="unary batch"     parts of it, while working on something
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import uvloop

from loadtest import figures
from loadtest.draw import draw
from loadtest.earn import earn
from loadtest.figures import Run
from loadtest.overload import overload
from loadtest.ratios import ratios, table
from loadtest.stage import ROOT, staged
from wallet_service.runtime.migrate import migrate

REPORT: Final = ROOT / "build" / "bench.json"
GROWTH_SMALL: Final = (10_000, 9)
GROWTH_LARGE: Final = (1_000_000, 9)
RING_LINKS: Final = 1_000_000
"""Ten million, which take two minutes to make: python -m loadtest.rings."""
PARTS: Final = (
    "unary", "batch", "fraud", "in_process", "backtest", "workers", "trial", "overload", "earn", "growth",
    "rings", "model", "maturing",
)  # fmt: skip
EVERYTHING: Final = tuple(part for part in PARTS if part != "maturing")
"""What a whole run measures; a million wallets of many ages take minutes to make."""
AGING: Final = (1_000_000, 20_000)
IDLE_SECONDS: Final = 3
"""How long a new process is left alone before one looks at its memory."""
ALONE: Final = frozenset({"backtest", "rings", "model", "maturing"})
"""What needs none of the wallets that the others share."""


async def serve_and_measure(run: Run, parts: set[str]) -> None:
    """Measure what talks to one service process."""
    process = run.stage.serve()
    await asyncio.sleep(IDLE_SECONDS)
    run.found["idle_memory_mb"] = figures_memory(process.popen.pid)
    await figures.prepare(run, process)
    if "unary" in parts:
        await figures.unary(run, process)
    if "batch" in parts:
        await figures.batches(run, process)
    run.found["used_memory_mb"] = figures_memory(process.popen.pid)
    run.stage.stop(process)
    if "fraud" in parts:
        # Nothing is given up here because a machine is busy: what is measured is the whole of the work.
        process = run.stage.serve(settings={"WALLET_FRAUD_BUDGET_MS": "2000"})
        await figures.guarded(run, process)
        run.stage.stop(process)


def figures_memory(pid: int) -> float:
    """Return the resident memory of a process and its children in MB."""
    import psutil

    parent = psutil.Process(pid)
    return round(max(p.memory_info().rss for p in [parent, *parent.children(recursive=True)]) / 1e6, 1)


def measure(seconds: float, parts: set[str], trial: Path | None) -> dict[str, Any]:
    """Run the chosen parts and return what they found."""
    with staged() as stage:
        asyncio.run(migrate(stage.database_url))
        run = Run(stage, seconds, say=lambda line: print(line, flush=True))
        if trial is not None and "trial" in parts:
            figures.yardstick(run, trial)
        if parts - ALONE:
            uvloop.run(serve_and_measure(run, parts))
        for part, figure in _others(run).items():
            if part in parts:
                figure()
        return run.found


def _others(run: Run) -> dict[str, Callable[[], None]]:
    """Return what starts its own processes, in the order in which it is measured."""
    return {
        "in_process": lambda: figures.in_process(run),
        "backtest": lambda: figures.backtest(run),
        "workers": lambda: uvloop.run(figures.workers(run)),
        "overload": lambda: uvloop.run(overload(run)),
        "earn": lambda: uvloop.run(earn(run)),
        "growth": lambda: uvloop.run(figures.growth(run, GROWTH_SMALL, GROWTH_LARGE)),
        "rings": lambda: uvloop.run(figures.rings(run, RING_LINKS)),
        "model": lambda: figures.model(run),
        "maturing": lambda: figures.maturing(run, *AGING),
    }


def main() -> None:
    """Measure, print, write, draw."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=4.0, help="for each figure")
    parser.add_argument("--trial", type=Path, help="a yardstick program that prints JSON")
    parser.add_argument("--only", choices=PARTS, nargs="*", help="parts; when left out, all but maturing")
    chosen = parser.parse_args()
    begun = time.monotonic()
    found = measure(chosen.seconds, set(chosen.only or EVERYTHING), chosen.trial)
    found["ratios"] = ratios(found)
    found["seconds"] = round(time.monotonic() - begun, 1)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    if not chosen.only:
        draw(found, ROOT / "docs" / "img")
    print(f"{found['seconds']} s; written to {REPORT.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
