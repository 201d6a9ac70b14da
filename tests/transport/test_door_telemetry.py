"""What the door tells: spans that hang in the caller's trace, durations, refusals by reason, and never an id."""

import asyncio

from fake_rooms import QUOTE, SECRET, WALLET, auth, refused, until
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from wallet_service.kernel.errors import Reason, refuse
from wallet_service.transport.door import DoorLimits
from wallet_service.transport.server import ServerLimits
from wallet_service.transport.telemetry import DoorTelemetry

METHOD = "/wallet.v1.CheckoutService/Quote"


def points(reader):
    """All points by metric name, each as (attributes, value)."""
    found = {}
    data = reader.get_metrics_data()
    for resource in data.resource_metrics if data else ():
        for scope in resource.scope_metrics:
            for metric in scope.metrics:
                found[metric.name] = [
                    (dict(p.attributes), getattr(p, "count", None) or getattr(p, "value", 0))
                    for p in metric.data.data_points
                ]
    return found


async def test_calls_and_refusals_are_counted_by_method_and_reason(open_with):
    reader = InMemoryMetricReader()
    meter = MeterProvider([reader]).get_meter("test")
    house = await open_with(telemetry=DoorTelemetry(meter=meter))

    async def poor(request, call):
        raise refuse(Reason.INSUFFICIENT_BALANCE)

    await house.checkout.Quote(QUOTE, metadata=auth())
    house.checkout_rooms.behaviour["quote"] = poor
    await refused(house.checkout.Quote(QUOTE, metadata=auth()))
    await refused(house.checkout.Quote(QUOTE))

    told = points(reader)
    assert told["wallet.transport.call.duration"] == [
        ({"method": METHOD, "outcome": "OK"}, 1),
        ({"method": METHOD, "outcome": "FAILED_PRECONDITION"}, 1),
    ]
    assert told["wallet.transport.refusals"] == [
        ({"method": METHOD, "reason": "INSUFFICIENT_BALANCE"}, 1),
        ({"method": METHOD, "reason": "TOKEN_MISSING"}, 1),
    ]
    assert told["wallet.transport.calls.in_flight"] == [({}, 0)]
    assert told["wallet.transport.watchers"] == [({}, 0)]


async def test_a_span_hangs_in_the_callers_trace_and_names_nobody(open_with):
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    house = await open_with(telemetry=DoorTelemetry(tracer=provider.get_tracer("test")))
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    await house.checkout.Quote(QUOTE, metadata=(*auth(), ("traceparent", f"00-{trace}-00f067aa0ba902b7-01")))
    await house.checkout.Quote(QUOTE, metadata=(*auth(), ("traceparent", f"00-{trace}-00f067aa0ba902b7-00")))

    [span] = exporter.get_finished_spans()
    assert span.name == METHOD.removeprefix("/")
    assert f"{span.context.trace_id:032x}" == trace
    assert dict(span.attributes) == {"outcome": "OK"}
    assert WALLET not in span.to_json()
    assert SECRET.decode() not in span.to_json()


async def test_how_a_call_ended_is_told_as_it_was_answered(open_with):
    reader = InMemoryMetricReader()
    limits = ServerLimits(door=DoorLimits(deadline_default_seconds=0.3))
    meter = MeterProvider([reader]).get_meter("test")
    house = await open_with(telemetry=DoorTelemetry(meter=meter), limits=limits)
    house.checkout_rooms.behaviour["quote"] = lambda request, call: asyncio.sleep(5)
    while not house.checkout_rooms.calls:  # on a busy machine the time may run out before the room
        await refused(house.checkout.Quote(QUOTE, metadata=auth()))
    call = house.checkout.Quote(QUOTE, metadata=auth(), timeout=30)
    await until(lambda: len(house.checkout_rooms.calls) == 2)
    call.cancel()
    await until(lambda: house.server.in_flight == 0)
    outcomes = {attributes["outcome"] for attributes, _ in points(reader)["wallet.transport.call.duration"]}
    assert outcomes == {"DEADLINE_EXCEEDED", "CANCELLED"}


async def test_without_a_meter_and_a_tracer_it_is_off():
    assert not DoorTelemetry().on
