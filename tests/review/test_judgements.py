"""What was judged is remembered once for ever, and read in the order in which it was judged."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator

import pytest

from wallet_service.fraud.judgements import (
    BEGINNING,
    JudgedAs,
    JudgementRecord,
    SubjectKind,
    judgements_after,
    record_judgements,
)
from wallet_service.runtime.database import Database, DatabaseOptions


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = await Database.open(DatabaseOptions(url=database_url), toy=True)
    yield database
    await database.close()


def judged(**more) -> JudgementRecord:
    said = {
        "wallet_id": str(uuid.uuid4()), "subject_kind": SubjectKind.RESERVATION, "subject_id": str(uuid.uuid4()),
        "program_id": "shop", "verdict": JudgedAs.REVIEW, "shadow_verdict": JudgedAs.REFUSE,
        "reasons": ("HIGH_VALUE", "<script>'; drop table"), "policy_version": 3, "amount_minor": 10**15,
        "signals": {"wallet_count_hour": 12, "devices": ["a", "b"], "new": True},
    }  # fmt: skip
    return JudgementRecord(**{**said, **more})


async def read(database: Database, *verdicts: JudgedAs, after=BEGINNING, limit: int = 100):
    return await judgements_after(database, after, limit, verdicts, timeout_seconds=5)


async def test_what_was_judged_is_read_back_as_it_was_said(database: Database):
    told = judged()
    assert await record_judgements(database, [told], timeout_seconds=5) == 1
    (found,) = await read(database)
    assert found.judged_at > 0
    assert (
        JudgementRecord(**{**{f: getattr(found, f) for f in found.__struct_fields__}, "judged_at": 0}) == told
    )


async def test_the_first_judgement_of_a_subject_stands_for_ever(database: Database):
    told = judged()
    await record_judgements(database, [told], timeout_seconds=5)
    other = judged(wallet_id=told.wallet_id, subject_id=told.subject_id, verdict=JudgedAs.ALLOW)
    assert await record_judgements(database, [other, judged()], timeout_seconds=5) == 1
    assert {found.verdict for found in await read(database)} == {JudgedAs.REVIEW}


async def test_judgements_are_read_in_pages_and_by_verdict(database: Database):
    told = [judged(verdict=verdict) for verdict in (JudgedAs.ALLOW, JudgedAs.REVIEW, JudgedAs.REFUSE) * 3]
    await record_judgements(database, told, timeout_seconds=5)
    found, after = [], BEGINNING
    while page := await read(database, after=after, limit=4):
        found += page
        after = (page[-1].judged_at, page[-1].wallet_id, page[-1].subject_id)
    assert {one.subject_id for one in found} == {one.subject_id for one in told}
    assert len(found) == len(told)
    assert len(await read(database, JudgedAs.REVIEW, JudgedAs.REFUSE)) == 6
