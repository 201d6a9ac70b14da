"""What earning reports of itself. Names are in `docs/telemetry.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from wallet_service.earning.lookout import Lookout
from wallet_service.earning.worker import EarningWorker


def watch_earning(meter: Meter | None, worker: EarningWorker, lookout: Lookout) -> None:
    """Report what waits and what was worked on; nothing when there is no meter."""
    if meter is None:
        return
    meter.create_observable_gauge(
        "wallet.earning.backlog", callbacks=[_reader(lambda: worker.backlog)], unit="{wallet}"
    )
    meter.create_observable_counter(
        "wallet.earning.worked", callbacks=[_reader(lambda: worker.worked)], unit="{wallet}"
    )
    meter.create_observable_counter(
        "wallet.earning.warnings", callbacks=[_reader(lambda: lookout.warned)], unit="{warning}"
    )
    meter.create_observable_counter(
        "wallet.earning.idle_expired", callbacks=[_reader(lambda: lookout.idle_expired)], unit="{wallet}"
    )


def _reader(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    return observe
