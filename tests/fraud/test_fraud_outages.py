"""An attack goes on while the cache is flushed, stopped, poisoned or gone, and while keys rotate."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import signal

import pytest
import redis
from rig import Api, ServiceProcess, keys_of, refusal, service_settings, token, until, without_replay
from ruling import device, limit, open_ruled
from wallet.v1 import types_pb2


@pytest.fixture
def service(database_url, own_valkey, tmp_path):
    """A service of its own, on a cache of its own."""
    own_valkey.start()
    settings = keys_of(tmp_path)
    process = ServiceProcess(
        service_settings(tmp_path, database_url, own_valkey.url, fraud_budget_ms=200),
        sweep=False,
        log=tmp_path / "service.log",
    )
    process.settings = settings
    process.start()
    yield process
    assert process.stop() == 0
    assert "Traceback" not in process.log_text(), process.log_text()


@pytest.fixture
async def own_api(service):
    api = Api(service.address, token(service.settings))
    yield api
    await api.close()


async def test_while_the_cache_is_away_each_limit_does_what_its_policy_wrote(service, own_api, own_valkey):
    ruled = await open_ruled(
        own_api, limit("BLIND", above=100, unknown="review", unknown_from_minor=500),
        limit("STRICT", measure="amount", window="day", above=10**6, unknown="refuse", unknown_from_minor=1_000),
    )  # fmt: skip
    for amount in (10, 600, 2_000):
        assert (await ruled.reserve(amount)).reservation.review == types_pb2.REVIEW_STATE_UNSPECIFIED
    os.kill(own_valkey.process.pid, signal.SIGSTOP)
    try:
        for _ in range(8):
            assert (await ruled.reserve(10)).reservation.review == types_pb2.REVIEW_STATE_UNSPECIFIED
        assert (await ruled.reserve(600)).reservation.review == types_pb2.REVIEW_STATE_WAITING
        assert (await refusal(ruled.reserve(2_000))).facts == {"reasons": "BLIND,STRICT"}
    finally:
        os.kill(own_valkey.process.pid, signal.SIGCONT)

    async def sees_again() -> bool:
        return (await ruled.reserve(600)).reservation.review == types_pb2.REVIEW_STATE_UNSPECIFIED

    await until(sees_again, 15)
    own_valkey.kill()
    assert (await ruled.reserve(600)).reservation.review == types_pb2.REVIEW_STATE_WAITING


async def test_a_device_farm_is_still_known_after_the_cache_was_flushed_and_poisoned(own_api, own_valkey):
    ruled = await open_ruled(own_api, limit("FARM", measure="wallets", by="device", window="day", above=4))
    wallets = [await ruled.shop.open(f"customer-{number}", 1_000) for number in range(8)]
    cache = redis.Redis.from_url(own_valkey.url)
    for wallet_id in wallets[:3]:
        await ruled.reserve(wallet_id=wallet_id, device=device("farm"))
    await asyncio.sleep(0.3)  # written down behind the reply
    cache.flushall()
    await ruled.reserve(wallet_id=wallets[3], device=device("farm"))
    await asyncio.sleep(0.3)
    for key in cache.keys("fraud:*"):
        for name in cache.hkeys(key):
            cache.hset(key, name, b"\xff poison")
    assert (await refusal(ruled.reserve(wallet_id=wallets[4], device=device("farm")))).facts == {
        "reasons": "FARM"
    }
    for key in cache.keys("fraud:*"):
        cache.delete(key)
        cache.set(key, "of another type")
    assert (await refusal(ruled.reserve(wallet_id=wallets[5], device=device("farm")))).facts == {
        "reasons": "FARM"
    }


async def test_a_reservation_and_its_device_are_known_again_after_keys_have_rotated(
    service, own_api, tmp_path
):
    ruled = await open_ruled(own_api, devices={"second_device": "refuse"})
    request = ruled.shop.reserve(100, device=device("phone"))
    first = await own_api(request)
    await asyncio.sleep(0.3)
    old = base64.b64encode((tmp_path / "keys" / "device.secret").read_bytes().strip()).decode()
    new = base64.b64encode(b"n" * 32).decode()
    ring = tmp_path / "ring.json"
    service._settings["WALLET_DEVICE_KEYS_FILE"] = str(ring)
    # Both keys, then the new one alone; the old one is gone from the third start on.
    for held in ({"k0": old, "k1": new}, {"k1": new}):
        ring.write_text(json.dumps({"active": "k1", "keys": held}))
        assert service.stop() == 0
        service.start()
        again = await own_api(request)
        assert again.replayed
        assert without_replay(again) == without_replay(first)
    ring.write_text(json.dumps({"active": "k1", "keys": {"k0": old, "k1": new}}))
    assert service.stop() == 0
    service.start()
    other = ruled.shop.reserve(100, reservation_id=request.reservation_id, device=device("stranger"))
    assert (await refusal(own_api(other))).reason == "ID_REUSED"
    await ruled.reserve(device=device("phone"))
    assert (await refusal(ruled.reserve(device=device("stranger")))).reason == "DEVICE_CONFLICT"
