"""Any split and any order of returns ends in the same totals, and nobody keeps or loses value by it."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from shop import DAY, Stage, opened, percent, ruleset

from wallet_service.earning import returns
from wallet_service.earning.model import Back, EventState, OrderLine, Return, ReturnedLine
from wallet_service.earning.wording import remarks_of


def line(price: int, quantity: int) -> OrderLine:
    return OrderLine(sku="s", quantity=quantity, unit_price_minor=price)


def free(price: int, quantity: int) -> OrderLine:
    """A line whose discount is all of its price: what is earned before discounts is earned on it, too."""
    return OrderLine(sku="f", quantity=quantity, unit_price_minor=price, discount_minor=price * quantity)


PRICES, PIECES = st.integers(0, 500), st.integers(1, 5)
LINES = st.lists(
    st.builds(line, PRICES, PIECES) | st.builds(free, PRICES, PIECES), min_size=1, max_size=5
).map(tuple)


@st.composite
def orders_and_parts(draw):
    """An order, what each line earned, and returns of it that fit together."""
    lines = draw(LINES)
    shares = tuple(draw(st.integers(0, 400)) for _ in lines)
    parts, kept = [], 0
    for number, bought in enumerate(lines):
        pieces = draw(st.integers(0, bought.quantity))
        parts += [ReturnedLine(line=number, quantity=1) for _ in range(pieces)]
        left = bought.net_minor - bought.net_minor * pieces // bought.quantity
        for cut in draw(st.lists(st.integers(1, 100), max_size=3)):
            if cut <= left:
                parts.append(ReturnedLine(line=number, amount_minor=cut))
                left -= cut
        kept += left
    accepted = [returning(lines=(part,)) for part in parts]
    for cut in draw(st.lists(st.integers(1, 200), max_size=3)):
        if cut <= kept:
            accepted.append(returning(amount_minor=cut))
            kept -= cut
    return lines, shares, draw(st.permutations(accepted)), draw(st.permutations(accepted))


def returning(**what) -> Return:
    return Return(order_ref="o", return_ref="r", stage=Stage.ACCEPTED, **what)


def play(lines, shares, accepted):
    """Return the final state and what each return took."""
    back, taken = Back(), []
    for one in accepted:
        new = returns.after(back, lines, one)
        assert new is not None
        taken.append(returns.share_back(new, lines, shares) - returns.share_back(back, lines, shares))
        back = new
    return back, taken


@given(orders_and_parts())
def test_every_order_of_returns_takes_the_same_and_none_gives_anything_back(found):
    lines, shares, one_way, other_way = found
    first, took = play(lines, shares, one_way)
    second, took_too = play(lines, shares, other_way)
    assert first == second
    assert sum(took) == sum(took_too) <= sum(shares)
    assert min((*took, *took_too), default=0) >= 0


@given(orders_and_parts())
def test_returning_what_is_left_takes_exactly_what_is_left(found):
    lines, shares, one_way, _ = found
    everything = returning(everything=True)
    _, took = play(lines, shares, [*one_way, everything])
    assert sum(took) == sum(shares)
    assert returns.part_back(play(lines, shares, [*one_way, everything])[0], lines, 777) == 777


@given(LINES, st.data())
def test_returning_piece_by_piece_is_returning_all(lines, data):
    shares = tuple(data.draw(st.integers(0, 1_000)) for _ in lines)
    pieces = [
        returning(lines=(ReturnedLine(line=n, quantity=1),))
        for n, bought in enumerate(lines)
        for _ in range(bought.quantity)
    ]
    back, took = play(lines, shares, data.draw(st.permutations(pieces)))
    assert sum(took) == sum(shares)
    assert returns.part_back(back, lines, 777) == 777
    assert returns.after(back, lines, pieces[0]) is None


@given(LINES, st.data())
def test_pieces_of_a_line_take_their_part_of_what_it_earned_and_nothing_of_other_lines(lines, data):
    shares = tuple(data.draw(st.integers(0, 1_000)) for _ in lines)
    number = data.draw(st.integers(0, len(lines) - 1))
    bought, share = lines[number], shares[number]
    pieces = data.draw(st.integers(1, bought.quantity))
    one_by_one = [returning(lines=(ReturnedLine(line=number, quantity=1),))] * pieces
    _, took = play(lines, shares, one_by_one)
    net = bought.net_minor
    came_back, whole = (net * pieces // bought.quantity, net) if net else (pieces, bought.quantity)
    assert sum(took) == share * came_back // whole


@given(LINES, st.data())
def test_after_everything_nothing_of_an_order_can_come_back(lines, data):
    back, _ = play(lines, (0,) * len(lines), [returning(everything=True)])
    number = data.draw(st.integers(0, len(lines) - 1))
    again = returning(lines=(ReturnedLine(line=number, quantity=1),))
    assert returns.after(back, lines, again) is None or lines[number].net_minor // lines[number].quantity == 0


def free_order(shop, pieces: int, *paid: int):
    """An order of a free article of 100.00 in all, and lines that are paid."""
    content = shop.purchase("o1", 0, *paid)
    lines = (free(10_000 // pieces, pieces), *content.purchase.lines[1:])
    return replace(content, purchase=replace(content.purchase, lines=lines))


@pytest.mark.parametrize(
    ("pieces", "paid", "what", "left"),
    [
        (1, (100,), {"line": 0, "quantity": 1}, 5),
        (1, (100,), {"line": 1, "quantity": 1}, 500),
        (2, (), {"line": 0, "quantity": 1}, 250),
        (2, (100,), {"line": 0, "quantity": 1}, 255),
    ],
    ids=["the free article", "what was paid", "one of two", "one of two beside what was paid"],
)
async def test_a_free_article_gives_back_by_its_pieces_what_it_earned_before_discounts(
    shop, pieces, paid, what, left
):
    shop.use(ruleset(percent(before_discounts=True)))
    anna = await shop.customer()
    await shop.tell(anna, "e1", free_order(shop, pieces, *paid))
    await shop.tell(anna, "r1", shop.comes_back("o1", lines=[what]))
    await shop.work()
    assert await shop.balance(anna) == (left, 0, 0, 0)
    await shop.tell(anna, "r2", shop.comes_back("o1", "r2", everything=True))
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 0)
    assert (await shop.event(anna, "e1")).debt == 0
    await shop.is_sound()


def test_eleven_refunds_of_9_take_what_one_of_99_takes():
    lines, shares = (line(9_900, 1),), (49,)
    eleven = play(lines, shares, [returning(amount_minor=900)] * 11)[1]
    assert sum(eleven) == 49
    assert max(eleven) - min(eleven) == 1


@pytest.mark.parametrize(
    "too_much",
    [
        {"lines": (ReturnedLine(line=0, quantity=3),)},
        {"lines": (ReturnedLine(line=0, amount_minor=2_001),)},
        {"lines": (ReturnedLine(line=0, quantity=2, amount_minor=1),)},
        {"lines": (ReturnedLine(line=1, quantity=1),)},
        {"amount_minor": 2_001},
    ],
)
def test_more_than_was_bought_cannot_come_back(too_much):
    assert returns.after(Back(), (line(1_000, 2),), returning(**too_much)) is None


SPLITS = {
    "at once": [{"everything": True}],
    "by lines": [{"lines": [{"line": 0, "quantity": 2}]}, {"lines": [{"line": 1, "quantity": 2}]}],
    "by amounts": [{"amount_minor": 333}, {"amount_minor": 1_000}, {"everything": True}],
    "mixed": [{"lines": [{"line": 1, "quantity": 1}]}, {"amount_minor": 77}, {"everything": True}],
}


@pytest.mark.parametrize("split", SPLITS)
async def test_returning_all_of_an_order_leaves_nothing_of_it(shop, split):
    anna = await shop.customer()
    await shop.give(anna, 1_000)
    reservation = await shop.pay(anna, "o1", 999)
    paid = {"reservation_id": reservation, "redeemed_minor": 999, "redeemed_value_minor": 999}
    await shop.tell(anna, "e1", shop.purchase("o1", 1_111, 3_333, quantity=2, **paid))
    await shop.work()
    assert (await shop.balance(anna))[1] == 1
    for number, what in enumerate(SPLITS[split]):
        await shop.tell(anna, f"r{number}", shop.comes_back("o1", **what))
        await shop.work()
    assert await shop.balance(anna) == (0, 1_000, 0, 0)
    bought = await shop.event(anna, "e1")
    assert (bought.state, bought.clawed_back, bought.debt) == (EventState.CLAWED_BACK, bought.amount, 0)
    await shop.is_sound()


async def test_partial_returns_in_every_order_and_with_repetitions_end_alike(shop):
    parts = [
        {"lines": [{"line": 0, "quantity": 1}]},
        {"amount_minor": 450},
        {"lines": [{"line": 1, "amount_minor": 99}]},
    ]
    ends = set()
    for number, order in enumerate(itertools.permutations(range(3))):
        someone = await shop.customer(f"c{number}")
        await shop.tell(someone, f"{number}", shop.purchase(f"o{number}", 1_037, 2_099, quantity=3))
        for name in (*order, *order):
            await shop.tell(someone, f"{number}-{name}", shop.comes_back(f"o{number}", **parts[name]))
        await shop.work()
        event = await shop.event(someone, f"{number}")
        ends.add((await shop.balance(someone), event.clawed_back))
    assert len(ends) == 1
    await shop.is_sound()


async def test_a_return_that_comes_before_its_purchase_waits_for_it(shop):
    anna = await shop.customer()
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert (await shop.event(anna, "r1")).state is EventState.HELD
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    assert (await shop.event(anna, "r1")).state is EventState.APPLIED
    assert await shop.balance(anna) == (0, 0, 0, 0)
    assert (await shop.event(anna, "e1")).clawed_back == 500


async def test_a_return_whose_purchase_never_comes_is_rejected_in_the_end(shop):
    anna = await shop.customer()
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    await shop.wait(181 * DAY)
    await shop.work()
    event = await shop.event(anna, "r1")
    assert (event.state, event.result.reasons) == (EventState.REJECTED, ("NO_SUCH_ORDER",))


@pytest.mark.parametrize("matured", [False, True])
@pytest.mark.parametrize("end", [Stage.REJECTED, Stage.ACCEPTED])
async def test_an_open_return_freezes_the_orders_cashback_until_it_ends(shop, matured, end):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    if matured:
        await shop.wait(14 * DAY)
        await shop.work()
    await shop.tell(anna, "r1", shop.comes_back("o1", stage=Stage.OPENED))
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 500)
    await shop.wait(14 * DAY)
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 500)
    what = {"amount_minor": 2_000} if end is Stage.ACCEPTED else {}
    await shop.tell(anna, "r2", shop.comes_back("o1", stage=end, **what))
    await shop.work()
    left = 400 if end is Stage.ACCEPTED else 500
    assert await shop.balance(anna) == (0, left, 0, 0)
    assert (await shop.event(anna, "e1")).state is EventState.MATURED
    # The opening that was delivered late opens nothing.
    await shop.tell(anna, "r3", shop.comes_back("o1", stage=Stage.OPENED))
    await shop.work()
    assert await shop.balance(anna) == (0, left, 0, 0)
    await shop.is_sound()


async def test_more_than_was_bought_is_rejected_with_its_reason(shop):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.tell(anna, "r1", shop.comes_back("o1", amount_minor=10_001))
    await shop.work()
    event = await shop.event(anna, "r1")
    assert (event.state, event.result.reasons) == (EventState.REJECTED, ("RETURN_ABOVE_PURCHASE",))
    assert await shop.balance(anna) == (500, 0, 0, 0)


@pytest.mark.parametrize("end", [Stage.REJECTED, Stage.ACCEPTED])
async def test_a_refused_acceptance_leaves_its_return_open_and_both_events_say_so(shop, end):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.tell(anna, "r1", shop.comes_back("o1", "back-7", stage=Stage.OPENED))
    await shop.tell(anna, "r2", shop.comes_back("o1", "back-7", amount_minor=10_001))
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 500)
    units = await shop.earning.units(anna, shop.soon())
    bought, refused = [remarks_of(await shop.event(anna, name), units) for name in ("e1", "r2")]
    assert "It is frozen while returns of its order are open: back-7." in bought
    assert refused[0] == "It was rejected and has no effect."
    assert "open still" in refused[1]
    what = {"amount_minor": 10_000} if end is Stage.ACCEPTED else {}
    await shop.tell(anna, "r3", shop.comes_back("o1", "back-7", stage=end, **what))
    await shop.work()
    assert await shop.balance(anna) == (0 if end is Stage.ACCEPTED else 500, 0, 0, 0)
    await shop.is_sound()


async def spent_before_its_return(shop, anna):
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    await shop.pay(anna, "other", 400)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    await shop.work()


async def test_what_was_spent_before_its_return_is_owed_and_later_earnings_pay_it_first(shop):
    anna = await shop.customer()
    await spent_before_its_return(shop, anna)
    bought = await shop.event(anna, "e1")
    assert (await shop.balance(anna), bought.clawed_back, bought.debt) == ((0, 0, 0, 0), 100, 400)
    await shop.tell(anna, "e2", shop.purchase("o2", 6_000))
    await shop.tell(anna, "e3", shop.purchase("o3", 4_000))
    await shop.work()
    assert await shop.balance(anna) == (100, 0, 0, 0)
    assert (await shop.event(anna, "e1")).debt == 0
    assert [(await shop.event(anna, name)).result.paid_debt for name in ("e2", "e3")] == [300, 100]
    await shop.is_sound()


async def test_an_order_whose_earnings_paid_a_debt_owes_them_when_it_comes_back_too(shop):
    anna = await shop.customer()
    await spent_before_its_return(shop, anna)
    await shop.tell(anna, "e2", shop.purchase("o2", 10_000))
    await shop.tell(anna, "r2", shop.comes_back("o2", everything=True))
    await shop.work()
    assert await shop.balance(anna) == (0, 0, 0, 0)
    assert (await shop.event(anna, "e2")).debt == 400
    await shop.is_sound()


async def test_a_program_with_a_floor_lets_the_balance_go_below_zero_instead(database_url, redis_url):
    async with opened(database_url, redis_url) as shop:
        await shop.begin(floor_minor=-1_000)
        anna = await shop.customer()
        await spent_before_its_return(shop, anna)
        assert await shop.balance(anna) == (0, -400, 0, 0)
        assert (await shop.event(anna, "e1")).debt == 0
        await shop.is_sound()


async def test_a_worker_that_dies_after_writing_a_smaller_claw_back_takes_it_once(shop, monkeypatch):
    anna = await shop.customer()
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    await shop.pay(anna, "other", 400)
    await shop.tell(anna, "r1", shop.comes_back("o1", everything=True))
    # It gives the smaller act, and dies before it can mark it.
    await shop.die_after(4)
    assert await shop.balance(anna) == (0, 0, 0, 0)
    await shop.give(anna, 1_000)
    await shop.forget_leases()
    await shop.work()
    assert await shop.balance(anna) == (0, 1_000, 0, 0)
    assert (await shop.event(anna, "e1")).debt == 400
    await shop.is_sound()
