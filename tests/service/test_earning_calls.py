"""Earning as its callers see it: over the wire, with the worker of a running service behind it."""

from __future__ import annotations

import asyncio
import json
import time

import grpc
import pytest
from rig import ACCOUNTABLE, Api, Shop, calling, in_seconds, new_id, open_shop, refusal, token
from wallet.v1 import earning_pb2, rules_pb2, types_pb2, wallet_pb2

from wallet_service.transport.scopes import Scope

RULES = {
    "time_zone": "UTC",
    "rules": [{"rule_id": "base", "title": "5 % on everything", "give": {"basis_points": 500}}],
}


async def earning_shop(api: Api) -> Shop:
    """A shop with an empty wallet and 5 % on everything."""
    shop = await open_shop(api, 0)
    program_id = shop.program.program_id
    put = rules_pb2.PutRulesetDraftRequest(
        program_id=program_id, name="first", document=json.dumps(RULES), accountability=ACCOUNTABLE
    )
    assert not (await api(put)).findings
    await api(
        rules_pb2.PublishRulesetRequest(
            program_id=program_id, source=rules_pb2.RulesetSource(draft="first"), accountability=ACCOUNTABLE
        )
    )
    return shop


def purchase(shop: Shop, price: int = 10_000, **more) -> earning_pb2.EarnEvent:
    line = earning_pb2.OrderLine(sku="a", category="food/dairy", quantity=1, unit_price_minor=price)
    bought = earning_pb2.PurchaseEvent(order_ref="o1", currency="EUR", lines=[line])
    said = {"source": "till", "source_event_id": new_id(), "occurred_at": in_seconds(0.5), "purchase": bought}
    return earning_pb2.EarnEvent(**{"wallet": shop.ref, **said, **more})


async def until(shop: Shop, event_id: str, state: int) -> earning_pb2.RecordedEvent:
    """Wait for the worker; fails after 20 s."""
    deadline = time.monotonic() + 20
    request = earning_pb2.GetEventRequest(wallet=shop.ref, event_id=event_id)
    while time.monotonic() < deadline:
        event = (await shop.api(request)).event
        if event.state == state:
            return event
        await asyncio.sleep(0.05)
    raise AssertionError(f"still {event}")


async def test_an_event_becomes_a_pending_credit_that_explains_itself(api: Api) -> None:
    shop = await earning_shop(api)
    event = purchase(shop)
    first, again = [await api(earning_pb2.RecordEventRequest(event=event)) for _ in range(2)]
    assert (first.replayed, again.replayed, first.event_id) == (False, True, again.event_id)
    credited = await until(shop, first.event_id, earning_pb2.EVENT_STATE_CREDITED)
    assert credited.amount_minor == 500
    assert (await shop.snapshot()).balance.pending_minor == 500
    said = await api(earning_pb2.ExplainEventRequest(wallet=shop.ref, event_id=first.event_id))
    (award,) = said.awards
    assert award.explanation.startswith("5 % on everything: 5 % of 100.00 EUR gives 5.00 EUR.")
    assert (award.title, award.base, award.rate) == ("5 % on everything", 10_000, 500)
    back = earning_pb2.ReturnEvent(
        order_ref="o1", return_ref="r", stage=earning_pb2.RETURN_STAGE_ACCEPTED, everything=True
    )
    answer = await api(earning_pb2.RecordEventRequest(event=purchase(shop, purchase=None, returned=back)))
    await until(shop, answer.event_id, earning_pb2.EVENT_STATE_APPLIED)
    assert (await shop.snapshot()).balance.pending_minor == 0
    page = await api(earning_pb2.ListEventsRequest(wallet=shop.ref, page_size=1))
    assert (len(page.events), bool(page.next_page_token)) == (1, True)


