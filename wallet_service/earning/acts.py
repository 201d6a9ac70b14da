"""Acts as commands of the ledger, and what a refusal means for the event. Pure."""

from __future__ import annotations

from typing import Final, assert_never

from msgspec.structs import replace

from wallet_service.earning.desk import act_id_of
from wallet_service.earning.model import Act, ActKind, ClawBackPolicy, Event, EventKind, EventState, Paid
from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import CreditId, OperationId, ReservationId
from wallet_service.ledger.commands import ClawBack, Command, Freeze, Grant, Mature, Restore, Unfreeze

ACTOR: Final = "earning"
TRANSIENT: Final = frozenset(
    {
        Reason.OVERLOADED,
        Reason.DEADLINE_EXCEEDED,
        Reason.DATABASE_UNAVAILABLE,
        Reason.OUTCOME_UNKNOWN,
        Reason.CONTENTION,
    }
)
"""Says nothing about the event: the same act is given again later."""
_NOT_SPENT: Final = frozenset(
    {Reason.ABOVE_COMMITTED, Reason.RESERVATION_NOT_FOUND, Reason.RESERVATION_REFUSED, Reason.WALLET_CLOSED}
)
_NOT_THERE: Final = frozenset({Reason.BELOW_FLOOR, Reason.ABOVE_CREDIT, Reason.WALLET_CLOSED})


def command_of(event: Event, act: Act) -> Command:
    """Return the command of an act: the same each time, so that the ledger sees a repetition as one."""
    wallet_id, operation_id = event.wallet_id, OperationId(act.act_id)
    credit_id = CreditId(act.subject_id)
    match act.kind:
        case ActKind.GRANT:
            return Grant(
                wallet_id=wallet_id, credit_id=credit_id, amount=act.amount, pending=act.pending,
                expires_at=act.expires_at, reference=event.content.order_ref, actor=ACTOR, reason=act.reason,
            )  # fmt: skip
        case ActKind.CLAW_BACK:
            return ClawBack(
                wallet_id=wallet_id, operation_id=operation_id, credit_id=credit_id, amount=act.amount, actor=ACTOR,
                reason=act.reason, stop_at_zero=act.claw_back is not ClawBackPolicy.ALLOW_NEGATIVE,
            )  # fmt: skip
        case ActKind.RESTORE:
            return Restore(
                wallet_id=wallet_id, operation_id=operation_id, reservation_id=ReservationId(act.subject_id),
                amount=act.amount, actor=ACTOR, reason=act.reason,
            )  # fmt: skip
        case ActKind.FREEZE:
            return Freeze(
                wallet_id=wallet_id,
                operation_id=operation_id,
                credit_id=credit_id,
                actor=ACTOR,
                reason=act.reason,
            )
        case ActKind.UNFREEZE:
            return Unfreeze(
                wallet_id=wallet_id,
                operation_id=operation_id,
                credit_id=credit_id,
                actor=ACTOR,
                reason=act.reason,
            )
        case _:
            assert_never(act.kind)


def mature_of(event: Event) -> Mature:
    """Return the command that makes an event's credit available."""
    return Mature(
        wallet_id=event.wallet_id, credit_id=CreditId(event.event_id),
        operation_id=OperationId(act_id_of(event.event_id, "mature")),
    )  # fmt: skip


def without(event: Event, act: Act, refusal: Refusal) -> Event | None:
    """Return the event with an act made smaller, left out or put last; None if the refusal is a surprise.

    The smaller act has an id of its own: the first one was refused, so nothing stands under its id, and a repetition
    must not find the two mixed up.
    """
    possible = 0
    result = event.result
    if act.kind is ActKind.CLAW_BACK and refusal.reason in _NOT_THERE:
        facts = refusal.facts
        possible = min(act.amount, int(facts.get("possible_minor", facts.get("left_minor", "0"))))
        missing = act.amount - possible
        # What an event does not pay of older debts is owed on them still, whatever the policy.
        if act.claw_back is ClawBackPolicy.NEVER and event.kind is EventKind.RETURN:
            result = replace(result, given_up=result.given_up + missing)
        else:
            result = replace(result, short=result.short + missing)
    elif act.kind is ActKind.RESTORE and refusal.reason in _NOT_SPENT:
        possible = min(act.amount, int(refusal.facts.get("left_minor", "0")))
        result = replace(result, not_restored=result.not_restored + act.amount - possible)
    elif act.kind is ActKind.RESTORE and act is not result.acts[-1]:
        # There is no room for it now: what else the return does must not wait for that.
        others = tuple(other for other in result.acts if other is not act)
        return replace(event, result=replace(result, acts=(*others, act)))
    elif act.kind is ActKind.GRANT or refusal.reason not in {Reason.CREDIT_NOT_FOUND, Reason.WALLET_CLOSED}:
        return None
    smaller = replace(act, amount=possible, act_id=act_id_of(act.act_id, f"{act.amount}:{possible}"))
    acts = tuple(
        smaller if other is act else other for other in result.acts if other is not act or possible > 0
    )
    return replace(event, result=replace(result, acts=acts))


