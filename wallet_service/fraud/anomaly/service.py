"""The anomaly model's door for whoever judges: a score in time, or none, and the decision goes on either way."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from wallet_service.fraud.anomaly.features import NotFinite, features_of
from wallet_service.fraud.anomaly.live import Models
from wallet_service.fraud.anomaly.model import Attempt, Features, Profile, Score
from wallet_service.fraud.anomaly.observed import Observation, Observations
from wallet_service.fraud.anomaly.profiles import Profiles
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.database import Database
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
BUDGET_SECONDS: Final = 0.020
"""The longest that a decision waits for its score."""


@dataclass(slots=True, kw_only=True)
class Counts:
    """What became of what was asked; read by telemetry."""

    scored: int = 0
    without: int = 0
    """No version is published."""
    late: int = 0
    refused: int = 0
    """A feature was no number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """A score, and what it was computed from."""

    score: Score
    profile: Profile
    features: Features


class Anomaly:
    """One per process."""

    def __init__(self, db: Database, cache: Cache, *, budget_seconds: float = BUDGET_SECONDS) -> None:
        self.models = Models(db)
        self.profiles = Profiles(db, cache)
        self.observations = Observations(cache)
        self.counts = Counts()
        self._budget_seconds = budget_seconds

    async def scores(self, attempts: Sequence[Attempt]) -> list[Scored | None]:
        """Return the score of each redemption, or None where there is none within the budget. Never raises."""
        if self.models.scoring is None or not attempts:
            self.counts.without += len(attempts)
            return [None] * len(attempts)
        ends = time.monotonic() + self._budget_seconds
        try:
            async with asyncio.timeout(self._budget_seconds):
                profiles = await self.profiles.get({attempt.wallet_id for attempt in attempts})
        except (TimeoutError, DatabaseError):
            self.counts.late += len(attempts)
            return [None] * len(attempts)
        return [self._score(attempt, profiles, ends) for attempt in attempts]

    def _score(self, attempt: Attempt, profiles: Mapping[WalletId, Profile], ends: float) -> Scored | None:
        scoring, profile = self.models.scoring, profiles.get(attempt.wallet_id)
        if scoring is None or profile is None:
            self.counts.without += 1
            return None
        if time.monotonic() > ends:
            self.counts.late += 1
            return None
        try:
            values = features_of(profile, attempt)
        except (NotFinite, OverflowError) as fault:
            _log.warning("a redemption is not scored: %s", fault)
            self.counts.refused += 1
            return None
        self.counts.scored += 1
        return Scored(score=scoring.scorer.score(values), profile=profile, features=values)

    def granted(self, scored: Scored, attempt: Attempt, available: int) -> None:
        """Remember a redemption that was granted without suspicion and left `available`; call it behind the reply.

        One that is held for review or refused is not to be told: nobody shall teach the model by trying.
        """
        self.profiles.note(scored.profile, attempt, available)
        self.observations.note(
            Observation(wallet_id=attempt.wallet_id, at=attempt.at, features=scored.features)
        )

    async def run(self) -> None:
        """Keep up with what is published and write what is noted, until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self.models.run())
            group.create_task(self.profiles.run())
            group.create_task(self.observations.run())
