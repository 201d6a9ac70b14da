"""A backtest as staff see it: over the wire, on events that a running service has recorded."""

from __future__ import annotations

import asyncio
import json
import time
from datetime import UTC, datetime, timedelta

import grpc
import pytest
from rig import ACCOUNTABLE, Api, Shop, calling, new_id, open_shop, refused_of, stamp, token
from wallet.v1 import backtest_pb2, earning_pb2, rules_pb2

from wallet_service.admin.backtest import Asked, Backtests
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason
from wallet_service.rules.compiler import compiled
from wallet_service.rules.ruleset import Ruleset
from wallet_service.transport.scopes import Scope

NOW = datetime.now(UTC)


def document(basis_points: int) -> str:
    rule = {"rule_id": "base", "title": "On everything", "give": {"basis_points": basis_points}}
    return json.dumps({"time_zone": "UTC", "rules": [rule]})


async def put_draft(api: Api, program_id: str, basis_points: int) -> None:
    put = rules_pb2.PutRulesetDraftRequest(
        program_id=program_id, name="next", document=document(basis_points), accountability=ACCOUNTABLE
    )
    assert not (await api(put)).findings


async def settled_shop(api: Api, purchases: int) -> Shop:
    """A shop with 5 % on everything and purchases of 100.00 that were priced by it."""
    shop = await open_shop(api, 0)
    program_id = shop.program.program_id
    await put_draft(api, program_id, 500)
    await api(
        rules_pb2.PublishRulesetRequest(
            program_id=program_id, source=rules_pb2.RulesetSource(draft="next"), accountability=ACCOUNTABLE,
            effective_at=stamp(NOW - timedelta(days=9)),
        )
    )  # fmt: skip
    line = earning_pb2.OrderLine(sku="a", category="food", quantity=1, unit_price_minor=10_000)
    events = [
        earning_pb2.EarnEvent(
            wallet=shop.ref, source="till", source_event_id=new_id(),
            occurred_at=stamp(NOW - timedelta(days=3, minutes=n)),
            purchase=earning_pb2.PurchaseEvent(order_ref=f"o{n}", currency="EUR", lines=[line]),
        )
        for n in range(purchases)
    ]  # fmt: skip
    await api(earning_pb2.RecordEventsRequest(events=events))
    deadline = time.monotonic() + 20
    while (await shop.snapshot()).balance.pending_minor < 500 * purchases:
        assert time.monotonic() < deadline
        await asyncio.sleep(0.05)
    return shop


def asked(shop: Shop, **more) -> backtest_pb2.BacktestRulesetRequest:
    said = {
        "program_id": shop.program.program_id, "source": rules_pb2.RulesetSource(draft="next"),
        "starts_at": stamp(NOW - timedelta(days=8)), "ends_at": stamp(NOW), "top": 5,
    }  # fmt: skip
    return backtest_pb2.BacktestRulesetRequest(**(said | more))


async def steps_of(call) -> list[backtest_pb2.BacktestRulesetResponse]:
    return [step async for step in call]


async def refused(call):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await steps_of(call)
    return refused_of(caught.value)


@pytest.fixture(scope="module")
def shops() -> dict[str, Shop]:
    return {}


@pytest.fixture
async def shop(api: Api, shops: dict[str, Shop]) -> Shop:
    """One shop for all tests of this file: they only read."""
    if "one" not in shops:
        shops["one"] = await settled_shop(api, 3)
        await put_draft(api, shops["one"].program.program_id, 200)
    shops["one"].api = api
    return shops["one"]


async def test_a_draft_is_tested_on_what_was_bought(api: Api, shop: Shop):
    result = (await steps_of(api(asked(shop))))[-1].result
    assert (result.events, result.lines, result.customers) == (3, 3, 1)
    assert (result.given.trial, result.given.in_force, result.recorded) == (600, 1_500, 1_500)
    assert (result.losing, result.lost, result.gaining) == (1, 900, 0)
    assert [each.given.trial for each in result.losers] == [600]
    assert [(each.rule_id, each.given.trial) for each in result.rules] == [("base", 600)]
    assert [each.events for each in result.days] == [3]
    by_version = asked(shop, source=rules_pb2.RulesetSource(version=1))
    assert (await steps_of(api(by_version)))[-1].result.given.trial == 1_500


