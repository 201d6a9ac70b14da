"""One wallet's trouble is its own: the events of all others flow on."""

from __future__ import annotations

import asyncio

import pytest
from shop import DAY, Shop, StaticRules, percent, ruleset

from wallet_service.earning import apart
from wallet_service.earning.model import TRIES_MAX, Content, EventKind, EventState, OrderLine, Purchase
from wallet_service.earning.pipeline import Pipeline
from wallet_service.earning.wire import event_message
from wallet_service.runtime.errors import (
    DatabaseConflict,
    DatabaseTimeout,
    DatabaseUnavailable,
    OutcomeUnknown,
    StatementFailed,
)

NEW_ID = "00000000-0000-4000-8000-000000000001"


def vast(shop: Shop, order: str) -> Content:
    """As much as lines can say; taken in by a version that had no limit on orders."""
    lines = tuple(OrderLine(sku=f"s{n}", quantity=10**6, unit_price_minor=10**9) for n in range(500))
    purchase = Purchase(order_ref=order, currency="EUR", lines=lines)
    return Content(kind=EventKind.PURCHASE, occurred_at=shop.now, purchase=purchase)


async def test_purchases_whose_sum_no_number_holds_hold_nobody_up(shop):
    anna, bob = await shop.customer("anna"), await shop.customer("bob")
    await shop.tell_all([(anna, f"e{n}", vast(shop, f"o{n}")) for n in range(20)])
    await shop.tell(bob, "e", shop.purchase("o", 10_000))
    await shop.pipeline.run(10)
    assert (await shop.balance(bob))[0] == 500


async def try_to_the_end(shop: Shop, pipeline=None) -> None:
    """As many rounds as tries, and one more; whatever a round leaves leased comes free."""
    for _ in range(TRIES_MAX + 1):
        await (pipeline or shop.pipeline).run(10)
        await shop.forget_leases()
        await shop.wait(64_000_000)


def spoilt(column: str, document: str, name: str) -> str:
    return f"update earning.event set {column} = '{document}' where source_event_id = '{name}'"


@pytest.mark.parametrize(
    ("column", "document"),
    [
        ("content", '{"kind":1}'),
        ("content", '{"kind":1,"occurred_at":1}'),
        ("content", "[" * 5_000 + "]" * 5_000),
        ("result", '{"acts":7}'),
        ("result", '["\\u0000"]'),
    ],
)
async def test_an_event_that_cannot_be_read_dies_after_its_tries_while_others_flow(shop, column, document):
    anna, bob = await shop.customer("anna"), await shop.customer("bob")
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.tell(anna, "e2", shop.purchase("o2", 2_000))
    await shop.tell(bob, "e3", shop.purchase("o3", 10_000))
    await shop._as_owner(spoilt(column, document, "e1"))
    await shop.pipeline.run(10)
    assert ((await shop.balance(anna))[0], (await shop.balance(bob))[0]) == (100, 500)
    assert (await shop.event(anna, "e1")).tries == 1
    await try_to_the_end(shop)
    (dead,) = await shop.earning.events(anna, None, [EventState.DEAD], 10, shop.soon())
    assert (dead.source_event_id, dead.tries, dead.result.reasons[-1]) == ("e1", TRIES_MAX, "UNREADABLE")
    assert event_message(dead).reasons[-1] == "UNREADABLE"
    # What made no sense is still there, for a person to look at.
    kept = await shop.value(f"select {column}::text from earning.event where source_event_id = 'e1'")
    assert kept == document


