"""Shoppers against a real service: their calls are measured, refusals have names, and the books add up."""

import asyncio
import random

import grpc
import pytest
from wallet.v1 import checkout_pb2, types_pb2
from wallet_client import AsyncWalletClient

from loadtest.shoppers import EXPECTED, Checkout, Ending, Shopper
from loadtest.town import disagreements, open_wallets
from wallet_service.runtime.config import load_settings
from wallet_service.wiring import Addresses, reconcile

CHECKOUTS = 40


@pytest.fixture
async def client(target, load_token):
    async with AsyncWalletClient(target, token=load_token) as client:
        yield client


@pytest.fixture
def calls(target, load_token):
    """Blocking calls without think times, and what was measured of them."""
    measured = []
    with grpc.insecure_channel(target) as channel:
        yield Checkout(channel, load_token, measured.append, pause=lambda _: None), measured


async def test_two_devices_of_each_customer_shop_at_once_and_the_books_add_up(
    client, calls, database_url, redis_url
):
    checkout, measured = calls
    wallets = await open_wallets(client, "load-test", 3, ttl_seconds=60, balance_minor=20_000)
    shoppers = [Shopper(checkout, wallets, random.Random(seed)) for seed in range(2)]

    def shop(shopper):
        return [shopper.shop() for _ in range(CHECKOUTS)]

    played = await asyncio.gather(*[asyncio.to_thread(shop, each) for each in shoppers])
    assert all(Ending.COMMITTED in endings for endings in played)
    assert {"GetWallet", "Quote", "Reserve", "Commit", "AdjustWallet"} <= {call.name for call in measured}
    assert {call.refused for call in measured if call.refused} <= EXPECTED
    assert await disagreements(client, wallets) == []
    settings = load_settings({"toy_database": True})
    addresses = Addresses(database_url=database_url, redis_url=redis_url)
    report = await reconcile(settings, addresses, program_id=None, timeout_seconds=30)
    assert report.sound, report.findings


async def test_a_refusal_is_measured_by_its_reason(client, calls):
    checkout, measured = calls
    await open_wallets(client, "load-test", 1, ttl_seconds=60, balance_minor=1)
    absent = types_pb2.WalletRef(wallet_id="00000000-0000-4000-8000-000000000000")
    order = types_pb2.Order(order_ref="o", total_minor=100, currency="EUR")
    quote = checkout_pb2.QuoteRequest(wallet=absent, order=order, maximum=True)
    assert await asyncio.to_thread(checkout.call, "Quote", checkout.checkout.Quote, quote) is None
    assert [(call.name, call.refused) for call in measured] == [("Quote", "WALLET_NOT_FOUND")]


async def test_a_call_that_nobody_answers_is_repeated_a_few_times_and_named_by_its_status(load_token):
    measured = []
    with grpc.insecure_channel("127.0.0.1:1") as channel:
        checkout = Checkout(channel, load_token, measured.append, pause=lambda _: None)
        release = checkout_pb2.ReleaseRequest()
        assert await asyncio.to_thread(checkout.call, "Release", checkout.checkout.Release, release) is None
    assert [call.refused for call in measured] == ["UNAVAILABLE"] * 3
