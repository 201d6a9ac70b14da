"""Lists as files: what is wrong with them is told at once, by line; what looks like a formula is text."""

from __future__ import annotations

import pytest

from wallet_service.rules.belonging import FINDINGS_MAX, ImportRow, read_rows
from wallet_service.rules.conditions import belongs_of
from wallet_service.rules.ruleset import AttributeTest, SegmentRule


def findings(text: str) -> list[tuple[int, str]]:
    _, found = read_rows(text)
    return [(each.line, each.problem) for each in found]


def test_a_file_is_read_with_or_without_actions():
    rows, found = read_rows("customer_ref\nanna\n\nben\n")
    assert not found
    assert rows == (ImportRow(line=2, customer_ref="anna"), ImportRow(line=4, customer_ref="ben"))
    rows, found = read_rows('action;customer_ref\r\nremove;"an;na"\r\nADD ;=HYPERLINK("x")\r\n')
    assert not found
    assert [(row.customer_ref, row.remove) for row in rows] == [("an;na", True), ('=HYPERLINK("x")', False)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", [(1, "MISSING_FIELD")]),
        ("name\nanna\n", [(1, "MISSING_FIELD"), (1, "UNKNOWN_FIELD")]),
        ("customer_ref,customer_ref\na,b\n", [(1, "DUPLICATE_ID")]),
        ("customer_ref\nanna,ben\n", [(2, "WRONG_TYPE")]),
        ("customer_ref,action\nanna,delete\n", [(2, "WRONG_TYPE")]),
        ("customer_ref\n anna\n", [(2, "WRONG_TYPE")]),
        (f"customer_ref\n{'x' * 129}\n", [(2, "TOO_LARGE")]),
        ('customer_ref\n"anna\n', [(2, "NOT_CSV")]),
        ("customer_ref,action\nanna,add\nben,add\nanna,remove\n", [(4, "CONTRADICTION")]),
        ('customer_ref\n"an\nna"\n', [(3, "WRONG_TYPE")]),
    ],
)
def test_each_wrong_line_is_named(text, expected):
    assert findings(text) == expected


def test_all_wrong_lines_come_at_once_up_to_a_limit():
    assert len(findings("customer_ref\n" + " x\n" * 10_000)) == FINDINGS_MAX


@pytest.mark.parametrize(
    ("test", "passing", "failing"),
    [
        (AttributeTest(name="a", any_of=("x", "y")), [{"a": "x"}], [{}, {"a": "z"}, {"b": "x"}]),
        (AttributeTest(name="a", none_of=("x",)), [{}, {"a": "y"}], [{"a": "x"}]),
        (AttributeTest(name="a", at_least=3), [{"a": "3"}, {"a": "10"}], [{"a": "2"}, {}, {"a": "3.5"}, {"a": "٣"}]),
        (AttributeTest(name="a", at_most=-3), [{"a": "-3"}], [{"a": "-2"}, {"a": ""}, {"a": "9" * 30}]),
        (AttributeTest(name="a", at_least=1, none_of=("2",)), [{"a": "3"}], [{"a": "2"}]),
    ],
)  # fmt: skip
def test_a_test_of_an_attribute(test, passing, failing):
    belongs = belongs_of(SegmentRule(all_of=(test,)))
    assert all(belongs(attributes) for attributes in passing)
    assert not any(belongs(attributes) for attributes in failing)
