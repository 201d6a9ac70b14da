"""Events that had died before what is never credited gave back its caps do so when the schema is brought forward."""

from __future__ import annotations

from pathlib import Path

import asyncpg
from test_refills import C1, CAPPED, used
from test_surprises import Reason, Refusal, meeting, say, try_to_the_end

import wallet_service
from wallet_service.earning.model import EventState
from wallet_service.reconciliation.service import Reconciliation

FOLDER = Path(wallet_service.__file__).parent / "migrations"
FILE = FOLDER / "0027_earning_retry_dead_events.sql"
AS_IT_WAS = """
update earning.budget as b set refilled = 0, taken = b.taken + b.refilled;
update earning.cap_use as c set used = c.used + r.amount
from (
  select e.wallet_id, u.value ->> 'cap_key' as cap_key, sum((u.value ->> 'amount')::bigint) as amount
  from earning.event as e cross join lateral json_array_elements(e.result -> 'refilled') as u
  where e.state in (3, 9) group by 1, 2
) as r where c.wallet_id = r.wallet_id and c.cap_key = r.cap_key;
update earning.event set result = (result::jsonb - 'refilled')::json where state in (3, 9);
drop table earning.retry cascade;
"""


async def test_the_dead_and_the_closed_give_back_once_and_others_nothing(shop):
    shop.use(CAPPED, C1)
    anna, bert, carl = [await shop.customer(name) for name in ("anna", "bert", "carl")]
    for each in (anna, bert, carl):
        await shop.tell(each, f"{each}-1", shop.purchase(each, 1_200))
    await shop.tell(bert, "none", shop.purchase(bert, 700), source="another")

    async def refused(command):
        if isinstance(command, say.Grant) and command.wallet_id != carl:
            return Refusal(reason=Reason.TOO_MANY_LOTS if command.wallet_id == anna else Reason.WALLET_CLOSED)
        return None

    await try_to_the_end(shop, meeting(shop, refused))
    states = [(await shop.event(each, f"{each}-1")).state for each in (anna, bert, carl)]
    assert states == [EventState.DEAD, EventState.REJECTED, EventState.CREDITED]
    as_it_is, events = await used(shop), await results(shop)
    owner = await asyncpg.connect(shop.db.options.url, timeout=10)
    try:
        await owner.execute(AS_IT_WAS)
        assert await used(shop) != as_it_is
        found = {
            one.sentence
            for one in (await Reconciliation(shop.db, None).run(None, timeout_seconds=30)).findings
        }
        assert "an event that was never credited uses a cap" in found
        up, _, _ = FILE.read_text().partition("-- migrate:down")
        for _ in range(2):
            async with owner.transaction():
                await owner.execute(up)
            assert (await used(shop), await results(shop)) == (as_it_is, events)
            await owner.execute("drop table earning.retry cascade")
    finally:
        await owner.close()
    await shop.is_sound()


async def results(shop):
    rows = await shop.db.fetch(
        "select event_id, result::jsonb::text from earning.event order by event_id", timeout_seconds=10
    )
    return [tuple(row) for row in rows]
