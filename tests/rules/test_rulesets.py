"""Rules on a real database: drafts, versions, rollback, and how soon another process knows."""

from __future__ import annotations

import asyncio
import contextlib
import json
import time

import asyncpg
import pytest
from back_office import BY, DEMO, Office

from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules import store
from wallet_service.rules.live import Rulesets
from wallet_service.rules.model import Basket, Customer, Headroom, Line
from wallet_service.rules.policy import price
from wallet_service.rules.publication import Accountable, SegmentChange
from wallet_service.rules.ruleset import Campaign
from wallet_service.runtime.errors import DatabaseError

BASKET = Basket(order_ref="o", lines=(Line(sku="a", net_minor=1_000, gross_minor=1_000),))
JUNE = Campaign(
    campaign_id="june", title="June", starts_at="2020-01-01T00:00", ends_at="2099-01-01T00:00", budget=5
)


def rules_of(basis_points: int, **fields: object) -> str:
    rule = {"rule_id": "base", "title": "On everything", "give": {"basis_points": basis_points}, **fields}
    return json.dumps({"time_zone": "Europe/Berlin", "rules": [rule]})


def now() -> Instant:
    return Instant(time.time_ns() // 1_000 + 1)


def rate(rulesets: Rulesets, moment: Instant) -> int | None:
    compiled = rulesets.at(DEMO, moment)
    return None if compiled is None else price(BASKET, Customer(), moment, compiled, Headroom()).amount


async def test_a_published_draft_is_in_force_at_once(office: Office):
    checked = await office.draft(rules_of(100))
    assert not checked.findings
    assert rate(office.rulesets, now()) is None
    published = await office.publish("next", 0)
    assert (published.version, published.origin, published.actor) == (1, "draft:next", "anna")
    assert rate(office.rulesets, now()) == 10
    assert rate(office.rulesets, after(published.effective_at, -1)) is None


async def test_a_change_is_known_to_every_process_within_five_seconds(office: Office):
    await office.draft(rules_of(100))
    loop = asyncio.create_task(office.elsewhere.run())
    await office.publish("next", 0)
    began = time.monotonic()
    while rate(office.elsewhere, now()) != 10:
        assert time.monotonic() - began < 5
        await asyncio.sleep(0.05)
    loop.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await loop


async def test_publishing_an_older_version_brings_it_back(office: Office):
    for version, basis_points in enumerate((100, 300)):
        await office.draft(rules_of(basis_points))
        await office.publish("next", version)
    assert rate(office.rulesets, now()) == 30
    back = await office.publish(1, 2)
    assert (back.version, back.origin) == (3, "version:1")
    assert rate(office.rulesets, now()) == 10
    history = await office.authoring.publications(DEMO, 2**62, 10, office.deadline())
    assert [each.version for each in history] == [3, 2, 1]


async def test_a_version_waits_for_its_time_and_past_events_keep_theirs(office: Office):
    await office.draft(rules_of(100))
    first = await office.publish("next", 0)
    await office.draft(rules_of(300))
    later = after(first.effective_at, 3_600)
    await office.publish("next", 1, later)
    assert rate(office.rulesets, first.effective_at) == 10
    assert rate(office.rulesets, after(later, -1)) == 10
    assert rate(office.rulesets, later) == 30


async def test_a_repeated_publication_answers_the_same_version(office: Office):
    await office.draft(rules_of(100))
    first = await office.publish("next", 0)
    assert await office.publish("next", 0) == first
    await office.draft(rules_of(200))
    refused = await office.publish("next", 0)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.VERSION_MISMATCH


async def test_of_two_who_publish_at_once_one_wins(office: Office):
    for name, basis_points in (("a", 100), ("b", 200)):
        await office.draft(rules_of(basis_points), name)
    outcomes = await asyncio.gather(*(office.publish(name, 0) for name in ("a", "b")))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [refusal.reason for refusal in refused] == [Reason.VERSION_MISMATCH]


async def test_a_draft_with_findings_is_kept_and_cannot_be_published(office: Office):
    checked = await office.draft(rules_of(20_000))
    assert [each.problem for each in checked.findings] == ["RATE_TOO_HIGH"]
    refused = await office.publish("next", 0)
    assert refused.reason is Reason.RULESET_INVALID
    assert refused.facts["path"] == "rules[0].give.basis_points"
    assert await office.authoring.publications(DEMO, 2**62, 10, office.deadline()) == []
    assert (await office.publish("nobody", 0)).reason is Reason.RULESET_NOT_FOUND


async def test_a_draft_that_changed_meanwhile_is_not_overwritten(office: Office):
    first = await office.draft(rules_of(100), expected=0)
    again = await office.draft(rules_of(100), expected=0)
    assert (first.draft.revision, again.draft.revision) == (1, 1)
    assert (await office.draft(rules_of(200), expected=0)).reason is Reason.VERSION_MISMATCH
    assert (await office.draft(rules_of(200), expected=1)).draft.revision == 2


async def test_a_campaign_gives_within_its_dates_and_a_change_of_it_is_live(office: Office):
    await office.authoring.put_campaign(DEMO, JUNE, BY, office.deadline())
    await office.draft(rules_of(100, campaign="june"))
    await office.publish("next", 0)
    assert rate(office.rulesets, now()) == 5
    over = Campaign(
        campaign_id="june", title="June", starts_at="2020-01-01T00:00", ends_at="2021-01-01T00:00", budget=5
    )
    stored = await office.authoring.put_campaign(DEMO, over, BY, office.deadline())
    assert stored.revision == 2
    assert rate(office.rulesets, now()) == 0


async def test_the_difference_of_two_versions_is_told_rule_by_rule(office: Office):
    await office.draft(rules_of(100))
    await office.publish("next", 0)
    await office.draft(rules_of(200, priority=1))
    found = await office.authoring.compare(DEMO, 1, "next", office.deadline())
    assert [(each.path, each.before, each.after) for each in found.differences] == [
        ("rules[base].give", '{"basis_points":100}', '{"basis_points":200}'), ("rules[base].priority", "0", "1"),
    ]  # fmt: skip


async def test_nothing_is_written_for_a_program_that_does_not_exist(office: Office):
    nobody, deadline = ProgramId("nobody"), office.deadline()
    for refused in (
        await office.authoring.put_draft(nobody, "a", "{}", None, BY, deadline),
        await office.authoring.publish(nobody, "a", 0, None, BY, deadline),
        await office.authoring.put_campaign(nobody, JUNE, BY, deadline),
        await office.authoring.trial(nobody, "a", deadline),
        await office.authoring.put_policy(nobody, BY, deadline, second_person=True),
    ):
        assert isinstance(refused, Refusal)
        assert refused.reason is Reason.PROGRAM_NOT_FOUND


async def test_the_service_cannot_change_a_version_or_hide_who_made_it(office: Office, database_url: str):
    await office.draft(rules_of(100))
    await office.publish("next", 0)
    connection = await asyncpg.connect(database_url, timeout=10)
    changes = await connection.fetch("select kind, actor, reason from rules.change order by at")
    assert [tuple(row) for row in changes] == [("draft", "anna", "summer"), ("ruleset", "anna", "summer")]
    await connection.execute("set role wallet_app")
    for statement in (
        "update rules.ruleset set document = ''", "delete from rules.ruleset", "truncate rules.change",
        "select rules.note_change('demo', 'draft', 'x', 1, '', '', '')",
    ):  # fmt: skip
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await connection.execute(statement)
    await connection.close(timeout=5)


async def test_a_second_person_publishes_where_that_is_asked_for(office: Office):
    ben = Accountable(actor="ben", reason="looked at it", subject="ben@token")
    policy = await office.authoring.put_policy(DEMO, ben, office.deadline(), second_person=True)
    assert (policy.second_person, policy.revision) == (True, 1)
    await office.draft(rules_of(100))
    alone = await office.publish("next", 0)
    assert alone.reason is Reason.SECOND_PERSON_NEEDED
    # Another name in the message is not another person.
    pretended = Accountable(actor="ben", reason="me again", subject=BY.subject)
    assert (await office.publish("next", 0, by=pretended)).reason is Reason.SECOND_PERSON_NEEDED
    # Who sends the same text again did not write it.
    await office.draft(rules_of(100), by=ben)
    published = await office.publish("next", 0, by=ben)
    assert (published.version, published.maker, published.subject) == (1, BY.subject, ben.subject)
    await office.draft(rules_of(200), by=ben)
    assert (await office.publish("next", 1, by=ben)).reason is Reason.SECOND_PERSON_NEEDED
    back = await office.publish(1, 1)
    assert (back.version, back.maker) == (2, "")
    await office.authoring.put_policy(DEMO, ben, office.deadline(), second_person=False)
    assert (await office.publish("next", 2, by=ben)).version == 3


async def test_the_database_refuses_one_who_is_both_persons(office: Office):
    with pytest.raises(DatabaseError):
        await store.publish(
            office.database, DEMO, 0, rules_of(100), "draft:x", None, BY.subject, BY, second_person=True,
            timeout_seconds=5,
        )  # fmt: skip


async def test_a_segment_that_does_not_exist_is_a_finding(office: Office):
    text = rules_of(100, when={"segments": ["vip"], "not_segments": ["staff"]})
    checked = await office.draft(text)
    assert [(each.path, each.problem) for each in checked.findings] == [
        ("rules[0].when.segments[0]", "UNKNOWN_SEGMENT"), ("rules[0].when.not_segments[0]", "UNKNOWN_SEGMENT"),
    ]  # fmt: skip
    for segment_id in ("vip", "staff"):
        await office.audience.put_segment(DEMO, segment_id, SegmentChange(), BY, office.deadline())
    assert not (await office.authoring.check_draft(DEMO, "next", office.deadline())).findings
