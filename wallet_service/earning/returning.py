"""What a return does: it freezes, gives back, takes back, and refills caps and budgets. Pure."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from wallet_service.earning import caps, returns
from wallet_service.earning.desk import Desk, act_id_of
from wallet_service.earning.model import (
    DECIDED,
    Act,
    ActKind,
    Back,
    ClawBackPolicy,
    Event,
    EventState,
    Return,
    Stage,
)
from wallet_service.kernel.clock import NEVER, after
from wallet_service.kernel.errors import Reason

WAITING: Final = "WAITS_FOR_PURCHASE"


def decide_return(desk: Desk, event: Event, returned: Return) -> None:
    """Decide a return that has been held for its time; until its purchase is decided, it waits."""
    bought = desk.bought(returned)
    if bought is None or bought.state not in DECIDED:
        waits_until = after(event.received_at, desk.policy.unclaimed_return_seconds)
        if bought is None and desk.now >= waits_until:
            return desk.end(event, EventState.REJECTED, ("NO_SUCH_ORDER",))
        # Whoever decides the purchase wakes it, and knows it by this reason.
        result = replace(event.result, reasons=(WAITING,))
        return desk.put(replace(event, due_at=waits_until if bought is None else NEVER, result=result))
    event = replace(event, result=replace(event.result, reasons=()))
    match returned.stage:
        case Stage.OPENED:
            changed, acts = _open(event, bought, returned)
        case Stage.REJECTED:
            changed, acts = _close(event, bought, returned)
        case Stage.ACCEPTED:
            accepted = _accept(event, bought, returned, desk.policy.claw_back)
            if accepted is None:
                return desk.end(event, EventState.REJECTED, (Reason.RETURN_ABOVE_PURCHASE.name,))
            changed, acts = accepted
    if changed.debt > bought.debt and bought.event_id not in desk.owing:
        desk.owing.append(bought.event_id)
    changed = refilled(desk, changed, returned)
    desk.put(changed)
    state = EventState.CLEARED if acts else EventState.APPLIED
    due_at = desk.now if acts else NEVER
    under_way = changed.result.under_way - bought.result.under_way
    result = replace(event.result, acts=tuple(acts), under_way=under_way)
    return desk.put(replace(event, state=state, due_at=due_at, result=result))


def refilled(desk: Desk, bought: Event, returned: Return) -> Event:
    """Return the purchase of a return after caps and budgets have got back what is theirs by now; twice is once."""
    result, purchase = bought.result, bought.content.purchase
    if returned.stage is not Stage.ACCEPTED or purchase is None:
        return bought
    # What is given up of what is under way is known when it has been tried.
    not_taken = result.given_up + result.under_way
    gives_up = desk.policy.claw_back is ClawBackPolicy.NEVER or not_taken > 0
    given = caps.given_back(result.priced, result.back, purchase.lines, not_taken if gives_up else None)
    return desk.refilled(bought, given)


Effect = tuple[Event, list[Act]]


def _open(event: Event, bought: Event, returned: Return) -> Effect:
    """Freeze what the order earned; a return that has ended already opens nothing."""
    result = bought.result
    if returned.return_ref in (*result.open_returns, *result.ended_returns):
        return bought, []
    acts: list[Act] = []
    if bought.amount and not result.open_returns:
        acts.append(_on_credit(ActKind.FREEZE, event, bought, "freeze", "a return is open"))
    opened = (*result.open_returns, returned.return_ref)
    # It may be due to mature in this very round: frozen, it could not, and would never be asked again.
    due_at = NEVER if bought.state is EventState.CREDITED else bought.due_at
    return replace(bought, due_at=due_at, result=replace(result, open_returns=opened)), acts


def _close(event: Event, bought: Event, returned: Return) -> Effect:
    """End a return; when it was the last that was open, what it froze is free again and may mature."""
    result = bought.result
    left = tuple(ref for ref in result.open_returns if ref != returned.return_ref)
    ended = tuple(dict.fromkeys((*result.ended_returns, returned.return_ref)))
    closed = replace(bought, result=replace(result, open_returns=left, ended_returns=ended))
    if left or not result.open_returns or not bought.amount:
        return closed, []
    return closed, [_on_credit(ActKind.UNFREEZE, event, bought, "unfreeze", "the return has ended")]


def _accept(event: Event, bought: Event, returned: Return, policy: ClawBackPolicy) -> Effect | None:
    """Give back what the returned part was paid with, and take back what it earned; None if too much comes back."""
    purchase = bought.content.purchase
    assert purchase is not None
    old = bought.result.back
    new = returns.after(old, purchase.lines, returned)
    if new is None:
        return None
    restored = 0
    if purchase.reservation_id:
        whole = purchase.redeemed_minor
        restored = returns.part_back(new, purchase.lines, whole) - returns.part_back(
            old, purchase.lines, whole
        )
    # First what is given back: it covers what is taken, and nobody owes or is forgiven what stands beside it.
    acts: list[Act] = []
    if restored:
        acts.append(
            Act(
                kind=ActKind.RESTORE, act_id=act_id_of(event.event_id, "restore"), subject_id=purchase.reservation_id,
                amount=restored, reason="returned",
            )
        )  # fmt: skip
    taken, tried = _take_back(bought, new, restored, policy)
    if tried:
        act = _on_credit(ActKind.CLAW_BACK, event, bought, "claw-back", "returned", tried)
        acts.append(replace(act, claw_back=policy))
    # Last what is set free: before the claw-back, it could be spent and would be missing there.
    closed, unfreeze = _close(event, taken, returned)
    return closed, acts + unfreeze


def _take_back(bought: Event, new: Back, restored: int, policy: ClawBackPolicy) -> tuple[Event, int]:
    """Return a purchase of which so much has come back, and what is to be taken of its credit for it."""
    purchase, result = bought.content.purchase, bought.result
    assert purchase is not None
    # What a cap or a rule of the whole order gave has no line of its own only if there are no lines.
    shares = result.priced.lines if bought.amount else ()
    due = 0
    if shares:
        due = returns.share_back(new, purchase.lines, shares) - returns.share_back(
            result.back, purchase.lines, shares
        )
    left = bought.amount - bought.clawed_back
    there = min(due, left)
    # Beyond what the credit has left: it had paid what was owed on another order, and nothing is beyond that.
    beyond = min(due - there, result.paid_debt)
    # What an earlier return of the order could not take is tried again as far as this one gives value back: one return
    # of both would have paid it from there, so no split may leave it owed or given up.
    forgives = policy is ClawBackPolicy.NEVER
    again = min(result.given_up if forgives else bought.debt, restored, left - there)
    tried = there + again
    result = replace(
        result, back=new, given_up=result.given_up + (beyond - again if forgives else 0),
        under_way=result.under_way + (tried if forgives else 0),
    )  # fmt: skip
    debt = bought.debt + (0 if forgives else beyond - again)
    return replace(bought, clawed_back=bought.clawed_back + tried, debt=debt, result=result), tried


def _on_credit(kind: ActKind, event: Event, bought: Event, what: str, reason: str, amount: int = 0) -> Act:
    return Act(
        kind=kind,
        act_id=act_id_of(event.event_id, what),
        subject_id=bought.event_id,
        amount=amount,
        reason=reason,
    )
