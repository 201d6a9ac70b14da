"""An event counts once, whoever tells it, however often, in whatever order; and it goes all the way."""

from __future__ import annotations

import itertools
import random

import pytest
from msgspec.structs import replace
from shop import DAY, STEPS, Policy, Stage, percent, ruleset

from wallet_service.earning.model import Content, EventKind, EventState
from wallet_service.earning.service import Accepted
from wallet_service.fraud.model import Pace, PaceLimits, Verdict
from wallet_service.fraud.policy import judge_pace
from wallet_service.kernel.errors import Reason, Refusal


async def test_a_purchase_is_credited_pending_and_matures_when_its_window_closes(shop):
    anna = await shop.customer()
    assert isinstance(await shop.tell(anna, "e1", shop.purchase("o1", 10_000)), Accepted)
    assert (await shop.event(anna, "e1")).state is EventState.HELD
    await shop.work()
    assert await shop.balance(anna) == (500, 0, 0, 0)
    assert (await shop.event(anna, "e1")).state is EventState.CREDITED
    await shop.wait(14 * DAY - 1)
    await shop.work()
    assert await shop.balance(anna) == (500, 0, 0, 0)
    await shop.wait(1)
    await shop.work()
    assert await shop.balance(anna) == (0, 500, 0, 0)
    assert (await shop.event(anna, "e1")).state is EventState.MATURED
    assert await shop.value("select count(*) from earning.queue") == 0
    await shop.is_sound()


async def test_what_is_held_waits_for_the_time_of_its_kind(shop):
    await shop.earning.put_policy(
        "shop", Policy(hold_seconds={EventKind.PURCHASE: 3_600}), None, "t", "t", shop.soon()
    )
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    assert (await shop.event(anna, "e1")).state is EventState.HELD
    await shop.wait(3_600_000_001)
    await shop.work()
    assert (await shop.event(anna, "e1")).state is EventState.CREDITED


@pytest.mark.parametrize("times", range(1, 6))
async def test_an_event_delivered_many_times_counts_once(shop, times):
    anna = await shop.customer()
    first, second = shop.purchase("o1", 10_000), shop.purchase("o2", 3_000)
    outcomes = []
    for n in range(times):
        outcomes += await shop.tell_all([(anna, "e2", second), (anna, "e1", first), (anna, "e2", second)])
        if n % 2:
            await shop.work()
    await shop.work()
    assert await shop.balance(anna) == (650, 0, 0, 0)
    assert [outcome.replayed for outcome in outcomes].count(False) == 2
    await shop.is_sound()


async def test_whatever_is_told_one_to_five_times_in_any_order_ends_alike(shop):
    """Two orders, a part of one coming back, all of the other, and a referral; workers go in between."""
    ends = set()
    for seed in range(12):
        dice, someone = random.Random(seed), await shop.customer(f"c{seed}")
        contents = {
            "p1": shop.purchase(f"{seed}-1", 10_037, 2_011, quantity=3), "p2": shop.purchase(f"{seed}-2", 3_000),
            "r1": shop.comes_back(f"{seed}-1", ref="r1", lines=[{"line": 0, "quantity": 2}]),
            "r2": shop.comes_back(f"{seed}-1", ref="r2", amount_minor=1_777),
            "r3": shop.comes_back(f"{seed}-2", ref="r3", everything=True),
            "f": Content(kind=EventKind.REFERRAL, occurred_at=shop.now, subject="friend"),
        }  # fmt: skip
        told = [name for name in contents for _ in range(dice.randint(1, 5))]
        dice.shuffle(told)
        for name in told:
            await shop.tell(someone, f"{seed}-{name}", contents[name])
            if not dice.randrange(6):
                await shop.work()
        await shop.work()
        events = [await shop.event(someone, f"{seed}-{name}") for name in contents]
        ends.add((await shop.balance(someone), *((e.state, e.amount, e.clawed_back, e.debt) for e in events)))
    assert len(ends) == 1
    await shop.is_sound()