async def test_a_return_of_a_purchase_that_cannot_be_read_dies_and_changes_nothing(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop._as_owner(spoilt("content", '{"kind":1}', "e1"))
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.tell(anna, "e2", shop.purchase("o1", 10_000), source="web")
    await try_to_the_end(shop)
    assert (await shop.event(anna, "r1")).state is EventState.DEAD
    assert (await shop.event(anna, "e2", "web")).result.reasons == ("ORDER_KNOWN",)
    await shop.wait(14 * DAY)
    await shop.work()
    assert (await shop.event(anna, "e1")).state is EventState.MATURED
    assert await shop.balance(anna) == (0, 500, 0, 0)
    await shop.is_sound()


class Choking:
    """The ledger of a shop that meets something nobody foresaw with the commands of some wallets."""

    def __init__(self, shop: Shop, *wallets: str) -> None:
        self._ledger, self._wallets = shop.ledger, wallets

    def __getattr__(self, name):
        return getattr(self._ledger, name)

    def submit(self, command, deadline):
        if command.wallet_id in self._wallets:
            raise ArithmeticError("a lot holds less than is removed from it")
        return self._ledger.submit(command, deadline)


async def test_an_event_whose_command_raises_dies_after_its_tries_while_others_flow(shop):
    anna, bob = await shop.customer("anna"), await shop.customer("bob")
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.tell(bob, "e2", shop.purchase("o2", 10_000))
    worker = Pipeline(shop.db, Choking(shop, anna), shop.rules, shop.policies, shop.limits, shop.fraud)
    await worker.run(10)
    assert (await shop.balance(bob))[0] == 500
    await try_to_the_end(shop, worker)
    dead = await shop.event(anna, "e1")
    assert (dead.state, dead.tries, dead.amount) == (EventState.DEAD, TRIES_MAX, 0)
    await shop.is_sound()


class Tripping(StaticRules):
    """Rules that fail for some customers, as a whole question does."""

    def __init__(self, rules, fault: Exception, *refs: str) -> None:
        super().__init__(rules)
        self.fault, self.refs, self.asked, self.seconds = fault, set(refs), 0, 0.0

    async def profiles_of(self, program_id, refs, *, timeout_seconds):
        self.asked += 1
        await asyncio.sleep(self.seconds)
        if self.refs & set(refs):
            raise self.fault
        return {}


def tripping(shop: Shop, fault: Exception, *refs: str) -> tuple[Pipeline, Tripping]:
    rules = Tripping(ruleset(percent()), fault, *refs)
    return Pipeline(shop.db, shop.ledger, rules, shop.policies, shop.limits, shop.fraud), rules


async def test_a_round_that_fails_as_a_whole_goes_on_by_halves_until_the_culprit_is_alone(shop):
    people = [f"c{n}" for n in range(32)]
    wallets = [await shop.customer(name) for name in people]
    await shop.tell_all([(w, f"e{n}", shop.purchase(f"o{n}", 1_000)) for n, w in enumerate(wallets)])
    fault = StatementFailed("bigint out of range", sqlstate="22003")
    worker, rules = tripping(shop, fault, "c7", "c20")
    await worker.run(400)
    # Bounded: two culprits among 32 need some rounds of halves, not one for each wallet.
    assert rules.asked < 25
    pending = [(await shop.balance(wallet))[0] for wallet in wallets]
    assert [n for n, amount in enumerate(pending) if amount != 50] == [7, 20]
    events = [await shop.event(wallet, f"e{n}") for n, wallet in enumerate(wallets)]
    assert [n for n, event in enumerate(events) if event.tries == 1] == [7, 20]
    await try_to_the_end(shop, worker)
    dead = await shop.event(wallets[7], "e7")
    assert (dead.state, dead.tries, set(dead.result.reasons)) == (EventState.DEAD, TRIES_MAX, {"INTERNAL"})
    await shop.earning.retry(wallets[7], dead.event_id, NEW_ID, "t", "t", shop.soon())
    await shop.work()
    assert (await shop.event(wallets[7], "e7")).amount == 50
    await shop.is_sound()


async def test_halves_end_in_time_and_what_is_left_goes_back_to_the_queue(shop, monkeypatch):
    monkeypatch.setattr(apart, "SECONDS_MAX", 0.05)
    wallets = [await shop.customer(f"c{n}") for n in range(8)]
    await shop.tell_all([(w, f"e{n}", shop.purchase(f"o{n}", 1_000)) for n, w in enumerate(wallets)])
    worker, rules = tripping(shop, ValueError("unforeseen"), "c3")
    rules.seconds = 0.1
    assert await worker.run(10) == 8
    assert rules.asked == 1
    assert len((await worker.claim(10)).claims) == 8


async def test_a_return_that_waits_goes_on_when_its_purchase_dies_by_something_unforeseen(shop):
    anna = await shop.customer()
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    worker, _ = tripping(shop, ValueError("unforeseen"), "anna")
    await try_to_the_end(shop, worker)
    assert (await shop.event(anna, "e1")).state is EventState.DEAD
    await shop.work()
    assert (await shop.event(anna, "r1")).state is EventState.APPLIED


@pytest.mark.parametrize(
    "fault",
    [
        DatabaseUnavailable("away"), DatabaseTimeout("slow"), OutcomeUnknown("lost"), DatabaseConflict("locked"),
        StatementFailed("no such function", sqlstate="42883"), ConnectionResetError("reset"),
    ],
    ids=lambda fault: type(fault).__name__,
)  # fmt: skip
async def test_an_outage_counts_no_try_of_any_event(shop, fault):
    anna, bob = await shop.customer("anna"), await shop.customer("bob")
    for name, wallet in (("e1", anna), ("e2", bob)):
        await shop.tell(wallet, name, shop.purchase(f"o-{name}", 10_000))
    worker, rules = tripping(shop, fault, "anna")
    for _ in range(TRIES_MAX + 1):
        with pytest.raises(type(fault)):
            await worker.run(10)
        await shop.forget_leases()
    assert rules.asked == TRIES_MAX + 1
    await shop.work()
    assert [(await shop.event(w, n)).tries for w, n in ((anna, "e1"), (bob, "e2"))] == [0, 0]
    assert (await shop.balance(anna))[0] == 500
