"""Segments and customers on a real database: by list, by attributes, imported, and known to every process."""

from __future__ import annotations

import json
import time

from back_office import BY, DEMO, Office

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.rules.belonging import ImportRow
from wallet_service.rules.model import Basket, Customer, Headroom, Line, Profile
from wallet_service.rules.policy import price
from wallet_service.rules.publication import SegmentChange
from wallet_service.rules.ruleset import AttributeTest, SegmentRule

BASKET = Basket(order_ref="o", lines=(Line(sku="a", net_minor=1_000, gross_minor=1_000),))
GROWN = SegmentRule(all_of=(AttributeTest(name="age", at_least=18),))
VIP_RULES = json.dumps(
    {
        "time_zone": "UTC",
        "rules": [
            {"rule_id": "vip", "title": "VIP", "give": {"basis_points": 1_000}, "when": {"segments": ["vip"]}}
        ],
    }
)


async def change(office: Office, segment_id: str, **said) -> int | Refusal:
    return await office.audience.put_segment(DEMO, segment_id, SegmentChange(**said), BY, office.deadline())


def earned(rulesets, attributes: dict[str, str], *segments: str) -> int:
    moment = Instant(time.time_ns() // 1_000 + 1)
    compiled = rulesets.at(DEMO, moment)
    customer = Customer(segments=frozenset(segments), attributes=attributes)
    return price(BASKET, customer, moment, compiled, Headroom()).amount


async def test_customers_are_added_to_segments_and_taken_out(office: Office):
    await change(office, "vip", title="VIP", add=["anna", "ben"])
    await change(office, "staff", title="Staff", add=["anna"])
    await change(office, "vip", remove=["ben"])
    found = await office.rulesets.profiles_of(DEMO, ["anna", "ben", "eve"], timeout_seconds=5)
    assert found == {"anna": Profile(segments=frozenset({"vip", "staff"}))}
    segments = await office.audience.segments(DEMO, "", 10, office.deadline())
    assert [(each.segment_id, each.title, each.members) for each in segments] == [
        ("staff", "Staff", 1),
        ("vip", "VIP", 1),
    ]
    assert await office.audience.members(DEMO, "vip", "", 10, office.deadline()) == ["anna"]


async def test_what_is_so_already_makes_no_new_revision(office: Office):
    assert await change(office, "vip", title="VIP", rule=GROWN, add=["anna"]) == 1
    assert await change(office, "vip", title="VIP", rule=GROWN, add=["anna"], remove=["eve"]) == 1
    assert await change(office, "vip", add=["ben"]) == 2
    changes = await office.database.fetch(
        "select revision, document from rules.change where kind = 'segment'", timeout_seconds=5
    )
    assert [each["revision"] for each in changes] == [1, 2]
    assert "anna" not in changes[0]["document"]


async def test_who_belongs_by_attributes_is_asked_when_an_event_is_priced(office: Office):
    await change(office, "vip", add=["eve"])
    await office.draft(VIP_RULES)
    await office.publish("next", 0)
    assert earned(office.rulesets, {"age": "30"}) == 0
    await change(office, "vip", rule=GROWN)
    assert [earned(office.rulesets, {"age": age}) for age in ("30", "18", "17", "x", "")] == [
        100,
        100,
        0,
        0,
        0,
    ]
    assert earned(office.rulesets, {}, "vip") == 100
    await office.elsewhere.refresh()
    assert earned(office.elsewhere, {"age": "30"}) == 100
    await change(office, "vip", rule=SegmentRule(all_of=()))
    assert earned(office.rulesets, {"age": "30"}) == 0


async def test_a_rule_that_asks_nonsense_is_refused(office: Office):
    for test, field in (
        (AttributeTest(name=""), "rule.all_of[0].name"),
        (AttributeTest(name="age"), "rule.all_of[0]"),
        (AttributeTest(name="age", at_least=2, at_most=1), "rule.all_of[0].at_most"),
        (AttributeTest(name="city", any_of=("x",), none_of=("x", "y")), "rule.all_of[0].none_of"),
    ):
        refused = await change(office, "vip", rule=SegmentRule(all_of=(test,)))
        assert isinstance(refused, Refusal)
        assert (refused.reason, refused.field) == (Reason.FIELD_INVALID, field)


async def test_rows_are_imported_all_or_none(office: Office):
    rows = [ImportRow(line=n, customer_ref=ref) for n, ref in enumerate(["anna", "", "=1+1", "x\u0007"], 2)]

    async def load(*chosen: ImportRow):
        return await office.audience.import_rows(DEMO, "vip", chosen, BY, office.deadline())

    refused = await load(*rows)
    assert isinstance(refused, Refusal)
    assert refused.reason is Reason.SEGMENT_NOT_FOUND
    await change(office, "vip")
    bad = await load(*rows)
    assert [(each.line, each.problem) for each in bad.findings] == [(3, "MISSING_FIELD"), (5, "WRONG_TYPE")]
    assert bad.revision == 0
    good = await load(rows[0], rows[2])
    assert (good.revision, good.findings) == (2, ())
    assert await office.audience.members(DEMO, "vip", "", 10, office.deadline()) == ["=1+1", "anna"]


async def test_what_is_recorded_of_a_customer_is_replaced_as_a_whole(office: Office):
    async def put(customers: dict[str, dict[str, str]]):
        return await office.audience.put_customers(DEMO, customers, BY, office.deadline())

    assert await put({"anna": {"age": "30", "city": "Berlin"}, "ben": {"age": "17"}}) == 2
    assert await put({"anna": {"city": "Berlin", "age": "30"}}) == 0
    assert await put({"anna": {"age": "31"}, "ben": {}, "eve": {}}) == 2
    found = await office.rulesets.profiles_of(DEMO, ["anna", "ben", "eve"], timeout_seconds=5)
    assert found == {"anna": Profile(attributes={"age": "31"})}
    for attributes in ({"": "x"}, {"a": "x" * 257}, {"a\u0000": "x"}, {f"a{n}": "" for n in range(51)}):
        assert (await put({"anna": attributes})).reason is Reason.FIELD_INVALID
    nobody = await office.audience.put_customers(ProgramId("nobody"), {"a": {}}, BY, office.deadline())
    assert nobody.reason is Reason.PROGRAM_NOT_FOUND
    profile = await office.audience.profile(DEMO, "nobody", office.deadline())
    assert profile == Profile()
