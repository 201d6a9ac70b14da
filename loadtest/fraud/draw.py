"""The pictures of the report: precision and recall, and what each setting would cost."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from loadtest.fraud.score import Setting

CASE_COST_MINOR: Final = 400
"""What a case about an honest customer costs: a quarter of an hour, and a call that nobody likes."""


def draw(points: Sequence[Setting], folder: Path, seed: int) -> None:
    """Write fraud-precision-recall.png and fraud-cost.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    canvas, axes = plt.subplots(figsize=(6.5, 4.5), dpi=110)
    axes.plot([point.recall for point in points], [point.precision for point in points], marker="o")
    for point in points:
        axes.annotate(
            f"x{point.factor:g}", (point.recall, point.precision), xytext=(5, 5), textcoords="offset points"
        )
    axes.set_xlabel("recall: wallets of attacks that some limit names")
    axes.set_ylabel("precision: named wallets that are attackers'")
    axes.set_xlim(0, 1.05)
    axes.set_ylim(0, 1.05)
    axes.set_title(f"Every bound times a factor (seed {seed})")
    axes.grid(visible=True, alpha=0.3)
    canvas.tight_layout()
    canvas.savefig(folder / "fraud-precision-recall.png")
    plt.close(canvas)

    canvas, axes = plt.subplots(figsize=(6.5, 4.5), dpi=110)
    factors = [point.factor for point in points]
    missed = [point.missed_minor / 100 for point in points]
    cases = [point.honest * CASE_COST_MINOR / 100 for point in points]
    axes.plot(factors, missed, marker="o", label="value of attacks that nothing names")
    axes.plot(factors, cases, marker="o", label=f"honest customers named, {CASE_COST_MINOR / 100:.2f} each")
    axes.plot(factors, [a + b for a, b in zip(missed, cases, strict=True)], marker="o", label="both")
    axes.set_xscale("log", base=2)
    axes.set_xticks(factors, [f"x{factor:g}" for factor in factors])
    axes.set_yscale("symlog", linthresh=10)
    axes.set_ylim(bottom=0)
    axes.set_xlabel("every bound times")
    axes.set_ylabel("EUR")
    axes.set_title(f"What each setting would cost (seed {seed})")
    axes.grid(visible=True, alpha=0.3)
    axes.legend()
    canvas.tight_layout()
    canvas.savefig(folder / "fraud-cost.png")
    plt.close(canvas)
