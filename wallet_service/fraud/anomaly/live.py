"""The version that scores, as this process knows it: looked for in the background, never waited for."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from wallet_service.fraud.anomaly import store
from wallet_service.fraud.anomaly.forest import Malformed, Scorer, read
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 2.0
_READ_SECONDS: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Scoring:
    """A version, ready to score."""

    version: int
    scorer: Scorer


class Models:
    """Nothing published: nothing scores, and everybody goes on without."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._unusable = 0
        self.scoring: Scoring | None = None

    async def refresh(self) -> None:
        """Look which version scores, and read it if it is another than before. One that cannot be used is left alone."""
        published = await store.read_publications(self._db, 1, timeout_seconds=_READ_SECONDS)
        version = published[0] if published else 0
        if version in {self.scoring.version if self.scoring else 0, self._unusable}:
            return
        document = await store.read_model(self._db, version, timeout_seconds=_READ_SECONDS)
        try:
            # A few milliseconds, so not in between the calls that this process answers.
            scorer = await asyncio.to_thread(_prepared, document or b"", version)
        except Malformed as fault:
            _log.warning("version %d of the anomaly model cannot be used: %s", version, fault)
            self._unusable, self.scoring = version, None
            return
        self.scoring = Scoring(version=version, scorer=scorer)

    async def run(self) -> None:
        """Look for ever; a database that is away leaves what is known."""
        while True:
            try:
                await self.refresh()
            except DatabaseError as fault:
                _log.warning("the anomaly model was not refreshed: %s", fault)
            await asyncio.sleep(REFRESH_SECONDS)


def _prepared(document: bytes, version: int) -> Scorer:
    return Scorer(read(document), version)
