"""Rings in review: what a reviewer sees of who hangs together, and what deciding about a ring teaches."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET

from office import RALF, RITA, Office, new_id, said

from wallet_service.fraud.judged import SubjectKind
from wallet_service.fraud.rings.model import Key, Link, LinkKind
from wallet_service.fraud.rings.worker import RingWorker
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.review.model import Case, CaseState, Decision, Reviewer, ReviewerTerms
from wallet_service.review.service import redemption_labels

FARM = 8


def key(kind: LinkKind, name: str) -> Key:
    return Key(kind, hashlib.sha256(name.encode()).hexdigest()[:32])


DEVICE, CARD = key(LinkKind.DEVICE, "the farm"), key(LinkKind.PAYMENT, "one card")


async def work(office: Office) -> None:
    rings = RingWorker(office.rings, office.rings.tell, lambda: office.shop.now, 1)
    for _ in range(3):
        await rings.beat()
    await office.worker.work()


async def farm(office: Office, size: int = FARM, names: str = "farmed") -> list[str]:
    """Wallets of one hand, in the order of their ids; the case about them is open."""
    wallets = sorted([await office.customer(f"{names}-{number}", 1_000) for number in range(size)])
    await office.rings.note([Link(wallet_id, DEVICE, office.shop.now) for wallet_id in wallets])
    await work(office)
    return wallets


async def ring_case(office: Office) -> Case:
    (case,) = [case for case in await office.cases(*CaseState) if case.subject_kind is SubjectKind.RING]
    return case


async def labels(office: Office) -> dict[str, str]:
    rows = await office.shop.db.fetch(
        "select wallet_id, label from review.label where subject_kind = 'ring'", timeout_seconds=5
    )
    return {str(row["wallet_id"]): row["label"] for row in rows}


# What is seen.


async def test_a_case_about_a_ring_names_its_wallets_and_devices(office: Office):
    wallets = await farm(office)
    case = await ring_case(office)
    assert (case.wallet_id, case.state) == (wallets[0], CaseState.OPEN)
    assert list(case.evidence.linked_wallets) == wallets[1:]
    assert case.evidence.devices == (DEVICE.text,)
    assert case.evidence.signals["ring.members"] == wallets


async def test_a_case_about_a_hold_names_whom_its_wallet_is_tied_to(office: Office):
    wallets = await farm(office, 3)
    await office.rings.note([Link(wallets[2], CARD, office.shop.now)])
    _, case_id = await office.doubted(wallets[1], 500)
    evidence = (await office.case(case_id)).evidence
    assert list(evidence.linked_wallets) == [wallets[0], wallets[2]]
    assert evidence.devices == (DEVICE.text,)
    alone = await office.customer("alone")
    _, case_id = await office.doubted(alone, 500)
    assert (await office.case(case_id)).evidence.linked_wallets == ()


async def test_those_who_refer_each_other_are_tied(office: Office):
    wallets = sorted([await office.customer(f"friend-{number}") for number in range(3)])
    links = []
    for number, wallet_id in enumerate(wallets):
        referral = Key(LinkKind.REFERRAL, wallets[number - 1].replace("-", ""))
        links += [Link(wallet_id, referral, office.shop.now), Link(wallets[number - 1], referral, office.shop.now)]  # fmt: skip
    await office.rings.note(links)
    await work(office)
    case = await ring_case(office)
    assert case.reasons == ("RING_REFERRAL_CYCLE",)
    assert list(case.evidence.linked_wallets) == [each for each in wallets if each != case.wallet_id]


async def test_the_picture_of_a_case_shows_who_hangs_together_by_the_names_of_the_program(office: Office):
    wallets = await farm(office)
    _, hold = await office.doubted(wallets[3], 500)
    for case_id, marked in (((await ring_case(office)).case_id, wallets[0]), (hold, wallets[3])):
        picture = await office.review.picture(case_id, office.soon())
        assert not isinstance(picture, Refusal)
        drawing = ET.fromstring(picture)
        circles = drawing.findall("{*}circle")
        assert len(circles) == FARM
        (red,) = [circle for circle in circles if circle.get("fill") == "#dc2626"]
        assert (red.findtext("{*}title") or "").startswith(marked)
        shown = {text.text for text in drawing.findall("{*}text")}
        assert {f"farmed-{number}" for number in range(FARM)} <= shown


async def test_a_ring_that_was_taken_in_by_another_is_seen_in_that_one(office: Office):
    wallets = await farm(office)
    more = [await office.customer(f"more-{number}") for number in range(FARM + 1)]
    phone = key(LinkKind.DEVICE, "another farm")
    await office.rings.note([Link(wallet_id, phone, office.shop.now) for wallet_id in more])
    await work(office)
    first = next(case for case in await office.cases() if case.wallet_id == wallets[0])
    await office.rings.note([Link(wallet_id, CARD, office.shop.now) for wallet_id in (wallets[0], more[0])])
    await work(office)
    picture = await office.review.picture(first.case_id, office.soon())
    assert not isinstance(picture, Refusal)
    assert picture.count("<circle") == 2 * FARM + 1


async def test_without_a_ring_there_is_no_picture(office: Office):
    _, case_id = await office.doubted(await office.customer("alone"), 500)
    refused = await office.review.picture(case_id, office.soon())
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.CASE_WITHOUT_RING
    refused = await office.review.picture(new_id(), office.soon())
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.CASE_NOT_FOUND


async def test_nobody_decides_about_a_ring_that_he_or_a_customer_of_his_is_in(office: Office):
    await office.rules(reviewers=(ReviewerTerms(name="ralf", own_customers=("farmed-5",)),))
    await farm(office)
    case = await ring_case(office)
    for who in (Reviewer(name="farmed-3"), RALF):
        assert said(await office.decide(case.case_id, who, approve=True)) is Reason.REVIEWER_CONFLICT
        assert said(await office.review.assign(case.case_id, who, office.soon())) is Reason.REVIEWER_CONFLICT
    assert said(await office.decide(case.case_id, RITA, approve=True)) is CaseState.APPROVED


# What is taught.


async def test_a_decision_about_a_ring_labels_every_wallet_that_was_in_it(office: Office):
    wallets = await farm(office)
    case = await ring_case(office)
    late = await office.customer("came-later")
    await office.rings.note([Link(late, DEVICE, office.shop.now)])
    await work(office)
    assert said(await office.decide(case.case_id, approve=False)) is CaseState.REJECTED
    assert await labels(office) == dict.fromkeys(wallets, "fraud")


async def test_one_of_many_decisions_labels_as_a_single_one_does(office: Office):
    wallets = await farm(office)
    case = await ring_case(office)
    _, hold = await office.doubted(wallets[0], 500)
    decisions = [
        Decision(case_id=case_id, operation_id=new_id(), approve=True, reason="a club")
        for case_id in (case.case_id, hold)
    ]
    outcomes = await office.review.decide_many(decisions, RITA, office.soon())
    assert [said(outcome) for outcome in outcomes] == [CaseState.APPROVED] * 2
    assert await labels(office) == dict.fromkeys(wallets, "honest")
    assert await office.labels() == ["honest"] * (FARM + 1)


async def test_the_first_of_two_approvals_teaches_nothing_yet(office: Office):
    await office.rules(second_approver_above_minor=1)
    wallets = await farm(office)
    reservation_id = await office.reserve(wallets[0], 500, review=False)
    await office.commit(wallets[0], reservation_id)
    await office.shop._as_owner("update review.case_file set amount_minor = 500")
    case = await ring_case(office)
    await office.decide(case.case_id, approve=True)
    assert await labels(office) == {}
    assert said(await office.decide(case.case_id, RALF, approve=True)) is CaseState.APPROVED
    assert await labels(office) == dict.fromkeys(wallets, "honest")


async def test_the_model_learns_a_ring_from_the_redemptions_of_all_its_wallets(office: Office):
    wallets = await farm(office)
    spent = [await office.reserve(wallet_id, 100, review=False) for wallet_id in wallets[:3]]
    own, own_case = await office.doubted(wallets[3], 200)
    await office.decide(own_case, approve=True)
    await office.decide((await ring_case(office)).case_id, approve=False)
    after = await office.reserve(wallets[5], 100, review=False)
    taught = {reservation: fraud for _, reservation, fraud in await redemption_labels(office.shop.db)}
    # What was said of a redemption itself stands above what was said of its wallet's ring.
    assert taught == {**dict.fromkeys(spent, True), own: False, after: True}
    await office.shop.wait(60)
    later = await office.reserve(wallets[6], 100, review=False)
    assert later not in {reservation for _, reservation, _ in await redemption_labels(office.shop.db)}
