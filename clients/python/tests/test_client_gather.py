"""Calls that travel together keep their own ends."""

import asyncio
import gc

import grpc
import pytest
from fake_service import NOT_THERE, POOR, No
from wallet.v1.checkout_pb2 import ExecuteRequest, Operation, ReserveRequest
from wallet_client import AsyncWalletClient, Order, OutcomeUnknown, Retries, errors, new_id
from wallet_client.gather import (
    ALONE_SECONDS,
    BATCH_MAX,
    CROWD,
    OPERATION_BYTES_MAX,
    RESERVE,
    operation_bytes,
)

CUSTOMER = ("demo", "anna")


def sizes(service) -> list[int]:
    return [len(request.operations) for request in service.requests["Execute"]]


async def test_calls_of_one_turn_go_out_in_one_batch(client, service, order):
    holds = await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(40)))
    assert sizes(service) == [40]
    sent = [op.reserve.reservation_id for op in service.requests["Execute"][0].operations]
    assert [hold.reservation_id for hold in holds] == sent


async def test_while_two_batches_are_on_the_wire_the_next_collects(client, service, order):
    service.delay_seconds["Execute"] = 0.15
    calls = []
    for _ in range(6):
        calls.append(asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order)))
        await asyncio.sleep(0.01)
    await asyncio.gather(*calls)
    assert sizes(service) == [1, 1, 4]


async def test_no_batch_is_larger_than_its_bound(client, service, order):
    service.available = 10**9
    await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(BATCH_MAX * 2 + 7)))
    assert max(sizes(service)) <= BATCH_MAX
    assert sum(sizes(service)) == BATCH_MAX * 2 + 7


async def test_of_a_crowd_each_of_four_batches_takes_its_share(client, service, order):
    service.available, service.delay_seconds["Execute"] = 10**9, 0.1
    await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(400)))
    assert sizes(service) == [100, 100, 100, 100]


async def test_less_than_a_crowd_waits_for_one_of_two_batches(client, service, order):
    service.available, service.delay_seconds["Execute"] = 10**9, 0.1
    await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(2 * CROWD + 10)))
    assert sizes(service) == [CROWD, CROWD, 10]


async def test_reserves_commits_and_releases_travel_together(client, service, order):
    holds = [await client.checkout.reserve(CUSTOMER, 5, order) for _ in range(3)]
    service.requests.clear()
    reserved, committed, released = await asyncio.gather(
        client.checkout.reserve(CUSTOMER, 5, order), holds[0].commit(), holds[1].release()
    )
    assert sizes(service) == [3]
    assert reserved.held
    assert committed.committed_minor == 5
    assert released.reservation_id == holds[1].reservation_id


async def test_one_callers_refusal_is_never_anothers(client, service):
    service.refusals["poor"] = POOR
    orders = ["rich", "poor", "rich"]
    ends = await asyncio.gather(
        *(
            client.checkout.reserve(CUSTOMER, 5, Order(order_ref=ref, total_minor=9, currency="EUR"))
            for ref in orders
        ),
        return_exceptions=True,
    )
    assert isinstance(ends[1], errors.InsufficientBalance)
    assert ends[0].held
    assert ends[2].held
    assert sizes(service) == [3]


async def test_a_batch_that_fails_as_a_whole_is_repeated_with_the_same_ids(client, service, order):
    service.done_first = True
    service.plan("Execute", NOT_THERE)
    holds = await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(20)))
    assert service.available == 10_000 - 20 * 5
    assert {service.effects[hold.reservation_id] for hold in holds} == {2}


async def test_only_those_with_time_left_go_on_after_a_failed_batch(client, service, order):
    service.plan("Execute", *[NOT_THERE] * 4)
    short, long = await asyncio.gather(
        client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=0.02),
        client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=2),
        return_exceptions=True,
    )
    assert isinstance(short, OutcomeUnknown)
    assert long.held


async def test_deadlines_differ_within_one_batch(client, service, order):
    service.delay_seconds["Execute"] = 0.3
    ends = []

    async def reserve(timeout_seconds):
        try:
            return await client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=timeout_seconds)
        finally:
            ends.append(timeout_seconds)

    second, first = await asyncio.gather(reserve(9), reserve(0.1), return_exceptions=True)
    assert isinstance(first, errors.TimedOut)
    assert second.held
    assert ends == [0.1, 9]
    assert sizes(service) == [2]


