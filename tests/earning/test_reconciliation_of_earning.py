"""Every lie that is planted in what earning recorded is found and named; and nothing else is."""

from __future__ import annotations

import asyncio
import itertools
import os
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest
from shop import DAY, Campaign, Caps, Give, Rule, opened, percent, ruleset

from wallet_service.earning.desk import event_id_of
from wallet_service.reconciliation.model import Invariant
from wallet_service.reconciliation.service import Reconciliation
from wallet_service.runtime.database import Database, DatabaseOptions

_numbers = itertools.count(1)
CAMPAIGN = Campaign(
    campaign_id="c1", title="Autumn", starts_at="2020-01-01T00:00", ends_at="2030-01-01T00:00", budget=1_000
)
RULES = ruleset(
    percent(caps=Caps(per_customer_month=2_000)),
    Rule(rule_id="autumn", title="Autumn", give=Give(basis_points=200), campaign="c1"),
)


def event(name: str) -> str:
    return event_id_of("till", name)


async def told(shop) -> None:
    """Purchases that mature, come back, are owed, use caps and budgets; one event is rejected, one still held."""
    await shop.begin()
    shop.use(RULES, CAMPAIGN)
    anna, bert = await shop.customer("anna"), await shop.customer("bert")
    await shop.tell(anna, "matured", shop.purchase("o1", 10_000))
    await shop.tell(anna, "returned", shop.purchase("o2", 9_000, 1_000))
    await shop.work()
    await shop.tell(anna, "return", shop.comes_back("o2", lines=[{"line": 0, "quantity": 1}]))
    await shop.work()
    await shop.wait(14 * DAY)
    await shop.work()
    await shop.tell_all([(bert, f"b{n}", shop.purchase(f"b{n}", 20_000)) for n in range(5)])
    await shop.work()
    await shop.tell(anna, "pending", shop.purchase("o3", 3_000))
    await shop.work()
    await shop.tell(anna, "known", shop.purchase("o3", 3_000))
    await shop.work()
    await shop.pipeline.close()
    await shop.tell(anna, "held", shop.purchase("o4", 10_000))


LIES = {
    "a credit was wiped": (
        Invariant.RETURNS,
        "a credited event has no credit",
        f"delete from ledger.credit where credit_id = '{event('pending')}'",
    ),
    "an event says it earned more": (
        Invariant.RETURNS,
        "do not name the same amount",
        f"update earning.event set amount = amount + 1 where event_id = '{event('matured')}'",
    ),
    "awards say something else": (
        Invariant.RETURNS,
        "another amount than its awards",
        f"""update earning.event set result = jsonb_set(result::jsonb, '{{priced,amount}}', '1')::json
        where event_id = '{event("matured")}'""",
    ),
    "a return is denied": (
        Invariant.RETURNS,
        "not what was clawed back of its credit",
        f"update earning.event set clawed_back = 0 where event_id = '{event('returned')}'",
    ),
    "more came back than was earned": (
        Invariant.RETURNS,
        "not what was clawed back of its credit",
        f"update earning.event set clawed_back = amount + 1 where event_id = '{event('returned')}'",
    ),
    "an event under way was clawed beyond its worth": (
        Invariant.RETURNS,
        "more was taken back of an event than it earned",
        f"update earning.event set state = 4, clawed_back = amount + 1 where event_id = '{event('returned')}'",
    ),
    "more was given up than was left": (
        Invariant.RETURNS,
        "was given up than it earned",
        f"""update earning.event set result = jsonb_set(result::jsonb, '{{given_up}}', to_jsonb(amount))::json
        where event_id = '{event("returned")}'""",
    ),
    "a rejected event was credited": (
        Invariant.RETURNS,
        "was not credited has a credit",
        f"update earning.event set state = 3 where event_id = '{event('matured')}'",
    ),
    "a held event was credited": (
        Invariant.RETURNS,
        "was not credited has a credit",
        f"update earning.event set state = 1 where event_id = '{event('pending')}'",
    ),
    "an event was marked before its time": (
        Invariant.RETURNS,
        "has matured and its credit is pending",
        f"update earning.event set state = 6 where event_id = '{event('pending')}'",
    ),
    "a dead event still claims what it never got": (
        Invariant.RETURNS,
        "do not name the same amount",
        f"update earning.event set state = 9, amount = 100 where event_id = '{event('known')}'",
    ),
    "an order earned twice": (
        Invariant.RETURNS,
        "an order earned more than once",
        f"update earning.event set order_ref = 'o1' where event_id = '{event('pending')}'",
    ),
    "an order earned in two wallets": (
        Invariant.RETURNS,
        "an order earned more than once",
        f"update earning.event set order_ref = 'b0' where event_id = '{event('pending')}'",
    ),
    "an event was wiped": (
        Invariant.RETURNS,
        "a credit of earning has no event",
        f"delete from earning.event where event_id = '{event('pending')}'",
    ),
    "a cap was given room": (
        Invariant.CAPS,
        "counted of a cap",
        "update earning.cap_use set used = used - 1 where used > 500",
    ),
    "a cap was forgotten": (
        Invariant.CAPS,
        "counted of a cap",
        "delete from earning.cap_use where used > 500",
    ),
    "a cap was used by nobody": (
        Invariant.CAPS,
        "counted of a cap",
        "insert into earning.cap_use select wallet_id, 'rule/other/lifetime', 1 from ledger.wallet",
    ),
    "an award took more than was left": (
        Invariant.CAPS,
        "an award took more than a cap had left",
        """update earning.event set result = regexp_replace(result::text, '"left":[0-9]+', '"left":0', 'g')::json
        where result::text like '%"left":%' and amount > 0""",
    ),
    "a cap was refilled twice": (
        Invariant.CAPS,
        "more of a cap was given back than an event had used",
        f"""update earning.event set result = jsonb_set(result::jsonb, '{{refilled,0,amount}}', '9999')::json
        where event_id = '{event("returned")}'""",
    ),
    "a return refilled nothing": (
        Invariant.CAPS,
        "counted of a cap",
        f"update earning.event set result = (result::jsonb - 'refilled')::json where event_id = '{event('returned')}'",
    ),
    "an event that was never credited uses a cap": (
        Invariant.CAPS,
        "never credited uses a cap",
        f"update earning.event set state = 9, amount = 0, clawed_back = 0 where event_id = '{event('pending')}'",
    ),
    "a budget says that more came back": (
        Invariant.CAPS,
        "not what its slices were granted",
        "update earning.budget set refilled = refilled + 1",
    ),
    "a budget was filled up again": (
        Invariant.CAPS,
        "not what its slices were granted",
        "update earning.budget set taken = taken - 1",
    ),
    "a budget was exceeded": (
        Invariant.CAPS,
        "more than a budget was taken",
        "update earning.budget set limit_minor = taken - 1",
    ),
    "a slice was overspent": (
        Invariant.CAPS,
        "more than a slice of a budget was used",
        "update earning.budget_slice set used = granted + 1 where used > 0",
    ),
    "a slice was emptied": (
        Invariant.CAPS,
        "what was used of a budget is not what awards used of it",
        "update earning.budget_slice set used = used - 1, open = true, granted = used where used > 0",
    ),
    "a budget was wiped": (
        Invariant.CAPS,
        "a budget that does not exist",
        "delete from earning.budget",
    ),
    "who spent a budget was wiped": (
        Invariant.CAPS,
        "what was used of a budget is not what awards used of it",
        "delete from earning.event where event_id in (select event_id from earning.event where amount > 0 limit 1)",
    ),
}  # fmt: skip
FREE_THE_OWNER = """
do $$
declare v record;
begin
  for v in
    select c.conrelid::regclass as of_table, c.conname
    from pg_constraint as c join pg_namespace as n on n.oid = c.connamespace
    where n.nspname = 'earning' and c.contype = 'c'
  loop
    execute format('alter table %s drop constraint %I', v.of_table, v.conname);
  end loop;
end $$
"""
"""The constraints are the second lock; here they are opened, to see that reconciliation is a third."""


