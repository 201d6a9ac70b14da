"""Situations that people wrote down, each with what should become of it."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from wallet_service.fraud.document import parsed
from wallet_service.fraud.model import Judgement, Signals
from wallet_service.fraud.policy import Judge, judge

TABLE = json.loads(Path(__file__).with_name("situations.json").read_text())
WRITTEN = ("verdict", "reasons", "shadow_verdict", "shadow_reasons", "unknown", "conflict")


@pytest.mark.parametrize("situation", TABLE["situations"], ids=lambda situation: situation["says"])
def test_the_judge_says_what_people_wrote_down(situation):
    policy, findings = parsed(json.dumps(TABLE["policies"][situation["policy"]]))
    assert policy is not None, findings
    signals = msgspec.convert({"of": "redemption", **situation["signals"]}, Signals)
    expected = {name: situation[name] for name in WRITTEN if name in situation}
    # What is acted on would also have been done if nothing were in shadow.
    expected.setdefault("shadow_verdict", expected.get("verdict", "allow"))
    judgement = msgspec.convert(expected, Judgement)
    assert judge(signals, policy) == judgement
    assert Judge(policy)(signals) == judgement


def test_there_are_enough_situations_and_each_is_told_once():
    said = [situation["says"] for situation in TABLE["situations"]]
    assert len(said) == len(set(said)) >= 60
