"""What the ledger reports of itself. Names are in `docs/telemetry.yaml`."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from opentelemetry.metrics import CallbackOptions, Meter, Observation

from wallet_service.ledger.service import Ledger


def watch_ledger(meter: Meter | None, ledger: Ledger) -> None:
    """Report how much waits and what batches do; nothing when there is no meter."""
    if meter is None:
        return
    counts = ledger.batcher.counts
    meter.create_observable_gauge(
        "wallet.ledger.commands.waiting",
        callbacks=[_reader(lambda: ledger.batcher.waiting)],
        unit="{command}",
    )
    meter.create_observable_counter(
        "wallet.ledger.commands", callbacks=[_reader(lambda: counts.commands)], unit="{command}"
    )
    meter.create_observable_counter(
        "wallet.ledger.batches", callbacks=[_reader(lambda: counts.batches)], unit="{batch}"
    )
    meter.create_observable_counter(
        "wallet.ledger.races_lost", callbacks=[_reader(lambda: counts.races_lost)], unit="{wallet}"
    )


def _reader(read: Callable[[], int]) -> Callable[[CallbackOptions], Iterable[Observation]]:
    def observe(_options: CallbackOptions) -> Iterable[Observation]:
        return [Observation(read())]

    return observe
