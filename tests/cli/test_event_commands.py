"""`wallet events`: what became of a wallet's events, and what may be tried again."""

from __future__ import annotations

import json
import time
import uuid

from command import Running, called, the_one_line, wallet
from test_review import send
from wallet.v1 import earning_pb2

ORDER = "[b]o-7[/b]"


def listed(up: Running, *more: str) -> list[dict[str, object]]:
    answer = called("events", "list", "demo/anna", "--json", *more, "--data-dir", str(up.data_dir))
    assert answer.returncode == 0, answer.stderr
    events = [json.loads(line) for line in answer.stdout.splitlines()]
    return [event for event in events if event["order_ref"] == ORDER]


def test_events_are_listed_and_one_that_was_not_given_up_on_is_not_tried_again(up: Running) -> None:
    here = ("--data-dir", str(up.data_dir))
    line = earning_pb2.OrderLine(sku="a", quantity=1, unit_price_minor=1_000)
    send(up, "anna", purchase=earning_pb2.PurchaseEvent(order_ref=ORDER, currency="EUR", lines=[line]))
    deadline = time.monotonic() + 30
    while not listed(up, "--state", "matured", "--state", "credited"):
        assert time.monotonic() < deadline, "it was not worked on"
    (event,) = listed(up)
    shown = called("events", "list", "demo/anna", *here).stdout
    assert "purchase" in shown
    assert str(event["event_id"])[:8] in shown
    assert listed(up, "--state", "dead") == []
    retry = ("events", "retry", "demo/anna")
    refused = wallet(*retry, str(event["event_id"]), "--reason", "why not", *here)
    assert (refused.returncode, "EVENT_NOT_DEAD" in the_one_line(refused)) == (1, True)
    unknown = called(*retry, str(uuid.uuid4()), "--reason", "why not", "--actor", "eve", *here)
    assert (unknown.returncode, "EVENT_NOT_FOUND" in the_one_line(unknown)) == (1, True)
    assert called("events", "list", "demo/anna", "--state", "nonsense", *here).returncode == 2
