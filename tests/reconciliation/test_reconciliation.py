"""Every lie that is planted in the database is found, named, and nothing else is."""

from __future__ import annotations

import asyncio

import asyncpg
import pytest
from lies import ANNA, BERT, CARL, LIES
from msgspec.structs import replace
from town import Town, opened

from wallet_service.ledger import codec
from wallet_service.ledger.model import Account, EntryKind
from wallet_service.ledger.snapshots import key_of
from wallet_service.reconciliation.model import Invariant, Tolerance
from wallet_service.reconciliation.service import Reconciliation
from wallet_service.runtime.cache import Versioned

FREE_THE_OWNER = """
do $$
declare v record;
begin
  for v in
    select c.conrelid::regclass as of_table, c.conname
    from pg_constraint as c join pg_namespace as n on n.oid = c.connamespace
    where n.nspname = 'ledger' and c.contype = 'c'
  loop
    execute format('alter table %s drop constraint %I', v.of_table, v.conname);
  end loop;
end $$
"""
"""The constraints are the second lock; here they are opened, to see that reconciliation is a third."""


async def test_a_town_in_which_everything_happened_once_is_sound(database, cache):
    report = await Reconciliation(database, cache).run()
    assert report.findings == ()
    assert report.sound
    assert [check.invariant for check in report.checks] == list(Invariant)
    assert {movement.kind for movement in report.totals.movements} == set(EntryKind)


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_is_found(lie, owner, database):
    invariant, sentence, *statements = LIES[lie]
    await owner.execute(FREE_THE_OWNER)
    for statement in statements:
        assert await owner.execute(statement) not in {"UPDATE 0", "DELETE 0"}
    report = await Reconciliation(database).run()
    found = [finding for finding in report.findings if finding.invariant is invariant]
    assert [finding for finding in found if sentence in finding.sentence], report.findings
    assert not report.sound


async def test_a_finding_names_its_wallet_and_what_was_seen(owner, database):
    await owner.execute("update ledger.wallet set available = available + 1 where wallet_id = $1", BERT)
    report = await Reconciliation(database).run()
    (finding,) = [f for f in report.findings if f.invariant is Invariant.BALANCES]
    assert (finding.wallet_id, finding.program_id) == (BERT, "town")
    said, summed = finding.facts["balances"], finding.facts["entries"]
    assert said[1] == summed[1] + 1


async def test_a_program_is_reconciled_without_its_neighbours(owner, database):
    await owner.execute("update ledger.wallet set available = available + 1 where wallet_id = $1", CARL)
    assert (await Reconciliation(database).run("town")).sound
    assert not (await Reconciliation(database).run("owing")).sound


async def test_findings_are_bounded_and_say_so(owner, database):
    await owner.execute(FREE_THE_OWNER)
    await owner.execute("update ledger.entry set hash = sha256('x')")
    report = await Reconciliation(database, findings_max=2).run()
    (check,) = [check for check in report.checks if check.invariant is Invariant.HISTORY]
    assert (len(check.findings), check.more) == (2, True)


async def test_what_cannot_be_read_is_a_finding_and_hides_no_other(owner, database):
    await owner.execute(
        'update ledger.wallet set document = \'[[], [["soon", "much"]], [], [], 0, 0, 0, []]\' where wallet_id = $1',
        ANNA,
    )
    await owner.execute("delete from ledger.program_history where version = 2")
    report = await Reconciliation(database).run()
    sentences = {finding.sentence for finding in report.findings}
    assert "what is stored cannot be read" in sentences
    assert "a version of a program is not on record with an actor and a reason" in sentences
    assert [check.invariant for check in report.checks] == list(Invariant)


async def test_an_overdue_hold_is_given_the_time_to_be_swept(owner, database):
    await owner.execute(
        "update ledger.program set clock_at = clock_at + interval '1 hour', updated_at = now()"
    )
    assert (await Reconciliation(database).run()).sound
    late = await Reconciliation(database, tolerance=Tolerance(sweep_seconds=0)).run()
    assert {finding.invariant for finding in late.findings} == {Invariant.EXPIRY}


