"""What is judged: ratios within one run, each with what it should at least be."""

from __future__ import annotations

from typing import Any, Final

BACKTEST_LINES: Final = 20_000

TARGETS: Final = {
    "pairs_batch 1 / trial": 1.0,
    "pairs_batch 16 / trial": 1.0,
    "pairs_batch 64 / trial": 1.0,
    "pairs_batch 256 / trial": 1.0,
    "pairs_batch 1024 / trial": 1.0,
    "pairs_batch 1024 / ledger_in_process": 0.6,
    "reserve_unary / echo_unary": 0.6,
    "quote / echo_unary": 0.8,
    "hot_wallet / pairs_batch 256": 0.8,
    "pairs_batch_fraud / pairs_batch_active 256": 0.85,
    "pairs_batch_fraud / pairs_batch_active 1024": 0.85,
    "reserve p50 without / with fraud, 1 caller": 0.87,
    "reserve p50 without / with fraud, 16 callers": 0.87,
    "growth large / small": 0.8,
    "overload useful / capacity": 0.9,
    "earn events a second / 1500": 1.0,
    "earn event alone / in a backlog": 0.83,
    "earn reserve p99 alone / beside a backlog": 0.67,
    "backtest lines a second / 20,000": 1.0,
    "120 MB / idle memory": 1.0,
}

EVENTS_PER_SECOND: Final = 1_500
"""What one service process is asked to credit."""
IDLE_MEMORY_MB: Final = 120


def _rate(found: dict[str, Any], *path: str) -> float | None:
    for step in path:
        if step not in found:
            return None
        found = found[step]
    return float(found["per_s"])


def ratios(found: dict[str, Any]) -> dict[str, float]:
    """Return each ratio that this run can give."""
    pairs = {
        **{
            f"pairs_batch {n} / trial": (("pairs_batch", n), ("trial", "batch", n))
            for n in ("1", "16", "64", "256", "1024")
        },
        "pairs_batch 1024 / ledger_in_process": (("pairs_batch", "1024"), ("ledger_in_process", "1024")),
        "reserve_unary / echo_unary": (("reserve_unary", "64"), ("echo_unary", "64")),
        "quote / echo_unary": (("quote", "64"), ("echo_unary", "64")),
        "hot_wallet / pairs_batch 256": (("hot_wallet", "256"), ("pairs_batch", "256")),
        **{
            f"pairs_batch_fraud / pairs_batch_active {n}": (
                ("pairs_batch_fraud", n),
                ("pairs_batch_active", n),
            )
            for n in ("256", "1024")
        },
        "growth large / small": (("growth", "large"), ("growth", "small")),
    }
    result: dict[str, float] = {}
    for name, (above, below) in pairs.items():
        first, second = _rate(found, *above), _rate(found, *below)
        if first and second:
            result[name] = round(first / second, 2)
    overload = found.get("overload")
    if overload:
        result["overload useful / capacity"] = round(overload["useful_per_s"] / overload["capacity_per_s"], 2)
    for n, callers in (("1", "1 caller"), ("16", "16 callers")):
        if "reserve_fraud" in found:
            without, guarded = (found[key][n]["p50_ms"] for key in ("reserve_active", "reserve_fraud"))
            result[f"reserve p50 without / with fraud, {callers}"] = round(without / guarded, 2)
    if "earn" in found:
        result |= _earning(found["earn"])
    if "backtest" in found:
        result["backtest lines a second / 20,000"] = round(
            found["backtest"]["lines_per_s"] / BACKTEST_LINES, 2
        )
    if "idle_memory_mb" in found:
        result["120 MB / idle memory"] = round(IDLE_MEMORY_MB / found["idle_memory_mb"], 2)
    return result


def _earning(earn: dict[str, Any]) -> dict[str, float]:
    """Compare what is alone with what stands beside a backlog of 200,000 events: CPU of an event, wait of a Reserve."""
    alone, beside = earn["reserve_alone"]["p99_ms"], earn["reserve_beside_backlog"]["p99_ms"]
    return {
        "earn events a second / 1500": round(earn["pipeline"]["per_s"] / EVENTS_PER_SECOND, 2),
        "earn event alone / in a backlog": round(
            earn["event_alone"]["cpu_us"] / earn["event_in_backlog"]["cpu_us"], 2
        ),
        "earn reserve p99 alone / beside a backlog": round(alone / beside, 2),
    }


def table(found: dict[str, Any]) -> str:
    """Return the ratios as lines, with what is asked of each."""
    lines = [f"\n{'ratio':<40} {'found':>7} {'asked':>7}"]
    for name, value in found["ratios"].items():
        target = TARGETS.get(name, 0.0)
        lines.append(f"{name:<40} {value:>7.2f} {target:>7.2f} {'' if value >= target else '  below'}")
    return "\n".join(lines)
