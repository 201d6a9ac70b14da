"""`wallet review`: a case followed from the queue to its decision, on the command line."""

from __future__ import annotations

import json
import time
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import grpc
from command import Running, called, the_one_line, wallet
from wallet.v1 import earning_pb2, earning_pb2_grpc, types_pb2


def doubt(up: Running, customer: str) -> None:
    """Send a purchase that is too large to be simply believed."""
    line = earning_pb2.OrderLine(sku="tv", quantity=1, unit_price_minor=6_000_000)
    bought = earning_pb2.PurchaseEvent(order_ref=str(uuid.uuid4()), currency="EUR", lines=[line])
    send(up, customer, purchase=bought)


def send(up: Running, customer: str, **what: Any) -> None:
    token = called("token", "--data-dir", str(up.data_dir)).stdout.strip()
    event = earning_pb2.EarnEvent(
        source="till", source_event_id=str(uuid.uuid4()),
        wallet=types_pb2.WalletRef(customer=types_pb2.Customer(program_id="demo", customer_ref=customer)), **what,
    )  # fmt: skip
    event.occurred_at.GetCurrentTime()
    with grpc.insecure_channel(up.target) as channel:
        stub = earning_pb2_grpc.EarningServiceStub(channel)
        stub.RecordEvent(
            earning_pb2.RecordEventRequest(event=event),
            metadata=[("authorization", f"Bearer {token}")],
            timeout=10,
        )


def waiting(up: Running, count: int) -> list[dict[str, object]]:
    end = time.monotonic() + 30
    while True:
        listed = called("review", "list", "demo", "--json", "--data-dir", str(up.data_dir))
        assert listed.returncode == 0, listed.stderr
        cases = [json.loads(line) for line in listed.stdout.splitlines()]
        if len(cases) >= count:
            return cases
        assert time.monotonic() < end, "no case was opened"


def test_a_case_is_listed_shown_taken_and_decided(up: Running) -> None:
    here = ("--data-dir", str(up.data_dir))
    doubt(up, "anna")
    doubt(up, "anna")
    first, second = [str(case["case_id"]) for case in waiting(up, 2)]
    assert first in wallet("review", "list", *here).stdout
    taken = wallet("review", "take", first, "--reviewer", "rita", *here)
    assert taken.stdout == f"{first}: assigned to rita\n", taken.stderr
    refused = called("review", "approve", first, "--reason", "fine", "--reviewer", "ralf", *here)
    assert refused.returncode == 1
    assert "CASE_TAKEN" in the_one_line(refused)
    noted = called("review", "note", first, "called [b]her[/b]", "--reviewer", "rita", *here)
    assert noted.returncode == 0
    approved = called("review", "approve", first, "--reason", "fine", "--reviewer", "rita", *here)
    assert approved.stdout == f"{first}: approved\n"
    shown = called("review", "show", first, *here).stdout
    for said in ("HIGH_VALUE", "demo/anna", "called [b]her[/b]", "rita", "fine"):
        assert said in shown
    assert called("review", "escalate", second, "--reason", "odd", *here).stdout == f"{second}: escalated\n"
    rejected = called("review", "reject", second, "--reason", "a farm", "--json", *here)
    assert json.loads(rejected.stdout)["state"] == "CASE_STATE_REJECTED"
    assert called("review", "list", *here).stdout == "nothing waits\n"
    counted = json.loads(called("review", "stats", "demo", "--json", *here).stdout)
    assert (counted["approved"], counted["rejected"], counted["by_reason"][0]["precision_bp"]) == (
        1,
        1,
        5_000,
    )
    assert called("review", "list", "--state", "nonsense", *here).returncode == 2


def test_a_reviewer_gets_a_picture_of_who_hangs_together(up: Running, tmp_path: Path) -> None:
    here = ("--data-dir", str(up.data_dir))
    doubt(up, "anna")
    (case,) = [str(case["case_id"]) for case in waiting(up, 1)]
    file = tmp_path / "ring.svg"
    refused = called("review", "picture", case, "--out", str(file), *here)
    assert refused.returncode == 1
    assert "CASE_WITHOUT_RING" in the_one_line(refused)
    assert not file.exists()
    policy = tmp_path / "policy.json"
    policy.write_text("{}")
    assert called("fraud", "policy", "apply", "demo", str(policy), *here).returncode == 0
    send(up, "anna", action=earning_pb2.ActionEvent(kind=earning_pb2.EVENT_KIND_REFERRAL, subject="berta"))
    end = time.monotonic() + 30
    while (drawn := called("review", "picture", case, "--out", str(file), *here)).returncode:
        assert time.monotonic() < end, drawn.stderr
    assert drawn.stdout == f"{file}\n"
    assert len(ET.parse(file).getroot().findall("{*}circle")) == 2
    nowhere = called("review", "picture", case, "--out", str(tmp_path / "no" / "ring.svg"), *here)
    assert nowhere.returncode == 2
    assert "cannot be written" in nowhere.stderr


def test_a_policy_of_review_is_a_file_and_several_cases_are_decided_at_once(
    up: Running, tmp_path: Path
) -> None:
    here = ("--data-dir", str(up.data_dir))
    file = tmp_path / "review.json"
    file.write_text(called("review", "policy", "export", "demo", *here).stdout)
    policy = json.loads(file.read_text())
    assert (policy["lease_seconds"], policy["reviewers"]) == (900, [])
    file.write_text(json.dumps({**policy, "reviewers": [{"name": "ralf", "limit_minor": 1}]}))
    applied = called("review", "policy", "apply", "demo", str(file), *here)
    assert applied.stdout == "version 1 is in force\n", applied.stderr
    file.write_text('{"leases": 3}')
    assert called("review", "policy", "apply", "demo", str(file), *here).returncode == 2
    cases = [str(case["case_id"]) for case in waiting(up, 1)]
    gone = str(uuid.uuid4())
    decided = called("review", "reject", *cases, gone, "--reason", "a farm", *here)
    assert decided.returncode == 1
    assert decided.stdout.splitlines() == [f"{case}: rejected" for case in cases]
    assert decided.stderr.startswith(f"{gone}: CASE_NOT_FOUND: ")
