"""Samples of a service at work are put down to the right step."""

from __future__ import annotations

import pytest

from loadtest.breakdown import LOOP, shares, step_of

AT = "/somewhere/wallet_service"
START = [
    f"main ({AT}/__main__.py:10)",
    f"run ({AT}/runtime/lifecycle.py:157)",
    "Runner.run (/lib/asyncio/runners.py:86)",
]


@pytest.mark.parametrize(
    ("inner", "step"),
    [
        ([], LOOP),
        ([f"Batcher._decide_all ({AT}/ledger/batcher.py:308)"], "queue and batches"),
        ([f"decide ({AT}/ledger/decide/decision.py:52)"], "decide: lots, entries, hash chain"),
        (
            [f"CheckoutRpc.execute ({AT}/checkout/rpc.py:147)", f"_fill ({AT}/checkout/rpc.py:214)"],
            "fill the answer",
        ),
        ([f"_wish ({AT}/checkout/rpc.py:233)"], "message to command, policy, hash of the device"),
        (
            [
                f"append ({AT}/ledger/store/batch.py:119)",
                "Connection._do_execute (/lib/asyncpg/connection.py:2035)",
            ],
            "rows for the append",
        ),
        (
            [f"Session.fetch ({AT}/runtime/session.py:108)", "Connection.fetch (/lib/a.py:1)"],
            "the driver: encode, send",
        ),
        ([f"wallet_of ({AT}/ledger/codec.py:103)"], "rows out of PostgreSQL to a wallet"),
        ([f"wallet_text ({AT}/ledger/codec.py:93)"], "rows for the append"),
        ([f"new ({AT}/newroom/new.py:1)"], "other: newroom/new.py:new"),
    ],
)
def test_a_sample_belongs_to_the_step_of_its_innermost_frame_of_ours(inner, step):
    assert step_of([*START, *inner]) == step


def test_samples_are_counted_by_step():
    raw = f"main ({AT}/__main__.py:10);decide ({AT}/ledger/decide/decision.py:52) 3\nmain ({AT}/__main__.py:10) 2\n"
    assert shares(raw) == {"decide: lots, entries, hash chain": 3, LOOP: 2}