async def test_the_same_id_with_other_content_is_refused_and_changes_nothing(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    refused = await shop.tell(anna, "e1", shop.purchase("o1", 99_000))
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.ID_REUSED
    await shop.work()
    assert await shop.balance(anna) == (500, 0, 0, 0)
    assert (await shop.tell(anna, "e1", replace(shop.purchase("o1", 10_000)))).replayed


async def test_an_order_that_two_sources_tell_of_earns_once(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000), source="till")
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000), source="webhook")
    await shop.work()
    assert await shop.balance(anna) == (500, 0, 0, 0)
    late = await shop.event(anna, "e1", "webhook")
    assert (late.state, late.result.reasons) == (EventState.REJECTED, ("ORDER_KNOWN",))


async def test_an_order_told_again_while_the_clock_stands_still_earns_once(shop):
    people = [await shop.customer(f"c{n}") for n in range(8)]
    for source in ("till", "webhook", "import"):
        for person in people:
            await shop.tell(person, person, shop.purchase(person, 10_000), source=source)
        await shop.work()
    assert {await shop.balance(person) for person in people} == {(500, 0, 0, 0)}
    await shop.is_sound()


async def test_impossible_events_are_refused_one_by_one(shop):
    anna = await shop.customer()
    good = shop.purchase("o1", 10_000)
    future = replace(good, occurred_at=shop.now + DAY)
    ancient = replace(good, occurred_at=shop.now - 3_660 * DAY)
    dollars = replace(good, purchase=replace(good.purchase, currency="USD"))
    foreign = await shop.tell(anna, "e", dollars)
    assert foreign.reason is Reason.CURRENCY_MISMATCH
    nobody = "00000000-0000-5000-8000-000000000000"
    outcomes = await shop.tell_all(
        [(anna, "a", future), (anna, "b", ancient), (nobody, "c", good), (anna, "d", good)]
    )
    reasons = [getattr(outcome, "reason", None) for outcome in outcomes]
    assert reasons == [Reason.EVENT_IN_FUTURE, Reason.EVENT_TOO_OLD, Reason.WALLET_NOT_FOUND, None]
    assert await shop.value("select count(*) from earning.event") == 1


async def test_text_that_means_something_elsewhere_is_only_text(shop):
    anna = await shop.customer()
    nasty = "=cmd|'/c'!A1'; drop table earning.event; -- <script>alert(1)</script>\u202e"
    content = shop.purchase(nasty, 10_000, channel=nasty, store=nasty, coupons=(nasty,))
    assert isinstance(await shop.tell(anna, nasty, content, source=nasty), Accepted)
    await shop.work()
    assert (await shop.event(anna, nasty, nasty)).content == content
    assert await shop.balance(anna) == (500, 0, 0, 0)


@pytest.mark.parametrize("steps", range(len(STEPS) + 1))
async def test_a_worker_that_dies_between_two_steps_costs_nothing_and_credits_nothing_twice(shop, steps):
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    reservation = None
    await shop.give(bert, 300)
    reservation = await shop.pay(bert, "o2", 300)
    paid = {"reservation_id": reservation, "redeemed_minor": 300, "redeemed_value_minor": 300}
    await shop.tell_all(
        [(anna, "e1", shop.purchase("o1", 10_000)), (bert, "e2", shop.purchase("o2", 10_000, **paid))]
    )
    await shop.die_after(steps)
    await shop.forget_leases()
    await shop.work()
    assert await shop.balance(anna) == (500, 0, 0, 0)
    await shop.tell_all([(bert, "r1", shop.comes_back("o2", stage=Stage.OPENED))])
    await shop.die_after(steps)
    await shop.forget_leases()
    await shop.work()
    assert (await shop.balance(bert))[3] == 485
    await shop.tell_all([(bert, "r2", shop.comes_back("o2", everything=True))])
    await shop.die_after(steps)
    await shop.forget_leases()
    await shop.work()
    assert await shop.balance(bert) == (0, 300, 0, 0)
    await shop.wait(14 * DAY)
    await shop.die_after(steps)
    await shop.forget_leases()
    await shop.work()
    assert await shop.balance(anna) == (0, 500, 0, 0)
    await shop.is_sound()


