"""What a fraud policy does at a checkout, over the wire."""

from __future__ import annotations

import asyncio

import pytest
from rig import new_id, open_shop, refusal, without_replay
from ruling import device, limit, only_case, open_ruled
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


async def test_a_strange_device_is_refused_at_a_strange_address_and_let_pass_at_home(api):
    ruled = await open_ruled(
        api,
        limit(
            "TAKEOVER", measure="link_age", below=86_400, all_of=[{"measure": "link_age", "by": "address", "below": 86_400}]
        ),
    )  # fmt: skip
    at_home = {"address": "192.0.2.1"}
    first = await refusal(ruled.reserve(device=device("phone", **at_home)))
    assert first.facts == {"reasons": "TAKEOVER"}
    await asyncio.sleep(0.3)  # remembered behind the reply
    await ruled.later(days=1)
    await ruled.reserve(device=device("phone", address="198.51.100.7"))
    await ruled.reserve(device=device("tablet", **at_home))
    stolen = await refusal(ruled.reserve(device=device("thief", address="203.0.113.9")))
    assert stolen.facts == {"reasons": "TAKEOVER"}


async def test_the_operations_of_a_batch_are_counted_one_after_the_other(api):
    ruled = await open_ruled(api, limit(above=3))
    operations = [checkout_pb2.Operation(reserve=ruled.shop.reserve(100)) for _ in range(6)]
    answer = await api(checkout_pb2.ExecuteRequest(operations=operations))
    kinds = [outcome.WhichOneof("outcome") for outcome in answer.outcomes]
    assert kinds == ["reserve"] * 3 + ["refusal"] * 3
    assert {outcome.refusal.reason for outcome in answer.outcomes[3:]} == {"FRAUD_REFUSED"}


async def test_a_second_device_waits_while_the_customers_own_takes_over(api):
    ruled = await open_ruled(api, devices={"second_device": "refuse", "own_after_seconds": 3_600})
    first = (await ruled.reserve(device=device("laptop"))).reservation
    await ruled.reserve(device=device("laptop"))
    refused = await refusal(ruled.reserve(device=device("phone")))
    assert (refused.reason, refused.facts) == ("DEVICE_CONFLICT", {"reasons": "SECOND_DEVICE"})
    await ruled.later(minutes=30)  # by now both reservations are overdue
    await ruled.reserve(device=device("phone"))
    await asyncio.sleep(0.3)  # remembered behind the reply
    await ruled.later(minutes=70)
    await ruled.reserve(device=device("laptop"))
    await ruled.reserve(device=device("phone"))
    assert (await refusal(ruled.reserve(device=device("stranger")))).reason == "DEVICE_CONFLICT"
    assert first.state == types_pb2.RESERVATION_STATE_HELD


async def test_an_app_names_the_device_where_there_is_no_fingerprint(api):
    ruled = await open_ruled(api, devices={"second_device": "refuse", "missing": "refuse"})
    await ruled.reserve(device=device(app_instance="app-1"))
    await ruled.reserve(device=device(app_instance="app-1"))
    assert (await refusal(ruled.reserve(device=device(app_instance="app-2")))).reason == "DEVICE_CONFLICT"
    assert (await refusal(ruled.reserve(device=device(user_agent="x")))).facts == {"reasons": "NO_DEVICE"}


async def test_wallets_on_one_device_are_refused_beyond_the_bound(api):
    ruled = await open_ruled(api, limit("FARM", measure="wallets", by="device", window="day", above=3))
    wallets = [await ruled.shop.open(f"customer-{number}", 1_000) for number in range(5)]
    for wallet_id in wallets[:3]:
        await ruled.reserve(wallet_id=wallet_id, device=device("farm"))
    for wallet_id in wallets[3:]:
        assert (await refusal(ruled.reserve(wallet_id=wallet_id, device=device("farm")))).facts == {
            "reasons": "FARM"
        }
    await ruled.reserve(wallet_id=wallets[4], device=device("own phone"))


