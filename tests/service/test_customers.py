"""A customer's token: the own wallet and nothing else; what is foreign looks exactly like what is absent."""

from __future__ import annotations

import grpc
import pytest
from rig import ACCOUNTABLE, Api, Shop, in_seconds, new_id, open_shop, order, refusal, token
from wallet.v1 import admin_pb2, checkout_pb2, types_pb2, wallet_pb2

from wallet_service.transport.scopes import Scope


@pytest.fixture
def customers(keys):
    def bearer_of(shop: Shop, customer_ref: str = "anna") -> str:
        return token(keys, customer=(shop.program.program_id, customer_ref), subject=customer_ref)

    return bearer_of


def readings(ref: types_pb2.WalletRef) -> list:
    return [
        checkout_pb2.QuoteRequest(wallet=ref, order=order(100), maximum=True),
        checkout_pb2.GetReservationRequest(wallet=ref, reservation_id=new_id()),
        checkout_pb2.ListReservationsRequest(wallet=ref),
        wallet_pb2.GetWalletRequest(wallet=ref),
        wallet_pb2.ListEntriesRequest(wallet=ref),
        wallet_pb2.GetBalanceAtRequest(wallet=ref, at=in_seconds(0)),
    ]


async def test_a_customer_reads_the_own_wallet_by_id_and_by_name(api: Api, customers) -> None:
    shop = await open_shop(api, 500)
    bearer = customers(shop)
    reservation_id = await shop.held(100)
    by_name = types_pb2.WalletRef(
        customer=types_pb2.Customer(program_id=shop.program.program_id, customer_ref="anna")
    )
    for ref in (shop.ref, by_name):
        for request in readings(ref):
            if isinstance(request, checkout_pb2.GetReservationRequest):
                request.reservation_id = reservation_id
            await api(request, bearer=bearer)


async def test_a_foreign_wallet_looks_exactly_like_an_absent_one(api: Api, customers) -> None:
    shop = await open_shop(api, 500)
    foreign_id = await shop.open("berta", 500)
    foreign_by_name = types_pb2.Customer(program_id=shop.program.program_id, customer_ref="berta")
    absent_by_name = types_pb2.Customer(program_id=shop.program.program_id, customer_ref="nobody")
    absent = types_pb2.WalletRef(wallet_id=new_id())
    bearer = customers(shop)
    for n, expected in enumerate(readings(absent)):
        # What a service is told of a wallet that is not there is the measure.
        seen = [await refusal(api(expected))]
        named = (
            types_pb2.WalletRef(wallet_id=foreign_id),
            types_pb2.WalletRef(customer=foreign_by_name),
            types_pb2.WalletRef(customer=absent_by_name),
            absent,
        )
        seen += [await refusal(api(readings(ref)[n], bearer=bearer)) for ref in named]
        assert len({(s.status, s.message, s.raw) for s in seen}) == 1, seen
        assert (seen[0].status, seen[0].reason) == (grpc.StatusCode.NOT_FOUND, "WALLET_NOT_FOUND")


async def test_a_foreign_wallet_cannot_be_watched(api: Api, customers) -> None:
    shop = await open_shop(api, 500)
    foreign = types_pb2.WalletRef(wallet_id=await shop.open("berta"))
    seen = []
    for ref, bearer in ((foreign, customers(shop)), (types_pb2.WalletRef(wallet_id=new_id()), None)):
        call = api(wallet_pb2.WatchWalletRequest(wallet=ref), bearer=bearer)
        seen.append(await refusal(anext(aiter(call))))
    assert seen[0] == seen[1]
    assert seen[0].reason == "WALLET_NOT_FOUND"


async def test_a_reservation_of_another_wallet_looks_exactly_like_an_absent_one(api: Api) -> None:
    shop = await open_shop(api, 500)
    other = Shop(api=api, program=shop.program, wallet_id=await shop.open("berta", 500))
    theirs = await other.held(100)
    for make in (
        shop.commit,
        shop.release,
        lambda known: checkout_pb2.GetReservationRequest(wallet=shop.ref, reservation_id=known),
        lambda known: checkout_pb2.ExtendReservationRequest(
            wallet=shop.ref, reservation_id=known, extension_id=new_id(), ttl_seconds=60
        ),
    ):
        foreign, absent = await refusal(api(make(theirs))), await refusal(api(make(new_id())))
        assert foreign == absent
        assert foreign.reason == "RESERVATION_NOT_FOUND"
    assert (await other.balance()).reserved_minor == 100
    # The same id in another wallet is another reservation.
    await api(shop.reserve(7, reservation_id=theirs))
    assert ((await shop.balance()).reserved_minor, (await other.balance()).reserved_minor) == (7, 100)


async def test_a_customer_changes_nothing_whatever_the_scopes(api: Api, customers) -> None:
    shop = await open_shop(api, 500)
    bearer = customers(shop)
    before = await shop.snapshot()
    said = {"wallet": shop.ref, "operation_id": new_id(), "accountability": ACCOUNTABLE}
    for request in (
        shop.reserve(1),
        shop.commit(new_id()),
        shop.release(new_id()),
        checkout_pb2.ExecuteRequest(operations=[checkout_pb2.Operation(reserve=shop.reserve(1))]),
        wallet_pb2.AdjustWalletRequest(delta_minor=1, **said),
        wallet_pb2.FreezeWalletRequest(**said),
        wallet_pb2.UnfreezeWalletRequest(**said),
        wallet_pb2.CloseWalletRequest(forfeit=True, **said),
        wallet_pb2.OpenWalletRequest(
            customer=types_pb2.Customer(program_id=shop.program.program_id, customer_ref="anna")
        ),
        wallet_pb2.VerifyWalletRequest(wallet=shop.ref),
        admin_pb2.GetProgramRequest(program_id=shop.program.program_id),
        admin_pb2.PutProgramRequest(program=shop.program, accountability=ACCOUNTABLE),
    ):
        refused = await refusal(api(request, bearer=bearer))
        assert (refused.status, refused.reason) == (grpc.StatusCode.PERMISSION_DENIED, "SCOPE_MISSING")
    assert await shop.snapshot() == before


async def test_a_service_without_the_scope_of_an_operation_cannot_do_it_in_a_batch(api: Api, keys) -> None:
    shop = await open_shop(api, 500)
    request = checkout_pb2.ExecuteRequest(operations=[checkout_pb2.Operation(reserve=shop.reserve(1))])
    for scope in (Scope.CHECKOUT_RESERVE, Scope.CHECKOUT_COMMIT):
        refused = await refusal(api(request, bearer=token(keys, scopes=[scope])))
        assert refused.reason == "SCOPE_MISSING"
