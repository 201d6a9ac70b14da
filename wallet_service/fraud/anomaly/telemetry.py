"""What the anomaly model reports of itself. Names are in `docs/telemetry.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from wallet_service.fraud.anomaly.service import Anomaly


def watch_anomaly(meter: Meter | None, anomaly: Anomaly) -> None:
    """Report what became of the scores that were asked for, and which version gives them."""
    if meter is None:
        return
    counts = anomaly.counts

    def scores(_options: CallbackOptions) -> Iterable[Observation]:
        return [
            Observation(counts.scored, {"outcome": "scored"}),
            Observation(counts.without, {"outcome": "no_model"}),
            Observation(counts.late, {"outcome": "late"}),
            Observation(counts.refused, {"outcome": "refused"}),
        ]

    meter.create_observable_counter("wallet.fraud.anomaly.scores", callbacks=[scores], unit="{score}")
    meter.create_observable_gauge(
        "wallet.fraud.anomaly.version",
        callbacks=[_reader(lambda: anomaly.models.scoring.version if anomaly.models.scoring else 0)],
        unit="1",
    )


def _reader(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    return observe
