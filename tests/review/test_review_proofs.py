"""Reconciliation sees what waits for nobody, and what was decided and never done."""

from __future__ import annotations

import pytest
from office import SECOND, Office, new_id

from wallet_service.reconciliation.model import Invariant
from wallet_service.reconciliation.service import Reconciliation

LIES = {
    "a case was wiped": (
        "a hold waits for a reviewer and has no case",
        ("delete from review.case_act", "delete from review.case_file"),
    ),
    "a case was closed behind the ledger's back": (
        "a hold waits for a reviewer and its case is closed",
        ("update review.case_file set state = 4, decided_at = opened_at",),
    ),
    "a decision was never told": (
        "a decision was not carried out",
        (f"update review.case_file set state = 4, decided_at = opened_at, applied = false, operation_id = '{new_id()}'",),
    ),
    "an act was wiped": ("what was done about a case is not on record", ("delete from review.case_act",)),
}  # fmt: skip


@pytest.mark.parametrize("lie", LIES)
async def test_what_waits_for_nobody_is_found(lie: str, office: Office):
    sentence, statements = LIES[lie]
    anna = await office.customer()
    await office.doubted(anna)
    await office.is_sound()
    for statement in statements:
        await office.shop._as_owner(statement)
    await office.shop.wait(120 * SECOND)
    report = await Reconciliation(office.shop.db).run()
    assert {finding.invariant for finding in report.findings} == {Invariant.REVIEW}
    assert sentence in {finding.sentence for finding in report.findings}


async def test_a_decision_that_says_another_thing_than_its_reservation_is_found(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    await office.decide(case_id, approve=False)
    await office.is_sound()
    await office.shop._as_owner("update review.case_file set state = 4")
    report = await Reconciliation(office.shop.db).run()
    assert [finding.sentence for finding in report.findings] == [
        "a case says another decision than its reservation"
    ]


async def test_a_rejection_without_a_record_is_found(office: Office):
    anna = await office.customer()
    _, case_id = await office.doubted(anna)
    await office.decide(case_id, approve=False)
    await office.shop._as_owner("delete from ledger.operation where kind = 'Review'")
    report = await Reconciliation(office.shop.db).run()
    assert {finding.invariant for finding in report.findings} == {Invariant.AUDIT}
