"""Programs share one queue: the backlog of one keeps no other waiting, and costs no claim more than a look-up."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from shop import PROGRAM, Shop

from wallet_service.earning.desk import event_id_of
from wallet_service.earning.model import Arrival, EventState
from wallet_service.fraud.authoring import FraudAuthoring
from wallet_service.kernel.errors import Refusal
from wallet_service.ledger.program import Program, RedemptionPolicy

BACKLOG = 200_000
GROW = (
    f"""insert into ledger.wallet (wallet_id, program_id, customer_ref, available, head, document, due_at, version)
    select gen_random_uuid(), case n % 4 when 0 then 'zeta' else '{PROGRAM}' end, 'grown-' || n, 0,
      decode(repeat('00', 32), 'hex'), '[[],[],[],[],0,0,0,[]]', '9999-12-31', 1
    from generate_series(1, {BACKLOG}) as n""",
    """insert into earning.queue (wallet_id, program_id, due_at)
    select w.wallet_id, w.program_id, timestamptz '1980-01-01' + random() * interval '9 days' from ledger.wallet as w
    where w.customer_ref like 'grown-%'""",
)


async def another_program(shop: Shop, name: str) -> None:
    program = Program(
        program_id=name, display_name=name, sandbox=True, asset="EUR", exponent=2, currency="EUR",
        rate_numerator=1, rate_denominator=1, redemption=RedemptionPolicy(), floor_minor=0,
    )  # fmt: skip
    assert not isinstance(await shop.ledger.put_program(program, None, "t", "t", shop.soon()), Refusal)
    await set_clock(shop, name)


async def set_clock(shop: Shop, name: str) -> None:
    assert not isinstance(await shop.ledger.advance_clock(name, shop.now, "t", "t", shop.soon()), Refusal)


async def one_purchase(shop: Shop, program: str, customer: str) -> str:
    wallet_id, _ = await shop.ledger.open_wallet(program, customer, shop.soon())
    name = f"{program}-{customer}"
    arrival = Arrival(
        wallet_id=wallet_id, event_id=event_id_of("till", name), source="till", source_event_id=name,
        content=shop.purchase(name, 100),
    )  # fmt: skip
    await shop.earning.record([(arrival, program)], shop.soon())
    return wallet_id


async def claimed(shop: Shop, limit: int) -> list[str]:
    return [claim.program_id for claim in (await shop.pipeline.claim(limit)).claims]


async def test_a_program_is_served_in_the_first_round_whatever_backlog_another_has(shop):
    for name in ("alpha", "zeta"):
        await another_program(shop, name)
    for n in range(30):
        await one_purchase(shop, PROGRAM, f"c{n}")
    for name in ("alpha", "zeta"):
        await one_purchase(shop, name, "late")
    first = await claimed(shop, 10)
    assert sorted(first) == ["alpha", *[PROGRAM] * 8, "zeta"]
    assert await claimed(shop, 10) == [PROGRAM] * 10


async def test_with_more_programs_than_a_round_takes_the_longest_overdue_go_first(shop):
    names = [f"p{n}" for n in range(5)]
    for name in names:
        await another_program(shop, name)
    for name in reversed(names):
        await one_purchase(shop, name, "anna")
    for n, name in enumerate(reversed(names)):
        await shop._as_owner(
            f"update earning.queue set due_at = due_at - {9 - n} * interval '1 day' where program_id = '{name}'"
        )
    found = [name for _ in range(5) for name in await claimed(shop, 1)]
    assert found == names[::-1]


async def test_claims_side_by_side_share_a_backlog_of_200_000_by_looking_rows_up(shop):
    await another_program(shop, "zeta")
    for statement in GROW:
        await shop._as_owner(statement)
    await asyncio.gather(*(shop.value("select pg_stat_force_next_flush(), pg_sleep(0.1)") for _ in range(8)))
    reads = (
        "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where schemaname in ('ledger', 'earning')"
    )
    scans = "select sum(seq_scan)::bigint from pg_stat_user_tables where schemaname = 'earning'"
    before = await shop.value(reads), await shop.value(scans)
    began = time.perf_counter()
    rounds = await asyncio.gather(*(shop.pipeline.claim(50) for _ in range(8)))
    seconds = time.perf_counter() - began
    wallets = [claim.wallet_id for work in rounds for claim in work.claims]
    assert len(wallets) == len(set(wallets)) == 400
    programs = [claim.program_id for work in rounds for claim in work.claims]
    assert (programs.count("zeta"), programs.count(PROGRAM)) == (200, 200)
    await asyncio.gather(*(shop.value("select pg_stat_force_next_flush(), pg_sleep(0.1)") for _ in range(8)))
    # Each claim passes over what others hold at that moment.
    assert await shop.value(reads) - before[0] < 20_000, seconds
    assert await shop.value(scans) == before[1]


@pytest.mark.parametrize("order", [(PROGRAM, "zeta"), ("zeta", PROGRAM)])
async def test_an_id_that_two_programs_use_mixes_up_nobody(shop, order):
    """What one round has gathered of an event is of its wallet alone: ids say nothing of the program."""
    await another_program(shop, "zeta")
    authoring = FraudAuthoring(shop.db, shop.ledger.programs, shop.fraud.policies)
    high = {"name": "HIGH", "of": "event", "measure": "value", "above": 50_000, "verdict": "review"}
    wallets = {}
    for name in (PROGRAM, "zeta"):
        document = json.dumps({"limits": [high]})
        assert not isinstance(await authoring.put(name, document, None, "t", "t", shop.soon()), Refusal)
        wallets[name], _ = await shop.ledger.open_wallet(name, "anna", shop.soon())
    for name in order:
        arrival = Arrival(
            wallet_id=wallets[name], event_id=event_id_of("till", "welcome"), source="till",
            source_event_id="welcome", content=shop.purchase(f"{name}-o", 60_000 if name == PROGRAM else 100),
        )  # fmt: skip
        await shop.earning.record([(arrival, name)], shop.soon())
    await shop.work()
    states = [(await shop.event(wallets[name], "welcome")).state for name in (PROGRAM, "zeta")]
    assert states == [EventState.IN_REVIEW, EventState.CREDITED]
