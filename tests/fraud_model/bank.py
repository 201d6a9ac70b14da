"""A database with a year of redemptions in it, and everything that learns from them and scores by them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import asyncpg
from people import NOW, YEAR_AGO, honest, taken_over

from wallet_service.fraud.anomaly.model import Accountable, Redemption, Shape
from wallet_service.fraud.anomaly.service import Anomaly
from wallet_service.fraud.anomaly.training import Training
from wallet_service.kernel.clock import to_datetime
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database, DatabaseOptions

BY = Accountable("tester", "a test")
SHAPE = Shape(window=500)
_PROGRAM = """
insert into ledger.program (
  program_id, version, display_name, sandbox, asset, exponent, currency, rate_numerator, rate_denominator, floor_minor,
  policy, updated_at
) values ('demo', 1, 'Demo', false, 'EUR', 2, 'EUR', 1, 1, 0, '{}', clock_timestamp())
"""
_WALLETS = """
insert into ledger.wallet (wallet_id, program_id, customer_ref, head, document, available, version)
values ($1::uuid, 'demo', $1::uuid::text, decode(repeat('00', 32), 'hex'), $2, $3, $4)
"""
_ENTRIES = """
insert into ledger.entry
values ($1, $2, 3, 2, 3, $3, 0, $4, $3, 0, $5, null, '[]', null, $6, decode(repeat('00', 32), 'hex'))
"""
_RESERVATIONS = """
insert into ledger.reservation
values ($1, $2, 2, $3, $3, 0, 'order', $4, $4, $5)
"""


@dataclass(slots=True, kw_only=True)
class Bank:
    """Everything that a test of the model says."""

    url: str
    database: Database
    cache: Cache
    training: Training
    anomaly: Anomaly

    async def remember(self, histories: Iterable[list[Redemption]]) -> None:
        """Write redemptions as the ledger does: as entries and ended reservations."""
        told = list(histories)
        every = [(seq, redemption) for history in told for seq, redemption in enumerate(history, 1)]
        document = json.dumps([[], [], [], [], 253402300799000000, 0, YEAR_AGO, []])
        owner = await asyncpg.connect(self.url, timeout=10)
        try:
            await owner.execute(_PROGRAM)
            await owner.executemany(
                _WALLETS, [(h[0].wallet_id, document, h[-1].available - h[-1].amount, len(h)) for h in told]
            )
            await owner.executemany(
                _ENTRIES,
                [
                    (r.wallet_id, seq, r.amount, r.available - r.amount, r.reservation_id, to_datetime(r.at))
                    for seq, r in every
                ],
            )
            await owner.executemany(
                _RESERVATIONS,
                [
                    (
                        r.wallet_id,
                        r.reservation_id,
                        r.amount,
                        to_datetime(r.at),
                        json.dumps([0] * 8 + [r.device]),
                    )
                    for _, r in every
                ],
            )
        finally:
            await owner.close()

    async def publish(self, version: int) -> None:
        assert await self.training.publish(version, BY)
        await self.anomaly.models.refresh()

    async def train(self, **more) -> int:
        return await self.training.train(BY, SHAPE, more.pop("labels", {}), more.pop("labelled", ()), **more)


@asynccontextmanager
async def a_bank(database_url: str, redis_url: str, **more) -> AsyncIterator[Bank]:
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    cache = Cache(redis_url, timeout_ms=1_000)
    try:
        yield Bank(
            url=database_url, database=database, cache=cache, training=Training(database),
            anomaly=Anomaly(database, cache, **more),
        )  # fmt: skip
    finally:
        await cache.close()
        await database.close()


def a_year(
    seed: int = 21, people: int = 80, stolen: int = 8
) -> tuple[list[list[Redemption]], dict[str, bool], list[WalletId]]:
    """Histories, labels of the stolen and of as many honest redemptions, and the wallets that were spoken of."""
    histories = [honest(seed, number, 8) for number in range(people)]
    labels: dict[str, bool] = {}
    for number in range(stolen):
        theft = taken_over(seed, histories[number])
        histories[number].append(theft)
        labels[theft.reservation_id] = True
        labels |= {redemption.reservation_id: False for redemption in histories[people - 1 - number]}
    spoken = [h[0].wallet_id for h in (*histories[:stolen], *histories[people - stolen :])]
    return histories, labels, spoken


__all__ = ["BY", "NOW", "SHAPE", "Bank", "a_bank", "a_year"]