async def test_in_a_batch_each_event_has_an_outcome_of_its_own(api: Api) -> None:
    shop = await earning_shop(api)
    nobody = types_pb2.WalletRef(wallet_id=new_id())
    events = [
        purchase(shop),
        purchase(shop, source=""),
        purchase(shop, wallet=nobody),
        purchase(shop, occurred_at=in_seconds(86_400)),
        purchase(shop, occurred_at=in_seconds(-86_400 * 3_660)),
        purchase(shop, 2_000),
    ]
    events[5].purchase.order_ref = "o2"
    answer = await api(earning_pb2.RecordEventsRequest(events=events))
    reasons = [outcome.refusal.reason for outcome in answer.outcomes]
    assert reasons == ["", "FIELD_INVALID", "WALLET_NOT_FOUND", "EVENT_IN_FUTURE", "EVENT_TOO_OLD", ""]
    assert answer.outcomes[1].refusal.field == "events[1].source"
    await until(shop, answer.outcomes[5].recorded.event_id, earning_pb2.EVENT_STATE_CREDITED)


@pytest.mark.parametrize(
    ("spoil", "field"),
    [
        (lambda e: e.purchase.lines[0].__setattr__("quantity", 0), "event.purchase.lines[0].quantity"),
        (
            lambda e: e.purchase.lines[0].__setattr__("unit_price_minor", -1),
            "event.purchase.lines[0].unit_price_minor",
        ),
        (
            lambda e: e.purchase.lines[0].__setattr__("discount_minor", 10_001),
            "event.purchase.lines[0].discount_minor",
        ),
        (
            lambda e: e.purchase.lines.extend(
                [earning_pb2.OrderLine(sku="a", quantity=10**6, unit_price_minor=10**9)] * 2
            ),
            "event.purchase.lines",
        ),
        (lambda e: e.purchase.__setattr__("order_ref", "a\0b"), "event.purchase.order_ref"),
        (lambda e: e.action.__setattr__("kind", 1), "event.action.kind"),
        (lambda e: e.returned.__setattr__("stage", 77), "event.returned.order_ref"),
        (lambda e: e.occurred_at.__setattr__("nanos", -5), "event.occurred_at"),
        (lambda e: e.ClearField("purchase"), "event.what"),
    ],
)
async def test_a_malformed_event_is_refused_with_its_field(api: Api, spoil, field: str) -> None:
    shop = await open_shop(api, 0)
    event = purchase(shop)
    spoil(event)
    refused = await refusal(api(earning_pb2.RecordEventRequest(event=event)))
    assert (refused.status, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.field == field


async def test_a_customer_sees_the_own_events_and_sends_none(api: Api, keys, pair) -> None:
    shop = await earning_shop(api)
    event_id = (await api(earning_pb2.RecordEventRequest(event=purchase(shop)))).event_id
    own = token(keys, scopes=tuple(Scope), customer=(shop.program.program_id, "anna"))
    other = token(keys, scopes=tuple(Scope), customer=(shop.program.program_id, "berta"))
    request = earning_pb2.GetEventRequest(wallet=shop.ref, event_id=event_id)
    async with calling(pair[0].address, own) as customer:
        assert (await customer(request)).event.event_id == event_id
        refused = await refusal(customer(earning_pb2.RecordEventRequest(event=purchase(shop))))
        assert refused.status is grpc.StatusCode.PERMISSION_DENIED
    async with calling(pair[0].address, other) as stranger:
        assert (await refusal(stranger(request))).reason == "WALLET_NOT_FOUND"


async def test_only_staff_retries_and_says_who_and_why_and_only_what_is_dead(api: Api, keys, pair) -> None:
    shop = await earning_shop(api)
    event_id = (await api(earning_pb2.RecordEventRequest(event=purchase(shop)))).event_id
    await until(shop, event_id, earning_pb2.EVENT_STATE_CREDITED)
    retry = earning_pb2.RetryEventRequest(
        wallet=shop.ref, event_id=event_id, retry_id=new_id(), accountability=ACCOUNTABLE
    )
    refused = await refusal(api(retry))
    assert (refused.status, refused.reason) == (grpc.StatusCode.FAILED_PRECONDITION, "EVENT_NOT_DEAD")
    retry.event_id = new_id()
    assert (await refusal(api(retry))).reason == "EVENT_NOT_FOUND"
    retry.wallet.wallet_id = new_id()
    assert (await refusal(api(retry))).reason in {"WALLET_NOT_FOUND", "EVENT_NOT_FOUND"}
    retry.accountability.actor = ""
    assert (await refusal(api(retry))).field == "accountability.actor"
    own = token(keys, scopes=tuple(Scope), customer=(shop.program.program_id, "anna"))
    till = token(keys, scopes=(Scope.EARNING_RECORD, Scope.EARNING_READ))
    for other in (own, till):
        async with calling(pair[0].address, other) as caller:
            assert (await refusal(caller(retry))).status is grpc.StatusCode.PERMISSION_DENIED


async def test_a_simulation_tells_what_would_be_earned_and_records_nothing(api: Api) -> None:
    shop = await earning_shop(api)
    found = await api(earning_pb2.SimulateEarnRequest(event=purchase(shop)))
    assert found.amount_minor == 500
    assert not (await api(earning_pb2.ListEventsRequest(wallet=shop.ref))).events


async def test_what_a_policy_gives_up_is_shown_on_the_purchase_and_said(api: Api) -> None:
    shop = await earning_shop(api)
    policy = earning_pb2.EarningPolicy(claw_back=earning_pb2.CLAW_BACK_POLICY_NEVER)
    put = earning_pb2.PutEarningPolicyRequest(
        program_id=shop.program.program_id, policy=policy, accountability=ACCOUNTABLE
    )
    assert (await api(put)).policy.claw_back == earning_pb2.CLAW_BACK_POLICY_NEVER
    # The other process hears of it, and of the rules, within its two seconds.
    await asyncio.sleep(2.5)
    event_id = (await api(earning_pb2.RecordEventRequest(event=purchase(shop)))).event_id
    await until(shop, event_id, earning_pb2.EVENT_STATE_MATURED)
    balance = (await shop.snapshot()).balance.available_minor
    taken = wallet_pb2.AdjustWalletRequest(
        wallet=shop.ref, operation_id=new_id(), delta_minor=100 - balance, accountability=ACCOUNTABLE
    )
    await api(taken)
    back = earning_pb2.ReturnEvent(
        order_ref="o1", return_ref="r", stage=earning_pb2.RETURN_STAGE_ACCEPTED, everything=True
    )
    answer = await api(earning_pb2.RecordEventRequest(event=purchase(shop, purchase=None, returned=back)))
    await until(shop, answer.event_id, earning_pb2.EVENT_STATE_APPLIED)
    said = await api(earning_pb2.ExplainEventRequest(wallet=shop.ref, event_id=event_id))
    bought = said.event
    assert (bought.clawed_back_minor, bought.owed_minor, bought.given_up_minor) == (100, 0, 400)
    assert any("4.00 EUR had been spent already and is given up" in remark for remark in said.remarks)


async def test_the_policy_of_earning_is_versioned(api: Api) -> None:
    shop = await earning_shop(api)
    program_id = shop.program.program_id
    policy = earning_pb2.EarningPolicy(
        holds=[earning_pb2.HoldTime(kind=earning_pb2.EVENT_KIND_PURCHASE, seconds=60)],
        return_window_seconds=0,
    )
    put = earning_pb2.PutEarningPolicyRequest(
        program_id=program_id, policy=policy, expected_version=0, accountability=ACCOUNTABLE
    )
    assert (await api(put)).policy.version == 1
    assert (await refusal(api(put))).reason == "VERSION_MISMATCH"
    got = (await api(earning_pb2.GetEarningPolicyRequest(program_id=program_id))).policy
    assert (got.holds, got.version) == (policy.holds, 1)
