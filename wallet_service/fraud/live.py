"""The policies in force as this process knows them: read again whenever a program's policy has changed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping
from types import MappingProxyType
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud import store
from wallet_service.fraud.document import parsed
from wallet_service.fraud.publication import InForce
from wallet_service.fraud.ring_rules import DEFAULTS, RingRules
from wallet_service.kernel.ids import ProgramId
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
REFRESH_SECONDS: Final = 1.0
READ_SECONDS: Final = 2.0


class Policies:
    """A program without one has no fraud rules at its checkout. Versions never change; only being late is possible."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._known: dict[ProgramId, InForce] = {}

    def of(self, program_id: ProgramId) -> InForce | None:
        """Return the policy that is in force for a program; None if it has none."""
        return self._known.get(program_id)

    @property
    def any(self) -> bool:
        """Whether any program has a policy: without one nothing is ever counted."""
        return bool(self._known)

    @property
    def all(self) -> Mapping[ProgramId, InForce]:
        """Every policy in force."""
        return MappingProxyType(self._known)

    def ring_rules(self, program_id: str) -> RingRules:
        """Return what a program says about rings; one without a policy says nothing."""
        in_force = self._known.get(ProgramId(program_id))
        if in_force is None:
            return DEFAULTS
        policy = in_force.policy
        return replace(policy.rings, shadow=True) if policy.shadow else policy.rings

    def ring_programs(self) -> Collection[ProgramId]:
        """Return the programs that have a policy."""
        return list(self._known)

    def trusted(self, program_id: str) -> frozenset[str]:
        """Return the devices and addresses that a program's policy trusts, by their hashes without the name of a key."""
        in_force = self._known.get(ProgramId(program_id))
        return frozenset() if in_force is None else in_force.trusted

    async def refresh(self) -> None:
        """Read again what has changed: one small query while nothing has."""
        versions = await store.read_versions(self._db, timeout_seconds=READ_SECONDS)
        known = {program_id: in_force.version for program_id, in_force in self._known.items()}
        if dict(versions) == known:
            return
        for program_id, (version, text) in (
            await store.read_in_force(self._db, timeout_seconds=READ_SECONDS)
        ).items():
            if known.get(program_id) != version:
                policy, findings = parsed(text)
                if policy is None:
                    # Written by a version of the service that knows more: what this one knows stays in force.
                    _log.error("the fraud policy of %s cannot be read: %s", program_id, findings[0].message)
                    continue
                self._known[program_id] = InForce(version, policy)

    async def run(self) -> None:
        """Refresh for ever; a database that is away leaves what is known."""
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            try:
                await self.refresh()
            except DatabaseError as fault:
                _log.warning("fraud policies were not refreshed: %s", fault)
