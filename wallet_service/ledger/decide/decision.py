"""One command on one wallet: settle what is due, find what the id already means, decide, say what to record."""

from __future__ import annotations

import json
from typing import Final, assert_never

from msgspec import Struct
from msgspec.structs import fields

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.ledger.commands import (
    Adjust,
    ClawBack,
    Close,
    Command,
    Commit,
    Expire,
    Extend,
    ExtendReview,
    Freeze,
    Grant,
    Mature,
    OperationCommand,
    OperationOutcome,
    Outcome,
    Release,
    Reserve,
    Restore,
    Review,
    Settle,
    Unfreeze,
)
from wallet_service.ledger.decide import care, checkout, grants, review
from wallet_service.ledger.decide.draft import Draft
from wallet_service.ledger.decide.settle import settle
from wallet_service.ledger.model import Credit, Entry, Known, OperationRecord, Reservation, Terms, Wallet


class Decision(Struct, frozen=True, kw_only=True, gc=False):
    """What is answered, and what is to be recorded: all of it in one transaction, or nothing."""

    outcome: Outcome
    wallet: Wallet
    entries: tuple[Entry, ...] = ()
    reservations: tuple[Reservation, ...] = ()
    """Closed in this decision; final from here."""
    credit: Credit | None = None
    operation: OperationRecord | None = None


def decide(wallet: Wallet, command: Command, now: Instant, terms: Terms, known: Known) -> Decision:
    """Decide a command. `known` is what is recorded under the ids that it names."""
    draft = Draft(wallet, now, terms)
    settle(draft)
    credit: Credit | None = None
    operation: OperationRecord | None = None
    outcome: Outcome
    match command:
        case Reserve():
            outcome = checkout.reserve(draft, known, command)
        case Commit():
            outcome = checkout.commit(draft, known, command)
        case Release():
            outcome = checkout.release(draft, known, command)
        case Extend():
            outcome = checkout.extend(draft, known, command)
        case ExtendReview():
            outcome = review.extend(draft, known, command)
        case Settle():
            outcome = OperationOutcome(balance=draft.balance())
        case Grant():
            outcome, credit = grants.grant(draft, known, command)
        case (
            Mature()
            | Freeze()
            | Unfreeze()
            | ClawBack()
            | Restore()
            | Adjust()
            | Close()
            | Expire()
            | Review()
        ):
            outcome, credit, operation = _operate(draft, known, command)
        case _:
            assert_never(command)
    return Decision(
        outcome=outcome, wallet=draft.freeze(), entries=tuple(draft.entries), reservations=tuple(draft.closed),
        credit=credit, operation=operation,
    )  # fmt: skip


_CAME_LATER: Final = frozenset({"stop_at_zero"})


def content_of(command: OperationCommand) -> str:
    """Return what makes two commands with one id the same: every field but the ids of wallet and operation.

    As JSON, so that no text in one field can pass for another field. A field that came later says nothing while it holds
    its default: a repetition of what was recorded before there was such a field is still the same.
    """
    named = [f.name for f in fields(command) if f.name not in {"wallet_id", "operation_id"}]
    named = [name for name in named if name not in _CAME_LATER or getattr(command, name)]
    return json.dumps({name: getattr(command, name) for name in named}, separators=(",", ":"))


def _operate(
    draft: Draft, known: Known, command: OperationCommand
) -> tuple[OperationOutcome | Refusal, Credit | None, OperationRecord | None]:
    """Decide a command that is remembered by its operation id."""
    missing = _missing(draft, known, command)
    if missing is not None:
        return missing, None, None
    kind, content = type(command).__name__, content_of(command)
    first = known.operation
    if first is not None:
        if (first.kind, first.content) != (kind, content):
            return Refusal(reason=Reason.ID_REUSED, field="operation_id"), None, None
        return OperationOutcome(balance=first.balance, replayed=True), None, None
    result = _apply(draft, known, command)
    if isinstance(result, Refusal):
        return result, None, None
    # The record goes with a change of the wallet even if no value moved: the lock must see it.
    draft.changed = True
    record = OperationRecord(
        operation_id=command.operation_id, kind=kind, content=content, balance=draft.balance(), at=draft.now,
        actor=getattr(command, "actor", ""), reason=getattr(command, "reason", ""),
    )  # fmt: skip
    return OperationOutcome(balance=record.balance), result if isinstance(result, Credit) else None, record


def _missing(draft: Draft, known: Known, command: OperationCommand) -> Refusal | None:
    """Return a refusal if the command names what this wallet does not have."""
    if isinstance(command, Restore | Review):
        if checkout.find(draft, known, command.reservation_id) is None:
            return Refusal(reason=Reason.RESERVATION_NOT_FOUND, field="reservation_id")
    elif getattr(command, "credit_id", None) is not None and known.credit is None:
        return Refusal(reason=Reason.CREDIT_NOT_FOUND, field="credit_id")
    return None


def _apply(draft: Draft, known: Known, command: OperationCommand) -> Credit | Reservation | Refusal | None:
    match command:
        case Mature():
            assert known.credit is not None
            return grants.mature(draft, known.credit, command)
        case ClawBack():
            assert known.credit is not None
            return grants.claw_back(draft, known.credit, command)
        case Restore():
            return grants.restore(draft, known, command)
        case Freeze():
            return care.freeze(draft, _credit(known, command), command)
        case Unfreeze():
            return care.unfreeze(draft, _credit(known, command), command)
        case Adjust():
            return care.adjust(draft, command)
        case Close():
            return care.close(draft, command)
        case Expire():
            return care.expire(draft, command)
        case Review():
            return review.review(draft, known, command)
        case _:
            assert_never(command)


def _credit(known: Known, command: Freeze | Unfreeze) -> Credit | None:
    return known.credit if command.credit_id is not None else None
