"""An id and an order count once in a program, whatever wallets the deliveries name and whoever takes them in at once."""

from __future__ import annotations

import random
from pathlib import Path

import asyncpg
from msgspec.structs import replace
from shop import PROGRAM, Policy, together

import wallet_service
from wallet_service.earning.desk import event_id_of
from wallet_service.earning.model import Arrival, EventKind, EventState
from wallet_service.earning.service import Accepted
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.program import Program, RedemptionPolicy

MIGRATION = Path(wallet_service.__file__).parent / "migrations" / "0029_earning_create_keys.sql"
NOTHING = (0, 0, 0, 0)


async def earned(shop, *wallets):
    return [(await shop.balance(wallet))[0] for wallet in wallets]


async def test_an_id_that_came_in_for_one_wallet_is_refused_for_another_and_changes_nothing(shop):
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    bought = shop.purchase("o1", 10_000)
    await shop.tell(anna, "e1", bought)
    for _ in range(2):
        refused = await shop.tell(bert, "e1", bought)
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.ID_REUSED
        await shop.work()
        assert (await shop.tell(anna, "e1", bought)).replayed
    assert await earned(shop, anna, bert) == [500, 0]
    assert await shop.value("select count(*) from earning.event") == 1
    await shop.is_sound()


async def test_of_one_call_that_names_two_wallets_for_an_id_the_first_counts(shop):
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    nobody = "00000000-0000-5000-8000-000000000000"
    bought, other = shop.purchase("o1", 10_000), shop.purchase("o2", 2_000)
    told = [
        (nobody, "e1", bought),
        (bert, "e1", bought),
        (anna, "e1", bought),
        (bert, "e1", bought),
        (anna, "e2", other),
    ]
    outcomes = [getattr(outcome, "reason", None) or outcome.replayed for outcome in await shop.tell_all(told)]
    assert outcomes == [Reason.WALLET_NOT_FOUND, False, Reason.ID_REUSED, True, False]
    await shop.work()
    assert await earned(shop, anna, bert) == [100, 500]


async def test_the_same_id_in_another_program_is_another_event(shop):
    other = Program(
        program_id="other", display_name="Other", sandbox=True, asset="EUR", exponent=2, currency="EUR",
        rate_numerator=1, rate_denominator=1, redemption=RedemptionPolicy(), floor_minor=0,
    )  # fmt: skip
    await shop.ledger.put_program(other, None, "t", "t", shop.soon())
    await shop.ledger.advance_clock("other", shop.now, "t", "t", shop.soon())
    anna = await shop.customer("anna")
    there, _ = await shop.ledger.open_wallet("other", "anna", shop.soon())
    bought = shop.purchase("o1", 10_000)
    await shop.tell(anna, "e1", bought)
    # One of them is known, the other not: each is answered for itself.
    arrivals = [
        (
            Arrival(
                wallet_id=wallet, event_id=event_id_of("till", "e1"), source="till", source_event_id="e1", content=bought
            ),
            program,
        )
        for wallet, program in ((anna, PROGRAM), (there, "other"))
    ]  # fmt: skip
    outcomes = await shop.earning.record(arrivals, shop.soon())
    assert [outcome.replayed for outcome in outcomes] == [True, False]
    await shop.work()
    assert await earned(shop, anna, there) == [500, 500]


async def test_one_id_told_by_eight_callers_at_once_for_several_wallets_counts_once(shop):
    people = [await shop.customer(f"c{n}") for n in range(4)]
    names = [f"e{n}" for n in range(40)]
    contents = {name: shop.purchase(f"o-{name}", 10_000) for name in names}

    async def caller(number: int):
        dice = random.Random(number)
        told = [(dice.choice(people), name, contents[name]) for name in names]
        dice.shuffle(told)
        found = []
        for start in range(0, len(told), 8):
            page = told[start : start + 8]
            outcomes = await shop.tell_all(page)
            found += [(name, who, outcome) for (who, name, _), outcome in zip(page, outcomes, strict=True)]
        return found

    answers = [answer for found in await together(*(caller(n) for n in range(8))) for answer in found]
    await together(*(shop.work(shop.worker()) for _ in range(3)))
    for name in names:
        of_it = [(who, outcome) for told, who, outcome in answers if told == name]
        (winner,) = [who for who, outcome in of_it if isinstance(outcome, Accepted) and not outcome.replayed]
        for who, outcome in of_it:
            if who == winner:
                assert isinstance(outcome, Accepted)
            else:
                assert isinstance(outcome, Refusal)
                assert outcome.reason is Reason.ID_REUSED
    assert await shop.value("select count(*) from earning.event") == len(names)
    assert sum(await earned(shop, *people)) == 500 * len(names)
    await shop.is_sound()