def finished(event: Event) -> Event:
    """Return an event whose acts are all done."""
    if event.kind is EventKind.RETURN:
        return replace(event, state=EventState.APPLIED, due_at=NEVER)
    if event.clawed_back >= event.amount:
        return replace(event, state=EventState.CLAWED_BACK, due_at=NEVER)
    if event.result.matures_at >= NEVER:
        return replace(event, state=EventState.MATURED, due_at=NEVER)
    open_returns = bool(event.result.open_returns)
    due_at = NEVER if open_returns else event.result.matures_at
    return replace(event, state=EventState.CREDITED, due_at=due_at)


def settled(bought: Event, event: Event) -> Event:
    """Return the purchase of a return whose acts are all done: what was not there is owed or given up.

    What was frozen goes on.
    """
    short, forgiven, tried = event.result.short, event.result.given_up, event.result.under_way
    bought = replace(
        bought, clawed_back=bought.clawed_back - short - forgiven, debt=bought.debt + short,
        result=replace(
            bought.result, given_up=bought.result.given_up + forgiven, under_way=bought.result.under_way - tried
        ),
    )  # fmt: skip
    if (
        bought.state not in {EventState.CREDITED, EventState.MATURED, EventState.CLAWED_BACK}
        or not bought.amount
    ):
        return bought
    if bought.clawed_back >= bought.amount:
        return replace(bought, state=EventState.CLAWED_BACK, due_at=NEVER)
    # Only now, after the value is free again: maturing a frozen credit would find nothing pending.
    if bought.state is EventState.CREDITED and not bought.result.open_returns:
        return replace(bought, due_at=bought.result.matures_at)
    return bought


def failed(event: Event, reason: Reason, tries_max: int, retry_at: Instant) -> Event:
    """Return an event that could not be finished: to be tried again later, or given up on."""
    tries = event.tries + 1
    result = replace(event.result, reasons=(*event.result.reasons[-9:], reason.name))
    if reason is Reason.WALLET_CLOSED:
        return replace(
            event, state=EventState.REJECTED, due_at=NEVER, result=replace(result, reasons=(reason.name,))
        )
    if tries < tries_max:
        return replace(event, tries=tries, due_at=retry_at, result=result)
    return replace(event, tries=tries, state=EventState.DEAD, due_at=NEVER, result=result)


def given_up(event: Event, done: int) -> Event:
    """Return an event that ends after its first `done` acts, without what the others would have done.

    What was never credited earned nothing, and nothing of it can be taken back. What a return did not take back is
    short, as if it had been spent already.
    """
    missing = event.result.acts[done:]
    if event.kind is EventKind.RETURN:
        short, kept = (
            sum(act.amount for act in missing if act.kind is kind)
            for kind in (ActKind.CLAW_BACK, ActKind.RESTORE)
        )
        result = replace(
            event.result, short=event.result.short + short, not_restored=event.result.not_restored + kept
        )
        return replace(event, result=result)
    if any(act.kind is ActKind.GRANT for act in missing):
        return replace(event, amount=0, clawed_back=0, debt=0)
    return event


def unpaid(event: Event, done: int) -> tuple[Event, tuple[Paid, ...]]:
    """Return an event without what its first `done` acts did not pay of older debts, and what is owed on them again."""
    given = sum(act.amount for act in event.result.acts[:done] if act.kind is ActKind.CLAW_BACK)
    missing = event.result.paid_debt - given
    if event.kind is EventKind.RETURN or missing <= 0:
        return event, ()
    kept: list[Paid] = []
    owed: list[Paid] = []
    for paid in event.result.paid:
        part = min(paid.amount, given)
        given -= part
        for parts, amount in ((kept, part), (owed, paid.amount - part)):
            if amount:
                parts.append(Paid(event_id=paid.event_id, amount=amount))
    result = replace(event.result, paid_debt=event.result.paid_debt - missing, paid=tuple(kept))
    return replace(event, clawed_back=max(event.clawed_back - missing, 0), result=result), tuple(owed)