async def test_an_idle_transaction_and_a_waiting_lock_are_seen(town_url, owner, database):
    other = await asyncpg.connect(town_url)
    try:
        async with owner.transaction():
            await owner.execute("lock table ledger.program in access exclusive mode")
            waiting = asyncio.create_task(other.execute("update ledger.program set display_name = 'x'"))
            await asyncio.sleep(0.3)
            # Only what is needed of the database: the lock would make every other proof wait as well.
            rows = await database.fetch(
                "select what from reconciliation.unfinished_sessions(100) order by what", timeout_seconds=5
            )
            assert [row["what"] for row in rows] == ["idle", "waiting"]
        await waiting
    finally:
        await other.close()


async def test_an_idle_transaction_is_a_finding_after_a_while(owner, database):
    async with owner.transaction():
        await owner.fetch("select 1")
        await asyncio.sleep(0.2)
        patient = await Reconciliation(database).run()
        strict = await Reconciliation(database, tolerance=Tolerance(quiet_milliseconds=100)).run()
    assert patient.sound
    assert {finding.invariant for finding in strict.findings} == {Invariant.QUIET}


async def test_it_may_run_beside_a_service_at_work(town_url, redis_url, database, cache):
    async with opened(town_url, redis_url) as ledger, asyncio.TaskGroup() as group:
        town = Town(ledger)
        publishing = group.create_task(ledger.snapshots.run())

        async def shop(customer):
            wallet_id = await town.open("town", customer)
            for n in range(40):
                name = f"{customer}-{n}"
                await town.give(wallet_id, name, 100, 90)
                await town.done(town.hold(wallet_id, name, 60))
                await town.spend(wallet_id, name, f"{name}-1", 30, final=True)

        shoppers = [group.create_task(shop(f"shopper-{n}")) for n in range(12)]
        seen = []
        while not all(shopper.done() for shopper in shoppers):
            report = await Reconciliation(database, cache).run()
            assert report.findings == ()
            seen.append(report.totals.entries)
        publishing.cancel()
    assert len(set(seen)) > 1


async def cached_wallet(url, redis_url):
    async with opened(url, redis_url) as ledger:
        view = await ledger.loaded(BERT, 0)
        return view.wallet


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (lambda w: replace(w, revision=w.revision + 1), "newer than the database"),
        (lambda w: replace(w, wallet_id=ANNA), "names another wallet"),
        (None, "not a snapshot"),
        (lambda w: replace(w, version=w.version + 1), "other balances than the database"),
    ],
)
async def test_a_poisoned_snapshot_is_found(spoil, sentence, town_url, redis_url, database, cache):
    wallet = await cached_wallet(town_url, redis_url)
    payload = b"not json" if spoil is None else codec.snapshot_bytes(spoil(wallet))
    await cache.put_if_newer_many([Versioned(key=key_of(BERT), version=99, payload=payload)], ttl_seconds=60)
    report = await Reconciliation(database, cache).run()
    assert [sentence in finding.sentence for finding in report.findings] == [True], report.findings
    assert report.findings[0].wallet_id == BERT


@pytest.mark.parametrize("older", [0, 1])
async def test_a_snapshot_that_is_older_or_the_same_is_sound(older, town_url, redis_url, database, cache):
    wallet = await cached_wallet(town_url, redis_url)
    payload = codec.snapshot_bytes(replace(wallet, revision=wallet.revision - older))
    await cache.put_if_newer_many([Versioned(key=key_of(BERT), version=1, payload=payload)], ttl_seconds=60)
    report = await Reconciliation(database, cache).run()
    assert report.sound
    (check,) = [check for check in report.checks if check.invariant is Invariant.CACHE]
    assert check.note == "1 cached snapshots looked at"


async def test_the_totals_close(database):
    reconciliation = Reconciliation(database)
    totals = await reconciliation.totals("town")
    assert totals.entries == sum(movement.entries for movement in totals.movements)
    came_in = sum(m.amount for m in totals.movements if m.source > Account.FROZEN)
    went_out = sum(m.amount for m in totals.movements if m.target > Account.FROZEN)
    assert came_in - went_out == totals.standing()
    assert [inside.wallets for inside in totals.inside] == [3]
