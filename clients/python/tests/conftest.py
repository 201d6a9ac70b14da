from collections.abc import AsyncIterator

import pytest
from fake_earning import FakeEarningService
from fake_service import FakeService, served
from wallet_client import AsyncWalletClient, Order


@pytest.fixture
def service() -> FakeService:
    return FakeEarningService()


@pytest.fixture
async def target(service: FakeService) -> AsyncIterator[str]:
    async with served(service) as address:
        yield address


@pytest.fixture
async def client(target: str) -> AsyncIterator[AsyncWalletClient]:
    async with AsyncWalletClient(target, token="t0k3n") as made:
        yield made


@pytest.fixture
def order() -> Order:
    return Order(order_ref="order-1", total_minor=9_900, currency="EUR")
