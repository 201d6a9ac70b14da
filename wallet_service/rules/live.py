"""The published rulesets as this process knows them: read again whenever a program's rules have changed.

Looking is one small query a second whatever the number of programs, so that a change is live everywhere within
seconds and nobody waits for the database to price.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules import store
from wallet_service.rules.compiler import Compiled, compiled
from wallet_service.rules.document import parsed
from wallet_service.rules.model import Profile
from wallet_service.rules.publication import Publication
from wallet_service.rules.ruleset import Campaign, Ruleset, SegmentRule
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 1.0
READ_SECONDS: Final = 2.0
PAGE: Final = 500
VERSIONS_MAX: Final = 100
"""Versions of a program that are kept at hand; an event from before them is priced by the oldest."""

_ALL: Final = 2**62


@dataclass(slots=True, kw_only=True)
class _Rules:
    """What is known of one program; versions are compiled when they are first asked for."""

    revision: int
    publications: Sequence[Publication]
    campaigns: Mapping[str, Campaign]
    segments: Mapping[str, SegmentRule]
    ready: dict[int, Compiled] = field(default_factory=dict)

    def at(self, moment: Instant) -> Compiled | None:
        for publication in self.publications:
            if publication.effective_at <= moment:
                return self._compiled(publication)
        if len(self.publications) == VERSIONS_MAX:
            return self._compiled(self.publications[-1])
        return None

    def _compiled(self, publication: Publication) -> Compiled:
        found = self.ready.get(publication.version)
        if found is None:
            ruleset, findings = parsed(Ruleset, publication.document)
            assert ruleset is not None, findings
            found = self.ready[publication.version] = compiled(
                ruleset, publication.version, self.campaigns, self.segments
            )
        return found


class Rulesets:
    """A cache of what is published. Versions never change, so being late is the only way to be wrong."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._known: dict[ProgramId, _Rules] = {}

    def at(self, program_id: ProgramId, moment: Instant) -> Compiled | None:
        """Return the newest version that is in force at a moment; None before the first."""
        known = self._known.get(program_id)
        return None if known is None else known.at(moment)

    async def profiles_of(
        self, program_id: ProgramId, customer_refs: Sequence[str], *, timeout_seconds: float
    ) -> Mapping[str, Profile]:
        """Return what is recorded of each of these customers of whom something is."""
        return await store.read_profiles(self._db, program_id, customer_refs, timeout_seconds=timeout_seconds)

    async def refresh(self) -> None:
        """Read again what has changed."""
        after = ""
        while page := await store.read_states(self._db, after, PAGE, timeout_seconds=READ_SECONDS):
            for program_id, revision in page:
                known = self._known.get(program_id)
                if known is None or known.revision != revision:
                    self._known[program_id] = await self._read(program_id, revision)
            after = page[-1][0]

    async def _read(self, program_id: ProgramId, revision: int) -> _Rules:
        # The revision was read first: what changes meanwhile is read once more next time, never missed.
        publications = await store.read_publications(
            self._db, program_id, _ALL, VERSIONS_MAX, timeout_seconds=READ_SECONDS
        )
        campaigns = await read_all_campaigns(self._db, program_id, READ_SECONDS)
        segments = await read_all_segments(self._db, program_id, READ_SECONDS)
        by_attributes = {name: rule for name, rule in segments.items() if rule is not None}
        return _Rules(
            revision=revision, publications=publications, campaigns=campaigns, segments=by_attributes
        )

    async def run(self) -> None:
        """Refresh for ever; a database that is away leaves what is known."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except DatabaseError as fault:
                _log.warning("rulesets were not refreshed: %s", fault)


async def read_all_campaigns(
    db: Statements, program_id: ProgramId, timeout_seconds: float
) -> Mapping[str, Campaign]:
    """Return every campaign of a program, by its id."""
    campaigns: dict[str, Campaign] = {}
    after = ""
    while page := await store.read_campaigns(db, program_id, after, PAGE, timeout_seconds=timeout_seconds):
        campaigns |= {stored.campaign.campaign_id: stored.campaign for stored in page}
        after = page[-1].campaign.campaign_id
    return campaigns


async def read_all_segments(
    db: Statements, program_id: ProgramId, timeout_seconds: float
) -> Mapping[str, SegmentRule | None]:
    """Return every segment of a program, by its id, with its rule."""
    segments: dict[str, SegmentRule | None] = {}
    after = ""
    while page := await store.read_segment_rules(
        db, program_id, after, PAGE, timeout_seconds=timeout_seconds
    ):
        segments |= dict(page)
        after = page[-1][0]
    return segments
