from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from bank import Bank, a_bank, a_year
from people import examples

from wallet_service.fraud.anomaly.learner import new_learner
from wallet_service.fraud.anomaly.model import Example, Shape
from wallet_service.fraud.anomaly.training import fitted


@pytest.fixture(scope="session")
def past() -> list[Example]:
    """What a model is learnt from."""
    return examples(11)


@pytest.fixture(scope="session")
def forest(past):
    return fitted(new_learner(Shape()), past)


@pytest.fixture
async def bank(database_url: str, redis_url: str) -> AsyncIterator[Bank]:
    """A year of eighty people's redemptions, and time enough to look at them."""
    async with a_bank(database_url, redis_url, budget_seconds=5.0) as bank:
        await bank.remember(a_year()[0])
        yield bank
