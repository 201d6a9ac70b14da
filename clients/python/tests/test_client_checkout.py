"""Reserve, commit and release: one effect per id, whatever happens on the way."""

import asyncio
import time

import grpc
import pytest
from fake_service import CONTENTION, NOT_THERE, OVERLOADED, POOR, WALLET, FakeService, No, served
from wallet_client import AsyncWalletClient, OutcomeUnknown, Refused, Retries, errors, new_id

CUSTOMER = ("demo", "anna")


@pytest.fixture(params=[True, False], ids=["gathered", "alone"])
async def client(target, request):
    async with AsyncWalletClient(target, token="t0k3n", gather=request.param) as made:
        made.method = "Execute" if request.param else "Reserve"
        yield made


async def test_a_reserve_then_commit_spends_what_was_asked(client, service, order):
    hold = await client.checkout.reserve(CUSTOMER, 500, order, device="phone", ttl_seconds=60)
    assert hold.held
    assert hold.balance.available_minor == 9_500
    reservation = await hold.commit(amount_minor=300)
    assert reservation.committed_minor == 300
    assert not hold.held


async def test_an_unanswered_reserve_is_repeated_with_the_same_id_and_counts_once(client, service, order):
    service.done_first = True
    service.plan(client.method, NOT_THERE, NOT_THERE)
    hold = await client.checkout.reserve(CUSTOMER, 500, order)
    assert hold.replayed
    assert service.available == 9_500
    assert service.effects[hold.reservation_id] == 3


@pytest.mark.parametrize("fault", [OVERLOADED, CONTENTION], ids=["overloaded", "contention"])
async def test_a_passing_refusal_is_repeated_after_a_pause(client, service, order, fault):
    service.plan(client.method, fault)
    hold = await client.checkout.reserve(CUSTOMER, 500, order)
    assert hold.held
    assert len(service.requests[client.method]) == 2


async def test_a_resource_exhausted_without_pushback_is_not_repeated(client, service, order):
    service.refusals["order-1"] = No(code=grpc.StatusCode.RESOURCE_EXHAUSTED, reason="TOO_MANY_RESERVATIONS")
    with pytest.raises(errors.TooManyReservations):
        await client.checkout.reserve(CUSTOMER, 500, order)
    assert len(service.requests[client.method]) == 1


async def test_a_changed_version_is_not_repeated(client, service, order):
    service.refusals["order-1"] = No(code=grpc.StatusCode.ABORTED, reason="VERSION_MISMATCH")
    with pytest.raises(errors.VersionMismatch):
        await client.checkout.reserve(CUSTOMER, 500, order, expected_version=3)
    assert len(service.requests[client.method]) == 1


async def test_a_refusal_says_reason_field_status_and_the_id_that_was_sent(client, service, order):
    service.refusals["order-1"] = POOR
    reservation_id = new_id()
    with pytest.raises(errors.InsufficientBalance) as caught:
        await client.checkout.reserve(CUSTOMER, 500, order, reservation_id=reservation_id)
    refused = caught.value
    assert isinstance(refused, Refused)
    assert refused.reason == "INSUFFICIENT_BALANCE"
    assert refused.field == "amount_minor"
    assert refused.message == "too little"
    assert refused.status is grpc.StatusCode.FAILED_PRECONDITION
    assert refused.sent_id == reservation_id


async def test_a_reason_newer_than_the_client_is_still_a_refusal(client, service, order):
    service.refusals["order-1"] = No(code=grpc.StatusCode.FAILED_PRECONDITION, reason="MOON_IS_FULL")
    with pytest.raises(Refused) as caught:
        await client.checkout.reserve(CUSTOMER, 500, order)
    assert caught.value.reason == "MOON_IS_FULL"


async def test_a_service_that_stays_away_leaves_the_outcome_unknown_within_the_deadline(
    client, service, order
):
    service.plan(client.method, *[NOT_THERE] * 50)
    begun = time.monotonic()
    with pytest.raises(OutcomeUnknown) as caught:
        await client.checkout.reserve(CUSTOMER, 500, order, timeout_seconds=0.4)
    assert time.monotonic() - begun < 5
    assert caught.value.sent_id
    ids = {r.reservation_id for r in _reserves(service, client.method)}
    assert ids == {caught.value.sent_id}


async def test_attempts_are_bounded_even_when_there_is_time(target, service, order):
    retries = Retries(attempts_max=3, pause_seconds=0.001)
    service.plan("Execute", *[NOT_THERE] * 50)
    async with AsyncWalletClient(target, token="t", retries=retries) as client:
        with pytest.raises(errors.Unreachable):
            await client.checkout.reserve(CUSTOMER, 500, order)
    assert len(service.requests["Execute"]) == 3


async def test_a_refusal_at_the_door_after_an_unknown_attempt_is_not_called_a_refusal(client, service, order):
    service.plan(client.method, NOT_THERE, No(code=grpc.StatusCode.UNAUTHENTICATED, reason="TOKEN_EXPIRED"))
    with pytest.raises(OutcomeUnknown) as caught:
        await client.checkout.reserve(CUSTOMER, 500, order)
    assert isinstance(caught.value.__cause__, errors.TokenExpired)


