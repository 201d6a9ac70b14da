"""Execute when something is slow or the service is full: what is known is told, and what finishes goes on."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg
from rig import Api, ServiceProcess, Shop, calling, open_shop, service_settings, token
from test_execute import batch, said

from wallet_service.runtime.config import Settings


@asynccontextmanager
async def locked(database_url: str, wallet_id: str) -> AsyncIterator[None]:
    """Keep a wallet's row locked, as somebody with a forgotten transaction would."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await connection.execute(
                "select from ledger.wallet where wallet_id = $1 for update", wallet_id, timeout=5
            )
            yield
    finally:
        await connection.close()


async def test_one_operation_that_takes_too_long_keeps_no_outcome_of_the_others(
    api: Api, shared_database_url: str
) -> None:
    shop = await open_shop(api, 100)
    slow = Shop(api=api, program=shop.program, wallet_id=await shop.open("slow", 100))
    async with locked(shared_database_url, slow.wallet_id):
        answer = await api(batch(shop.reserve(10), slow.reserve(20), shop.reserve(1_000)), seconds=3.0)
    reserved, unknown, refused = said(answer)
    assert (reserved, refused) == ("reserve", "INSUFFICIENT_BALANCE")
    assert unknown in {"OUTCOME_UNKNOWN", "CONTENTION"}
    assert (await shop.balance()).available_minor == 90


async def test_a_refusal_in_a_batch_says_its_facts(api: Api) -> None:
    shop = await open_shop(api, 7)
    answer = await api(batch(shop.reserve(10)))
    assert answer.outcomes[0].refusal.metadata["available_minor"] == "7"


async def test_in_the_room_that_is_kept_for_what_finishes_nothing_begins(
    shared_database_url: str, redis_server_url: str, keys: Settings, tmp_path: Path
) -> None:
    environment = service_settings(
        keys.data_dir, shared_database_url, redis_server_url, in_flight_max=2, in_flight_reserved=1
    )
    service = ServiceProcess(environment, sweep=False, log=tmp_path / "small.log")
    service.start()
    try:
        async with calling(service.address, token(keys)) as api:
            shop = await open_shop(api, 100)
            slow = Shop(api=api, program=shop.program, wallet_id=await shop.open("slow", 100))
            held = (await api(shop.reserve(60))).reservation
            async with locked(shared_database_url, slow.wallet_id):
                fills = asyncio.ensure_future(api(slow.reserve(1), seconds=10.0))
                await asyncio.sleep(0.2)
                answer = await api(batch(shop.reserve(10), shop.commit(held.reservation_id)), seconds=10.0)
            assert said(answer) == ["OVERLOADED", "commit"]
            assert answer.outcomes[0].refusal.retry_after_ms == 100
            await asyncio.wait([fills])
            assert said(await api(batch(shop.reserve(10)))) == ["reserve"]
    finally:
        assert service.stop() == 0
