"""The rings and the anomaly model advise the judges of a running service."""

from __future__ import annotations

import asyncio
import json

import asyncpg
from bank import BY, a_bank, a_year
from rig import in_seconds, new_id, open_shop, until
from ruling import device, limit, rule
from wallet.v1 import earning_pb2, review_pb2, types_pb2

from wallet_service.fraud.anomaly.model import Shape


async def judgement_of(url: str, subject_id: str) -> dict:
    connection = await asyncpg.connect(url)
    try:
        row = await connection.fetchrow(
            "select verdict, reasons, signals from fraud.judgement where subject_id = $1", subject_id
        )
    finally:
        await connection.close()
    return (
        {}
        if row is None
        else {name: json.loads(row[name]) for name in ("reasons", "signals")} | {"verdict": row["verdict"]}
    )


async def reserve_from(shop, wallet_id: str, fingerprint: str):
    request = shop.reserve(100, wallet=types_pb2.WalletRef(wallet_id=wallet_id), device=device(fingerprint))
    return (await shop.api(request)).reservation


async def give_back(shop, wallet_id: str, held) -> None:
    await shop.api(shop.release(held.reservation_id, wallet=types_pb2.WalletRef(wallet_id=wallet_id)))


async def held_for_review(shop, wallet_id: str, fingerprint: str):
    """Reserve until a reservation is held for review, and return it."""
    held = []

    async def is_held() -> bool:
        held.append(await reserve_from(shop, wallet_id, fingerprint))
        if held[-1].review != types_pb2.REVIEW_STATE_WAITING:
            await give_back(shop, wallet_id, held[-1])
        return held[-1].review == types_pb2.REVIEW_STATE_WAITING

    await until(is_held, 20)
    return held[-1]


async def test_a_farm_is_found_while_it_works_and_a_person_is_asked(api, shared_database_url):
    shop = await open_shop(api)
    await rule(api, shop.program.program_id, limit("IN_A_RING", measure="ring", above=599, verdict="review"))
    wallets = [await shop.open(f"farmed-{number}", 1_000) for number in range(24)]
    for wallet_id in wallets:
        assert (await reserve_from(shop, wallet_id, "the farm")).review == types_pb2.REVIEW_STATE_UNSPECIFIED

    # The ring is found a moment later, and its opinion may come too late for a payment on a busy machine.
    await held_for_review(shop, wallets[0], "the farm")
    held = await held_for_review(shop, wallets[1], "another phone by now")
    found = await judgement_of(shared_database_url, held.reservation_id)
    assert (found["verdict"], found["reasons"]) == ("REVIEW", ["IN_A_RING"])

    async def has_a_case() -> bool:
        listed = await api(review_pb2.ListCasesRequest(program_id=shop.program.program_id))
        return any(case.subject == review_pb2.CASE_SUBJECT_RING for case in listed.cases)

    await until(has_a_case, 20)
    found: list[review_pb2.Case] = []

    async def has_a_case_of_its_own() -> bool:
        wanted = review_pb2.ListCasesRequest(wallet=types_pb2.WalletRef(wallet_id=wallets[1]))
        found.extend(case for case in (await api(wanted)).cases if case.subject_id == held.reservation_id)
        return bool(found)

    await until(has_a_case_of_its_own, 20)
    of_hold = found[0]
    evidence = (await api(review_pb2.GetCaseRequest(case_id=of_hold.case_id))).evidence
    # As the ring was at that moment: it was growing still.
    assert set(evidence.linked_wallet_ids) <= set(wallets) - {wallets[1]}
    assert evidence.linked_wallet_ids
    assert evidence.devices

    async def shows_everybody() -> bool:
        picture = (await api(review_pb2.GetCasePictureRequest(case_id=of_hold.case_id))).svg.decode()
        return picture.count("<circle") == 24 and "farmed-23" in picture

    await until(shows_everybody, 20)


async def test_a_family_at_one_tablet_is_left_alone(api, shared_database_url):
    shop = await open_shop(api)
    await rule(api, shop.program.program_id, limit("IN_A_RING", measure="ring", above=0, verdict="refuse"))
    wallets = [await shop.open(f"family-{number}", 1_000) for number in range(4)]
    for wallet_id in wallets:
        await reserve_from(shop, wallet_id, "tablet")
    connection = await asyncpg.connect(shared_database_url)
    try:

        async def is_a_ring() -> bool:
            return bool(
                await connection.fetchval("select 1 from fraud.ring_member where wallet_id = $1", wallets[0])
            )

        await until(is_a_ring, 20)
    finally:
        await connection.close()
    await asyncio.sleep(0.5)
    for wallet_id in wallets:
        await reserve_from(shop, wallet_id, "tablet")


async def test_who_referred_whom_is_known_to_the_rings(api, shared_database_url):
    shop = await open_shop(api)
    await rule(api, shop.program.program_id, limit("IN_A_RING", measure="ring", above=599, verdict="review"))
    names = [f"circle-{number}" for number in range(5)]
    wallets = [await shop.open(name) for name in names]
    for number, wallet_id in enumerate(wallets):
        action = earning_pb2.ActionEvent(
            kind=earning_pb2.EVENT_KIND_REFERRAL, subject=names[(number + 1) % 5]
        )
        event = earning_pb2.EarnEvent(
            wallet=types_pb2.WalletRef(wallet_id=wallet_id), source="app", source_event_id=new_id(),
            occurred_at=in_seconds(-5), action=action,
        )  # fmt: skip
        await api(earning_pb2.RecordEventRequest(event=event))
    connection = await asyncpg.connect(shared_database_url)
    try:

        async def is_suspicious() -> bool:
            found = await connection.fetchval(
                "select r.reasons from fraud.ring r join fraud.ring_member m using (ring_id) where m.wallet_id = $1",
                wallets[0],
            )
            return found is not None and "RING_REFERRAL_CYCLE" in json.loads(found)

        await until(is_suspicious, 20)
    finally:
        await connection.close()


async def test_an_unusual_redemption_is_held_with_what_makes_it_unusual(
    api, shared_database_url, redis_server_url
):
    histories, labels, spoken = a_year()
    async with a_bank(shared_database_url, redis_server_url) as bank:
        await bank.remember(histories)
        version = await bank.training.train(BY, Shape(window=500), labels, spoken)
        await bank.training.publish(version, BY)
    shop = await open_shop(api)
    await rule(api, shop.program.program_id, limit("UNUSUAL", measure="anomaly", above=100, verdict="review"))
    # An account that is minutes old and pays with all it has is like nothing in that year.
    wallet_id = await shop.open("unusual", 9_000)

    async def is_held() -> bool:
        request = shop.reserve(
            9_000, wallet=types_pb2.WalletRef(wallet_id=wallet_id), device=device("a phone")
        )
        held = (await api(request)).reservation
        if held.review != types_pb2.REVIEW_STATE_WAITING:
            await give_back(shop, wallet_id, held)
            return False
        found = await judgement_of(shared_database_url, held.reservation_id)
        assert found["reasons"] == ["UNUSUAL"]
        assert found["signals"]["anomaly"] > 100
        return True

    await until(is_held, 20)
