"""What becomes of a claw-back that the balance does not cover: the program's policy says it, and no split changes it."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from shop import DAY, PROGRAM, START, Campaign, Caps, Policy, opened, percent, ruleset
from test_crashes import outlived
from test_refills import LEFT, _campaign, priced_with, used
from test_returns import orders_and_parts

from wallet_service.earning import caps, returns
from wallet_service.earning.acts import command_of, finished, settled, without
from wallet_service.earning.desk import Desk, event_id_of
from wallet_service.earning.model import (
    ClawBackPolicy,
    Content,
    Event,
    EventKind,
    EventState,
    Purchase,
    Result,
)
from wallet_service.earning.returning import decide_return
from wallet_service.earning.wire import policy_message, policy_of
from wallet_service.earning.wording import remarks_of
from wallet_service.fraud.model import PaceLimits
from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Refusal
from wallet_service.ledger.commands import Adjust, ClawBack, Commit, Grant, Reserve
from wallet_service.ledger.decide import decide, genesis
from wallet_service.ledger.decide.decision import content_of
from wallet_service.ledger.model import Known, Order, Terms, Wallet, WalletState
from wallet_service.rules.model import Priced

ALLOW, ZERO, GIVE_UP = ClawBackPolicy
WALLET = "0b8f3c1e-5f0e-5d52-9c83-3f7d1a2b4c5d"
FLOOR = -60


def event(name: str, kind: EventKind, **more) -> Event:
    return Event(
        wallet_id=WALLET, event_id=event_id_of("till", name), program_id=PROGRAM, kind=kind, source="till",
        source_event_id=name, occurred_at=START, received_at=START, due_at=NEVER, tries=0, clawed_back=0, debt=0,
        **more,
    )  # fmt: skip


class Customer:
    """One order of one wallet, in memory: what the worker does with its returns, and what the ledger makes of it."""

    def __init__(self, lines, shares, available: int, redeemed: int = 0) -> None:
        self.terms = Terms(floor_minor=FLOOR)
        self.wallet = Wallet(
            wallet_id=WALLET, program_id=PROGRAM, customer_ref="c", state=WalletState.ACTIVE, pending=0, available=0,
            reserved=0, frozen=0, version=0, revision=0, pending_lots=(), available_lots=(), frozen_lots=(),
            frozen_by_hand=(), holds=(), head=genesis(WALLET), next_due_at=NEVER, touched_at=START, opened_at=START,
        )  # fmt: skip
        self.credit, self.reservation, self.operations = None, None, {}
        purchase = Purchase(
            order_ref="o", currency="EUR", lines=lines, redeemed_minor=redeemed, redeemed_value_minor=redeemed,
            reservation_id=self.pay(redeemed) if redeemed else "",
        )  # fmt: skip
        content = Content(kind=EventKind.PURCHASE, occurred_at=START, purchase=purchase)
        earned = sum(shares)
        self.bought = event(
            "bought", EventKind.PURCHASE, state=EventState.MATURED, amount=earned, content=content,
            result=Result(priced=Priced(lines=shares, amount=earned, awards=(), caps=())),
        )  # fmt: skip
        if earned:
            self.say(
                Grant(
                    wallet_id=WALLET, credit_id=self.bought.event_id, amount=earned, pending=False,
                    expires_at=NEVER, reference="o",
                )
            )  # fmt: skip
        if available != earned:
            self.say(
                Adjust(
                    wallet_id=WALLET, operation_id=str(uuid.UUID(int=1)), delta=available - earned, actor="t",
                    reason="spent",
                )
            )  # fmt: skip

    def pay(self, amount: int) -> str:
        """Pay with value that was in the wallet before; answers the reservation."""
        reservation_id = str(uuid.UUID(int=2))
        self.say(
            Grant(
                wallet_id=WALLET, credit_id=str(uuid.UUID(int=3)), amount=amount, pending=False, expires_at=NEVER
            )
        )  # fmt: skip
        order = Order(order_ref="o", total_minor=100_000, currency="EUR")
        self.say(
            Reserve(
                wallet_id=WALLET, reservation_id=reservation_id, amount=amount, value_minor=amount, order=order,
                device="", ttl_seconds=900,
            )
        )  # fmt: skip
        self.say(
            Commit(
                wallet_id=WALLET, reservation_id=reservation_id, commit_id=str(uuid.UUID(int=4)), amount=None,
                final=True,
            )
        )  # fmt: skip
        self.credit = None
        return reservation_id

    def say(self, command):
        known = Known(
            reservation=self.reservation, credit=self.credit if hasattr(command, "credit_id") else None,
            operation=self.operations.get(getattr(command, "operation_id", "")),
        )  # fmt: skip
        decision = decide(self.wallet, command, START, self.terms, known)
        self.wallet, self.credit = decision.wallet, decision.credit or self.credit
        self.reservation = decision.reservations[-1] if decision.reservations else self.reservation
        if decision.operation is not None:
            self.operations[decision.operation.operation_id] = decision.operation
        return decision.outcome

    def give_back(self, number: int, returned, policy: ClawBackPolicy) -> None:
        content = Content(kind=EventKind.RETURN, occurred_at=START, returned=returned)
        told = event(
            f"r{number}", EventKind.RETURN, state=EventState.HELD, amount=0, content=content, result=Result()
        )
        desk = Desk(
            now=START, policy=Policy(claw_back=policy), limits=PaceLimits(), rules=lambda _moment: None,
            events={self.bought.event_id: self.bought, told.event_id: told}, orders={"o": self.bought.event_id},
        )  # fmt: skip
        decide_return(desk, told, returned)
        told, done = desk.events[told.event_id], 0
        while done < len(told.result.acts):
            act = told.result.acts[done]
            outcome = self.say(command_of(told, act))
            if isinstance(outcome, Refusal):
                told = without(told, act, outcome)
                assert told is not None, outcome
            else:
                done += 1
        self.bought = settled(desk.events[self.bought.event_id], finished(told))

    @property
    def end(self) -> tuple[int, int, int, int]:
        """What is available, taken back, owed and given up."""
        bought = self.bought
        assert self.credit is None or self.credit.clawed_back == bought.clawed_back
        return self.wallet.available, bought.clawed_back, bought.debt, bought.result.given_up


def expected(policy: ClawBackPolicy, due: int, available: int) -> tuple[int, int, int, int]:
    lowest = FLOOR if policy is ALLOW else 0
    taken = min(due, available - lowest)
    short = due - taken
    owed, given_up = (0, short) if policy is GIVE_UP else (short, 0)
    return available - taken, taken, owed, given_up


@pytest.mark.parametrize("policy", ClawBackPolicy)
@given(orders_and_parts(), st.integers(0, 600), st.integers(0, 600))
def test_any_split_and_order_of_returns_ends_the_same(policy, found, available, redeemed):
    """Also of an order that was partly paid with the wallet: what that gives back pays what is to be taken."""
    lines, shares, *ways = found
    for way in ways:
        customer, back = Customer(lines, shares, available, redeemed), returns.Back()
        for number, one in enumerate(way):
            customer.give_back(number, one, policy)
            back = returns.after(back, lines, one)
        due = returns.share_back(back, lines, shares)
        restored = returns.part_back(back, lines, redeemed)
        assert customer.end == expected(policy, due, available + restored)


def test_a_policy_is_said_and_read_again_and_without_a_word_the_floor_counts():
    for policy in ClawBackPolicy:
        assert policy_of(policy_message(Policy(claw_back=policy))).claw_back is policy
    message = policy_message(Policy())
    message.ClearField("claw_back")
    assert policy_of(message).claw_back is ALLOW


def test_a_claw_back_that_was_recorded_before_there_were_policies_is_repeated_as_the_same():
    before = '{"credit_id":"c","amount":5,"actor":"earning","reason":"returned"}'
    command = ClawBack(
        wallet_id=WALLET, operation_id="o", credit_id="c", amount=5, actor="earning", reason="returned"
    )
    assert content_of(command) == before
    assert content_of(replace(command, stop_at_zero=True)) != before


@pytest.mark.parametrize("policy", ClawBackPolicy)
async def test_a_claw_back_at_the_edge_of_the_balance(policy, database_url, redis_url):
    async with opened(database_url, redis_url) as shop:
        await shop.begin(floor_minor=-200, policy=Policy(claw_back=policy))
        edges = {more: await shop.customer(f"c{more}") for more in (-1, 0, 1)}
        await shop.tell_all([(each, f"e1{n}", shop.purchase(f"o1{n}", 10_000)) for n, each in edges.items()])
        await shop.work()
        await shop.wait(14 * DAY)
        await shop.work()
        # 500 were earned and come back; the balance that covers it ends at the floor, or at zero.
        edge = 300 if policy is ALLOW else 500
        for more, each in edges.items():
            await shop.give(each, 500)
            await shop.pay(each, "other", 1_000 - edge - more)
        await shop.tell_all(
            [(each, f"r1{n}", shop.comes_back(f"o1{n}", everything=True)) for n, each in edges.items()]
        )
        await shop.work()
        for more, each in edges.items():
            bought, returned = await shop.event(each, f"e1{more}"), await shop.event(each, f"r1{more}")
            lowest, short = -200 if policy is ALLOW else 0, max(0, -more)
            owed, given_up = (0, short) if policy is GIVE_UP else (short, 0)
            assert (await shop.balance(each))[1] == lowest + max(0, more)
            assert (bought.clawed_back, bought.debt, bought.result.given_up) == (500 - short, owed, given_up)
            assert returned.result.given_up == given_up
            units = await shop.earning.units(each, shop.soon())
            said = [
                any("given up" in remark for remark in remarks_of(one, units)) for one in (bought, returned)
            ]
            assert said == [given_up > 0] * 2
            # Later earnings pay what is owed, and nothing that was given up.
            await shop.tell(each, f"e2{more}", shop.purchase(f"o2{more}", 1_000))
            await shop.work()
            assert (await shop.balance(each))[0] == 50 - owed
            assert (await shop.event(each, f"e1{more}")).debt == 0
        await shop.is_sound()


async def test_what_was_owed_before_a_policy_gives_up_is_owed_still_and_its_payment_comes_back_as_far_as_it_can(
    shop,
):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    await shop.pay(anna, "other", 400)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    await shop.earning.put_policy(PROGRAM, Policy(claw_back=GIVE_UP), None, "t", "t", shop.soon())
    await shop.tell(anna, "e2", shop.purchase("o2", 10_000))
    await shop.work()
    assert ((await shop.event(anna, "e1")).debt, (await shop.balance(anna))[0]) == (0, 100)
    # 400 of its earnings paid the debt: that cannot be taken again.
    await shop.tell(anna, "r2", shop.comes_back("o2", everything=True))
    await shop.work()
    second = await shop.event(anna, "e2")
    assert (second.state, second.debt, second.result.given_up) == (EventState.CLAWED_BACK, 0, 400)
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await shop.is_sound()


@given(orders_and_parts(), LEFT, st.integers(0, 600))
def test_what_is_given_up_stays_counted_by_caps_however_returns_are_split(found, left, available):
    lines, _, *ways = found
    priced = priced_with(lines, left)
    ends = []
    for way in ways:
        back, given_up, there = returns.Back(), 0, available
        refilled = dict.fromkeys((use.cap_key for use in priced.caps), 0)
        for one in way:
            before, back = back, returns.after(back, lines, one)
            due = returns.share_back(back, lines, priced.lines) - returns.share_back(
                before, lines, priced.lines
            )
            for under_way in (due, 0):
                if not under_way:
                    there, given_up = there - min(due, there), given_up + due - min(due, there)
                now = caps.given_back(priced, back, lines, given_up + under_way)
                # Nothing that went back is ever asked for again.
                assert all(now[key] >= amount for key, amount in refilled.items())
                refilled = now
        taken = available - there
        for use in priced.caps:
            assert refilled[use.cap_key] * priced.amount <= use.amount * taken
        ends.append(refilled)
    assert ends[0] == ends[1]


async def test_who_spends_and_returns_where_it_is_given_up_cannot_earn_it_again(shop):
    await shop.earning.put_policy(
        PROGRAM, Policy(claw_back=GIVE_UP, return_window_seconds=0), None, "t", "t", shop.soon()
    )
    c1 = Campaign(**{**_campaign(), "budget": 700})
    shop.use(ruleset(percent(campaign="c1", caps=Caps(per_customer_lifetime=800))), c1)
    anna = await shop.customer()
    earned = []
    for number, spent in enumerate((500, 100, 200)):
        await shop.tell(anna, f"e{number}", shop.purchase(f"o{number}", 10_000))
        await shop.work()
        earned.append((await shop.event(anna, f"e{number}")).amount)
        await shop.pay(anna, f"other-{number}", min(spent, earned[-1]))
        # In two parts, and told twice.
        for part in ({"amount_minor": 3_000}, {"everything": True}) * 2:
            await shop.tell(
                anna, f"r{number}-{len(part)}-{'everything' in part}", shop.comes_back(f"o{number}", **part)
            )
        await shop.work()
        await shop.is_sound()
        # A worker that found the budget empty does not ask again at once.
        await shop.pipeline.close()
    # Of the budget 500 are gone for good, then 100 of the 200 that were left, then the last 100.
    assert earned == [500, 200, 100]
    assert await used(shop) == {"campaign/c1": 700, "rule/base/lifetime": 700}
    await shop.tell(anna, "last", shop.purchase("last", 10_000))
    await shop.work()
    assert (await shop.event(anna, "last")).amount == 0
    await shop.is_sound()


@pytest.mark.parametrize("done_first", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_at_any_call_gives_up_once(shop, done_first):
    policy = Policy(claw_back=GIVE_UP, return_window_seconds=0)
    await shop.earning.put_policy(PROGRAM, policy, None, "t", "t", shop.soon())
    shop.use(ruleset(percent(caps=Caps(per_customer_lifetime=800))))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.pay(anna, "other", 300)
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=3_000))
    await shop.tell(anna, "r2", shop.comes_back("o1", everything=True))
    await outlived(shop, done_first=done_first)
    bought = await shop.event(anna, "e1")
    assert (bought.clawed_back, bought.debt, bought.result.given_up, bought.result.under_way) == (
        200,
        0,
        300,
        0,
    )
    assert (await used(shop), await shop.balance(anna)) == ({"rule/base/lifetime": 300}, (0, 0, 0, 0))
    await shop.is_sound()
