"""Whatever becomes of an event, there are sentences about it that a shop assistant can read out."""

from __future__ import annotations

import re

from shop import DAY, PROGRAM, Caps, Give, Policy, Rule, Stage, percent, ruleset
from wallet.v1 import earning_pb2

from wallet_service.earning.model import ClawBackPolicy, EventState
from wallet_service.earning.wire import award_message
from wallet_service.earning.wording import remarks_of
from wallet_service.fraud.model import PaceLimits
from wallet_service.rules.ruleset import Group, Level, Mode, Ruleset, When

CODE = re.compile(r"\b[A-Z]+_[A-Z_]+\b|\b\d{2,}(?![.\d]| EUR)")
"""A code, or an amount without its unit."""


async def said_of(shop, wallet_id, name, source="till"):
    event = await shop.event(wallet_id, name, source)
    units = await shop.earning.units(wallet_id, shop.soon())
    said = remarks_of(event, units)
    for remark in said:
        assert remark.endswith(".")
        assert not CODE.search(remark), remark
    return event.state, said


async def test_each_wait_and_rejection_has_a_sentence(shop):
    anna = await shop.customer()
    await shop.tell(anna, "early", shop.comes_back("o1", everything=True))
    await shop.work()
    assert await said_of(shop, anna, "early") == (
        EventState.HELD,
        [
            "It is held, and not decided yet.",
            "It waits for the purchase that it is about, which has not come in or is not decided yet.",
        ],
    )
    await shop.tell(anna, "e1", shop.purchase("o2", 999))
    await shop.tell(anna, "e1", shop.purchase("o2", 999), source="web")
    await shop.tell(anna, "much", shop.comes_back("o2", "r2", amount_minor=1_000))
    await shop.work()
    state, said = await said_of(shop, anna, "e1", "web")
    assert (state, said[1:]) == (
        EventState.REJECTED,
        ["The same order had come in before, and an order earns only once."],
    )
    assert (await said_of(shop, anna, "much"))[1][1:] == [
        "More would come back than was bought, so nothing was done."
    ]
    await shop.wait(181 * DAY)
    await shop.work()
    assert (await said_of(shop, anna, "early"))[1][1:] == [
        "The order that it is about never came in, so there is nothing to take back."
    ]


async def test_what_the_judge_and_a_person_decide_has_a_sentence(shop):
    shop.limits = PaceLimits(review_value_minor=500)
    shop.use(ruleset(percent()))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 999))
    await shop.work()
    state, said = await said_of(shop, anna, "e1")
    assert (state, said) == (
        EventState.IN_REVIEW,
        ["A person has to decide about it.", "It is worth unusually much."],
    )
    event = await shop.event(anna, "e1")
    await shop.earning.review(anna, event.event_id, approve=False, deadline=shop.soon())
    state, said = await said_of(shop, anna, "e1")
    assert state is EventState.REJECTED
    assert said[-1] == "A person has looked at it and decided that it earns nothing."


async def test_what_earned_nothing_says_so(shop):
    shop.use(ruleset(percent(when=When(categories=("wine",)))))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 999))
    await shop.work()
    assert await said_of(shop, anna, "e1") == (
        EventState.MATURED,
        ["It earned nothing. No rule gives anything for this."],
    )


async def test_a_return_says_what_was_frozen_taken_back_and_restored(shop):
    anna = await shop.customer()
    await shop.give(anna, 400)
    paid = await shop.pay(anna, "o1", 400)
    bought = shop.purchase("o1", 10_000, reservation_id=paid, redeemed_minor=400, redeemed_value_minor=400)
    await shop.tell(anna, "e1", bought)
    await shop.work()
    await shop.tell(anna, "r1", shop.comes_back("o1", stage=Stage.OPENED))
    await shop.work()
    await shop.tell(anna, "r2", shop.comes_back("o1", amount_minor=5_000))
    await shop.work()
    assert (await said_of(shop, anna, "r1"))[1] == [
        "A return was opened, and what the order earned was frozen until it ends."
    ]
    # 5 % of 9,600 is 480: half of it, and half of the 400.
    assert (await said_of(shop, anna, "r2"))[1] == [
        "2.40 EUR that the order had earned was taken back.",
        "2.00 EUR that the order was paid with was given back to the wallet.",
        "What else was frozen is free again.",
    ]
    assert (await said_of(shop, anna, "e1"))[1] == ["2.40 EUR was taken back because goods were returned."]
    await shop.tell(anna, "r3", shop.comes_back("o1", "r3", stage=Stage.OPENED))
    await shop.work()
    await shop.tell(anna, "r4", shop.comes_back("o1", "r3", stage=Stage.REJECTED))
    await shop.work()
    assert (await said_of(shop, anna, "r4"))[1] == [
        "The goods were not taken back, and what was frozen is free again."
    ]


async def test_a_return_says_what_could_not_be_taken_in_the_programs_units(shop):
    policy = Policy(return_window_seconds=0, claw_back=ClawBackPolicy.UP_TO_ZERO_THEN_DEBT)
    await shop.earning.put_policy(PROGRAM, policy, None, "t", "t", shop.soon())
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.pay(anna, "other", 450)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert (await said_of(shop, anna, "r1"))[1] == [
        "0.50 EUR that the order had earned was taken back.",
        "4.50 EUR had been spent already and is owed.",
    ]
    assert (await said_of(shop, anna, "e1"))[1] == [
        "0.50 EUR was taken back because goods were returned.",
        "4.50 EUR more is owed and will be kept from later earnings.",
    ]


async def test_an_award_says_its_base_rate_trims_and_losers_to_machines_too(shop):
    base = Rule(rule_id="base", title="1 % on everything", group="rates", give=Give(basis_points=100))
    food = Rule(
        rule_id="food", title="5 % on food", group="rates", give=Give(basis_points=500),
        caps=Caps(per_order=300, per_customer_day=200),
    )  # fmt: skip
    rates = Group(name="rates", mode=Mode.BEST, level=Level.LINE)
    shop.use(Ruleset(time_zone="UTC", groups=(rates,), rules=(base, food)))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 9_000))
    await shop.work()
    (award,) = (await shop.event(anna, "e1")).result.priced.awards
    message = award_message(award, await shop.earning.units(anna, shop.soon()))
    assert (message.title, message.kind, message.base, message.rate) == (
        "5 % on food", earning_pb2.AWARD_KIND_BASIS_POINTS, 9_000, 500,
    )  # fmt: skip
    assert (message.uncapped_minor, message.amount_minor, message.aside_group) == (450, 200, "")
    trims = [(each.period, each.limit_minor, each.left_minor, each.by_minor) for each in message.trims]
    assert trims == [
        (earning_pb2.CAP_PERIOD_ORDER, 300, 300, 150),
        (earning_pb2.CAP_PERIOD_DAY, 200, 200, 100),
    ]
    assert message.trims[1].cap_key == award.trims[1].cap_key
    (beaten,) = message.beaten
    assert (beaten.rule_id, beaten.group, beaten.amount_minor) == ("base", "rates", 90)
