"""The schema in the proto and the documents that are read are one."""

from __future__ import annotations

import dataclasses
import types
from typing import get_args, get_origin, get_type_hints

import pytest
from wallet.v1 import rules_pb2

from wallet_service.rules import ruleset
from wallet_service.rules.ruleset import Level, Mode, Rounding

SHAPES = [
    ruleset.Ruleset, ruleset.Group, ruleset.Caps, ruleset.Rule, ruleset.When, ruleset.AttributeIs, ruleset.Hours,
    ruleset.Give, ruleset.Step, ruleset.Multiplier, ruleset.Campaign, ruleset.Finding, ruleset.AttributeTest,
    ruleset.SegmentRule, ruleset.SegmentDefinition,
]  # fmt: skip
ENUMS = {Rounding: rules_pb2.Rounding, Level: rules_pb2.RuleLevel, Mode: rules_pb2.GroupMode}


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.__name__)
def test_a_shape_has_the_fields_of_its_message(shape):
    message = rules_pb2.DESCRIPTOR.message_types_by_name[shape.__name__]
    hints = get_type_hints(shape)
    assert {field.name for field in message.fields} == {field.name for field in dataclasses.fields(shape)}
    for field in message.fields:
        assert field.is_repeated == (get_origin(hints[field.name]) is tuple), field.name
        if field.message_type is not None:
            assert field.message_type.name == inner(hints[field.name]).__name__


def inner(hint):
    if get_origin(hint) in {tuple, types.UnionType}:
        return inner(get_args(hint)[0])
    return hint


@pytest.mark.parametrize("words", ENUMS, ids=lambda words: words.__name__)
def test_a_word_is_the_enum_s_name_in_lower_case(words):
    enum = ENUMS[words].DESCRIPTOR
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    named = {value.name.removeprefix(prefix).lower() for value in enum.values if value.number}
    assert named == {word.value for word in words}
