"""Who belongs to a segment, as staff say it: rules over attributes, and lists in files. All that is wrong, at once. Pure."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from wallet_service.rules.ruleset import AttributeTest, Finding, SegmentRule

TESTS_MAX: Final = 20
VALUES_MAX: Final = 200
NAME_MAX: Final = 64
VALUE_MAX: Final = 256
ATTRIBUTES_MAX: Final = 50
REF_MAX: Final = 128
ROWS_MAX: Final = 10_000
"""Of one call; a file is sent in parts."""
FILE_ROWS_MAX: Final = 2_000_000
FINDINGS_MAX: Final = 500

REF_COLUMN: Final = "customer_ref"
ACTION_COLUMN: Final = "action"
_ACTIONS: Final = {"": False, "add": False, "remove": True}


class ImportRow(Struct, frozen=True, kw_only=True, gc=False):
    """One customer to be put on a list, or taken off it."""

    line: int
    """Where it stands in its file."""
    customer_ref: str
    remove: bool = False


class RowFinding(Struct, frozen=True, kw_only=True):
    """Something wrong with a line of a file."""

    line: int
    problem: str
    message: str


def findings_of_segment_rule(rule: SegmentRule) -> tuple[Finding, ...]:
    """Return all that is wrong with a segment's rule."""
    findings: list[Finding] = []
    if len(rule.all_of) > TESTS_MAX:
        findings.append(_finding("all_of", "TOO_MANY_CONDITIONS", f"At most {TESTS_MAX} tests."))
    for index, test in enumerate(rule.all_of[:TESTS_MAX]):
        findings += _of_test(f"all_of[{index}]", test)
    return tuple(findings)


def _finding(path: str, problem: str, message: str) -> Finding:
    return Finding(path=path, problem=problem, message=message)


def _of_test(path: str, test: AttributeTest) -> Iterator[Finding]:
    if not 0 < len(test.name) <= NAME_MAX:
        yield _finding(f"{path}.name", "BAD_ID", f"An attribute's name has 1 to {NAME_MAX} characters.")
    if not (test.any_of or test.none_of or test.at_least is not None or test.at_most is not None):
        yield _finding(path, "MISSING_FIELD", "It asks for nothing.")
    if len(test.any_of) + len(test.none_of) > VALUES_MAX:
        yield _finding(path, "TOO_MANY_CONDITIONS", f"At most {VALUES_MAX} values.")
    if test.any_of and set(test.any_of) <= set(test.none_of):
        yield _finding(f"{path}.none_of", "CONTRADICTION", "All that is asked for is excluded.")
    if test.at_least is not None and test.at_most is not None and test.at_least > test.at_most:
        yield _finding(f"{path}.at_most", "NEVER_MATCHES", "The most is less than the least.")


def findings_of_attributes(attributes: Mapping[str, str]) -> Iterator[Finding]:
    """Report all that is wrong with what is said of a customer."""
    if len(attributes) > ATTRIBUTES_MAX:
        yield _finding("", "TOO_LARGE", f"At most {ATTRIBUTES_MAX} attributes.")
    for name, value in attributes.items():
        if not 0 < len(name) <= NAME_MAX or not name.isprintable():
            yield _finding("", "BAD_ID", f"An attribute's name has 1 to {NAME_MAX} printable characters.")
        elif len(value) > VALUE_MAX or not value.isprintable():
            yield _finding(name, "WRONG_TYPE", f"A value has at most {VALUE_MAX} printable characters.")


def findings_of_rows(rows: Iterable[ImportRow]) -> tuple[RowFinding, ...]:
    """Return all that is wrong with rows, in their order. What a spreadsheet might take for a formula is just text."""
    findings: list[RowFinding] = []
    wanted: dict[str, ImportRow] = {}
    for row in rows:
        problem = _of_ref(row.customer_ref)
        before = wanted.setdefault(row.customer_ref, row)
        if problem is None and before.remove != row.remove:
            problem = "CONTRADICTION", f"Line {before.line} says the opposite of the same customer."
        if problem is not None:
            findings.append(RowFinding(line=row.line, problem=problem[0], message=problem[1]))
            if len(findings) == FINDINGS_MAX:
                break
    return tuple(findings)


def _of_ref(ref: str) -> tuple[str, str] | None:
    if not ref.strip():
        return "MISSING_FIELD", "No customer is named."
    if len(ref) > REF_MAX:
        return "TOO_LARGE", f"A customer's reference has at most {REF_MAX} characters."
    if not ref.isprintable():
        return "WRONG_TYPE", "A customer's reference has printable characters only."
    if ref != ref.strip():
        return "WRONG_TYPE", "There is a space around the customer's reference."
    return None


def read_rows(text: str) -> tuple[tuple[ImportRow, ...], tuple[RowFinding, ...]]:
    """Return the rows of a CSV text, and all that is wrong with it.

    The first line names the columns: `customer_ref`, and if wanted `action`, which says `add` or `remove`.
    """
    first = text.partition("\n")[0]
    separator = ";" if ";" in first and "," not in first else ","
    reader = csv.reader(text.splitlines(keepends=True), delimiter=separator, strict=True)
    rows: list[ImportRow] = []
    findings: list[RowFinding] = []
    try:
        columns = next(reader, [])
        findings += _of_columns(columns)
        if findings:
            return (), tuple(findings)
        for cells in reader:
            if cells and len(findings) < FINDINGS_MAX:
                _read_row(reader.line_num, cells, columns, rows, findings)
            if len(rows) > FILE_ROWS_MAX:
                message = f"At most {FILE_ROWS_MAX} customers."
                return (), (RowFinding(line=reader.line_num, problem="TOO_LARGE", message=message),)
    except csv.Error as fault:
        message = f"This is not CSV: {fault}."
        findings.append(RowFinding(line=reader.line_num, problem="NOT_CSV", message=message))
    findings += findings_of_rows(rows)
    findings.sort(key=lambda each: each.line)
    return tuple(rows), tuple(findings[:FINDINGS_MAX])


def _of_columns(columns: Sequence[str]) -> Iterator[RowFinding]:
    if REF_COLUMN not in columns:
        message = f"The first line names the columns; {REF_COLUMN} is one of them."
        yield RowFinding(line=1, problem="MISSING_FIELD", message=message)
    for name in columns:
        if name not in {REF_COLUMN, ACTION_COLUMN}:
            message = f"There is no column {name[:NAME_MAX]!a}; there are {REF_COLUMN} and {ACTION_COLUMN}."
            yield RowFinding(line=1, problem="UNKNOWN_FIELD", message=message)
    if len(set(columns)) < len(columns):
        yield RowFinding(line=1, problem="DUPLICATE_ID", message="A column is there twice.")


def _read_row(
    line: int, cells: Sequence[str], columns: Sequence[str], rows: list[ImportRow], findings: list[RowFinding]
) -> None:
    if len(cells) != len(columns):
        message = f"{len(cells)} values for {len(columns)} columns."
        findings.append(RowFinding(line=line, problem="WRONG_TYPE", message=message))
        return
    named = dict(zip(columns, cells, strict=True))
    action = _ACTIONS.get(named.get(ACTION_COLUMN, "").strip().lower())
    if action is None:
        findings.append(RowFinding(line=line, problem="WRONG_TYPE", message="An action is add or remove."))
        return
    rows.append(ImportRow(line=line, customer_ref=named[REF_COLUMN], remove=action))
