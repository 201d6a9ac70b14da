"""The composition root of what learns: versions of the anomaly model, and the worker beside the service."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

from wallet_service.fraud.anomaly.learner import require_learner
from wallet_service.fraud.anomaly.model import Label
from wallet_service.fraud.anomaly.training import Training
from wallet_service.fraud.anomaly.worker import ModelWorker
from wallet_service.kernel.ids import WalletId
from wallet_service.review.service import redemption_labels
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.config import Settings
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.errors import DatabaseError, StartError
from wallet_service.runtime.lifecycle import Lifecycle
from wallet_service.wiring import Addresses, unusable

_log = logging.getLogger(__name__)


@asynccontextmanager
async def training(settings: Settings, addresses: Addresses) -> AsyncIterator[Training]:
    """Give what learns, publishes and takes back versions of the anomaly model, on the database alone."""
    # Its reads are long and many rows each, unlike a payment's.
    options = DatabaseOptions.from_settings(settings, addresses.database_url)
    database = await Database.open(options, application_name="wallet:model", toy=settings.toy_database)
    try:
        yield _trained_by(database)
    except DatabaseError as fault:
        raise StartError(unusable(fault)) from fault
    finally:
        await database.close()


async def work_model(
    settings: Settings, addresses: Addresses, *, keep_seconds: float, labels: Mapping[str, bool],
    labelled: Sequence[WalletId],
) -> int:  # fmt: skip
    """Learn from redemptions as they are granted, until told to stop."""
    require_learner()
    async with Lifecycle(drain_seconds=settings.drain_seconds) as life:
        options = DatabaseOptions.from_settings(settings, addresses.database_url)
        database = await life.enter(
            "database",
            Database.open(options, application_name="wallet:model", toy=settings.toy_database),
            lambda opened: opened.close(),
        )
        cache = Cache.from_settings(settings, addresses.redis_url)
        life.on_stop("cache", cache.close)
        told = await _trained_by(database).labelled(labels, labelled)
        life.keep("model", ModelWorker(database, cache, keep_seconds=keep_seconds, labelled=told).run)
        _log.info("learning")
        await life.until_stopped()
    return 0


def _trained_by(database: Database) -> Training:
    async def reviewed() -> list[Label]:
        return [Label(*found) for found in await redemption_labels(database)]

    return Training(database, reviewed)