async def test_a_worker_whose_lease_was_taken_over_writes_nothing_any_more(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    slow = shop.worker()
    work = await slow.claim(10)
    await slow.gather(work)
    await shop.forget_leases()
    await shop.work()
    after = await shop.event(anna, "e1")
    await slow.decide_and_record(work)
    assert work.claims == []
    assert await shop.event(anna, "e1") == after


async def test_a_poison_event_dies_alone_while_others_flow(shop, monkeypatch):
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    sound, bad = shop.rules.compiled, shop.now - 1

    def choking(_program_id, moment):
        if moment == bad:
            raise ZeroDivisionError
        return sound

    monkeypatch.setattr(shop.rules, "at", choking)
    poison = replace(shop.purchase("o1", 10_000), occurred_at=bad)
    good = shop.purchase("o2", 10_000)
    await shop.tell_all(
        [(anna, "poison", poison), (anna, "good", good), (bert, "other", shop.purchase("o3", 10_000))]
    )
    await shop.work()
    assert await shop.balance(anna) == await shop.balance(bert) == (500, 0, 0, 0)
    for _ in range(6):
        await shop.wait(64_000_000)
        await shop.work()
    dead = await shop.event(anna, "poison")
    assert (dead.state, dead.tries) == (EventState.DEAD, 5)
    assert await shop.balance(anna) == (500, 0, 0, 0)


async def test_events_of_other_kinds_earn_by_rules_of_their_kind(shop):
    from shop import Give, Rule, When

    shop.use(
        ruleset(
            percent(),
            Rule(rule_id="ref", title="A friend", give=Give(amount=700), when=When(kinds=("referral",))),
        )
    )
    anna = await shop.customer()
    await shop.tell(anna, "e1", Content(kind=EventKind.REFERRAL, occurred_at=shop.now, subject="bert"))
    await shop.work()
    assert await shop.balance(anna) == (700, 0, 0, 0)


async def test_too_many_events_are_held_for_a_person(shop):
    shop.limits = PaceLimits(review_events=3)
    shop.use(ruleset(percent()))
    anna = await shop.customer()
    await shop.tell_all([(anna, f"e{n}", shop.purchase(f"o{n}", 1_000)) for n in range(4)])
    await shop.work()
    states = {(await shop.event(anna, f"e{n}")).state for n in range(4)}
    assert states == {EventState.IN_REVIEW}
    assert await shop.balance(anna) == (0, 0, 0, 0)


def test_the_judge_names_every_reason_and_takes_the_severest():
    pace = Pace(value_minor=10, window_events=3, window_value_minor=30)
    assert judge_pace(pace, PaceLimits()).verdict is Verdict.ALLOW
    strict = PaceLimits(review_events=2, review_value_minor=9, review_window_value_minor=29)
    assert judge_pace(pace, strict).reasons == ("MANY_EVENTS", "HIGH_VALUE", "HIGH_VALUE_IN_WINDOW")
    assert judge_pace(pace, PaceLimits(reject_events=2)).verdict is Verdict.REFUSE
    none = PaceLimits(review_events=0, reject_events=0, review_value_minor=0, review_window_value_minor=0)
    assert judge_pace(pace, none).verdict is Verdict.ALLOW


async def test_simulating_writes_nothing_and_says_what_would_be_earned(shop):
    anna = await shop.customer()
    found = await shop.earning.simulate(anna, shop.purchase("o1", 10_000), shop.soon())
    assert found.amount == 500
    assert await shop.value("select count(*) from earning.event") == 0


async def test_events_are_listed_the_latest_first_page_by_page(shop):
    anna = await shop.customer()
    for n in range(5):
        await shop.tell(anna, f"e{n}", shop.purchase(f"o{n}", 1_000))
        await shop.wait(10)
    first = await shop.earning.events(anna, None, frozenset(), 3, shop.soon())
    position = (first[-1].received_at, first[-1].event_id)
    rest = await shop.earning.events(anna, position, frozenset(), 3, shop.soon())
    names = [event.source_event_id for event in itertools.chain(first, rest)]
    assert names == ["e4", "e3", "e2", "e1", "e0"]