async def test_an_order_earns_in_the_wallet_for_which_it_came_in_first_and_in_no_other(shop):
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000), source="till")
    await shop.tell(bert, "e1", shop.purchase("o1", 10_000), source="webhook")
    await shop.work()
    assert await earned(shop, anna, bert) == [500, 0]
    late = await shop.event(bert, "e1", "webhook")
    assert (late.state, late.result.reasons) == (EventState.REJECTED, ("ORDER_KNOWN",))
    # What comes back of it there takes nothing.
    await shop.tell(bert, "r1", shop.comes_back("o1", everything=True))
    await shop.work()
    assert await earned(shop, anna, bert) == [500, 0]
    await shop.is_sound()


async def test_orders_told_at_once_for_several_wallets_earn_once_whichever_worker_judges_first(shop):
    # Held for no time or an hour: the one that waits longer may have come in first.
    people = [await shop.customer(f"c{n}") for n in range(8)]
    orders = [f"o{n}" for n in range(20)]

    async def caller(number: int) -> None:
        for order in orders:
            await shop.tell(people[number], f"{order}-{number}", shop.purchase(order, 10_000))
            await shop.pipeline.beside().run(3)

    await together(*(caller(n) for n in range(8)))
    await shop.forget_leases()
    await together(*(shop.work(shop.worker()) for _ in range(4)))
    await shop.work()
    assert sum(await earned(shop, *people)) == 500 * len(orders)
    states = await shop.db.fetch(
        "select state, count(*) from earning.event group by 1 order by 1", timeout_seconds=10
    )
    assert [tuple(row) for row in states] == [
        (EventState.REJECTED, 7 * len(orders)), (EventState.CREDITED, len(orders))
    ]  # fmt: skip
    await shop.is_sound()


async def test_an_order_that_waits_longer_where_it_came_in_first_still_earns_there(shop):
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    await shop.earning.put_policy(
        PROGRAM, Policy(hold_seconds={EventKind.PURCHASE: 3_600}), None, "t", "t", shop.soon()
    )
    await shop.tell(anna, "e1", shop.purchase("o1", 10_000))
    await shop.earning.put_policy(PROGRAM, Policy(), None, "t", "t", shop.soon())
    await shop.tell(bert, "e2", shop.purchase("o1", 10_000))
    await shop.work()
    await shop.wait(3_600_000_001)
    await shop.work()
    assert await earned(shop, anna, bert) == [500, 0]


async def test_what_had_come_in_for_several_wallets_before_keys_were_kept_stays_as_it_is(shop):
    anna, bert, carl = [await shop.customer(name) for name in ("anna", "bert", "carl")]
    bought = shop.purchase("o1", 10_000)
    await shop.tell(anna, "e1", bought)
    await shop.tell(anna, "e2", replace(bought, purchase=replace(bought.purchase, order_ref="o2")))
    owner = await asyncpg.connect(shop.db.options.url, timeout=10)
    try:
        columns = await owner.fetchval(
            "select string_agg(attname, ', ') from pg_attribute"
            " where attrelid = 'earning.event'::regclass and attnum > 0 and attgenerated = ''"
        )
        await owner.execute(
            f"insert into earning.event ({columns}) select {columns} from (select (jsonb_populate_record(e,"
            f" jsonb_build_object('wallet_id', '{bert}', 'received_at', e.received_at - interval '1 s'))).*"
            " from earning.event as e where source_event_id = 'e1') as twin"
        )
        await shop.work()
        await owner.execute("drop table earning.event_key, earning.order_key")
        up, _, _ = MIGRATION.read_text().partition("-- migrate:down")
        async with owner.transaction():
            await owner.execute(up)
    finally:
        await owner.close()
    # Of each id and order one wallet has the key; both go on knowing their own events.
    assert await shop.value("select count(*) from earning.event_key") == 2
    assert await shop.value("select count(*) from earning.order_key") == 2
    for known in (anna, bert):
        assert (await shop.tell(known, "e1", bought)).replayed
    for name in ("e1", "e2"):
        assert (await shop.tell(carl, name, bought)).reason is Reason.ID_REUSED
    await shop.tell(carl, "e3", bought)
    await shop.work()
    assert (await shop.event(carl, "e3")).result.reasons == ("ORDER_KNOWN",)
    assert await shop.balance(carl) == NOTHING
