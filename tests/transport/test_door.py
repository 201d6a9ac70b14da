"""The door: what comes in is read, bounded and timed; what goes out is typed and leaks nothing."""

import asyncio
import logging
import time

import grpc
import pytest
from fake_rooms import COMMIT, EXECUTE, QUOTE, RESERVE, auth, refused
from google.protobuf.descriptor import FieldDescriptor
from wallet.v1 import admin_pb2, checkout_pb2, wallet_pb2

from wallet_service.kernel.errors import Reason, Refusal, RefusedError
from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseTimeout,
    DatabaseUnavailable,
    OutcomeUnknown,
    StatementFailed,
)
from wallet_service.transport.door import DoorLimits
from wallet_service.transport.server import ServerLimits
from wallet_service.transport.status import code_of, trailers_of
from wallet_service.transport.validation import first_violation


def raw(house, method="/wallet.v1.CheckoutService/Quote"):
    """A call that sends bytes as they are."""
    return house.channel.unary_unary(method)


def raising(error):
    async def room(request, call):
        raise error

    return room


async def test_a_call_reaches_its_room_with_caller_method_and_trace(house):
    trace = ("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    await house.checkout.Quote(QUOTE, metadata=(*auth(), trace))
    [(request, call)] = house.checkout_rooms.calls
    assert request == QUOTE
    assert (call.method, call.caller.subject) == ("/wallet.v1.CheckoutService/Quote", "checkout-backend")
    assert (call.trace_id, call.parent_span_id) == ("4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7")


@pytest.mark.parametrize("text", ["", "00-0-0-0", "ff-" + "a" * 32 + "-" + "b" * 16 + "-01", "x" * 5_000])
async def test_a_malformed_trace_counts_as_none(house, text):
    await house.checkout.Quote(QUOTE, metadata=(*auth(), ("traceparent", text)))
    assert house.checkout_rooms.calls[0][1].trace_id == ""


async def test_a_call_without_a_deadline_gets_the_default_one(open_with):
    house = await open_with(limits=ServerLimits(door=DoorLimits(deadline_default_seconds=1.5)))
    await house.checkout.Quote(QUOTE, metadata=auth())
    remaining = house.checkout_rooms.calls[0][1].remaining_seconds()
    assert 0.0 < remaining <= 1.5


async def test_a_deadline_is_capped(open_with):
    house = await open_with(limits=ServerLimits(door=DoorLimits(deadline_max_seconds=1.0)))
    await house.checkout.Quote(QUOTE, metadata=auth(), timeout=3_600)
    assert house.checkout_rooms.calls[0][1].remaining_seconds() <= 1.0


async def test_a_deadline_of_one_millisecond_is_answered_as_exceeded(house):
    async def slow(request, call):
        await asyncio.sleep(30)

    house.checkout_rooms.behaviour["quote"] = slow
    started = time.monotonic()
    status, _, _, _ = await refused(house.checkout.Quote(QUOTE, metadata=auth(), timeout=0.001))
    assert status == "DEADLINE_EXCEEDED"
    assert time.monotonic() - started < 5


async def test_a_reading_call_that_runs_out_of_time_says_so(open_with):
    house = await open_with(limits=ServerLimits(door=DoorLimits(deadline_default_seconds=0.05)))
    house.checkout_rooms.behaviour["quote"] = lambda request, call: asyncio.sleep(5)
    status, reason, _, _ = await refused(house.checkout.Quote(QUOTE, metadata=auth()))
    assert (status, reason) == ("DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")


async def test_a_writing_call_that_runs_out_of_time_says_that_nobody_knows(open_with):
    house = await open_with(limits=ServerLimits(door=DoorLimits(deadline_default_seconds=0.05)))
    house.checkout_rooms.behaviour["commit"] = lambda request, call: asyncio.sleep(5)
    while not house.checkout_rooms.calls:  # on a busy machine the time may run out before the room
        status, reason, _, _ = await refused(house.checkout.Commit(COMMIT, metadata=auth()))
    assert (status, reason) == ("UNAVAILABLE", "OUTCOME_UNKNOWN")


async def test_a_cancelled_call_leaves_nothing_in_flight(house):
    begun = asyncio.Event()

    async def wait(request, call):
        begun.set()
        await asyncio.sleep(30)

    house.checkout_rooms.behaviour["quote"] = wait
    call = house.checkout.Quote(QUOTE, metadata=auth())
    await begun.wait()
    assert house.server.in_flight == 1
    call.cancel()
    async with asyncio.timeout(2):
        while house.server.in_flight:
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("reason", list(Reason))
async def test_every_reason_has_one_status_and_travels_as_error_info(house, reason):
    refusal = Refusal(reason=reason, field="order.total_minor", detail="So it is.", facts={"max": "7"})
    house.checkout_rooms.behaviour["quote"] = raising(RefusedError(refusal))
    status, name, facts, message = await refused(house.checkout.Quote(QUOTE, metadata=auth()))
    assert (status, name) == (reason.status.name, reason.name)
    assert facts == {"field": "order.total_minor", "max": "7"}
    assert message == f"{reason.sentence} So it is."


def test_the_status_numbers_are_those_of_grpc():
    assert {code_of(Refusal(reason=reason)).value[0] for reason in Reason} == {r.status.value for r in Reason}


def test_only_overload_says_when_to_try_again():
    told = [r for r in Reason if "grpc-retry-pushback-ms" in dict(trailers_of(Refusal(reason=r)))]
    assert told == [Reason.OVERLOADED]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (DatabaseUnavailable("x"), "DATABASE_UNAVAILABLE"),
        (DatabaseTimeout("x"), "DATABASE_UNAVAILABLE"),
        (DatabaseConflict("x"), "CONTENTION"),
        (OutcomeUnknown("x"), "OUTCOME_UNKNOWN"),
        (StatementFailed("x"), "INTERNAL"),
        (KeyError("x"), "INTERNAL"),
    ],
)
async def test_what_a_room_lets_through_still_leaves_typed(house, error, reason):
    house.checkout_rooms.behaviour["reserve"] = raising(error)
    _, answered, _, _ = await refused(house.checkout.Reserve(RESERVE, metadata=auth()))
    assert answered == reason


