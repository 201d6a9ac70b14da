"""The worker that learns as redemptions come: one process, beside those that answer calls.

It goes on from the version that scores, keeps what it has learnt as a new version now and then, calibrated anew, and
publishes it if it tells known fraud apart no worse. Nothing waits for it; while it is away, models merely do not change.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter, deque
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.anomaly.calibration import CALIBRATED_MIN, TooFew, calibrated
from wallet_service.fraud.anomaly.forest import Forest, Malformed
from wallet_service.fraud.anomaly.learner import Learner, resumed
from wallet_service.fraud.anomaly.model import Accountable, Example, Features, Metrics, Origin
from wallet_service.fraud.anomaly.observed import Observation, Observations
from wallet_service.fraud.anomaly.training import NoSuchVersion, Training, metrics_of
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
INTERVAL_SECONDS: Final = 1.0
KEEP_SECONDS: Final = 3_600.0
REMEMBERED: Final = 5_000
"""Redemptions that a version is calibrated by."""
EACH_MAX: Final = 20
"""What one wallet may teach between two versions: nobody makes himself usual by trying often."""
WORSE_MAX: Final = 0.02
"""By how much a version may tell fraud apart worse than the one before and still be published by itself."""
_BY: Final = Accountable(actor="wallet model work", reason="learnt from the stream")


class ModelWorker:
    """Learns from the stream. `labelled` are redemptions that people spoke of, by which a version is measured."""

    def __init__(
        self, db: Statements, cache: Cache, *, keep_seconds: float = KEEP_SECONDS,
        labelled: tuple[Example, ...] = (),
    ) -> None:  # fmt: skip
        self._training = Training(db)
        self._observations = Observations(cache)
        self._keep_seconds = keep_seconds
        self._labelled = labelled
        self._learner: Learner | None = None
        self._parent = 0
        self._position = ""
        self._kept_at = time.monotonic()
        self._remembered: deque[Features] = deque(maxlen=REMEMBERED)
        self._of_wallet: Counter[str] = Counter()
        self.learnt = 0
        self.skipped = 0

    async def run(self) -> None:
        """Learn for ever. Raises LearnerAbsent at once if there is nothing to learn with."""
        while True:
            try:
                while await self.step():
                    pass
                if time.monotonic() - self._kept_at > self._keep_seconds:
                    await self.keep()
            except (DatabaseError, Malformed, NoSuchVersion, TooFew) as fault:
                _log.warning("the anomaly model was not brought forward: %s", fault)
            await asyncio.sleep(INTERVAL_SECONDS)

    async def step(self) -> int:
        """Learn a page of what was granted; returns how many there were."""
        learner = await self._current()
        page, self._position = await self._observations.after(self._position)
        if learner is not None:
            for observation in page:
                self._learn(learner, observation)
        return len(page)

    async def _current(self) -> Learner | None:
        """Return the learner that goes on from the version that scores; another one begins again from that."""
        published = await self._training.published()
        if published != self._parent:
            forest = await self._training.forest_of(published) if published else None
            self._learner = resumed(forest) if forest else None
            self._parent = published
            self._forget()
        return self._learner

    def _learn(self, learner: Learner, observation: Observation) -> None:
        self._of_wallet[observation.wallet_id] += 1
        if self._of_wallet[observation.wallet_id] > EACH_MAX:
            self.skipped += 1
            return
        learner.learn(observation.features)
        self._remembered.append(observation.features)
        self.learnt += 1

    def _forget(self) -> None:
        self._remembered.clear()
        self._of_wallet.clear()
        self._kept_at = time.monotonic()

    async def keep(self) -> int | None:
        """Keep what was learnt as a version and publish it unless it got worse; returns its number."""
        if self._learner is None or len(self._remembered) < CALIBRATED_MIN:
            self._kept_at = time.monotonic()
            return None
        remembered = list(self._remembered)
        raw = [self._learner.score(features) for features in remembered]
        forest = calibrated(self._learner.forest(), remembered, raw)
        metrics = self._metrics(forest)
        version = await self._training.keep(forest, metrics, Origin.STREAM, self._parent, _BY)
        if await self._is_no_worse(metrics) and await self._training.publish(
            version, _BY, instead_of=self._parent
        ):
            # What it has learnt stays: the version that scores now is what it is itself.
            self._parent = version
        self._forget()
        return version

    def _metrics(self, forest: Forest) -> Metrics:
        return replace(
            metrics_of(forest, self._labelled), redemptions=len(self._remembered), position=self._position,
            learner=self._learner.name if self._learner else "", seed=forest.seed,
        )  # fmt: skip

    async def _is_no_worse(self, metrics: Metrics) -> bool:
        if metrics.auc is None:
            return True
        before = metrics_of(await self._training.forest_of(self._parent), self._labelled).auc
        return before is None or metrics.auc >= before - WORSE_MAX
