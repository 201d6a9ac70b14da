"""What may have been done is never called refused, and never asked for under another id."""

import grpc
import pytest
from fake_service import NOT_THERE, OVERLOADED, No
from wallet_client import AsyncWalletClient, OutcomeUnknown, Retries, errors

CUSTOMER = ("demo", "anna")
NO_EXECUTE = No(code=grpc.StatusCode.UNIMPLEMENTED)
QUICK = Retries(attempts_max=3, pause_seconds=0.001)


@pytest.fixture
async def client(target):
    async with AsyncWalletClient(target, token="t", retries=QUICK) as made:
        yield made


async def test_a_lost_answer_stays_in_doubt_when_the_call_goes_on_alone_and_is_turned_away(
    client, service, order
):
    hold = await client.checkout.reserve(CUSTOMER, 100, order)
    service.done_first = True
    service.plan("Execute", NOT_THERE, NO_EXECUTE)
    service.plan("Commit", *[OVERLOADED] * 10)
    with pytest.raises(OutcomeUnknown) as caught:
        await hold.commit(amount_minor=30, final=False)
    assert hold.in_doubt
    assert caught.value.sent_id == service.requests["Commit"][0].commit_id
    service.faults.clear()
    await hold.commit(amount_minor=30, final=False)
    assert service.held[hold.reservation_id].committed_minor == 30


async def test_a_call_that_goes_on_alone_and_is_turned_away_is_refused_with_its_id(client, service, order):
    hold = await client.checkout.reserve(CUSTOMER, 100, order)
    service.plan("Execute", NO_EXECUTE)
    service.plan("Commit", *[OVERLOADED] * 3)
    with pytest.raises(errors.Overloaded) as caught:
        await hold.commit(amount_minor=30, final=False)
    assert caught.value.sent_id == service.requests["Commit"][0].commit_id
    assert not hold.in_doubt


async def test_a_call_that_goes_on_alone_stays_alone_and_inside_its_attempts(client, service, order):
    service.plan("Execute", No(code=grpc.StatusCode.INVALID_ARGUMENT, reason="MESSAGE_INVALID"))
    service.plan("Reserve", OVERLOADED, OVERLOADED)
    assert (await client.checkout.reserve(CUSTOMER, 5, order)).held
    assert len(service.requests["Execute"]) == 1
    assert len(service.requests["Reserve"]) == 3


async def left_in_doubt(client, service, order):
    """Return a hold of 100 of which a commit of 30 was done without an answer; the next call is turned away."""
    hold = await client.checkout.reserve(CUSTOMER, 100, order)
    service.done_first = True
    service.plan("Execute", *[NOT_THERE] * 3)
    with pytest.raises(OutcomeUnknown):
        await hold.commit(amount_minor=30, final=False)
    service.done_first = False
    service.plan("Execute", *[OVERLOADED] * 3)
    return hold


async def test_a_commit_in_doubt_that_is_turned_away_when_asked_again_stays_in_doubt(client, service, order):
    hold = await left_in_doubt(client, service, order)
    with pytest.raises(errors.Overloaded):
        await hold.commit(amount_minor=30, final=False)
    assert hold.in_doubt
    await hold.commit(amount_minor=30, final=False)
    assert not hold.in_doubt
    assert service.held[hold.reservation_id].committed_minor == 30


async def test_a_commit_in_doubt_keeps_its_id_beside_others_that_are_refused_or_done(client, service, order):
    hold = await left_in_doubt(client, service, order)
    with pytest.raises(errors.Overloaded):
        await hold.commit(amount_minor=20, final=False)
    await hold.commit(amount_minor=20, final=False)
    assert hold.in_doubt
    await hold.commit(amount_minor=30, final=False)
    assert not hold.in_doubt
    assert service.held[hold.reservation_id].committed_minor == 50
