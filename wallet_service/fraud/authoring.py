"""How policies come to be: put in force, looked back on, brought back."""

from __future__ import annotations

from collections.abc import Sequence

from wallet_service.fraud import store
from wallet_service.fraud.document import Finding, parsed, written
from wallet_service.fraud.live import Policies
from wallet_service.fraud.publication import PolicyVersion, ReportLine
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.programs import Programs
from wallet_service.ledger.service import left
from wallet_service.runtime.session import Statements


class FraudAuthoring:
    """What staff do with fraud policies. What is answered as a version is live here at once, elsewhere within seconds."""

    def __init__(self, db: Statements, programs: Programs, policies: Policies) -> None:
        self._db = db
        self._programs = programs
        self._policies = policies

    async def put(
        self, program_id: ProgramId, source: str | int, expected: int | None, actor: str, reason: str, deadline: float
    ) -> PolicyVersion | Refusal:  # fmt: skip
        """Put a document, or an older version, in force as the next version; what says the same makes no new one."""
        if await self._programs.find(program_id, left(deadline)) is None:
            return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
        text, origin = source, "document"
        if isinstance(text, int):
            older = await self.version(program_id, text, deadline)
            if isinstance(older, Refusal):
                return older
            text, origin = older.document, f"version:{older.version}"
        policy, findings = parsed(text)
        if policy is None:
            return _invalid(findings)
        version = await store.put_policy(
            self._db,
            program_id,
            expected,
            written(policy),
            origin,
            actor,
            reason,
            timeout_seconds=left(deadline),
        )
        if version is None:
            return Refusal(reason=Reason.VERSION_MISMATCH, field="expected_version")
        await self._policies.refresh()
        return await self.version(program_id, version, deadline)

    async def version(self, program_id: ProgramId, version: int, deadline: float) -> PolicyVersion | Refusal:
        """Answer one version; 0: the newest."""
        found = await store.read_policy(self._db, program_id, version, timeout_seconds=left(deadline))
        return found or Refusal(reason=Reason.FRAUD_POLICY_NOT_FOUND, field="version")

    async def versions(
        self, program_id: ProgramId, below: int, limit: int, deadline: float
    ) -> Sequence[PolicyVersion]:
        """Answer a page of versions, the newest first."""
        return await store.read_policies(self._db, program_id, below, limit, timeout_seconds=left(deadline))

    async def report(
        self, program_id: ProgramId, since: Instant, until: Instant, deadline: float
    ) -> Sequence[ReportLine]:
        """Answer what came of the policy in a span of time, limits in shadow apart."""
        return await store.read_report(self._db, program_id, since, until, timeout_seconds=left(deadline))


def _invalid(findings: Sequence[Finding]) -> Refusal:
    first = findings[0]
    place = f"{first.path}: " if first.path else ""
    return Refusal(
        reason=Reason.FRAUD_POLICY_INVALID, field="document", detail=f"{place}{first.message}",
        facts={"findings": str(len(findings)), "path": first.path, "problem": first.problem},
    )  # fmt: skip
