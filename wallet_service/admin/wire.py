"""What several rooms of AdminService read and write alike."""

from __future__ import annotations

from collections.abc import Sequence

from wallet.v1 import wallet_pb2

from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.wire import plain
from wallet_service.rules.publication import Accountable
from wallet_service.transport.call import Call


def accountable(said: wallet_pb2.Accountability, call: Call) -> Accountable:
    """Return who does something and why: as the message says, and as the token says."""
    return Accountable(
        actor=plain(said.actor, "accountability.actor"), reason=plain(said.reason, "accountability.reason"),
        subject=call.caller.subject,
    )  # fmt: skip


def next_page(pages: PageTokens, list_name: str, shape: str, positions: Sequence[str], size: int) -> str:
    """Return the token of the page after `size` of these positions; empty: there is none."""
    return pages.seal(list_name, shape, positions[size - 1]) if len(positions) > size else ""
