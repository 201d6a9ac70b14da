"""Telling what happened: once, however often it is sent, with an outcome for each event."""

from datetime import UTC, datetime

import grpc
import pytest
from fake_service import NOT_THERE, No
from wallet_client import (
    ActionEvent,
    EarningPolicy,
    EventKind,
    EventState,
    OrderLine,
    PurchaseEvent,
    Recorded,
    ReturnEvent,
    earn_event,
    errors,
)

CUSTOMER = ("demo", "anna")
WHO = {"actor": "eve", "reason": "autumn"}
AT = datetime(2026, 11, 22, 10, 0, 0, 123_456, tzinfo=UTC)
BOUGHT = PurchaseEvent(
    order_ref="o1", currency="EUR", lines=[OrderLine(sku="a", quantity=1, unit_price_minor=999)]
)


def told(name="e1", what=BOUGHT, **more):
    return earn_event(CUSTOMER, what, source="till", source_event_id=name, occurred_at=AT, **more)


@pytest.mark.parametrize(
    ("what", "which"),
    [
        (BOUGHT, "purchase"),
        (ActionEvent(kind=EventKind.EVENT_KIND_REFERRAL, subject="bert"), "action"),
        (ReturnEvent(order_ref="o1", return_ref="r1", everything=True), "returned"),
    ],
    ids=["purchase", "referral", "return"],
)
def test_an_event_says_whose_it_is_when_it_was_and_what_it_was(what, which):
    event = told(what=what, attributes={"region": "north"})
    assert (event.WhichOneof("what"), getattr(event, which)) == (which, what)
    assert (event.wallet.customer.program_id, event.wallet.customer.customer_ref) == CUSTOMER
    assert event.occurred_at.ToDatetime(tzinfo=UTC) == AT
    assert dict(event.attributes) == {"region": "north"}


def test_a_naive_moment_is_refused():
    with pytest.raises(ValueError, match="time zone"):
        earn_event("id", BOUGHT, source="till", source_event_id="e", occurred_at=datetime(2026, 1, 1))  # noqa: DTZ001


async def test_an_event_sent_again_for_want_of_an_answer_counts_once(client, service):
    service.done_first = True
    service.plan("RecordEvent", NOT_THERE)
    assert await client.earning.record(told()) == Recorded(event_id="till/e1", replayed=True)
    assert service.requests["RecordEvent"][0] == service.requests["RecordEvent"][1]


async def test_each_event_of_many_has_an_outcome_of_its_own(client, service):
    service.refusals["e2"] = No(code=grpc.StatusCode.NOT_FOUND, reason="WALLET_NOT_FOUND", field="wallet")
    outcomes = await client.earning.record_many([told("e1"), told("e2"), told("e1")])
    assert outcomes[0] == Recorded(event_id="till/e1", replayed=False)
    assert outcomes[2] == Recorded(event_id="till/e1", replayed=True)
    assert type(outcomes[1]) is errors.WalletNotFound
    assert (outcomes[1].field, outcomes[1].sent_id) == ("wallet", "e2")


async def test_a_refused_event_names_the_sources_id(client, service):
    service.refusals["e1"] = No(code=grpc.StatusCode.ALREADY_EXISTS, reason="ID_REUSED")
    with pytest.raises(errors.IdReused) as caught:
        await client.earning.record(told())
    assert caught.value.sent_id == "e1"


async def test_events_are_read_listed_explained_and_tried_out(client, service):
    assert (await client.earning.get(CUSTOMER, "e7")).event_id == "e7"
    states = [EventState.EVENT_STATE_CREDITED]
    found = [event.event_id async for event in client.earning.events(CUSTOMER, states=states, page_size=2)]
    assert found == ["e0", "e1", "e2", "e3", "e4"]
    assert service.requests["ListEvents"][2].states == states
    assert (await client.earning.explain(CUSTOMER, "e7")).awards[0].explanation == "5 % on everything"
    assert (await client.earning.simulate(told())).amount_minor == 7


async def test_a_dead_event_is_retried_under_one_id_however_often_it_is_sent(client, service):
    service.done_first = True
    service.plan("RetryEvent", NOT_THERE)
    assert (await client.earning.retry(CUSTOMER, "e7", **WHO)).event_id == "e7"
    first, again = service.requests["RetryEvent"]
    assert first == again
    assert (first.event_id, first.accountability.reason, len(first.retry_id)) == ("e7", "autumn", 36)


async def test_a_policy_is_put_with_who_and_why(client, service):
    policy = EarningPolicy(return_window_seconds=60)
    assert await client.earning.put_policy("demo", policy, expected_version=3, **WHO) == policy
    request = service.requests["PutEarningPolicy"][0]
    assert (request.expected_version, request.accountability.actor) == (3, "eve")


@pytest.mark.parametrize(
    ("whose", "which"), [({"program_id": "demo"}, "program_id"), ({"wallet": CUSTOMER}, "wallet")]
)
async def test_warnings_ahead_of_expiry_are_read_to_the_last_page(client, service, whose, which):
    found = [
        warning.warning_id async for warning in client.earning.expiry_warnings(**whose, since=AT, page_size=2)
    ]
    assert found == ["w0", "w1", "w2", "w3", "w4"]
    requests = service.requests["ListExpiryWarnings"]
    assert {request.WhichOneof("of") for request in requests} == {which}
    assert requests[0].since.ToDatetime(tzinfo=UTC) == AT
    assert len(requests) == 3
