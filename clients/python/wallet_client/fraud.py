"""What a program does about fraud: its policy as a document, its versions, and what came of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from datetime import datetime

from wallet.v1.fraud_pb2 import (
    FraudPolicyVersion,
    FraudReportLine,
    GetFraudPolicyRequest,
    GetFraudReportRequest,
    HashFraudTraceRequest,
    ListFraudPoliciesRequest,
    PutFraudPolicyRequest,
)
from wallet.v1.wallet_pb2 import Accountability

from wallet_client.calls import Calls
from wallet_client.times import stamp


class Fraud:
    """The calls of AdminService about fraud policies."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def put_policy(
        self,
        program_id: str,
        source: str | int,
        *,
        actor: str,
        reason: str,
        expected_version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> FraudPolicyVersion:
        """Put a document, or by its number an older version, in force; answers what is in force now."""
        request = PutFraudPolicyRequest(
            program_id=program_id, expected_version=expected_version,
            accountability=Accountability(actor=actor, reason=reason),
        )  # fmt: skip
        if isinstance(source, int):
            request.version = source
        else:
            request.document = source
        response = await self._calls.unary(
            lambda line: line.admin.PutFraudPolicy, request, timeout_seconds=timeout_seconds
        )
        return response.policy

    async def get_policy(
        self, program_id: str, version: int = 0, *, timeout_seconds: float | None = None
    ) -> FraudPolicyVersion:
        """Return a version with its document; 0: the one in force."""
        request = GetFraudPolicyRequest(program_id=program_id, version=version)
        response = await self._calls.unary(
            lambda line: line.admin.GetFraudPolicy, request, timeout_seconds=timeout_seconds
        )
        return response.policy

    async def history(
        self, program_id: str, *, page_size: int = 0, timeout_seconds: float | None = None
    ) -> AsyncIterator[FraudPolicyVersion]:
        """Yield every version, the newest first, without documents; the timeout is a page's."""
        request = ListFraudPoliciesRequest(program_id=program_id, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.admin.ListFraudPolicies, request, timeout_seconds=timeout_seconds
            )
            for policy in page.policies:
                yield policy
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def hash(
        self,
        program_id: str,
        *,
        fingerprint: str | None = None,
        address: str | None = None,
        app_instance: str | None = None,
        timeout_seconds: float | None = None,
    ) -> str:
        """Return what the first of these is known by, as a policy's lists of trusted ones name it; it is kept nowhere."""
        request = HashFraudTraceRequest(program_id=program_id)
        if fingerprint is not None:
            request.fingerprint = fingerprint
        elif address is not None:
            request.address = address
        elif app_instance is not None:
            request.app_instance = app_instance
        response = await self._calls.unary(
            lambda line: line.admin.HashFraudTrace, request, timeout_seconds=timeout_seconds
        )
        return response.hash

    async def report(
        self,
        program_id: str,
        *,
        since: datetime | None = None,
        until: datetime | None = None,
        timeout_seconds: float | None = None,
    ) -> Sequence[FraudReportLine]:
        """Return how often each reason was given, limits in shadow apart; without times, in the last 24 hours."""
        request = GetFraudReportRequest(
            program_id=program_id, since=None if since is None else stamp(since), until=None if until is None else stamp(until)
        )  # fmt: skip
        response = await self._calls.unary(
            lambda line: line.admin.GetFraudReport, request, timeout_seconds=timeout_seconds
        )
        return response.lines
