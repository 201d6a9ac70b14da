"""Any timeout is one that the call keeps and its neighbours do not feel."""

import asyncio
import math

import pytest
from fake_service import NOT_THERE
from wallet_client import AsyncWalletClient, OutcomeUnknown, errors, new_id

CUSTOMER = ("demo", "anna")


@pytest.fixture(params=[True, False], ids=["gathered", "alone"])
async def client(request, target):
    async with AsyncWalletClient(target, token="t", gather=request.param) as made:
        yield made


@pytest.mark.parametrize("endless", [math.inf, 1e19, 1e12, 7_200])
async def test_a_call_with_an_endless_timeout_and_its_neighbour_are_answered(client, service, order, endless):
    calls = [client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=seconds) for seconds in (endless, 2)]
    holds = await asyncio.gather(*calls)
    assert all(hold.held for hold in holds)
    await client.checkout.quote(CUSTOMER, order, maximum=True, timeout_seconds=endless)


@pytest.mark.parametrize("passed", [0.0, -1.0, -math.inf])
async def test_a_call_whose_time_is_up_is_refused_and_never_sent_beside_its_neighbour(
    client, service, order, passed
):
    late_id = new_id()
    late = client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=passed, reservation_id=late_id)
    refused, hold = await asyncio.gather(
        late, client.checkout.reserve(CUSTOMER, 5, order), return_exceptions=True
    )
    assert isinstance(refused, errors.DeadlinePassed)
    assert refused.sent_id == late_id
    assert list(service.effects) == [hold.reservation_id]


async def test_a_timeout_that_is_no_number_is_said_to_its_caller_and_never_sent(client, service, order):
    odd, hold = await asyncio.gather(
        client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=math.nan),
        client.checkout.reserve(CUSTOMER, 5, order),
        return_exceptions=True,
    )
    assert isinstance(odd, ValueError)
    assert list(service.effects) == [hold.reservation_id]


@pytest.mark.parametrize("seconds", [0, -1, math.nan])
async def test_a_client_is_not_made_with_a_default_timeout_that_no_call_could_keep(seconds):
    with pytest.raises(ValueError, match="default_timeout_seconds"):
        AsyncWalletClient("127.0.0.1:1", token="t", default_timeout_seconds=seconds)


async def test_what_expired_while_it_waited_for_a_batch_is_not_sent(target, service, order):
    async with AsyncWalletClient(target, token="t") as client:
        await client.checkout.reserve(CUSTOMER, 5, order)
        late = asyncio.create_task(client.checkout.reserve(CUSTOMER, 5, order))
        await asyncio.sleep(0)
        # Nothing else runs: the deadline passes between the call and the batch.
        client._calls._gatherer._queue[0].deadline -= 60
        with pytest.raises(errors.DeadlinePassed):
            await late
        assert len(service.requests["Execute"]) == 1


async def test_a_call_in_doubt_whose_time_is_up_stays_in_doubt(client, service, order):
    service.plan("Execute", *[NOT_THERE] * 20)
    service.plan("Reserve", *[NOT_THERE] * 20)
    with pytest.raises(OutcomeUnknown):
        await client.checkout.reserve(CUSTOMER, 5, order, timeout_seconds=0.05)


@pytest.mark.parametrize("endless", [math.inf, 1e19])
async def test_a_watch_may_have_an_endless_timeout(client, endless):
    stream = client.wallet.watch(CUSTOMER, timeout_seconds=endless)
    assert (await anext(stream)).wallet_id
    await stream.aclose()
