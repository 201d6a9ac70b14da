"""Programs and their policies."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime

from wallet.v1.admin_pb2 import (
    AdvanceClockRequest,
    GetProgramRequest,
    ListProgramsRequest,
    Program,
    PutProgramRequest,
)
from wallet.v1.wallet_pb2 import Accountability

from wallet_client.calls import Calls
from wallet_client.times import stamp


class Admin:
    """The calls of AdminService."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def put_program(
        self,
        program: Program,
        *,
        actor: str,
        reason: str,
        expected_version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> Program:
        """Create a program or replace its policies; with `expected_version`, only if nobody was faster."""
        request = PutProgramRequest(
            program=program,
            accountability=Accountability(actor=actor, reason=reason),
            expected_version=expected_version,
        )
        response = await self._calls.unary(
            lambda line: line.admin.PutProgram,
            request,
            timeout_seconds=timeout_seconds,
            # It has no id: repeated after it was done, it would meet its own new version.
            repeat_unknown=expected_version is None,
        )
        return response.program

    async def get_program(self, program_id: str, *, timeout_seconds: float | None = None) -> Program:
        """Return a program as it stands."""
        response = await self._calls.unary(
            lambda line: line.admin.GetProgram,
            GetProgramRequest(program_id=program_id),
            timeout_seconds=timeout_seconds,
        )
        return response.program

    async def list_programs(
        self, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[Program]:
        """Yield every program, page by page; the timeout is a page's."""
        request = ListProgramsRequest(page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.admin.ListPrograms, request, timeout_seconds=timeout_seconds
            )
            for program in page.programs:
                yield program
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def advance_clock(
        self,
        program_id: str,
        to: datetime,
        *,
        actor: str,
        reason: str,
        timeout_seconds: float | None = None,
    ) -> Program:
        """Set the clock of a sandbox program; never backwards."""
        request = AdvanceClockRequest(
            program_id=program_id,
            to=stamp(to),
            accountability=Accountability(actor=actor, reason=reason),
        )
        response = await self._calls.unary(
            lambda line: line.admin.AdvanceClock, request, timeout_seconds=timeout_seconds
        )
        return response.program
