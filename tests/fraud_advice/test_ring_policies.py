"""What a program says about rings holds within seconds, for its own rings, and by its own clock."""

from __future__ import annotations

import time

import asyncpg
import pytest
from rig import Api, open_shop, until
from ruling import device, limit, open_ruled, rule
from wallet.v1 import review_pb2, types_pb2

DAY = 86_400
ASKING = limit("IN_A_RING", measure="ring", above=999, verdict="review")


@pytest.fixture
async def database(shared_database_url):
    connection = await asyncpg.connect(shared_database_url)
    yield connection
    await connection.close()


async def share(shop, names: str, fingerprint: str, count: int) -> list[str]:
    """Open wallets that all reserve from one device."""
    wallets = [await shop.open(f"{names}-{number}", 1_000) for number in range(count)]
    for wallet_id in wallets:
        ref = types_pb2.WalletRef(wallet_id=wallet_id)
        await shop.api(shop.reserve(100, wallet=ref, device=device(fingerprint)))
    return wallets


async def ring_cases(api: Api, program_id: str) -> list[review_pb2.Case]:
    listed = await api(review_pb2.ListCasesRequest(program_id=program_id))
    return [case for case in listed.cases if case.subject == review_pb2.CASE_SUBJECT_RING]


async def is_judged(database, wallet_id: str, wallets: int) -> bool:
    found = await database.fetchrow(
        "select r.wallets, r.judged_revision = r.revision as judged from fraud.ring r"
        " join fraud.ring_member m using (ring_id) where m.wallet_id = $1",
        wallet_id,
    )
    return found is not None and found["wallets"] == wallets and found["judged"]


async def test_a_changed_bound_asks_about_rings_that_are_there_already(api, database):
    shop = await open_shop(api)
    program_id = shop.program.program_id
    await rule(api, program_id, ASKING, rings={"case_from_points": 65})
    wallets = await share(shop, "farmed", "the farm of one program", 8)

    async def has_a_ring() -> bool:
        return await is_judged(database, wallets[0], 8)

    await until(has_a_ring, 20)
    assert await ring_cases(api, program_id) == []
    await rule(api, program_id, ASKING, rings={"case_from_points": 64})
    begun = time.monotonic()

    async def is_asked() -> bool:
        return bool(await ring_cases(api, program_id))

    await until(is_asked, 20)
    assert time.monotonic() - begun < 10
    (case,) = await ring_cases(api, program_id)
    assert case.reasons[0] == "RING_NO_KEYS_OF_THEIR_OWN"


async def test_a_hub_of_one_program_is_none_of_another(api, database):
    strict, generous = await open_shop(api), await open_shop(api)
    await rule(api, strict.program.program_id, ASKING, rings={"hubs": {"device": 2}})
    await rule(api, generous.program.program_id, ASKING, rings={"hubs": {"device": 3}})
    in_a_hub = await share(strict, "at-a-kiosk", "a kiosk", 3)
    family = await share(generous, "at-home", "a tablet", 3)

    async def are_a_ring() -> bool:
        return await is_judged(database, family[0], 3)

    await until(are_a_ring, 20)

    async def are_none() -> bool:
        query = "select count(*) from fraud.link l join fraud.link_key k using (kind, key) where k.hub and l.wallet_id = any ($1)"
        return await database.fetchval(query, in_a_hub) == 3

    await until(are_none, 20)

    async def fell_apart() -> bool:
        query = "select count(*) from fraud.ring_member where wallet_id = any ($1)"
        return await database.fetchval(query, in_a_hub) == 0

    await until(fell_apart, 20)


async def test_a_sandbox_forgets_by_its_own_clock_and_others_forget_nothing(api, database):
    live = await open_shop(api)
    await rule(api, live.program.program_id, ASKING)
    kept = await share(live, "stays", "a tablet that stays", 2)
    ruled = await open_ruled(api, ASKING, rings={"link_days": 30})
    gone = await share(ruled.shop, "goes", "a tablet that goes", 2)

    async def links(wallets: list[str]) -> int:
        return await database.fetchval("select count(*) from fraud.link where wallet_id = any ($1)", wallets)

    async def all_known() -> bool:
        return await links(kept) == await links(gone) == 2

    await until(all_known, 20)
    await ruled.later(days=30)
    await ruled.shop.open("somebody")
    assert await links(gone) == 2
    await ruled.later(seconds=3_700)

    async def forgotten() -> bool:
        return await links(gone) == 0

    await until(forgotten, 20)
    assert await links(kept) == 2
    # Those whose clock is forty years ahead of nobody's are not touched by what is real.
    seen = await share(ruled.shop, "later", "a tablet of today", 2)

    async def seen_again() -> bool:
        return await links(seen) == 2

    await until(seen_again, 20)
