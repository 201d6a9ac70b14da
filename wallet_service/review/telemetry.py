"""What review reports of itself. Names are in `docs/telemetry.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from wallet_service.review.worker import ReviewWorker


def watch_review(meter: Meter | None, worker: ReviewWorker) -> None:
    """Report how many cases were opened and timed out; nothing when there is no meter."""
    if meter is None:
        return
    meter.create_observable_counter(
        "wallet.review.opened", callbacks=[_reader(lambda: worker.opened)], unit="{case}"
    )
    meter.create_observable_counter(
        "wallet.review.timed_out", callbacks=[_reader(lambda: worker.timed_out)], unit="{case}"
    )


def _reader(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    return observe
