"""Two processes that write the same few wallets all the time: what loses races is locked, decided and answered."""

from __future__ import annotations

import asyncio

import pytest
from history import End, History, sound
from rig import Shop, calling, in_process, open_shop

from wallet_service.ledger import batcher
from wallet_service.runtime.config import load_settings


async def test_a_wallet_that_is_lost_again_and_again_is_locked_and_decided(
    monkeypatch: pytest.MonkeyPatch, api, shared_database_url: str, redis_server_url: str, keys, bearer: str
) -> None:
    monkeypatch.setattr(batcher, "LOCK_FROM_ATTEMPT", 0)  # as if every wallet had been lost before
    settings = load_settings({"data_dir": keys.data_dir, "toy_database": True})
    async with (
        in_process(settings, shared_database_url, redis_server_url) as address,
        calling(address, bearer) as locking,
    ):
        first = await open_shop(api, 100_000)
        second = Shop(api=api, program=first.program, wallet_id=await first.open("berta", 100_000))
        history = History()

        async def checkout(n: int) -> None:
            line, shop = (api, locking)[n % 2], (first, second)[n // 2 % 2]
            for _ in range(10):
                request = shop.reserve(10)
                assert (await history.send(line, request, seconds=8.0)).end is End.ANSWERED
                ending = shop.commit(request.reservation_id, amount_minor=4)
                assert (await history.send(line, ending, seconds=8.0)).end is End.ANSWERED

        await asyncio.gather(*(checkout(n) for n in range(16)))
        for shop in (first, second):
            # The gift, and 80 checkouts of three entries each: reserved, committed, the rest given back.
            assert (await shop.balance(1 + 80 * 3)).available_minor == 100_000 - 80 * 4
        await sound(history, [api, locking], shared_database_url)