async def test_failed_attempts_are_counted_against_the_next_one(api):
    ruled = await open_ruled(api, limit(measure="failures", window="hour", above=1), balance=500)
    for _ in range(2):
        assert (await refusal(ruled.reserve(501))).reason == "INSUFFICIENT_BALANCE"
    await asyncio.sleep(0.3)  # counted behind the reply
    assert (await refusal(ruled.reserve(1))).reason == "FRAUD_REFUSED"


async def test_what_the_wallet_itself_forbids_is_said_before_fraud_and_what_it_lacks_after(api):
    ruled = await open_ruled(api, limit(above=0), balance=50)
    assert (await refusal(ruled.reserve(51))).reason == "FRAUD_REFUSED"
    wrong = await refusal(ruled.reserve(10, expected_version=99))
    assert wrong.reason == "VERSION_MISMATCH"
    assert (await refusal(ruled.reserve(10, quote_token="forged"))).reason == "QUOTE_INVALID"


async def test_a_takeover_is_looked_at_and_the_same_from_a_known_device_is_not(api):
    caught = limit("TAKEOVER", measure="link_age", below=3_600, from_share_bp=8_000, verdict="review")
    ruled = await open_ruled(api, caught, balance=1_000)
    await ruled.reserve(100, device=device("own"))
    await asyncio.sleep(0.3)  # remembered behind the reply
    await ruled.later(hours=2)
    taken = (await ruled.reserve(900, device=device("stranger"))).reservation
    assert taken.review == types_pb2.REVIEW_STATE_WAITING
    await api(ruled.shop.release(taken.reservation_id))
    own = (await ruled.reserve(900, device=device("own"))).reservation
    assert own.review == types_pb2.REVIEW_STATE_UNSPECIFIED


async def test_a_fortune_is_looked_at_as_long_as_it_is_there(api):
    ruled = await open_ruled(
        api, limit("RICH", measure="balance", above=999, verdict="review"), balance=1_000
    )
    piece = (await ruled.reserve(1)).reservation
    assert piece.review == types_pb2.REVIEW_STATE_WAITING
    shown = await only_case(ruled)
    assert "1000" in [each.value for each in shown.evidence.signals if each.name == "balance"]
    # What is held is no longer there to be spent.
    assert (await ruled.reserve(999)).reservation.review == types_pb2.REVIEW_STATE_UNSPECIFIED


@pytest.mark.parametrize(
    ("field", "value"),
    [("fingerprint", "x" * 1_000_000), ("address", "x" * 65), ("user_agent", "x" * 513), ("app_instance", "x" * 129), ("attestation", 77)],
)  # fmt: skip
async def test_what_no_device_can_be_is_a_typed_refusal(api, field, value):
    ruled = await open_ruled(api, limit(above=5))
    refused = await refusal(ruled.reserve(device=types_pb2.Device(**{field: value})))
    assert refused.reason in {"FIELD_INVALID", "MESSAGE_INVALID"}
    assert "xxxx" not in refused.message


async def test_texts_of_every_kind_are_only_ever_hashed(api):
    ruled = await open_ruled(api, limit("A", measure="wallets", by="address", window="day", above=9))
    for text in ("'; drop table fraud.device; --", "<script>", "=1+1", "💥" * 60, "fraud:*\r\n", "%s%d{}"):
        await ruled.reserve(device=device(text, address=text[:64], user_agent=text, app_instance=text[:128]))


async def test_a_wallet_of_nobody_looks_like_any_other_that_is_not_there(api):
    ruled = await open_ruled(api, limit(above=0))
    refused = await refusal(ruled.reserve(wallet_id=new_id()))
    assert (refused.reason, refused.facts) == ("WALLET_NOT_FOUND", {})


async def test_a_program_without_a_policy_knows_no_fraud(api):
    ruled = await open_ruled(api, limit(above=0))
    other = await open_shop(api, 1_000_000)
    for _ in range(20):
        await api(other.reserve(100, device=device("phone")))
    assert ruled.program_id != other.program.program_id
