"""PostgreSQL commits and its answer is lost: the service finds out by the ids what it had done, and says so."""

from __future__ import annotations

import pytest
from evidence import broken_invariants
from rig import calling, in_process, open_shop, without_replay
from wallet.v1 import checkout_pb2
from wire import Wire

from wallet_service.runtime.config import load_settings

LOAD, APPEND = 1, 2


@pytest.mark.parametrize("answer", [LOAD, APPEND], ids=["of the load", "of the append"])
async def test_a_lost_answer_is_looked_up_and_given_as_the_first_one(
    answer: int, shared_database_url: str, redis_server_url: str, keys, bearer: str
) -> None:
    settings = load_settings({"data_dir": keys.data_dir, "toy_database": True})
    async with (
        Wire(shared_database_url).up() as wire,
        in_process(settings, wire.url, redis_server_url) as address,
        calling(address, bearer) as api,
    ):
        shop, other = await open_shop(api, 1_000), await open_shop(api, 1)
        requests = [shop.reserve(10), shop.reserve(10), shop.reserve(2_000)]
        requests += [shop.commit(requests[0].reservation_id, amount_minor=4, final=False)]
        requests += [shop.commit(requests[0].reservation_id), shop.release(requests[1].reservation_id)]
        for number, request in enumerate(requests, start=1):
            # The connection that goes next has prepared its statements: each is one request from here on.
            for _ in range(2):
                await other.api(other.release(await other.held(1)))
            wire.lose_answer(answer)
            if request is requests[2]:
                # A refusal is remembered too, and is the same one.
                outcome = await api(
                    checkout_pb2.ExecuteRequest(operations=[checkout_pb2.Operation(reserve=request)])
                )
                assert outcome.outcomes[0].refusal.reason == "INSUFFICIENT_BALANCE"
            else:
                first = await api(request)
                assert not first.replayed, "its first answer is its first answer, however it was found"
                again = await api(request)
                assert (again.replayed, without_replay(again)) == (True, without_replay(first))
            assert wire.lost == number
            # Who reads is told as well: the cache hears of what was found.
            assert (await shop.balance()).version >= first.balance.version
        balance = await shop.balance()
        assert (balance.available_minor, balance.reserved_minor) == (990, 0)
    assert await broken_invariants(shared_database_url) == []