@pytest.fixture(scope="module")
def told_template(postgres_server, template_database, redis_server_url):
    name = f"wallet_told_{os.getpid()}"
    postgres_server.execute(f"create database {name} template {template_database}")

    async def build():
        async with opened(postgres_server.url(name), redis_server_url) as shop:
            await told(shop)

    with ThreadPoolExecutor(1) as apart:
        apart.submit(asyncio.run, build()).result()
    yield name
    postgres_server.execute(f"drop database {name} with (force)")


@pytest.fixture
def told_url(postgres_server, told_template):
    """The shop's database, of this test's own."""
    name = f"wallet_told_{os.getpid()}_{next(_numbers)}"
    postgres_server.execute(f"create database {name} template {told_template}")
    yield postgres_server.url(name)
    postgres_server.execute(f"drop database {name} with (force)")


async def reconciled(url: str, *statements: str):
    owner = await asyncpg.connect(url, timeout=10)
    for statement in statements:
        assert await owner.execute(statement) not in {"UPDATE 0", "DELETE 0", "INSERT 0 0"}
    await owner.close()
    database = await Database.open(DatabaseOptions(url=url), toy=True)
    try:
        return await Reconciliation(database).run(timeout_seconds=30)
    finally:
        await database.close()


async def test_a_shop_in_which_everything_happened_is_sound(told_url):
    report = await reconciled(told_url)
    assert report.findings == ()
    owner = await asyncpg.connect(told_url, timeout=10)
    states = {row[0] for row in await owner.fetch("select state from earning.event")}
    assert {1, 3, 5, 6, 8} <= states
    assert await owner.fetchval("select taken = limit_minor from earning.budget")
    assert await owner.fetchval("select count(*) from earning.cap_use") == 2
    await owner.close()


@pytest.mark.parametrize("lie", LIES)
async def test_a_lie_about_earning_is_found(lie, told_url):
    invariant, sentence, *statements = LIES[lie]
    report = await reconciled(told_url, FREE_THE_OWNER, *statements)
    found = [finding.sentence for finding in report.findings if finding.invariant is invariant]
    assert [said for said in found if sentence in said], report.findings


async def test_a_return_whose_commands_are_under_way_is_no_difference(told_url):
    """Its purchase is written first and the ledger follows: a service at work is sound at every moment."""
    under_way = f"update earning.event set state = 4, due_at = now() where event_id = '{event('return')}'"
    ahead = f"update earning.event set clawed_back = clawed_back + 1 where event_id = '{event('returned')}'"
    assert (await reconciled(told_url, under_way, ahead)).findings == ()
