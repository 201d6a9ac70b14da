"""OpenTelemetry, when it is asked for: traces and metrics to a collector (OTLP), metrics on a Prometheus page.

Off is `meter = tracer = None`: nothing of OpenTelemetry is imported and callers test for None once. Every name is in
`docs/telemetry.yaml`; a test holds the code against it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from wallet_service.runtime.config import Settings
from wallet_service.runtime.errors import StartError

if TYPE_CHECKING:
    from opentelemetry.metrics import CallbackOptions, Meter, Observation
    from opentelemetry.sdk.metrics.export import MetricReader
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.trace import Tracer

    from wallet_service.runtime.cache import Cache

_log = logging.getLogger(__name__)

SCOPE: Final = "wallet-service"
_EXPORT_SECONDS: Final = 15.0
_FLUSH_MS: Final = 2_000
_SEND_SECONDS: Final = 2  # one try to reach the collector, its retries included
_QUEUE_MAX: Final = 4_096
_SECOND_BOUNDARIES: Final = (
    *(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0),
)
_SIZE_BOUNDARIES: Final = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1_024, 4_096)

Read = Callable[[], float]


@dataclass(slots=True, kw_only=True)
class Telemetry:
    """The meter and the tracer to hand to parts; both None when off."""

    meter: Meter | None = None
    tracer: Tracer | None = None
    prometheus_port: int | None = None
    _closers: list[Callable[[], object]] = field(default_factory=list)

    async def close(self) -> None:
        """Send what is left; bounded, and not on the event loop."""
        closers, self._closers = self._closers, []
        await asyncio.gather(*(asyncio.to_thread(closer) for closer in closers))

    def watch_cache(self, cache: Cache) -> None:
        """Report the cache's counts."""
        if self.meter is None:
            return
        counts = cache.counts
        self.meter.create_observable_counter(
            "wallet.runtime.cache.lookups",
            unit="{lookup}",
            description="Cache lookups, by result.",
            callbacks=[
                observed({"result": "hit"}, lambda: counts.hits),
                observed({"result": "miss"}, lambda: counts.misses),
            ],
        )
        self.meter.create_observable_counter(
            "wallet.runtime.cache.failures",
            unit="{call}",
            description="Calls to the cache that failed or were held back, by kind.",
            callbacks=[
                observed({"kind": "failed"}, lambda: counts.failures),
                observed({"kind": "skipped"}, lambda: counts.skipped),
            ],
        )

    def watch_loops(self, restarts: Read) -> None:
        """Report how often background loops were started again."""
        if self.meter is not None:
            self.meter.create_observable_counter(
                "wallet.runtime.loop.restarts",
                unit="{restart}",
                description="Background loops that died and were started again.",
                callbacks=[observed({}, restarts)],
            )


def observed(attributes: dict[str, str], read: Read) -> Callable[[CallbackOptions], Iterable[Observation]]:
    """Return a callback for an observable instrument that reports one number."""

    def report(_options: CallbackOptions) -> Iterable[Observation]:
        from opentelemetry.metrics import Observation

        return [Observation(read(), attributes)]

    return report


def start_telemetry(settings: Settings, *, worker: int = 0, instance: str = "") -> Telemetry:
    """Set up what the settings ask for; nothing is imported when they ask for nothing."""
    if settings.otlp_endpoint is None and settings.prometheus_port is None:
        return Telemetry()
    from opentelemetry.sdk.resources import Resource

    resource = Resource.create(
        {
            "service.name": SCOPE,
            "service.version": version(SCOPE),
            "service.instance.id": instance or f"worker-{worker}",
        }
    )
    telemetry = Telemetry()
    _start_metrics(telemetry, settings, resource, worker)
    if settings.otlp_endpoint is not None:
        _start_traces(telemetry, settings, resource)
    return telemetry


def _start_metrics(telemetry: Telemetry, settings: Settings, resource: Resource, worker: int) -> None:
    from opentelemetry.sdk.metrics import Histogram, MeterProvider
    from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import ExplicitBucketHistogramAggregation, View

    readers: list[MetricReader] = []
    if settings.otlp_endpoint is not None:
        from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter

        exporter = OTLPMetricExporter(
            endpoint=settings.otlp_endpoint, insecure=_plain(settings.otlp_endpoint)
        )
        readers.append(
            PeriodicExportingMetricReader(exporter, export_interval_millis=_EXPORT_SECONDS * 1_000)
        )
    if settings.prometheus_port is not None:
        readers.append(_start_prometheus(telemetry, settings, worker))
    views = [
        View(
            instrument_type=Histogram,
            instrument_unit=unit,
            aggregation=ExplicitBucketHistogramAggregation(boundaries),
        )
        for unit, boundaries in (("s", _SECOND_BOUNDARIES), ("{command}", _SIZE_BOUNDARIES))
    ]
    provider = MeterProvider(metric_readers=readers, resource=resource, views=views, shutdown_on_exit=False)
    telemetry.meter = provider.get_meter(SCOPE)
    telemetry._closers.append(lambda: provider.shutdown(timeout_millis=_FLUSH_MS))  # noqa: SLF001


def _start_prometheus(telemetry: Telemetry, settings: Settings, worker: int) -> MetricReader:
    from opentelemetry.exporter.prometheus import PrometheusMetricReader
    from prometheus_client import CollectorRegistry, start_http_server

    assert settings.prometheus_port is not None
    registry = CollectorRegistry()
    reader = PrometheusMetricReader(registry=registry)
    port = settings.prometheus_port + worker if settings.prometheus_port else 0
    try:
        server, thread = start_http_server(port, addr=settings.prometheus_host, registry=registry)
    except OSError as fault:
        raise StartError(
            f"the Prometheus page cannot listen on {settings.prometheus_host}:{port}: {fault.strerror}"
            " (see WALLET_PROMETHEUS_PORT)"
        ) from fault

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join(timeout=1)

    telemetry.prometheus_port = int(server.server_port)
    telemetry._closers.append(stop)  # noqa: SLF001
    return reader


def _start_traces(telemetry: Telemetry, settings: Settings, resource: Resource) -> None:
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

    endpoint = settings.otlp_endpoint
    assert endpoint is not None
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(settings.trace_sample_ratio)),
        resource=resource,
        shutdown_on_exit=False,
    )
    exporter = OTLPSpanExporter(endpoint=endpoint, insecure=_plain(endpoint), timeout=_SEND_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=_QUEUE_MAX))
    telemetry.tracer = provider.get_tracer(SCOPE)
    telemetry._closers.append(lambda: _shut_traces(provider))  # noqa: SLF001


def _shut_traces(provider: Any) -> None:
    provider.force_flush(timeout_millis=_FLUSH_MS)
    provider.shutdown()


def _plain(endpoint: str) -> bool:
    return not endpoint.startswith("https://")
