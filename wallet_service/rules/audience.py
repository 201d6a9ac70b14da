"""Whom rules may tell apart: segments by list or by attributes, and what is recorded of customers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct

from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.programs import Programs
from wallet_service.ledger.service import left
from wallet_service.rules import store
from wallet_service.rules.belonging import (
    ImportRow,
    RowFinding,
    findings_of_attributes,
    findings_of_rows,
    findings_of_segment_rule,
)
from wallet_service.rules.live import Rulesets
from wallet_service.rules.model import STRANGER, Profile
from wallet_service.rules.publication import Accountable, Segment, SegmentChange
from wallet_service.runtime.session import Statements


class Imported(Struct, frozen=True, kw_only=True):
    """What became of rows: a revision of the segment, or all that is wrong with them."""

    revision: int = 0
    findings: tuple[RowFinding, ...] = ()


class Audience:
    """What staff and systems do with segments and customers. Deadlines are moments of `time.monotonic()`."""

    def __init__(self, db: Statements, programs: Programs, rulesets: Rulesets) -> None:
        self._db = db
        self._programs = programs
        self._rulesets = rulesets

    async def put_segment(
        self,
        program_id: ProgramId,
        segment_id: str,
        change: SegmentChange,
        by: Accountable,
        deadline: float,
    ) -> int | Refusal:
        """Write a segment's title or rule, and change who is on its list; answers its revision."""
        if change.rule is not None and (findings := findings_of_segment_rule(change.rule)):
            first = findings[0]
            return Refusal(reason=Reason.FIELD_INVALID, field=f"rule.{first.path}", detail=first.message)
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        revision = await store.put_segment(
            self._db, program_id, segment_id, change, by, timeout_seconds=left(deadline)
        )
        if change.rule is not None:
            await self._rulesets.refresh()
        return revision

    async def import_rows(
        self,
        program_id: ProgramId,
        segment_id: str,
        rows: Sequence[ImportRow],
        by: Accountable,
        deadline: float,
    ) -> Imported | Refusal:
        """Put customers on a list or take them off, all or none."""
        found = await self.segment(program_id, segment_id, deadline)
        if isinstance(found, Refusal):
            return found
        findings = findings_of_rows(rows)
        if findings:
            return Imported(findings=findings)
        change = SegmentChange(
            add=[row.customer_ref for row in rows if not row.remove],
            remove=[row.customer_ref for row in rows if row.remove],
        )
        revision = await store.put_segment(
            self._db, program_id, segment_id, change, by, timeout_seconds=left(deadline)
        )
        return Imported(revision=revision)

    async def segment(self, program_id: ProgramId, segment_id: str, deadline: float) -> Segment | Refusal:
        """Answer one segment."""
        found = await store.read_segment(self._db, program_id, segment_id, timeout_seconds=left(deadline))
        return found or Refusal(reason=Reason.SEGMENT_NOT_FOUND, field="segment_id")

    async def members(
        self, program_id: ProgramId, segment_id: str, after: str, limit: int, deadline: float
    ) -> Sequence[str]:
        """Answer a page of who is on a list."""
        return await store.read_members(
            self._db, program_id, segment_id, after, limit, timeout_seconds=left(deadline)
        )

    async def segments(
        self, program_id: ProgramId, after: str, limit: int, deadline: float
    ) -> Sequence[Segment]:
        """Answer a page of segments."""
        return await store.read_segments(self._db, program_id, after, limit, timeout_seconds=left(deadline))

    async def put_customers(
        self,
        program_id: ProgramId,
        customers: Mapping[str, Mapping[str, str]],
        by: Accountable,
        deadline: float,
    ) -> int | Refusal:
        """Record what is known of customers, each as a whole; answers how many are different now."""
        for index, attributes in enumerate(customers.values()):
            for finding in findings_of_attributes(attributes):
                return Refusal(
                    reason=Reason.FIELD_INVALID,
                    field=f"customers[{index}].attributes",
                    detail=finding.message,
                )
        if await self._programs.find(program_id, left(deadline)) is None:
            return _no_program()
        return await store.put_customers(self._db, program_id, customers, by, timeout_seconds=left(deadline))

    async def profile(self, program_id: ProgramId, customer_ref: str, deadline: float) -> Profile:
        """Answer what is recorded of a customer: its lists and attributes; nothing of a stranger."""
        found = await store.read_profiles(
            self._db, program_id, [customer_ref], timeout_seconds=left(deadline)
        )
        return found.get(customer_ref, STRANGER)


def _no_program() -> Refusal:
    return Refusal(reason=Reason.PROGRAM_NOT_FOUND, field="program_id")
