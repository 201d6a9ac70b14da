"""A caller who stops waiting takes nothing back: a hold that waits for a reviewer is judged on record all the same."""

from __future__ import annotations

import asyncio
import contextlib

import asyncpg
import grpc
import pytest
from rig import open_shop, until
from ruling import RuledShop, rule
from wallet.v1 import checkout_pb2, types_pb2

LOCKS = {
    "while the ledger writes": "select from ledger.wallet where wallet_id = '{wallet_id}' for update",
    "while the judgement is written": "lock table fraud.judgement in share mode",
}
JUDGED = "select count(*) from fraud.judgement where wallet_id = $1 and verdict = 'REVIEW'"


@pytest.fixture
async def owner(shared_database_url):
    connection = await asyncpg.connect(shared_database_url, timeout=10)
    yield connection
    await connection.close()


async def reviewed_shop(api) -> RuledShop:
    shop = await open_shop(api, 1_000_000)
    await rule(api, shop.program.program_id, review={"above_minor": 1})
    ruled = RuledShop(shop)

    async def in_force() -> bool:
        return (await ruled.reserve(2)).reservation.review == types_pb2.REVIEW_STATE_WAITING

    await until(in_force)
    return ruled


@pytest.mark.parametrize("ends", ["cancelled", "late"])
@pytest.mark.parametrize("when", LOCKS)
@pytest.mark.parametrize("many", [1, 3])
async def test_a_hold_whose_caller_went_away_is_judged_on_record(other_api, owner, when, ends, many):
    # The other process sweeps: what it would find by itself, it would find later.
    ruled = await reviewed_shop(other_api)
    before = await owner.fetchval(JUDGED, ruled.shop.wallet_id)
    wanted = [ruled.shop.reserve(100) for _ in range(many)]
    request = (
        wanted[0]
        if many == 1
        else checkout_pb2.ExecuteRequest(operations=[checkout_pb2.Operation(reserve=each) for each in wanted])
    )
    async with owner.transaction():
        await owner.execute(LOCKS[when].format(wallet_id=ruled.shop.wallet_id))
        # Less than one waits for a lock; a batch may say in time what it does not know.
        call = other_api(request, seconds=0.4 if ends == "late" else 10)
        if ends == "cancelled":
            await asyncio.sleep(0.3)
            call.cancel()
        with contextlib.suppress(grpc.aio.AioRpcError, asyncio.CancelledError):
            await call
        await asyncio.sleep(0.2)

    async def on_record() -> bool:
        listed = await other_api(checkout_pb2.ListReservationsRequest(wallet=ruled.shop.ref))
        held = sum(each.review == types_pb2.REVIEW_STATE_WAITING for each in listed.reservations)
        # Who was late may have been told in time that nothing was done; what was done is known all the same.
        return await owner.fetchval(JUDGED, ruled.shop.wallet_id) == held and (
            ends == "late" or held == before + many
        )

    await until(on_record, seconds=4)
