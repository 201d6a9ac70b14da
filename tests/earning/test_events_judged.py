"""Events judged by a program's fraud policy."""

from __future__ import annotations

import json

import pytest
from msgspec.structs import replace
from shop import PROGRAM, percent, ruleset

from wallet_service.earning import policy as earning_policy
from wallet_service.earning.model import Content, EventKind, EventState
from wallet_service.earning.store import digest_of
from wallet_service.fraud.authoring import FraudAuthoring
from wallet_service.fraud.devices import Context
from wallet_service.fraud.judged import JudgedAs
from wallet_service.fraud.judgements import BEGINNING, judgements_after
from wallet_service.fraud.model import PaceLimits
from wallet_service.kernel.errors import Refusal

PHONE = Context(fingerprint="phone", payment_hash="card")


def limit(name: str, verdict: str = "review", **fields):
    return {"name": name, "of": "event", "verdict": verdict, **fields}


async def rule(shop, *limits, **fields):
    authoring = FraudAuthoring(shop.db, shop.ledger.programs, shop.fraud.policies)
    document = json.dumps({"limits": limits, **fields})
    put = await authoring.put(PROGRAM, document, None, "t", "t", shop.soon())
    assert not isinstance(put, Refusal), put


async def tell(
    shop, name: str, number: int, *, kind=EventKind.PURCHASE, context: Context = PHONE, price: int = 1_000
):
    wallet_id = await shop.customer(name)
    content = Content(kind=kind, occurred_at=shop.now, subject="bert")
    if kind is EventKind.PURCHASE:
        content = shop.purchase(f"{name}-{number}", price)
    traced = Content(
        kind=content.kind, occurred_at=content.occurred_at, purchase=content.purchase, subject=content.subject,
        traces=shop.fraud.traces(context),
    )  # fmt: skip
    await shop.tell(wallet_id, f"{name}-{number}", traced)
    return wallet_id


async def state(shop, name: str, number: int):
    return (await shop.event(await shop.customer(name), f"{name}-{number}")).state


async def judged(shop):
    rows = await judgements_after(shop.db, BEGINNING, 100, timeout_seconds=5)
    return [(row.subject_kind, row.verdict, row.reasons, row.amount_minor) for row in rows]


async def test_a_limit_on_events_lets_pass_up_to_its_bound(shop):
    await rule(shop, limit("MANY", measure="count", window="hour", above=3))
    for number in range(5):
        await tell(shop, "anna", number)
    await shop.work()
    states = [await state(shop, "anna", number) for number in range(5)]
    assert states.count(EventState.CREDITED) == 3
    assert states.count(EventState.IN_REVIEW) == 2
    assert await judged(shop) == [("event", JudgedAs.REVIEW, ("MANY",), 1_000)] * 2
    await shop.is_sound()


async def test_events_count_when_they_came_in_however_late_they_are_worked_on(shop):
    await rule(shop, limit("MANY", measure="count", window="minute", above=1))
    for number in range(4):
        await tell(shop, "anna", number)
        await shop.wait(120_000_000)
    await shop.work()
    assert {await state(shop, "anna", number) for number in range(4)} == {EventState.CREDITED}


async def test_limits_may_speak_of_one_kind_a_card_a_device_or_a_referrer(shop):
    shop.use(ruleset(percent()))
    await rule(
        shop, limit("CARD", "refuse", measure="wallets", by="payment", window="day", above=2),
        limit("REFERRER", measure="count", by="referrer", kind="referral", window="day", above=1),
        limit("DEVICE", measure="count", by="device", window="hour", above=6),
    )  # fmt: skip
    for name in ("anna", "bert", "cara"):
        await tell(shop, name, 1)
        await shop.work()
    assert await state(shop, "bert", 1) is EventState.CREDITED
    refused = await shop.event(await shop.customer("cara"), "cara-1")
    assert (refused.state, refused.result.reasons) == (EventState.REJECTED, ("CARD",))
    friend = Context(referrer="bert")
    for number in (2, 3):
        await tell(shop, "anna", number, kind=EventKind.REFERRAL, context=friend)
        await shop.work()
    assert await state(shop, "anna", 2) is EventState.MATURED
    assert await state(shop, "anna", 3) is EventState.IN_REVIEW


async def test_a_policy_takes_the_place_of_the_defaults_and_shadow_only_counts(shop):
    shop.limits = PaceLimits(review_value_minor=1)
    shop.use(ruleset(percent()))
    await rule(shop, limit("TRIED", "refuse", measure="value", above=10, shadow=True))
    await tell(shop, "anna", 1)
    await shop.work()
    assert await state(shop, "anna", 1) is EventState.CREDITED
    (row,) = await judgements_after(shop.db, BEGINNING, 10, timeout_seconds=5)
    assert (row.verdict, row.shadow_verdict, row.reasons) == (JudgedAs.ALLOW, JudgedAs.REFUSE, ())
    assert row.signals["shadow_reasons"] == ["TRIED"]
    assert row.policy_version == 1


async def test_the_defaults_put_their_judgements_on_record_too(shop):
    await tell(shop, "anna", 1, price=6_000_000)
    await shop.work()
    assert await judged(shop) == [("event", JudgedAs.REVIEW, ("HIGH_VALUE",), 6_000_000)]


async def test_without_the_cache_each_limit_does_what_was_written(shop):
    await rule(
        shop, limit("BLIND", measure="count", window="hour", above=9, unknown="review", unknown_from_minor=500),
    )  # fmt: skip
    await shop.cache.close()

    async def away(*_arguments, **_options):
        return None

    shop.cache.evaluate = away
    await tell(shop, "anna", 1, price=499)
    await tell(shop, "anna", 2, price=500)
    await shop.work()
    assert await state(shop, "anna", 1) is EventState.CREDITED
    assert await state(shop, "anna", 2) is EventState.IN_REVIEW


async def test_what_a_reviewer_let_pass_is_not_judged_again(shop):
    await rule(shop, limit("MANY", measure="count", window="hour", above=0))
    wallet_id = await tell(shop, "anna", 1)
    await shop.work()
    assert await state(shop, "anna", 1) is EventState.IN_REVIEW
    event = await shop.event(wallet_id, "anna-1")
    await shop._as_owner(
        f'update earning.event set state = 1, due_at = received_at, result = \'{{"reasons": ["{earning_policy.APPROVED}"]}}\''
        f" where event_id = '{event.event_id}'"
    )
    await shop._as_owner("update earning.queue set due_at = '1970-01-01', leased_until = '1970-01-01'")
    await shop._as_owner(
        f"insert into earning.queue (wallet_id, program_id, due_at) values ('{wallet_id}', '{PROGRAM}', '1970-01-01')"
        " on conflict do nothing"
    )
    await shop.work()
    assert await state(shop, "anna", 1) is EventState.CREDITED


@pytest.mark.parametrize("worker_dies_after", range(1, 5))
async def test_a_worker_that_dies_leaves_the_judging_to_the_next(shop, worker_dies_after):
    await rule(shop, limit("BIG", measure="value", above=999))
    await tell(shop, "anna", 1)
    await tell(shop, "bert", 1, price=100)
    await shop.die_after(worker_dies_after)
    await shop.forget_leases()
    await shop.work()
    assert await state(shop, "anna", 1) is EventState.IN_REVIEW
    assert await state(shop, "bert", 1) is EventState.CREDITED
    await shop.is_sound()


def test_the_device_that_tells_is_no_part_of_what_happened(shop):
    said = shop.purchase("o1", 1_000)
    told = replace(said, traces=shop.fraud.traces(PHONE))
    assert digest_of(said) == digest_of(told)
