"""What staff may say about rings: bounds, defaults, and what a document with them says back."""

from __future__ import annotations

import json

import pytest
from google.protobuf.descriptor import Descriptor
from wallet.v1 import fraud_pb2

from wallet_service.fraud.document import differences, parsed, written
from wallet_service.fraud.model import Policy
from wallet_service.fraud.ring_rules import BOUNDS, DEFAULTS, RingRules, mark_of


def document(path: str, value: object) -> str:
    said: object = value
    for name in reversed(path.split(".")):
        said = {name: said}
    return json.dumps({"rings": said})


@pytest.mark.parametrize("path", BOUNDS)
def test_a_number_may_stand_at_its_bounds_and_not_beyond(path):
    least, most = BOUNDS[path]
    for value in (least, most):
        policy, findings = parsed(document(path, value))
        assert (policy is not None, findings) == (True, ())
    for value in (least - 1, most + 1):
        policy, findings = parsed(document(path, value))
        assert policy is None
        assert [(found.path, found.problem) for found in findings] == [(f"rings.{path}", "OUT_OF_RANGE")]


@pytest.mark.parametrize("value", ["7", 1.5, None, True, [7], 10**30])
def test_what_is_no_such_number_is_found_by_its_place(value):
    policy, findings = parsed(document("household", value))
    assert policy is None
    assert findings[0].path == "rings.household"


def test_an_unknown_name_among_the_rules_is_found():
    for place in ("homes", "hubs.kiosk", "points.size"):
        policy, findings = parsed(document(place, 1))
        assert policy is None
        assert findings[0].path == "rings" + ("." + place.split(".")[0] if "." in place else "")


def bounds_of(message: Descriptor, before: str = "") -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for field in message.fields:
        if field.message_type is not None:
            found |= bounds_of(field.message_type, f"{before}{field.name}.")
        elif field.cpp_type == field.CPPTYPE_INT64:
            (said,) = [value for known, value in field.GetOptions().ListFields() if known.name == "field"]
            found[before + field.name] = (said.int64.gte, said.int64.lte)
    return found


def test_the_schema_says_the_same_bounds():
    assert bounds_of(fraud_pb2.FraudRingRules.DESCRIPTOR) == dict(BOUNDS)


def test_what_is_not_said_is_as_it_always_was():
    policy, _ = parsed("{}")
    assert policy is not None
    assert policy.rings == DEFAULTS
    assert (DEFAULTS.household, DEFAULTS.case_from_points, DEFAULTS.link_days) == (6, 60, 400)
    assert (DEFAULTS.hubs.device, DEFAULTS.hubs.address) == (256, 8)
    assert written(Policy()) == "{}"


def test_rules_that_nobody_changed_have_no_mark_and_every_change_has_its_own():
    assert mark_of(RingRules(household=6)) == ""
    other, _ = parsed(document("hubs.address", 9))
    more, _ = parsed(document("points.each_wallet", 9))
    assert other is not None
    assert more is not None
    assert len({mark_of(other.rings), mark_of(more.rings), ""}) == 3


def test_a_difference_is_told_down_to_the_number():
    before, _ = parsed(document("hubs.address", 9))
    after, _ = parsed(document("hubs.address", 10))
    assert before is not None
    assert after is not None
    assert differences(before, after) == [("rings.hubs.address", "9", "10")]
