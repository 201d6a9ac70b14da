"""What comes back, and what was never credited, frees the caps and budgets it had used: once, however it is split."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from shop import DAY, START, Campaign, Caps, Give, Rule, percent, ruleset
from test_crashes import outlived
from test_returns import LINES, orders_and_parts, returning
from test_surprises import fill_with_lots, try_to_the_end

from wallet_service.earning import caps, returns
from wallet_service.earning.asking import basket_of
from wallet_service.earning.model import Back, Content, EventKind, EventState, Purchase
from wallet_service.ledger import commands as say
from wallet_service.rules.compiler import compiled
from wallet_service.rules.model import Customer, Headroom
from wallet_service.rules.policy import price
from wallet_service.rules.ruleset import Multiplier

C1 = Campaign(
    campaign_id="c1", title="Autumn", starts_at="2020-01-01T00:00", ends_at="2030-01-01T00:00", budget=1_000
)
CAPPED = ruleset(
    percent(caps=Caps(per_customer_day=600)),
    Rule(rule_id="autumn", title="Autumn", give=Give(basis_points=2_000), campaign="c1"),
    Rule(rule_id="double", title="Twice", give=Give(multiplier=Multiplier(percent=200, of=("autumn",)))),
    caps=Caps(per_customer_lifetime=5_000),
)
COMPILED = compiled(CAPPED, 1, {"c1": C1})
KEYS = ("rule/base/day/2025-10-09", "campaign/c1", "all/lifetime")


def priced_with(lines, left):
    """Return what an order of these lines earns when caps have so much left."""
    content = Content(
        kind=EventKind.PURCHASE,
        occurred_at=START,
        purchase=Purchase(order_ref="o", currency="EUR", lines=lines),
    )
    room = Headroom(by_cap=dict(zip(KEYS, left, strict=True)))
    return price(basket_of(content), Customer(), START, COMPILED, room)


LEFT = st.tuples(*[st.integers(0, 300)] * 3)


@given(orders_and_parts(), LEFT)
def test_any_split_and_order_of_returns_refills_the_same_and_takes_nothing_again(found, left):
    lines, _, *ways = found
    priced = priced_with(lines, left)
    ends = []
    for way in ways:
        back, given = Back(), [caps.given_back(priced, Back(), lines)]
        for one in way:
            back = returns.after(back, lines, one)
            given.append(caps.given_back(priced, back, lines))
        for before, then in itertools.pairwise(given):
            assert all(before[key] <= then[key] for key in before)
        ends.append(given[-1])
    assert ends[0] == ends[1]
    assert all(0 <= ends[0][use.cap_key] <= use.amount for use in priced.caps)


@given(LINES, LEFT)
def test_returning_all_refills_all(lines, left):
    priced = priced_with(lines, left)
    back = returns.after(Back(), lines, returning(everything=True))
    assert caps.given_back(priced, back, lines) == caps.everything(priced)


async def used(shop) -> dict[str, int]:
    """What is counted of each cap and budget of everybody together."""
    rows = await shop.db.fetch(
        """
        select c.cap_key, sum(c.used)::bigint as used from earning.cap_use as c group by c.cap_key
        union all
        select s.cap_key, sum(s.used)::bigint - min(b.refilled)
        from earning.budget_slice as s join earning.budget as b using (program_id, cap_key) group by s.cap_key
        """,
        timeout_seconds=10,
    )
    return {row[0]: row[1] for row in rows}


SPLITS = {
    "at once": [{"everything": True}],
    "line by line": [{"lines": [{"line": n, "quantity": 2}]} for n in (1, 0)],
    "in amounts": [{"amount_minor": 777}, {"amount_minor": 1_111}, {"everything": True}],
}


@pytest.mark.parametrize("split", SPLITS)
async def test_an_order_that_came_back_has_used_nothing(shop, split):
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 1_037, 2_099, quantity=2))
    await shop.work()
    assert sorted(await used(shop)) == sorted(KEYS)
    for number, what in enumerate(SPLITS[split]):
        # Told twice: counts once.
        for _ in range(2):
            await shop.tell(anna, f"r{number}", shop.comes_back("o1", **what))
        await shop.work()
        await shop.is_sound()
    assert set((await used(shop)).values()) == {0}


async def test_a_refilled_cap_is_that_of_the_day_of_the_purchase_and_gives_again(shop):
    shop.use(ruleset(percent(caps=Caps(per_customer_day=500, per_customer_lifetime=800))))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    monday = dict(await used(shop))
    await shop.wait(DAY)
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=6_000))
    await shop.wait(1)
    await shop.tell(anna, "e2", shop.purchase("o2", 20_000))
    await shop.work()
    # 300 of 500 came back: of the lifetime's 800 there are 600 left, of this day's cap 500.
    assert (await shop.event(anna, "e2")).amount == 500
    now = await used(shop)
    (day,) = (key for key in monday if "/day/" in key)
    assert (monday[day], now[day], now["rule/base/lifetime"]) == (500, 200, 700)
    await shop.is_sound()


async def test_a_budget_that_was_spent_gives_again_what_came_back_also_when_the_campaign_is_over(shop):
    shop.use(ruleset(percent(campaign="c1")), Campaign(**{**_campaign(), "budget": 500}))
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.tell(bert, "e2", shop.purchase("o2", 10_000))
    await shop.work()
    assert sum([(await shop.balance(each))[0] for each in (anna, bert)]) == 500
    spender, order = (anna, "o1") if (await shop.balance(anna))[0] else (bert, "o2")
    await shop.tell(spender, "r1", shop.comes_back(order, amount_minor=8_000))
    await shop.work()
    await shop.pipeline.close()
    await shop.tell(bert, "e3", shop.purchase("o3", 10_000))
    await shop.work()
    assert (await shop.event(bert, "e3")).amount == 400
    # No rule knows of the campaign any more: its budget gets back what was its own.
    shop.use(ruleset(percent()))
    await shop.tell(bert, "r3", shop.comes_back("o3", everything=True))
    await shop.work()
    assert (await used(shop))["campaign/c1"] == 100
    assert await shop.value("select taken from earning.budget") == 100
    await shop.is_sound()


def _campaign() -> dict:
    return {
        "campaign_id": "c1", "title": "C", "starts_at": "2020-01-01T00:00", "ends_at": "2030-01-01T00:00",
    }  # fmt: skip


async def test_what_is_owed_because_it_was_spent_has_come_back_too(shop):
    shop.use(ruleset(percent(caps=Caps(per_customer_lifetime=500))))
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    await shop.pay(anna, "other", 400)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert (await shop.event(anna, "e1")).debt == 400
    await shop.tell(anna, "e2", shop.purchase("o2", 10_000))
    await shop.work()
    assert ((await shop.event(anna, "e1")).debt, (await shop.event(anna, "e2")).amount) == (0, 500)
    await shop.is_sound()


async def test_an_event_that_dies_gives_back_what_it_had_used(shop):
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    await fill_with_lots(shop, anna)
    await shop.tell(anna, "e1", shop.purchase("o1", 5_000))
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=1_000))
    await shop.work()
    assert set((await used(shop)).values()) != {0}
    await try_to_the_end(shop)
    assert (await shop.event(anna, "e1")).state is EventState.DEAD
    assert set((await used(shop)).values()) == {0}
    await shop.tell(anna, "r2", shop.comes_back("o1", everything=True))
    await shop.work()
    assert set((await used(shop)).values()) == {0}
    await shop.is_sound()


async def test_a_dead_event_that_is_brought_back_uses_caps_again_and_once(shop):
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    await fill_with_lots(shop, anna)
    await shop.tell(anna, "e1", shop.purchase("o1", 5_000))
    await try_to_the_end(shop)
    assert set((await used(shop)).values()) == {0}
    room = say.Adjust(
        wallet_id=anna, operation_id="00000000-0000-4000-8000-999999999999", delta=-9, actor="t", reason="t"
    )
    await shop.ledger.submit(room, shop.soon())
    await shop._as_owner(
        "update earning.event set state = 1, tries = 0, due_at = received_at;"
        " insert into earning.queue (wallet_id, program_id, due_at) select wallet_id, program_id, due_at from earning.event"
    )
    await shop.work()
    event = await shop.event(anna, "e1")
    assert event.state is EventState.CREDITED
    assert await used(shop) == {use.cap_key: use.amount for use in event.result.priced.caps}
    await shop.is_sound()
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert set((await used(shop)).values()) == {0}
    await shop.is_sound()


async def test_an_event_that_was_priced_and_found_its_wallet_closed_gives_back_what_it_had_used(shop):
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 5_000))
    await shop.die_after(3)
    close = say.Close(
        wallet_id=anna,
        operation_id="00000000-0000-4000-8000-000000000001",
        actor="t",
        reason="t",
        forfeit=True,
    )
    await shop.ledger.submit(close, shop.soon())
    await shop.forget_leases()
    await shop.work()
    event = await shop.event(anna, "e1")
    assert (event.state, event.amount) == (EventState.REJECTED, 0)
    assert set((await used(shop)).values()) == {0}
    await shop.is_sound()


@pytest.mark.parametrize("done_first", [False, True], ids=["before", "after"])
async def test_a_worker_that_dies_at_any_call_refills_once(shop, done_first):
    shop.use(CAPPED, C1)
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 1_000, 1_000))
    await shop.tell(anna, "e2", shop.purchase("o2", 700))
    await outlived(shop, done_first=done_first)
    kept = (await shop.event(anna, "e2")).result.priced.caps
    await shop.tell(anna, "r1", shop.comes_back("o1", lines=[{"line": 1, "quantity": 1}]))
    await shop.tell(anna, "r2", shop.comes_back("o1", everything=True))
    assert await outlived(shop, done_first=done_first) > 5
    assert await used(shop) == {use.cap_key: use.amount for use in kept}
    await shop.is_sound()
