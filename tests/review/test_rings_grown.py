"""A ring that has grown since somebody looked at it is looked at again, and not for each wallet that comes."""

from __future__ import annotations

from office import Office
from test_ring_cases import DEVICE, FARM, farm, key, work

from wallet_service.fraud.judged import SubjectKind
from wallet_service.fraud.rings.model import Key, Link, LinkKind
from wallet_service.review.model import Case


async def ring_cases(office: Office) -> list[Case]:
    """The latest first."""
    cases = [case for case in await office.cases() if case.subject_kind is SubjectKind.RING]
    return sorted(cases, key=lambda case: -len(case.evidence.signals["ring.members"]))


async def join(office: Office, wallets: list[str], shared: Key = DEVICE) -> None:
    await office.rings.note([Link(wallet_id, shared, office.shop.now) for wallet_id in wallets])
    await work(office)


async def test_a_ring_has_a_new_case_once_it_has_doubled_and_not_before(office: Office):
    wallets = await farm(office)
    (first,) = await ring_cases(office)
    more = [await office.customer(f"more-{number}") for number in range(FARM)]
    for wallet_id in more[:-1]:
        await join(office, [wallet_id])
    assert await ring_cases(office) == [first]
    await join(office, more[-1:])
    again, _ = await ring_cases(office)
    assert again.case_id != first.case_id
    assert set(again.evidence.signals["ring.members"]) == {*wallets, *more}
    assert again.evidence.signals["ring.earlier_cases"] == [first.case_id]
    await work(office)
    assert len(await ring_cases(office)) == 2
    picture = await office.review.picture(again.case_id, office.soon())
    assert str(picture).count("<circle") == 2 * FARM


async def test_rings_that_somebody_was_told_of_have_one_new_case_when_they_merge(office: Office):
    wallets = await farm(office)
    others = [await office.customer(f"other-{number}") for number in range(FARM)]
    await join(office, others, key(LinkKind.DEVICE, "another farm"))
    first, second = await ring_cases(office)
    await join(office, [wallets[0], others[0]], key(LinkKind.PAYMENT, "one card"))
    merged, *_ = cases = await ring_cases(office)
    assert len(cases) == 3
    assert set(merged.evidence.signals["ring.earlier_cases"]) == {first.case_id, second.case_id}
    await join(office, [await office.customer("one more")])
    assert len(await ring_cases(office)) == 3
