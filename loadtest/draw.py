"""The pictures of the benchmark."""

from __future__ import annotations

from pathlib import Path
from typing import Any

SERIES = (
    ("pairs_batch", "pairs, gathered"),
    ("pairs_unary", "pairs, one call each"),
    ("ledger_in_process", "ledger without gRPC"),
    ("trial", "yardstick"),
)


def _points(found: dict[str, Any], key: str, figure: str) -> tuple[list[int], list[float]]:
    values = found.get(key, {})
    values = values.get("batch", values)
    callers = sorted(int(n) for n in values)
    return callers, [values[str(n)][figure] for n in callers]


def draw(found: dict[str, Any], folder: Path) -> None:
    """Write throughput.png and latency.png."""
    import matplotlib as mpl

    mpl.use("Agg")
    import matplotlib.pyplot as plt

    folder.mkdir(parents=True, exist_ok=True)
    for figure, title, label in (
        ("per_s", "Reserve + commit pairs a second", "throughput"),
        ("p99_ms", "99th percentile of a pair, ms", "latency"),
    ):
        canvas, axes = plt.subplots(figsize=(8, 4.5), dpi=110)
        for key, name in SERIES:
            callers, values = _points(found, key, figure)
            if callers:
                axes.plot(callers, values, marker="o", label=name)
        axes.set_xscale("log", base=2)
        axes.set_xticks([1, 16, 64, 256, 1024], ["1", "16", "64", "256", "1024"])
        if figure == "p99_ms":
            axes.set_yscale("log")
        axes.set_xlabel("concurrent callers")
        axes.set_title(f"{title} (client, service and PostgreSQL on the same two cores)")
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
        canvas.tight_layout()
        canvas.savefig(folder / f"{label}.png")
        plt.close(canvas)