async def test_an_exception_is_logged_and_leaks_nothing(house, caplog):
    house.checkout_rooms.behaviour["quote"] = raising(ValueError("password=hunter2"))
    with caplog.at_level(logging.ERROR, "wallet_service.transport"):
        status, reason, facts, message = await refused(house.checkout.Quote(QUOTE, metadata=auth()))
    assert (status, reason, message) == ("INTERNAL", "INTERNAL", Reason.INTERNAL.sentence)
    assert list(facts) == ["trace_id"]
    assert caplog.records[0].trace_id == facts["trace_id"]
    assert caplog.records[0].exc_info[1].args == ("password=hunter2",)


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(b"\x0a\xff\xff\xff\xff\x0f", id="cut off"),
        pytest.param(b"\x12\x05\x0a\x03\xff\xfe\xfd", id="invalid UTF-8"),
        pytest.param(b"\x1b" * 5_000 + b"\x1c" * 5_000, id="nested too deep"),
        pytest.param(b"\xff" * 100, id="noise"),
    ],
)
async def test_an_unreadable_message_is_refused_as_such(house, message):
    status, reason, _, _ = await refused(raw(house)(message, metadata=auth()))
    assert (status, reason) == ("INVALID_ARGUMENT", "MESSAGE_INVALID")
    assert house.checkout_rooms.calls == []


async def test_a_message_that_is_too_large_is_refused(open_with):
    house = await open_with(limits=ServerLimits(door=DoorLimits(message_bytes_max=10_000)))
    status, reason, facts, _ = await refused(raw(house)(b"\x00" * 10_001, metadata=auth()))
    assert (status, reason, facts) == ("INVALID_ARGUMENT", "MESSAGE_INVALID", {"bytes_max": "10000"})
    status, _, _, _ = await refused(raw(house)(b"\x00" * 1_000_000, metadata=auth()))
    assert status == "RESOURCE_EXHAUSTED"
    await house.checkout.Quote(QUOTE, metadata=auth())


async def test_a_compressed_message_is_refused_before_it_unfolds(house):
    call = raw(house)(b"\x00" * 3_000_000, metadata=auth(), compression=grpc.Compression.Gzip)
    status, _, _, _ = await refused(call)
    assert status == "UNIMPLEMENTED"


