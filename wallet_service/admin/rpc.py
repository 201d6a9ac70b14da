"""AdminService: programs and their clocks; rules are in the rooms beside."""

from __future__ import annotations

from typing import Final

from wallet.v1 import admin_pb2

from wallet_service.admin.backtest import Backtests
from wallet_service.admin.backtest_rpc import BacktestRpc
from wallet_service.admin.fraud_rpc import FraudRpc
from wallet_service.admin.rules_rpc import RulesRpc
from wallet_service.admin.segments_rpc import SegmentsRpc
from wallet_service.fraud.authoring import FraudAuthoring
from wallet_service.fraud.hashing import Hashing
from wallet_service.kernel.errors import Reason, refuse
from wallet_service.kernel.ids import ProgramId
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.model import OPEN_RESERVATIONS_DEFAULT
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.service import Ledger, left
from wallet_service.ledger.wire import answered, instant, plain, timestamp
from wallet_service.rules.audience import Audience
from wallet_service.rules.service import Authoring
from wallet_service.transport.call import Call

PAGE_DEFAULT: Final = 50


class AdminRpc(RulesRpc, SegmentsRpc, BacktestRpc, FraudRpc):
    """Programs and their policies."""

    def __init__(
        self, ledger: Ledger, keys: KeyRing, *, authoring: Authoring, audience: Audience, backtests: Backtests,
        fraud: FraudAuthoring, hashing: Hashing,
    ) -> None:  # fmt: skip
        pages = PageTokens(keys)
        RulesRpc.__init__(self, authoring, pages)
        SegmentsRpc.__init__(self, audience, pages)
        FraudRpc.__init__(self, fraud, hashing, pages)
        BacktestRpc.__init__(self, backtests)
        self._ledger = ledger

    async def put_program(
        self, request: admin_pb2.PutProgramRequest, call: Call
    ) -> admin_pb2.PutProgramResponse:
        """Create a program, or replace its policies."""
        said = request.accountability
        program = answered(
            await self._ledger.put_program(
                _program(request.program), request.expected_version if request.HasField("expected_version") else None,
                plain(said.actor, "accountability.actor"), plain(said.reason, "accountability.reason"), call.deadline,
            )
        )  # fmt: skip
        return admin_pb2.PutProgramResponse(program=_message(program))

    async def get_program(
        self, request: admin_pb2.GetProgramRequest, call: Call
    ) -> admin_pb2.GetProgramResponse:
        """Answer a program as it is now."""
        program = await self._ledger.programs.reread(ProgramId(request.program_id), left(call.deadline))
        if program is None:
            raise refuse(Reason.PROGRAM_NOT_FOUND, "program_id")
        return admin_pb2.GetProgramResponse(program=_message(program))

    async def list_programs(
        self, request: admin_pb2.ListProgramsRequest, call: Call
    ) -> admin_pb2.ListProgramsResponse:
        """Answer a page of programs, in order of their ids."""
        size = request.page_size or PAGE_DEFAULT
        after = self._pages.open("programs", "", request.page_token) or ""
        programs = await self._ledger.programs_after(after, size + 1, call.deadline)
        more = len(programs) > size
        token = self._pages.seal("programs", "", programs[size - 1].program_id) if more else ""
        return admin_pb2.ListProgramsResponse(
            programs=[_message(program) for program in programs[:size]], next_page_token=token
        )

    async def advance_clock(
        self, request: admin_pb2.AdvanceClockRequest, call: Call
    ) -> admin_pb2.AdvanceClockResponse:
        """Set a sandbox's clock; never backwards."""
        said = request.accountability
        program = answered(
            await self._ledger.advance_clock(
                ProgramId(request.program_id), instant(request.to, "to"), plain(said.actor, "accountability.actor"),
                plain(said.reason, "accountability.reason"), call.deadline,
            )
        )  # fmt: skip
        return admin_pb2.AdvanceClockResponse(program=_message(program))


def _program(message: admin_pb2.Program) -> Program:
    policy = message.redemption
    return Program(
        program_id=ProgramId(message.program_id), display_name=plain(message.display_name, "program.display_name"),
        sandbox=message.mode == admin_pb2.PROGRAM_MODE_SANDBOX, asset=message.asset, exponent=message.exponent,
        currency=message.currency, rate_numerator=message.rate_numerator, rate_denominator=message.rate_denominator,
        floor_minor=message.floor_minor,
        redemption=RedemptionPolicy(
            minimum_purchase_minor=policy.minimum_purchase_minor,
            minimum_redemption_minor=policy.minimum_redemption_minor,
            maximum_redemption_minor=policy.maximum_redemption_minor, maximum_share_bp=policy.maximum_share_bp,
            step_minor=policy.step_minor, quote_ttl_seconds=policy.quote_ttl_seconds,
            reservation_ttl_seconds=policy.reservation_ttl_seconds,
            reservation_ttl_seconds_max=policy.reservation_ttl_seconds_max,
            commit_grace_seconds=policy.commit_grace_seconds,
            open_reservations_max=policy.open_reservations_max or OPEN_RESERVATIONS_DEFAULT,
        ),
    )  # fmt: skip


def _message(program: Program) -> admin_pb2.Program:
    policy = program.redemption
    return admin_pb2.Program(
        program_id=program.program_id, display_name=program.display_name,
        mode=admin_pb2.PROGRAM_MODE_SANDBOX if program.sandbox else admin_pb2.PROGRAM_MODE_LIVE, asset=program.asset,
        exponent=program.exponent, currency=program.currency, rate_numerator=program.rate_numerator,
        rate_denominator=program.rate_denominator, floor_minor=program.floor_minor, version=program.version,
        clock_at=None if program.clock_at is None else timestamp(program.clock_at),
        redemption=admin_pb2.RedemptionPolicy(
            minimum_purchase_minor=policy.minimum_purchase_minor,
            minimum_redemption_minor=policy.minimum_redemption_minor,
            maximum_redemption_minor=policy.maximum_redemption_minor, maximum_share_bp=policy.maximum_share_bp,
            step_minor=policy.step_minor, quote_ttl_seconds=policy.quote_ttl_seconds,
            reservation_ttl_seconds=policy.reservation_ttl_seconds,
            reservation_ttl_seconds_max=policy.reservation_ttl_seconds_max,
            commit_grace_seconds=policy.commit_grace_seconds, open_reservations_max=policy.open_reservations_max,
        ),
    )  # fmt: skip
