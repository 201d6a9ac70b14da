"""What a fraud policy does at a checkout, over the wire."""

from __future__ import annotations

import asyncio

import pytest
from rig import new_id, refusal, without_replay
from ruling import device, limit, open_ruled
from wallet.v1 import checkout_pb2, types_pb2


async def test_a_limit_lets_pass_up_to_its_bound_and_refuses_above(api):
    ruled = await open_ruled(api, limit("TOO_MANY", above=2))
    await ruled.reserve()
    await ruled.reserve()
    refused = await refusal(ruled.reserve())
    assert (refused.reason, refused.facts) == ("FRAUD_REFUSED", {"reasons": "TOO_MANY"})
    await ruled.later(minutes=80)
    await ruled.reserve()


async def test_a_repetition_is_answered_as_the_first_time_and_counts_as_no_attempt(api):
    ruled = await open_ruled(api, limit(above=2))
    request = ruled.shop.reserve(100, device=device("phone"))
    first = await api(request)
    for _ in range(5):
        again = await api(request)
        assert again.replayed
        assert without_replay(again) == without_replay(first)
    await asyncio.sleep(0.3)  # what was counted of repetitions is taken back behind the reply
    await ruled.reserve()
    wanted = ruled.shop.reserve(100)
    refused = await refusal(api(wanted))
    again = await refusal(api(wanted))
    assert (again.reason, again.facts.pop("replayed")) == (refused.reason, "true")
    assert again.facts == refused.facts


async def test_review_holds_the_value_and_keeps_it_from_being_committed(api):
    ruled = await open_ruled(api, review={"above_minor": 500, "ttl_seconds": 7_200})
    assert (await ruled.reserve(500)).reservation.review == types_pb2.REVIEW_STATE_UNSPECIFIED
    held = (await ruled.reserve(501)).reservation
    assert held.review == types_pb2.REVIEW_STATE_WAITING
    assert held.expires_at.seconds - held.created_at.seconds == 7_200
    refused = await refusal(api(ruled.shop.commit(held.reservation_id)))
    assert refused.reason == "UNDER_REVIEW"


async def test_the_operations_of_a_batch_are_counted_one_after_the_other(api):
    ruled = await open_ruled(api, limit(above=3))
    operations = [checkout_pb2.Operation(reserve=ruled.shop.reserve(100)) for _ in range(6)]
    answer = await api(checkout_pb2.ExecuteRequest(operations=operations))
    kinds = [outcome.WhichOneof("outcome") for outcome in answer.outcomes]
    assert kinds == ["reserve"] * 3 + ["refusal"] * 3
    assert {outcome.refusal.reason for outcome in answer.outcomes[3:]} == {"FRAUD_REFUSED"}
