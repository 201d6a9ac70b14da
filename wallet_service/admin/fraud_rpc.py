"""The part of AdminService that is about fraud policies."""

from __future__ import annotations

import time
from typing import Final

from wallet.v1 import fraud_pb2

from wallet_service.fraud.authoring import FraudAuthoring
from wallet_service.fraud.devices import Context
from wallet_service.fraud.hashing import Hashing
from wallet_service.fraud.publication import PolicyVersion, ReportLine
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.wire import answered, instant, plain, timestamp
from wallet_service.transport.call import Call

_PAGE_DEFAULT: Final = 50
_DAY_SECONDS: Final = 86_400
_LIST: Final = "fraud-policies"


class FraudRpc:
    """Policies as documents, their versions, and what came of them."""

    def __init__(self, fraud: FraudAuthoring, hashing: Hashing, pages: PageTokens) -> None:
        self._fraud = fraud
        self._hashing = hashing
        self._policy_pages = pages

    async def put_fraud_policy(
        self, request: fraud_pb2.PutFraudPolicyRequest, call: Call
    ) -> fraud_pb2.PutFraudPolicyResponse:
        """Put a policy in force as the next version."""
        by = request.accountability
        named = request.WhichOneof("source") == "version"
        policy = answered(
            await self._fraud.put(
                ProgramId(request.program_id), request.version if named else plain(request.document, "document"),
                request.expected_version if request.HasField("expected_version") else None,
                plain(by.actor, "accountability.actor"), plain(by.reason, "accountability.reason"), call.deadline,
            )
        )  # fmt: skip
        return fraud_pb2.PutFraudPolicyResponse(policy=_message(policy, with_document=True))

    async def get_fraud_policy(
        self, request: fraud_pb2.GetFraudPolicyRequest, call: Call
    ) -> fraud_pb2.GetFraudPolicyResponse:
        """Answer one version with its document; without a number, the one in force."""
        found = await self._fraud.version(ProgramId(request.program_id), request.version, call.deadline)
        return fraud_pb2.GetFraudPolicyResponse(policy=_message(answered(found), with_document=True))

    async def list_fraud_policies(
        self, request: fraud_pb2.ListFraudPoliciesRequest, call: Call
    ) -> fraud_pb2.ListFraudPoliciesResponse:
        """Answer a page of versions without their documents, the newest first."""
        size = request.page_size or _PAGE_DEFAULT
        before = self._policy_pages.open(_LIST, request.program_id, request.page_token)
        below = int(before) if before else 2**62
        found = await self._fraud.versions(ProgramId(request.program_id), below, size + 1, call.deadline)
        token = ""
        if len(found) > size:
            token = self._policy_pages.seal(_LIST, request.program_id, str(found[size - 1].version))
        return fraud_pb2.ListFraudPoliciesResponse(
            policies=[_message(each, with_document=False) for each in found[:size]], next_page_token=token
        )

    async def get_fraud_report(
        self, request: fraud_pb2.GetFraudReportRequest, call: Call
    ) -> fraud_pb2.GetFraudReportResponse:
        """Answer what came of the policy, by default in the last 24 hours."""
        now = Instant(time.time_ns() // 1_000)
        until = instant(request.until, "until") if request.HasField("until") else after(now, 1)
        since = instant(request.since, "since") if request.HasField("since") else after(now, -_DAY_SECONDS)
        lines = await self._fraud.report(ProgramId(request.program_id), since, until, call.deadline)
        return fraud_pb2.GetFraudReportResponse(lines=[_line(line) for line in lines])

    async def hash_fraud_trace(
        self, request: fraud_pb2.HashFraudTraceRequest, call: Call
    ) -> fraud_pb2.HashFraudTraceResponse:
        """Answer what a device or an address is known by."""
        told = Context(
            fingerprint=request.fingerprint, address=request.address, app_instance=request.app_instance
        )
        trace = answered(await self._hashing.trace(ProgramId(request.program_id), told, call.deadline))
        return fraud_pb2.HashFraudTraceResponse(hash=trace.key, others=trace.others)


def _message(policy: PolicyVersion, *, with_document: bool) -> fraud_pb2.FraudPolicyVersion:
    return fraud_pb2.FraudPolicyVersion(
        version=policy.version, document=policy.document if with_document else "", origin=policy.origin,
        actor=policy.actor, reason=policy.reason, put_at=timestamp(policy.at),
    )  # fmt: skip


def _line(line: ReportLine) -> fraud_pb2.FraudReportLine:
    return fraud_pb2.FraudReportLine(
        reason=line.reason, shadow=line.shadow, subject_kind=line.subject_kind,
        verdict=fraud_pb2.FraudVerdict.Value(f"FRAUD_VERDICT_{line.verdict}"), number=line.number,
        amount_minor=line.amount_minor, wallets=line.wallets,
    )  # fmt: skip
