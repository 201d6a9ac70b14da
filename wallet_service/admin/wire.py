"""What several rooms of AdminService read and write alike."""

from __future__ import annotations

from collections.abc import Sequence

from wallet.v1 import rules_pb2, wallet_pb2

from wallet_service.kernel.errors import Reason, refuse
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


def source_of(source: rules_pb2.RulesetSource) -> str | int:
    """Return a draft's name or a version's number."""
    match source.WhichOneof("from"):
        case "draft":
            return source.draft
        case "version":
            return source.version
        case _:
            raise refuse(Reason.FIELD_INVALID, "source", "Name a draft or a version.")


def next_page(pages: PageTokens, list_name: str, shape: str, positions: Sequence[str], size: int) -> str:
    """Return the token of the page after `size` of these positions; empty: there is none."""
    return pages.seal(list_name, shape, positions[size - 1]) if len(positions) > size else ""