async def test_the_result_says_what_it_takes_as_given(api: Api, shop: Shop):
    for unused, said in ((False, "had used of them"), (True, "begin unused")):
        result = (await steps_of(api(asked(shop, unused_caps=unused))))[-1].result
        assert said in result.notes[0]
        assert "those of today" in result.notes[1]


async def test_a_time_without_events_is_answered_with_nothing(api: Api, shop: Shop):
    result = (await steps_of(api(asked(shop, ends_at=stamp(NOW - timedelta(days=7))))))[-1].result
    assert (result.events, result.given.trial, len(result.days)) == (0, 0, 0)


async def test_what_cannot_be_tested_is_refused(api: Api, shop: Shop):
    for request, reason in (
        (asked(shop, source=rules_pb2.RulesetSource(draft="nobody")), "RULESET_NOT_FOUND"),
        (asked(shop, program_id="nobody"), "PROGRAM_NOT_FOUND"),
        (asked(shop, ends_at=stamp(NOW - timedelta(days=8))), "FIELD_INVALID"),
        (asked(shop, starts_at=stamp(NOW - timedelta(days=1_200))), "FIELD_INVALID"),
        (asked(shop, top=1_001), "FIELD_INVALID"),
    ):
        assert (await refused(api(request))).reason == reason


async def test_a_backtest_writes_nothing_and_needs_a_scope_of_its_own(api: Api, pair, keys, shop: Shop):
    before = await shop.snapshot()
    await steps_of(api(asked(shop)))
    assert await shop.snapshot() == before
    async with calling(pair[0].address, token(keys, scopes=[Scope.RULES_READ])) as reader:
        assert (await refused(reader(asked(shop)))).reason == "SCOPE_MISSING"


class Slow:
    """A past that is not read to its end until it may be."""

    def __init__(self) -> None:
        self.may_end = asyncio.Event()

    async def pasts(self, *_asked):
        await self.may_end.wait()
        return
        yield


async def test_one_backtest_runs_in_a_process_at_a_time():
    class Trials:
        async def trial(self, *_asked):
            return compiled(Ruleset(time_zone="UTC"), 1, {})

    slow = Slow()
    backtests = Backtests(Trials(), None, slow)
    request = Asked(program_id="p", source="next", begins=Instant(0), ends=Instant(1), top=0, unused=True)

    async def run():
        return [step async for step in backtests.run(request, time.monotonic() + 10)]

    first = asyncio.create_task(run())
    await asyncio.sleep(0.01)
    (refusal_of_second,) = await run()
    assert refusal_of_second.reason is Reason.OVERLOADED
    slow.may_end.set()
    assert [step.events for step in await first] == [0]
    assert [step.events for step in await run()] == [0]


async def test_a_basket_is_tried_out_by_a_draft_or_a_version(api: Api, pair, keys, shop: Shop):
    line = earning_pb2.OrderLine(sku="a", category="food", quantity=1, unit_price_minor=10_000)
    event = earning_pb2.EarnEvent(
        wallet=shop.ref, source="till", source_event_id=new_id(), occurred_at=stamp(NOW),
        purchase=earning_pb2.PurchaseEvent(order_ref="tried", currency="EUR", lines=[line]),
    )  # fmt: skip
    draft, version = rules_pb2.RulesetSource(draft="next"), rules_pb2.RulesetSource(version=1)
    for source, amount in ((None, 500), (draft, 200), (version, 500)):
        tried = await api(earning_pb2.SimulateEarnRequest(event=event, source=source))
        assert tried.amount_minor == amount
    unknown = earning_pb2.SimulateEarnRequest(event=event, source=rules_pb2.RulesetSource(draft="nobody"))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await api(unknown)
    assert refused_of(caught.value).reason == "RULESET_NOT_FOUND"
    async with calling(pair[0].address, token(keys, scopes=[Scope.EARNING_SIMULATE])) as till:
        assert (await till(earning_pb2.SimulateEarnRequest(event=event))).amount_minor == 500
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await till(earning_pb2.SimulateEarnRequest(event=event, source=draft))
        assert refused_of(caught.value).reason == "SCOPE_MISSING"