async def test_a_call_that_never_left_is_refused_not_unknown(client, service, order):
    service.delay_seconds["Execute"] = 0.3
    ahead = []
    for _ in range(2):
        ahead.append(asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order)))
        await asyncio.sleep(0.01)
    with pytest.raises(errors.DeadlinePassed):
        await client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=0.1)
    await asyncio.gather(*ahead)
    await asyncio.sleep(0.05)
    assert sizes(service) == [1, 1]


async def test_a_cancelled_call_that_was_sent_with_others_still_counts(client, service, order):
    service.delay_seconds["Execute"] = 0.1
    reservation_id = new_id()
    call = asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order, reservation_id=reservation_id))
    neighbour = asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order))
    await asyncio.sleep(0.05)
    call.cancel()
    assert (await neighbour).held
    again = await client.checkout.reserve(CUSTOMER, 5, order, reservation_id=reservation_id)
    assert again.replayed
    assert sizes(service) == [2, 1]
    assert service.available == 9_990


async def test_a_batch_that_every_caller_has_left_makes_room_for_the_next(client, service, order):
    service.delay_seconds["Execute"] = 20
    left = []
    for _ in range(2):
        left.append(asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=30)))
        # One of each two is cancelled, though it had the time; the other leaves later, by its deadline.
        short = client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=0.5)
        left.append(asyncio.create_task(short))
        while len(service.requests["Execute"]) < len(left) / 2:
            await asyncio.sleep(0.01)
    service.delay_seconds["Execute"] = 0
    for call in left[::2]:
        call.cancel()
    assert (await client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=5)).held
    ends = await asyncio.gather(*left, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert [type(end) for end in ends] == [asyncio.CancelledError, errors.TimedOut] * 2
    assert not client._calls._gatherer._on_wire


async def test_a_call_cancelled_before_it_was_sent_never_leaves(client, service, order):
    call = asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order))
    await asyncio.sleep(0)
    call.cancel()
    await asyncio.gather(call, return_exceptions=True)
    await asyncio.sleep(0.05)
    assert sizes(service) == []


async def test_a_value_of_the_wrong_kind_hurts_only_its_caller(client, service, order):
    good, bad = await asyncio.gather(
        client.checkout.reserve(CUSTOMER, 5, order),
        client.checkout.reserve(CUSTOMER, "5", order),
        return_exceptions=True,
    )
    assert good.held
    assert isinstance(bad, TypeError)


async def test_an_oversized_operation_travels_alone(client, service, order):
    big = client.checkout.reserve(CUSTOMER, 5, order, device="x" * 5_000)
    await asyncio.gather(big, client.checkout.reserve(CUSTOMER, 5, order))
    assert sizes(service) == [1]
    assert len(service.requests["Reserve"]) == 1


async def test_a_batch_refused_for_its_form_is_made_as_single_calls(client, service, order):
    service.plan("Execute", No(code=grpc.StatusCode.INVALID_ARGUMENT, reason="MESSAGE_INVALID"))
    holds = await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(3)))
    assert len(service.requests["Reserve"]) == 3
    assert all(hold.held for hold in holds)


@pytest.mark.parametrize(
    "absent",
    [
        No(code=grpc.StatusCode.PERMISSION_DENIED, reason="SCOPE_MISSING"),
        No(code=grpc.StatusCode.UNIMPLEMENTED),
    ],
    ids=["not for this token", "not there"],
)
async def test_without_execute_calls_are_made_alone_for_a_while(client, service, order, absent):
    service.plan("Execute", absent)
    for _ in range(3):
        assert (await client.checkout.reserve(CUSTOMER, 5, order)).held
    assert sizes(service) == [1]
    assert len(service.requests["Reserve"]) == 3
    client._calls._gatherer._alone_until -= ALONE_SECONDS
    assert (await client.checkout.reserve(CUSTOMER, 5, order)).held
    assert sizes(service) == [1, 1]


