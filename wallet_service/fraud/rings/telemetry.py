"""What the worker of the rings reports of itself. Names are in `docs/telemetry.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from wallet_service.fraud.rings.worker import RingWorker


def watch_rings(meter: Meter | None, worker: RingWorker) -> None:
    """Report what the rings' worker did."""
    if meter is None:
        return
    meter.create_observable_counter(
        "wallet.fraud.rings.joined", callbacks=[_reader(lambda: worker.joined)], unit="{link}"
    )
    meter.create_observable_counter(
        "wallet.fraud.rings.suspicious", callbacks=[_reader(lambda: worker.suspicious)], unit="{ring}"
    )


def _reader(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    return observe
