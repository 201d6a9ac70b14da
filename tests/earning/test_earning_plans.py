"""What the workers ask finds its rows by index, on tables that were empty when it was planned and large when it is asked."""

from __future__ import annotations

import re

from shop import DAY, PROGRAM, Shop, together

from wallet_service.earning.model import EventState, ExpiryKind, ExpiryWarning, Policy
from wallet_service.earning.store import ahead
from wallet_service.kernel.clock import Instant

ROWS = 30_000
POOL = 8
FIRST = "00000000-0000-0000-0000-000000000000"
AHEAD = {
    PROGRAM: Policy(expiry=ExpiryKind.INACTIVITY, inactivity_days=365, warn_before_seconds=(30 * 86_400,))
}
GROW = (
    f"""insert into ledger.wallet (wallet_id, program_id, customer_ref, available, head, document, due_at, version)
    select gen_random_uuid(), '{PROGRAM}', 'grown-' || n, 5, decode(repeat('00', 32), 'hex'),
      '[[],[[253402300799000000,5]],[],[],0,0,0,[]]', now() + n * interval '1 s', 3
    from generate_series(1, {ROWS}) as n""",
    """insert into ledger.entry
    select w.wallet_id, s, case s when 1 then 1 else 7 end, 5, 2, 1, 0, 1, 0, 0, gen_random_uuid(), null, '[]', null,
      now(), decode(repeat('00', 32), 'hex')
    from ledger.wallet as w cross join generate_series(1, 3) as s where w.customer_ref like 'grown-%'""",
    f"""insert into earning.event (wallet_id, event_id, program_id, kind, state, source, source_event_id, order_ref,
      value_minor, occurred_at, received_at, due_at, digest, content, result)
    select w.wallet_id, gen_random_uuid(), '{PROGRAM}', 1, 5, 's', 'e', 'o', 1, now(), now(), now() + interval '9 days',
      decode(repeat('00', 32), 'hex'), '{{"kind":1,"occurred_at":1}}', '{{}}'
    from ledger.wallet as w where w.customer_ref like 'grown-%'""",
    f"""insert into earning.queue (wallet_id, program_id, due_at)
    select w.wallet_id, '{PROGRAM}', w.due_at + interval '99 days' from ledger.wallet as w
    where w.customer_ref like 'grown-%'""",
    f"""insert into earning.expiry_warning
    select w.wallet_id, gen_random_uuid(), '{PROGRAM}', now(), 1, 1, false, now() - random() * interval '9 days'
    from ledger.wallet as w where w.customer_ref like 'grown-%'""",
)


async def reads(shop: Shop) -> tuple[dict[str, int], int]:
    """How often each large table has been read from end to end, and how many rows the indexes have found so far."""
    # On every connection of the pool at once: each keeps its counts to itself for a while.
    flush = "select pg_stat_force_next_flush(), pg_sleep(0.1)"
    await together(*(shop.value(flush) for _ in range(POOL)))
    await together(*(shop.value("select pg_sleep(0.1)") for _ in range(POOL)))
    rows = await shop.db.fetch(
        "select schemaname || '.' || relname as name, seq_scan from pg_stat_user_tables"
        " where schemaname in ('ledger', 'earning') and relname not like 'program%' and relname <> 'lookout'"
        " and relname <> 'policy'",
        timeout_seconds=10,
    )
    found = await shop.value(
        "select sum(idx_tup_read)::bigint from pg_stat_user_indexes where schemaname in ('ledger', 'earning')"
    )
    return {row["name"]: row["seq_scan"] for row in rows}, found


async def one_turn(shop: Shop) -> None:
    """A round of the worker, a page of the look ahead, and a page of warnings."""
    await shop.pipeline.run(400)
    lease = "00000000-0000-4000-8000-000000000001"
    await ahead.claim_lookout(shop.db, lease, 30, 0, 0, timeout_seconds=10)
    standings, last = await ahead.read_standings(shop.db, FIRST, 1_000, AHEAD, timeout_seconds=10)
    wallet_id = standings[0].wallet_id if standings else FIRST
    warning = ExpiryWarning(
        warning_id=lease, wallet_id=wallet_id, program_id=PROGRAM, expires_at=Instant(shop.now), before_seconds=1, amount=1,
        inactivity=False,
    )  # fmt: skip
    written = await ahead.record_warnings(shop.db, lease, 30, [warning], FIRST, last, 400, timeout_seconds=10)
    assert written is not None
    await shop._as_owner("update earning.lookout set leased_until = '1970-01-01'")
    for of, by_wallet in ((PROGRAM, False), (wallet_id, True)):
        await ahead.read_warnings(
            shop.db, of, (Instant(0), FIRST), 50, by_wallet=by_wallet, timeout_seconds=10
        )


async def test_no_statement_of_a_worker_reads_a_table_from_end_to_end(shop):
    anna = await shop.customer()
    for n in range(7):
        await shop.tell(anna, f"e{n}", shop.purchase(f"o{n}", 1_000))
        await one_turn(shop)
    for statement in GROW:
        await shop._as_owner(statement)
    for name in ("young", "large"):
        if name == "large":
            await shop._as_owner("analyze")
        await shop.tell(anna, f"e-{name}", shop.purchase(f"o-{name}", 1_000))
        scans, found = await reads(shop)
        for _ in range(3):
            await one_turn(shop)
            await shop.wait(DAY)
        scans_after, found_after = await reads(shop)
        assert scans_after == scans, f"{name}: a table was read from end to end"
        # An index read from end to end would be no better; a page of the look ahead finds five rows for each wallet.
        assert found_after - found < ROWS, name


async def test_what_is_decided_of_an_event_stands_in_no_index(shop):
    """So that writing it down touches none: what an index knows of, even in its condition, moves the row."""
    rows = await shop.db.fetch(
        "select pg_get_indexdef(indexrelid) as defined from pg_index where indrelid = 'earning.event'::regclass",
        timeout_seconds=10,
    )
    decided = {"state", "tries", "amount", "clawed_back", "result"}
    assert len(rows) > 3
    assert not [row["defined"] for row in rows if decided & set(re.findall(r"\w+", row["defined"]))]


async def test_a_decided_event_is_due_since_the_same_moment(shop):
    anna = await shop.customer("anna")
    await shop.tell(anna, "e1", shop.purchase("o1", 1_000))
    due = (await shop.event(anna, "e1")).due_at
    work = await shop.pipeline.claim(10)
    await shop.pipeline.gather(work)
    await shop.pipeline.decide_and_record(work)
    decided = await shop.event(anna, "e1")
    assert (decided.state, decided.due_at) == (EventState.CLEARED, due)