async def test_the_failure_of_another_batch_does_not_bring_execute_back(client, service, order):
    service.delay_seconds["Execute"] = 0.05
    service.plan("Execute", No(code=grpc.StatusCode.UNIMPLEMENTED), NOT_THERE)
    calls = []
    for _ in range(2):
        calls.append(asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order)))
        await asyncio.sleep(0.01)
    assert all(hold.held for hold in await asyncio.gather(*calls))
    assert (await client.checkout.reserve(CUSTOMER, 5, order)).held
    assert sizes(service) == [1, 1]
    assert len(service.requests["Reserve"]) == 3


async def test_an_expired_token_is_said_once_to_each_caller_without_single_calls(client, service, order):
    service.plan("Execute", No(code=grpc.StatusCode.UNAUTHENTICATED, reason="TOKEN_EXPIRED"))
    ends = await asyncio.gather(
        *(client.checkout.reserve(CUSTOMER, 5, order) for _ in range(3)), return_exceptions=True
    )
    assert [type(end) for end in ends] == [errors.TokenExpired] * 3
    assert len({id(end) for end in ends}) == 3
    assert not service.requests["Reserve"]


async def test_a_batch_with_missing_outcomes_leaves_its_callers_in_doubt(target, service, order):
    service._outcomes = lambda request: iter(())
    async with AsyncWalletClient(target, token="t", retries=Retries(attempts_max=1)) as client:
        with pytest.raises(errors.Unclear):
            await client.checkout.reserve(CUSTOMER, 5, order)


async def test_closing_lets_what_is_on_the_wire_arrive(target, service, order):
    service.delay_seconds["Execute"] = 0.2
    client = AsyncWalletClient(target, token="t")
    call = asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order))
    await asyncio.sleep(0.05)
    await client.close()
    assert (await call).held


async def test_finished_calls_need_no_collector(client, service, order):
    gc.collect()
    gc.disable()
    try:
        await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 1, order) for _ in range(200)))
        await asyncio.sleep(0.05)
        assert not [thing for thing in gc.get_objects() if type(thing).__name__ in {"_Waiting", "_Batch"}]
    finally:
        gc.enable()


async def test_finished_calls_leave_nothing_behind(client, service, order):
    await asyncio.gather(*(client.checkout.reserve(CUSTOMER, 1, order) for _ in range(200)))
    gatherer = client._calls._gatherer
    assert not gatherer._queue
    assert not gatherer._on_wire
    assert not any(gatherer._deadlines._slices.values())
    await asyncio.sleep(0)
    gc.collect()
    assert not [task for task in asyncio.all_tasks() if "_carry" in repr(task)]


@pytest.mark.parametrize("length", [0, 1, 125, 126, 200, OPERATION_BYTES_MAX - 6])
def test_hand_framed_operations_read_as_the_generated_message(length):
    request = ReserveRequest(reservation_id="r", quote_token="q" * length)
    framed = operation_bytes(RESERVE.tag, request.SerializeToString())
    expected = ExecuteRequest(operations=[Operation(reserve=request)] * 2)
    assert ExecuteRequest.FromString(framed + framed) == expected


async def test_a_token_source_that_fails_ends_the_calls_and_is_named_as_the_cause(target, order):
    def broken():
        raise RuntimeError("vault is sealed")

    async with AsyncWalletClient(target, token=broken) as client:
        with pytest.raises(OutcomeUnknown) as caught:
            await client.checkout.reserve(CUSTOMER, 5, order)
        assert "vault is sealed" in str(caught.value.__cause__)
        with pytest.raises(RuntimeError, match="vault"):
            await client.checkout.quote(CUSTOMER, order, maximum=True)


@pytest.mark.parametrize("gather", [True, False])
async def test_closing_ends_a_call_with_an_exception_of_its_own_never_as_a_cancellation(
    target, service, order, gather, monkeypatch
):
    monkeypatch.setattr("wallet_client.calls.CLOSE_SECONDS_MAX", 0.05)
    service.delay_seconds.update(Execute=1.0, Reserve=1.0)
    client = AsyncWalletClient(target, token="t", gather=gather)
    call = asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order))
    await asyncio.sleep(0.1)
    await client.close()
    with pytest.raises(OutcomeUnknown):
        await call