async def test_a_slow_answer_ends_at_the_deadline_of_its_own_call(client, service, order):
    service.delay_seconds[client.method] = 5.0
    begun = time.monotonic()
    with pytest.raises(errors.TimedOut) as caught:
        await client.checkout.reserve(CUSTOMER, 500, order, timeout_seconds=0.15)
    assert 0.14 < time.monotonic() - begun < 4
    assert caught.value.sent_id


async def test_a_cancelled_call_leaves_at_once_and_its_neighbours_stay(client, service, order):
    service.delay_seconds[client.method] = 0.2
    calls = [asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order)) for _ in range(4)]
    await asyncio.sleep(0.1)
    calls[1].cancel()
    ends = await asyncio.gather(*calls, return_exceptions=True)
    assert isinstance(ends[1], asyncio.CancelledError)
    assert [end.held for n, end in enumerate(ends) if n != 1] == [True, True, True]


async def test_a_token_that_is_a_function_is_asked_for_every_call(target, service, order):
    tokens = iter("abc")
    async with AsyncWalletClient(target, token=lambda: next(tokens)) as client:
        hold = await client.checkout.reserve(CUSTOMER, 5, order)
        await hold.commit()
    assert [m["authorization"] for m in service.metadata] == ["Bearer a", "Bearer b"]


async def test_a_wallet_is_named_by_id_or_by_customer(client, service, order):
    await client.checkout.reserve(WALLET, 5, order)
    await client.checkout.reserve(CUSTOMER, 5, order)
    by_id, by_customer = (r.wallet for r in _reserves(service, client.method))
    assert by_id.wallet_id == WALLET
    assert (by_customer.customer.program_id, by_customer.customer.customer_ref) == CUSTOMER


async def test_a_closed_client_refuses_without_sending(target, service, order):
    client = AsyncWalletClient(target, token="t")
    await client.close()
    await client.close()
    with pytest.raises(errors.TurnedAway):
        await client.checkout.reserve(CUSTOMER, 5, order)
    assert not service.requests


async def test_nobody_at_the_target_is_an_unknown_outcome_not_a_hang(order):
    async with AsyncWalletClient("127.0.0.1:1", token="t") as client:
        with pytest.raises(OutcomeUnknown):
            await client.checkout.quote(CUSTOMER, order, maximum=True, timeout_seconds=0.3)


async def test_a_quote_asks_for_an_amount_or_the_maximum_never_for_neither(client, order):
    assert (await client.checkout.quote(CUSTOMER, order, amount_minor=400)).amount_minor == 400
    assert (await client.checkout.quote(CUSTOMER, order, maximum=True)).amount_minor == 10_000
    with pytest.raises(ValueError, match="amount_minor or"):
        await client.checkout.quote(CUSTOMER, order)
    with pytest.raises(ValueError, match="amount_minor or"):
        await client.checkout.quote(CUSTOMER, order, amount_minor=1, maximum=True)


async def test_every_channel_is_a_connection_of_its_own(target, service, order):
    async with AsyncWalletClient(target, token="t", channels=3) as client:
        for _ in range(6):
            await client.checkout.quote(CUSTOMER, order, maximum=True)
    assert len(service.peers) == 3


async def test_calls_are_shared_out_among_all_addresses_of_a_name(order):
    one, other = FakeService(), FakeService()
    async with served(one) as first, served(other) as second:
        async with AsyncWalletClient(f"ipv4:{first},{second}", token="t") as client:
            # Until both answer: who connects first takes what is there.
            async with asyncio.timeout(10):
                while not (one.requests["Quote"] and other.requests["Quote"]):
                    await client.checkout.quote(CUSTOMER, order, maximum=True)
            begun = len(one.requests["Quote"]), len(other.requests["Quote"])
            for _ in range(40):
                await client.checkout.quote(CUSTOMER, order, maximum=True)
        shares = [len(s.requests["Quote"]) - before for s, before in zip((one, other), begun, strict=True)]
    assert sum(shares) == 40
    assert min(shares) >= 10


async def test_reservations_are_read_back_extended_and_listed(client, service, order):
    holds = [await client.checkout.reserve(CUSTOMER, 5, order) for _ in range(3)]
    await holds[0].extend(600)
    assert service.requests["ExtendReservation"][0].extension_id
    found = await client.checkout.get(CUSTOMER, holds[1].reservation_id)
    assert found.reservation_id == holds[1].reservation_id
    listed = [r.reservation_id async for r in client.checkout.reservations(CUSTOMER, page_size=2)]
    assert listed == [hold.reservation_id for hold in holds]


def _reserves(service: FakeService, method: str):
    if method == "Reserve":
        return service.requests["Reserve"]
    return [op.reserve for request in service.requests["Execute"] for op in request.operations]
