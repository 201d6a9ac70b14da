"""Expiry as callers see it: policies that are refused when they contradict themselves, warnings that come by themselves."""

from __future__ import annotations

import asyncio
import time

import grpc
import pytest
from rig import ACCOUNTABLE, Api, Shop, in_seconds, new_id, open_shop, refusal
from wallet.v1 import earning_pb2, wallet_pb2

DAY = 86_400


async def put(shop: Shop, **policy) -> earning_pb2.EarningPolicy:
    request = earning_pb2.PutEarningPolicyRequest(
        program_id=shop.program.program_id,
        policy=earning_pb2.EarningPolicy(**policy),
        accountability=ACCOUNTABLE,
    )
    return (await shop.api(request)).policy


@pytest.mark.parametrize(
    "policy",
    [
        {"expiry": earning_pb2.EXPIRY_KIND_NEVER},
        {"expiry": earning_pb2.EXPIRY_KIND_ROLLING, "expires_after_seconds": 30 * DAY},
        {
            "expiry": earning_pb2.EXPIRY_KIND_END_OF_QUARTER,
            "expiry_days_min": 30,
            "time_zone": "Europe/Berlin",
        },
        {
            "expiry": earning_pb2.EXPIRY_KIND_INACTIVITY,
            "inactivity_days": 365,
            "warn_before_seconds": [30 * DAY, DAY],
        },
    ],
    ids=lambda policy: str(policy["expiry"]),
)
async def test_a_policy_of_expiry_is_kept_as_it_was_said(api: Api, policy) -> None:
    shop = await open_shop(api, 0)
    kept = earning_pb2.EarningPolicy(
        **policy, version=1, claw_back=earning_pb2.CLAW_BACK_POLICY_ALLOW_NEGATIVE
    )
    assert await put(shop, **policy) == kept


async def test_a_policy_from_before_there_were_kinds_says_which_it_is(api: Api) -> None:
    shop = await open_shop(api, 0)
    assert (await put(shop)).expiry == earning_pb2.EXPIRY_KIND_NEVER
    assert (await put(shop, expires_after_seconds=DAY)).expiry == earning_pb2.EXPIRY_KIND_ROLLING


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"expiry": 2}, "policy.expires_after_seconds"),
        ({"expiry": 1, "expires_after_seconds": DAY}, "policy.expires_after_seconds"),
        ({"expiry": 3, "expires_after_seconds": DAY}, "policy.expires_after_seconds"),
        ({"expiry": 6}, "policy.inactivity_days"),
        ({"expiry": 5, "inactivity_days": 3}, "policy.inactivity_days"),
        ({"expiry": 1, "expiry_days_min": 3}, "policy.expiry_days_min"),
        ({"expiry": 3, "expiry_days_min": -1}, "policy.expiry_days_min"),
        ({"expiry": 77}, "policy.expiry"),
        ({"claw_back": 77}, "policy.claw_back"),
        ({"time_zone": "Mars/Olympus"}, "policy.time_zone"),
        ({"time_zone": "../../etc/passwd"}, "policy.time_zone"),
        ({"time_zone": "Europe"}, "policy.time_zone"),
        ({"time_zone": "a\0b"}, "policy.time_zone"),
        ({"warn_before_seconds": [0]}, "policy.warn_before_seconds[0]"),
        ({"warn_before_seconds": [DAY, DAY]}, "policy.warn_before_seconds"),
    ],
    ids=str,
)
async def test_a_policy_that_contradicts_itself_is_refused_with_its_field(
    api: Api, policy, field: str
) -> None:
    shop = await open_shop(api, 0)
    refused = await refusal(put(shop, **policy))
    assert (refused.status, refused.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "FIELD_INVALID")
    assert refused.field == field


async def test_a_warning_comes_by_itself_and_is_listed_by_program_and_by_wallet(api: Api) -> None:
    shop = await open_shop(api, 0)
    await put(shop, warn_before_seconds=[10 * DAY])
    gift = wallet_pb2.AdjustWalletRequest(
        wallet=shop.ref, operation_id=new_id(), accountability=ACCOUNTABLE, delta_minor=70, expires_at=in_seconds(5 * DAY)
    )  # fmt: skip
    await api(gift)
    by_program = earning_pb2.ListExpiryWarningsRequest(program_id=shop.program.program_id, page_size=1)
    deadline = time.monotonic() + 40
    while not (found := (await api(by_program)).warnings):
        assert time.monotonic() < deadline, "nobody was warned"
        await asyncio.sleep(0.2)
    (warning,) = found
    assert (warning.amount_minor, warning.before_seconds, warning.inactivity) == (70, 10 * DAY, False)
    assert warning.expires_at == gift.expires_at
    for request in (
        earning_pb2.ListExpiryWarningsRequest(wallet=shop.ref),
        earning_pb2.ListExpiryWarningsRequest(
            program_id=shop.program.program_id, since=warning.warned_at, page_size=500
        ),
    ):
        assert list((await api(request)).warnings) == [warning]
    request = earning_pb2.ListExpiryWarningsRequest(wallet=shop.ref, since=in_seconds(60))
    assert not (await api(request)).warnings


async def test_warnings_of_nobody_and_of_no_program_are_refused(api: Api) -> None:
    shop = await open_shop(api, 0)
    refused = await refusal(api(earning_pb2.ListExpiryWarningsRequest()))
    assert refused.reason == "FIELD_INVALID"
    refused = await refusal(api(earning_pb2.ListExpiryWarningsRequest(program_id="no-such-program")))
    assert refused.reason == "PROGRAM_NOT_FOUND"
    request = earning_pb2.ListExpiryWarningsRequest(wallet=shop.ref, page_token="forged")
    assert (await refusal(api(request))).reason == "PAGE_TOKEN_INVALID"
