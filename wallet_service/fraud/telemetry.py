"""What fraud reports of itself. Names are in `docs/telemetry.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from wallet_service.fraud.service import Fraud


def watch_fraud(meter: Meter | None, fraud: Fraud) -> None:
    """Report what was judged, what could not be known and what waits to be written; nothing when there is no meter."""
    if meter is None:
        return
    counts = fraud.counts

    def judged(_options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(counts.gathered, {"verdict": "any"}), Observation(counts.reviewed, {"verdict": "review"}),
            Observation(counts.refused, {"verdict": "refuse"}), Observation(counts.shadowed, {"verdict": "shadow"}),
        ]  # fmt: skip

    meter.create_observable_counter("wallet.fraud.judged", callbacks=[judged], unit="{attempt}")
    meter.create_observable_counter(
        "wallet.fraud.blind", callbacks=[_reader(lambda: counts.blind)], unit="{attempt}"
    )
    meter.create_observable_counter(
        "wallet.fraud.failed", callbacks=[_reader(lambda: counts.failed)], unit="{call}"
    )
    meter.create_observable_gauge(
        "wallet.fraud.behind", callbacks=[_reader(lambda: fraud.behind.waiting)], unit="{item}"
    )
    meter.create_observable_counter(
        "wallet.fraud.dropped", callbacks=[_reader(lambda: fraud.behind.dropped)], unit="{item}"
    )


def _reader(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    return observe