async def test_too_much_metadata_is_refused(house):
    metadata = (*auth(), *((f"x-{n}", "y" * 1_000) for n in range(30)))
    status, _, _, _ = await refused(house.checkout.Quote(QUOTE, metadata=metadata))
    assert status == "RESOURCE_EXHAUSTED"
    await house.checkout.Quote(QUOTE, metadata=auth())


def quote(**changed):
    changed_request = checkout_pb2.QuoteRequest()
    changed_request.CopyFrom(QUOTE)
    for name, value in changed.items():
        changed_request.ClearField(name)
        if value is not None:
            changed_request.MergeFrom(checkout_pb2.QuoteRequest(**{name: value}))
    return changed_request


@pytest.mark.parametrize(
    ("request_message", "field"),
    [
        (quote(wallet={"wallet_id": "no-uuid"}), "wallet.wallet_id"),
        (quote(wallet={"wallet_id": "x" * 1_000_000}), "wallet.wallet_id"),
        (
            quote(wallet={"customer": {"program_id": "Bad Id", "customer_ref": "1"}}),
            "wallet.customer.program_id",
        ),
        (quote(wallet={}), "wallet.by"),
        (quote(wallet=None), "wallet"),
        (quote(order={"total_minor": -1, "order_ref": "a", "currency": "EUR"}), "order.total_minor"),
        (quote(order={"total_minor": 2**63 - 1, "order_ref": "a", "currency": "EUR"}), "order.total_minor"),
        (quote(order={"total_minor": 1, "order_ref": "a", "currency": "eur"}), "order.currency"),
        (quote(amount_minor=0), "amount_minor"),
        (quote(amount_minor=-5), "amount_minor"),
        (quote(amount_minor=None), "wish"),
    ],
)
async def test_a_field_that_cannot_be_is_named_by_its_path(house, request_message, field):
    status, reason, facts, message = await refused(house.checkout.Quote(request_message, metadata=auth()))
    assert (status, reason, facts) == ("INVALID_ARGUMENT", "FIELD_INVALID", {"field": field})
    assert len(message) < 300
    assert house.checkout_rooms.calls == []


async def test_an_unknown_enum_number_is_refused_where_only_known_ones_may_be(house):
    request = wallet_pb2.ListEntriesRequest(wallet=QUOTE.wallet, kinds=[1, 99])
    _, reason, facts, _ = await refused(house.wallets.ListEntries(request, metadata=auth()))
    assert (reason, facts) == ("FIELD_INVALID", {"field": "kinds[1]"})


async def test_a_batch_is_judged_item_by_item_and_not_at_the_door(house):
    request = checkout_pb2.ExecuteRequest(operations=[*EXECUTE.operations, {"reserve": {}}])
    await house.checkout.Execute(request, metadata=auth())
    refusal = first_violation(request.operations[1], "operations[1]")
    assert refusal.field == "operations[1].reserve.reservation_id"
    assert first_violation(request.operations[0], "operations[0]") is None


async def test_the_refusal_of_lowest_number_is_answered(open_with):
    house = await open_with(limits=ServerLimits(door=DoorLimits(deadline_default_seconds=0.0)))
    bad = quote(amount_minor=0)
    assert (await refused(house.checkout.Quote(bad)))[1] == "TOKEN_MISSING"
    assert (await refused(house.checkout.Quote(bad, metadata=auth())))[1] == "FIELD_INVALID"
    assert (await refused(house.checkout.Quote(QUOTE, metadata=auth())))[1] == "DEADLINE_EXCEEDED"


def test_no_public_request_holds_an_any_or_a_struct():
    def kinds(message, seen):
        if message.full_name in seen:
            return
        seen.add(message.full_name)
        for field in message.fields:
            if field.type == FieldDescriptor.TYPE_MESSAGE:
                kinds(field.message_type, seen)

    for proto in (checkout_pb2, wallet_pb2, admin_pb2):
        for service in proto.DESCRIPTOR.services_by_name.values():
            for method in service.methods:
                seen = set()
                kinds(method.input_type, seen)
                assert not seen & {"google.protobuf.Any", "google.protobuf.Struct", "google.protobuf.Value"}


def test_a_room_without_a_method_is_noticed_at_the_start():
    from fake_rooms import CHECKOUT

    from wallet_service.transport.server import Hosted, _handler

    with pytest.raises(TypeError, match=r"CheckoutService/Quote has no method in object"):
        _handler(CHECKOUT.methods[0], Hosted(service=CHECKOUT, room=object()).room, parts=None)
