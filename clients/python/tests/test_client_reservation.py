"""The block that reserves at its beginning, and commits or releases at its end."""

# What a block of several statements does when it raises is what is tried here.
# ruff: noqa: PT012

import asyncio
import contextlib

import grpc
import pytest
from fake_service import NOT_THERE, POOR, No
from wallet_client import AsyncWalletClient, OutcomeUnknown, Retries, errors, new_id

CUSTOMER = ("demo", "anna")
QUICK = Retries(attempts_max=3, pause_seconds=0.001)


class CardDeclinedError(Exception):
    pass


@pytest.fixture
async def client(target):
    # Alone, so that faults can be planned for one method.
    async with AsyncWalletClient(target, token="t", gather=False, retries=QUICK) as made:
        yield made


async def test_a_block_that_ends_well_commits_in_full(client, service, order):
    async with client.reservation(CUSTOMER, 500, order) as hold:
        assert hold.held
    assert service.held[hold.reservation_id].committed_minor == 500
    assert not service.requests["Release"]


async def test_a_block_that_raises_releases(client, service, order):
    with pytest.raises(CardDeclinedError):
        async with client.reservation(CUSTOMER, 500, order):
            raise CardDeclinedError
    assert len(service.requests["Release"]) == 1
    assert not service.requests["Commit"]


async def test_a_commit_in_the_block_is_the_only_one(client, service, order):
    async with client.reservation(CUSTOMER, 500, order) as hold:
        await hold.commit(amount_minor=300)
    assert len(service.requests["Commit"]) == 1
    assert not service.requests["Release"]


async def test_a_release_in_the_block_is_not_followed_by_a_commit(client, service, order):
    async with client.reservation(CUSTOMER, 500, order) as hold:
        await hold.release()
    assert not service.requests["Commit"]


async def test_what_a_partial_commit_left_stays_held_when_the_block_ends_well(client, service, order):
    async with client.reservation(CUSTOMER, 500, order) as hold:
        await hold.commit(amount_minor=300, final=False)
    assert hold.held
    assert len(service.requests["Commit"]) == 1


async def test_what_a_partial_commit_left_is_released_when_the_block_raises(client, service, order):
    with pytest.raises(CardDeclinedError):
        async with client.reservation(CUSTOMER, 500, order) as hold:
            await hold.commit(amount_minor=300, final=False)
            raise CardDeclinedError
    assert len(service.requests["Release"]) == 1


async def test_a_failed_release_does_not_hide_what_went_wrong(client, service, order):
    service.plan("Release", *[No(code=grpc.StatusCode.INTERNAL, reason="INTERNAL")])
    with pytest.raises(CardDeclinedError) as caught:
        async with client.reservation(CUSTOMER, 500, order) as hold:
            raise CardDeclinedError
    (note,) = caught.value.__notes__
    assert hold.reservation_id in note
    assert "INTERNAL" in note


async def test_a_refused_commit_releases(client, service, order):
    with pytest.raises(errors.CommitAboveReservation):
        async with client.reservation(CUSTOMER, 500, order) as hold:
            service.plan(
                "Commit",
                No(code=grpc.StatusCode.FAILED_PRECONDITION, reason="COMMIT_ABOVE_RESERVATION"),
            )
            await hold.commit(amount_minor=900)
    assert len(service.requests["Release"]) == 1


async def test_a_commit_in_doubt_is_never_released(client, service, order):
    service.plan("Commit", *[NOT_THERE] * 50)
    with pytest.raises(OutcomeUnknown):
        async with client.reservation(CUSTOMER, 500, order) as hold:
            pass
    assert hold.in_doubt
    assert not service.requests["Release"]


async def test_a_commit_in_doubt_asked_for_again_keeps_its_id(client, service, order):
    hold = await client.checkout.reserve(CUSTOMER, 500, order)
    service.plan("Commit", *[NOT_THERE] * 50)
    with pytest.raises(OutcomeUnknown):
        await hold.commit()
    service.faults.clear()
    await hold.commit()
    assert len({request.commit_id for request in service.requests["Commit"]}) == 1
    assert not hold.in_doubt


async def test_another_commit_gets_another_id(client, service, order):
    hold = await client.checkout.reserve(CUSTOMER, 500, order)
    await hold.commit(amount_minor=100, final=False)
    await hold.commit(amount_minor=100, final=False)
    assert len({request.commit_id for request in service.requests["Commit"]}) == 2


async def test_a_refused_reserve_never_enters_the_block(client, service, order):
    service.refusals["order-1"] = POOR
    with pytest.raises(errors.InsufficientBalance):
        async with client.reservation(CUSTOMER, 500, order):
            pytest.fail("entered")
    assert not service.requests["Release"]


async def test_a_cancelled_block_releases_before_it_leaves(client, service, order):
    entered = asyncio.Event()

    async def shop():
        async with client.reservation(CUSTOMER, 500, order):
            entered.set()
            await asyncio.sleep(60)

    shopper = asyncio.create_task(shop())
    await entered.wait()
    shopper.cancel()
    with pytest.raises(asyncio.CancelledError):
        await shopper
    assert len(service.requests["Release"]) == 1


async def test_a_reserve_cancelled_on_the_wire_is_given_back(target, service, order):
    service.delay_seconds["Reserve"] = 0.1

    async def shop(client):
        async with client.reservation(CUSTOMER, 500, order):
            pytest.fail("entered")

    async with AsyncWalletClient(target, token="t", gather=False) as client:
        shopper = asyncio.create_task(shop(client))
        await asyncio.sleep(0.05)
        shopper.cancel()
        await asyncio.gather(shopper, return_exceptions=True)
    (release,) = service.requests["Release"]
    assert release.reservation_id == service.requests["Reserve"][0].reservation_id


async def test_an_id_that_the_caller_made_is_not_given_back_for_it(client, service, order):
    service.plan("Reserve", *[NOT_THERE] * 50)
    with pytest.raises(OutcomeUnknown):
        async with client.reservation(CUSTOMER, 500, order, reservation_id=new_id()):
            pytest.fail("entered")
    await asyncio.sleep(0.05)
    assert not service.requests["Release"]


async def test_a_doubt_that_the_block_swallowed_is_not_followed_by_a_commit_in_full(client, service, order):
    service.plan("Commit", *[NOT_THERE] * 50)
    async with client.reservation(CUSTOMER, 500, order) as hold:
        with contextlib.suppress(OutcomeUnknown):
            await hold.commit(amount_minor=100)
        service.faults.clear()
    assert {request.amount_minor for request in service.requests["Commit"]} == {100}
