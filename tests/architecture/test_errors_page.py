"""One reason: one number, one gRPC status, one sentence, one line of the page, one class in the client."""

import re
from dataclasses import dataclass

import pytest
from project_files import ROOT, modules, shown
from wallet.v1 import reason_pb2
from wallet_client import errors as client_errors

from wallet_service.kernel.errors import Reason

PAGE = (ROOT / "docs" / "errors.md").read_text()
PROTO = (ROOT / "proto" / "wallet" / "v1" / "reason.proto").read_text()
ROW = re.compile(r"^\| (\d+) \| `([A-Z_]+)` \| ([A-Z_]+) \| (.+?) \| (.+?) \| (.+?) \|$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A reason as the page has it."""

    number: int
    name: str
    status: str
    sentence: str
    when: str
    advice: str


LINES = [
    Line(number=int(number), name=name, status=status, sentence=sentence, when=when, advice=advice)
    for number, name, status, sentence, when, advice in ROW.findall(PAGE)
]


def test_code_proto_and_page_name_the_same_reasons_in_the_same_order():
    code = [(reason.number, reason.name) for reason in Reason]
    proto = [
        (int(number), name)
        for name, number in re.findall(r"^  REASON_([A-Z_]+) = (\d+);", PROTO, re.MULTILINE)
    ]
    assert code == sorted(code)
    assert [(0, "UNSPECIFIED"), *code] == proto
    assert code == [(line.number, line.name) for line in LINES]


def test_the_generated_enum_is_that_of_the_proto():
    numbers = {name.removeprefix("REASON_"): number for name, number in reason_pb2.Reason.items()}
    assert {reason.name: reason.number for reason in Reason} == {k: v for k, v in numbers.items() if v}


@pytest.mark.parametrize("line", LINES, ids=lambda line: line.name)
def test_the_page_says_the_status_and_the_sentence_of_the_code(line):
    reason = Reason[line.name]
    assert (line.status, line.sentence) == (reason.status.name, reason.sentence)


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_each_reason_is_given_somewhere(reason):
    used = re.compile(rf"\bReason\.{reason.name}\b")
    places = [
        shown(path) for path, _ in modules() if path.name != "errors.py" and used.search(path.read_text())
    ]
    assert places, f"{reason.name} is in the register, and no code answers it"


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.name)
def test_the_client_raises_each_reason_as_a_class_of_its_own(reason):
    raised = client_errors.class_of(reason.name)
    assert raised is not None
    assert raised.reason_name == reason.name


def test_what_the_page_says_of_the_client_is_so():
    for reason, name in re.findall(r"`([A-Z_]+)` is `wallet_client\.errors\.(\w+)`", PAGE):
        assert getattr(client_errors, name).reason_name == reason
