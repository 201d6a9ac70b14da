"""What the door tells about calls. One boolean decides on the hot path; without it nothing here is touched."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from wallet_service.kernel.errors import Reason
from wallet_service.runtime.telemetry import observed
from wallet_service.transport.call import Call

if TYPE_CHECKING:
    from opentelemetry.metrics import Meter
    from opentelemetry.trace import Span, Tracer


class DoorTelemetry:
    """A span and a duration per call, refusals by reason, calls in flight. Silent when made without a meter.

    Names are in `docs/telemetry.yaml`. Attributes are the method, the outcome and the reason: never an id.
    """

    def __init__(self, meter: Meter | None = None, tracer: Tracer | None = None) -> None:
        self.on = meter is not None or tracer is not None
        self._tracer = tracer
        self._duration = self._refused = None
        self._meter = meter
        if meter is not None:
            self._duration = meter.create_histogram(
                "wallet.transport.call.duration", unit="s", description="From the door and back, by outcome."
            )
            self._refused = meter.create_counter(
                "wallet.transport.refusals", unit="{refusal}", description="Refused calls, by reason."
            )

    def watch(self, in_flight: Callable[[], int], watchers: Callable[[], int]) -> None:
        """Read these two numbers whenever metrics are collected."""
        if self._meter is None:
            return
        self._meter.create_observable_gauge(
            "wallet.transport.calls.in_flight", callbacks=[observed({}, in_flight)], unit="{call}"
        )
        self._meter.create_observable_gauge(
            "wallet.transport.watchers", callbacks=[observed({}, watchers)], unit="{stream}"
        )

    def refused(self, method: str, reason: Reason) -> None:
        """Count a refusal."""
        if self._refused is not None:
            self._refused.add(1, {"method": method, "reason": reason.name})

    def ended(self, method: str, outcome: str, started_at: float, span: Span | None) -> None:
        """Record how long a call took, from `time.perf_counter()` at its start, and how it ended."""
        if span is not None:
            span.set_attribute("outcome", outcome)
        if self._duration is not None:
            self._duration.record(time.perf_counter() - started_at, {"method": method, "outcome": outcome})

    @contextmanager
    def span(self, call: Call, *, sampled: bool) -> Iterator[Span | None]:
        """Run a block within the span of this call, a child of the caller's."""
        if self._tracer is None:
            yield None
            return
        from opentelemetry import trace

        context = None
        if call.trace_id:
            parent = trace.SpanContext(
                trace_id=int(call.trace_id, 16),
                span_id=int(call.parent_span_id, 16),
                is_remote=True,
                trace_flags=trace.TraceFlags(trace.TraceFlags.SAMPLED if sampled else 0),
            )
            context = trace.set_span_in_context(trace.NonRecordingSpan(parent))
        with self._tracer.start_as_current_span(
            call.method.removeprefix("/"),
            context=context,
            kind=trace.SpanKind.SERVER,
            # A refusal is an ordinary answer, and an exception's text may quote what nobody should read.
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            yield span
