"""AdminService: backtests."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing

from google.protobuf.timestamp_pb2 import Timestamp
from wallet.v1 import backtest_pb2

from wallet_service.admin.backtest import Asked, Backtests, Progress
from wallet_service.earning.wire import source_of
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Refusal, RefusedError
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.wire import instant, timestamp
from wallet_service.rules.comparison import CampaignSum, Comparison, CustomerSum, Day, RuleSum, Sides
from wallet_service.transport.call import Call


class BacktestRpc:
    """How staff see what a ruleset would have given."""

    def __init__(self, backtests: Backtests) -> None:
        self._backtests = backtests

    async def backtest_ruleset(
        self, request: backtest_pb2.BacktestRulesetRequest, call: Call
    ) -> AsyncGenerator[backtest_pb2.BacktestRulesetResponse, None]:
        """Replay past events through a draft or version and what was in force: progress, then the result."""
        asked = Asked(
            program_id=ProgramId(request.program_id), source=source_of(request.source),
            begins=instant(request.starts_at, "starts_at"), ends=instant(request.ends_at, "ends_at"), top=request.top,
            unused=request.unused_caps,
        )  # fmt: skip
        async with aclosing(self._backtests.run(asked, call.deadline)) as steps:
            async for step in steps:
                if isinstance(step, Refusal):
                    raise RefusedError(step)
                if isinstance(step, Progress):
                    yield backtest_pb2.BacktestRulesetResponse(progress=_progress(step))
                else:
                    yield backtest_pb2.BacktestRulesetResponse(result=_result(step))


def _progress(progress: Progress) -> backtest_pb2.BacktestProgress:
    return backtest_pb2.BacktestProgress(
        events=progress.events, lines=progress.lines, reached_at=timestamp(progress.reached_at)
    )


def _sides(sides: Sides) -> backtest_pb2.BacktestSides:
    return backtest_pb2.BacktestSides(trial=sides.trial, in_force=sides.in_force)


def _result(found: Comparison) -> backtest_pb2.BacktestResult:
    return backtest_pb2.BacktestResult(
        events=found.events, lines=found.lines, customers=found.customers,
        earning_events=_sides(found.earning_events), given=_sides(found.given), recorded=found.recorded,
        gaining=found.gaining, losing=found.losing, gained=found.gained, lost=found.lost,
        days=[_day(each) for each in found.days], campaigns=[_campaign(each) for each in found.campaigns],
        rules=[_rule(each) for each in found.rules], winners=[_customer(each) for each in found.winners],
        losers=[_customer(each) for each in found.losers], notes=found.notes,
    )  # fmt: skip


def _day(day: Day) -> backtest_pb2.BacktestDay:
    return backtest_pb2.BacktestDay(
        day=day.day, events=day.events, given=_sides(day.given),
        campaigns=[
            backtest_pb2.BacktestCampaignDay(
                campaign_id=each.campaign_id, given=_sides(each.given), used=_sides(each.used)
            )
            for each in day.campaigns
        ],
    )  # fmt: skip


def _campaign(campaign: CampaignSum) -> backtest_pb2.BacktestCampaign:
    return backtest_pb2.BacktestCampaign(
        campaign_id=campaign.campaign_id, title=campaign.title, budget=campaign.budget, given=_sides(campaign.given),
        used_before=campaign.used_before,
        trial_spent_at=_moment(campaign.trial_spent_at), in_force_spent_at=_moment(campaign.in_force_spent_at),
    )  # fmt: skip


def _moment(moment: Instant | None) -> Timestamp | None:
    return None if moment is None else timestamp(moment)


def _rule(rule: RuleSum) -> backtest_pb2.BacktestRule:
    return backtest_pb2.BacktestRule(
        rule_id=rule.rule_id, title=rule.title, given=_sides(rule.given), awards=_sides(rule.awards),
        trimmed=_sides(rule.trimmed),
    )  # fmt: skip


def _customer(customer: CustomerSum) -> backtest_pb2.BacktestCustomer:
    return backtest_pb2.BacktestCustomer(customer_ref=customer.customer_ref, given=_sides(customer.given))
