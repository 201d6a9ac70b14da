"""What becomes of an event. Pure: a desk holds all that is known of one wallet while its due events are decided."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from wallet_service.earning import expiry, returns
from wallet_service.earning.asking import Asked, ask
from wallet_service.earning.model import (
    DECIDED,
    Act,
    ActKind,
    Content,
    Event,
    EventId,
    EventKind,
    EventState,
    Paid,
    Policy,
    Return,
    Stage,
    value_of,
)
from wallet_service.fraud.model import Judgement, Of, Pace, PaceLimits, Signals, Verdict
from wallet_service.fraud.policy import Judge, judge_pace
from wallet_service.kernel.clock import NEVER, Instant, after
from wallet_service.kernel.errors import Reason
from wallet_service.kernel.ids import uuid5
from wallet_service.rules.compiler import Compiled
from wallet_service.rules.model import (
    NOTHING,
    STRANGER,
    CapKey,
    CapUse,
    Customer,
    Headroom,
    Period,
    Priced,
    Profile,
)
from wallet_service.rules.policy import price_at

RulesetAt = Callable[[Instant], Compiled | None]
_EVENTS: Final = uuid.UUID("0e7c39a1-6a5d-5d0f-8f0e-5f1a0d8c2b47")
"""The namespace of event ids. Never changes: what makes an event count once follows from it."""
APPROVED: Final = "APPROVED"
"""Among an event's reasons: a person let it pass."""
WAITING: Final = "WAITS_FOR_PURCHASE"


def event_id_of(source: str, source_event_id: str) -> EventId:
    """Return the id of an event: UUIDv5 of its source and the source's own id."""
    # The length keeps a source that contains the separator apart from an id that does.
    return EventId(uuid5(_EVENTS, f"{len(source)}/{source}/{source_event_id}"))


def act_id_of(event_id: str, what: str) -> str:
    """Return the operation id of one act of an event, the same each time."""
    return uuid5(uuid.UUID(event_id), what)


@dataclass(slots=True, kw_only=True)
class Desk:
    """One wallet at work: what was gathered, and what has been decided so far."""

    now: Instant
    policy: Policy
    limits: PaceLimits
    rules: RulesetAt
    profile: Profile = STRANGER
    tier: str = ""
    events: dict[EventId, Event] = field(default_factory=dict)
    """Everything known of, as it is now; `changed` names what is to be written."""
    orders: dict[str, EventId] = field(default_factory=dict)
    """The purchase of each order: the first that came in."""
    owing: list[EventId] = field(default_factory=list)
    used: dict[str, int] = field(default_factory=dict)
    budgets: dict[str, int] = field(default_factory=dict)
    """What the worker's own slices have left; shared by all desks of a batch."""
    bought: bool = False
    window_events: int = 0
    window_value_minor: int = 0
    fraud: Judge | None = None
    """Of a program that has none, `limits` are all there is."""
    signals: dict[EventId, Signals] = field(default_factory=dict)
    judged: dict[EventId, Judgement] = field(default_factory=dict)
    changed: set[EventId] = field(default_factory=set)
    uses: list[CapUse] = field(default_factory=list)
    budget_uses: list[CapUse] = field(default_factory=list)
    asked: dict[int, Asked] = field(default_factory=dict)
    """By the identity of the content; shared by all desks of a round."""
    shortages: dict[str, tuple[CapKey, int]] = field(default_factory=dict)
    """Budgets that trimmed an award here, and by how much: another slice may have it."""

    def put(self, event: Event) -> None:
        """Remember an event as it is from now on."""
        self.events[event.event_id] = event
        self.changed.add(event.event_id)


def decide(desk: Desk, event: Event) -> None:
    """Decide an event that has been held for its time."""
    if event.content.returned is not None:
        _decide_return(desk, event, event.content.returned)
    else:
        _decide_earning(desk, event)


def wait(desk: Desk, event: Event) -> None:
    """Mature what has waited for its time; while a return is open, it waits on."""
    if event.result.open_returns:
        desk.put(replace(event, due_at=NEVER))


def customer_of(desk: Desk, content: Content) -> Customer:
    """Return what rules may know of the customer."""
    first = content.kind is EventKind.PURCHASE and not desk.bought
    # What the source says with the event is newer than what was recorded of the customer.
    attributes = {**desk.profile.attributes, **content.attributes}
    return Customer(
        segments=desk.profile.segments, tier=desk.tier, attributes=attributes, first_purchase=first
    )


def caps_of(desk: Desk, content: Content) -> tuple[CapKey, ...]:
    """Return the caps that may trim what an event earns."""
    asked = _asked(desk, content)
    return () if asked is None else tuple(asked.keys.values())


def _asked(desk: Desk, content: Content) -> Asked | None:
    """Put an event to the rules of its moment, or find what was answered to the same question before."""
    compiled = desk.rules(content.occurred_at)
    if compiled is None:
        return None
    customer = customer_of(desk, content)
    known = desk.asked.get(id(content))
    if known is None or not known.answers(compiled, customer):
        known = desk.asked[id(content)] = ask(compiled, content, customer)
    return known


def priced(desk: Desk, content: Content) -> Priced:
    """Return what an event earns by the rules of its moment and what the caps still allow."""
    return _priced(desk, content)[0]


def _priced(desk: Desk, content: Content) -> tuple[Priced, dict[str, CapKey]]:
    """Return what an event earns, and the caps that may have trimmed it; nothing is used of them yet."""
    asked = _asked(desk, content)
    if asked is None:
        return NOTHING, {}
    keys = asked.keys
    left = {
        name: desk.budgets.get(name, 0)
        if key.period is Period.BUDGET
        else max(0, key.limit - desk.used.get(name, 0))
        for name, key in keys.items()
    }
    headroom = Headroom(by_cap=left)
    found = price_at(asked.at, content.occurred_at, asked.compiled, headroom, matching=asked.matching)
    for award in found.awards:
        for trim in award.trims:
            if trim.period is Period.BUDGET and trim.cap_key in keys:
                key, short = desk.shortages.get(trim.cap_key, (keys[trim.cap_key], 0))
                desk.shortages[trim.cap_key] = (key, short + trim.by)
    return found, keys


def _use_caps(desk: Desk, found: Priced, keys: dict[str, CapKey]) -> None:
    for use in found.caps:
        if keys[use.cap_key].period is Period.BUDGET:
            desk.budgets[use.cap_key] -= use.amount
            desk.budget_uses.append(use)
        else:
            desk.used[use.cap_key] = desk.used.get(use.cap_key, 0) + use.amount
            desk.uses.append(use)


def _decide_earning(desk: Desk, event: Event) -> None:
    purchase = event.content.purchase
    if purchase is not None and desk.orders.get(purchase.order_ref, event.event_id) != event.event_id:
        # The order came from another source too: it earns once, whoever tells of it.
        return _end(desk, event, EventState.REJECTED, ("ORDER_KNOWN",))
    # What a reviewer has let pass is not judged again.
    judgement = Judgement() if APPROVED in event.result.reasons else _judged(desk, event)
    if judgement.verdict is Verdict.REFUSE:
        return _end(desk, event, EventState.REJECTED, judgement.reasons)
    if judgement.verdict is Verdict.REVIEW:
        return _end(desk, event, EventState.IN_REVIEW, judgement.reasons)
    found, keys = _priced(desk, event.content)
    if purchase is not None:
        desk.bought = True
    if not found.amount:
        return desk.put(
            replace(event, state=EventState.MATURED, due_at=NEVER, result=replace(event.result, priced=found))
        )
    desk.put(_credited(desk, event, found))
    # Last, when nothing can go wrong any more: what is used of a cap is what was awarded.
    return _use_caps(desk, found, keys)


def _judged(desk: Desk, event: Event) -> Judgement:
    """Judge an event by its program's policy; without one, by how fast its wallet's events come."""
    if desk.fraud is None:
        pace = Pace(
            value_minor=value_of(event.content), window_events=desk.window_events,
            window_value_minor=desk.window_value_minor,
        )  # fmt: skip
        judgement = judge_pace(pace, desk.limits)
    else:
        blind = Signals(
            of=Of.EVENT, amount=value_of(event.content), kind=event.kind.name.lower(), wallet_id=event.wallet_id,
            traces=event.content.traces,
        )  # fmt: skip
        judgement = desk.fraud(desk.signals.get(event.event_id, blind))
    desk.judged[event.event_id] = judgement
    return judgement


def _credited(desk: Desk, event: Event, found: Priced) -> Event:
    """Return an event with the acts that credit it, and first pay what the customer owes from it."""
    window = desk.policy.return_window_seconds
    matures_at = max(desk.now, after(event.occurred_at, window))
    grant = Act(
        kind=ActKind.GRANT, act_id=event.event_id, subject_id=event.event_id, amount=found.amount, pending=window > 0,
        expires_at=_expiry(desk, event, matures_at), reason="earned",
    )  # fmt: skip
    debts = _pay_debts(desk, found.amount)
    paid = sum(debt.amount for debt in debts)
    acts = [grant]
    if paid:
        act_id = act_id_of(event.event_id, "debt")
        acts.append(
            Act(
                kind=ActKind.CLAW_BACK,
                act_id=act_id,
                subject_id=event.event_id,
                amount=paid,
                reason="owed from returns",
            )
        )
    result = replace(
        event.result,
        priced=found,
        acts=tuple(acts),
        paid_debt=paid,
        paid=debts,
        matures_at=matures_at if window else NEVER,
    )
    return replace(
        event, state=EventState.CLEARED, due_at=desk.now, amount=found.amount, clawed_back=paid, result=result
    )


def _expiry(desk: Desk, event: Event, matures_at: Instant) -> Instant:
    compiled = desk.rules(event.occurred_at)
    named = desk.policy.time_zone
    zone = ZoneInfo(named or "UTC") if named or compiled is None else compiled.zone
    return expiry.expires_at(desk.policy, desk.now, matures_at, zone)


def _pay_debts(desk: Desk, amount: int) -> tuple[Paid, ...]:
    paid: list[Paid] = []
    for event_id in desk.owing:
        debtor = desk.events[event_id]
        part = min(debtor.debt, amount)
        if part:
            desk.put(replace(debtor, debt=debtor.debt - part))
            paid.append(Paid(event_id=event_id, amount=part))
            amount -= part
    return tuple(paid)


def _end(desk: Desk, event: Event, state: EventState, reasons: tuple[str, ...]) -> None:
    desk.put(replace(event, state=state, due_at=NEVER, result=replace(event.result, reasons=reasons)))


def bought_of(desk: Desk, returned: Return) -> Event | None:
    """Return the purchase that a return is about, as it is now."""
    return desk.events.get(desk.orders.get(returned.order_ref, EventId("")))


def _decide_return(desk: Desk, event: Event, returned: Return) -> None:
    bought = bought_of(desk, returned)
    if bought is None or bought.state not in DECIDED:
        waits_until = after(event.received_at, desk.policy.unclaimed_return_seconds)
        if bought is None and desk.now >= waits_until:
            return _end(desk, event, EventState.REJECTED, ("NO_SUCH_ORDER",))
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
            accepted = _accept(event, bought, returned)
            if accepted is None:
                return _end(desk, event, EventState.REJECTED, (Reason.RETURN_ABOVE_PURCHASE.name,))
            changed, acts = accepted
    if changed.debt > bought.debt and bought.event_id not in desk.owing:
        desk.owing.append(bought.event_id)
    desk.put(changed)
    state = EventState.CLEARED if acts else EventState.APPLIED
    due_at = desk.now if acts else NEVER
    return desk.put(
        replace(event, state=state, due_at=due_at, result=replace(event.result, acts=tuple(acts)))
    )


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


def _accept(event: Event, bought: Event, returned: Return) -> Effect | None:
    """Take back what the returned part earned and give back what it was paid with; None if too much comes back."""
    purchase = bought.content.purchase
    assert purchase is not None
    old = bought.result.back
    new = returns.after(old, purchase.lines, returned)
    if new is None:
        return None
    # What a cap or a rule of the whole order gave has no line of its own only if there are no lines.
    shares = bought.result.priced.lines if bought.amount else ()
    due = 0
    if shares:
        due = returns.share_back(new, purchase.lines, shares) - returns.share_back(
            old, purchase.lines, shares
        )
    there = min(due, bought.amount - bought.clawed_back)
    acts: list[Act] = []
    if there:
        acts.append(_on_credit(ActKind.CLAW_BACK, event, bought, "claw-back", "returned", there))
    after_claw = replace(
        bought, clawed_back=bought.clawed_back + there, debt=bought.debt + due - there,
        result=replace(bought.result, back=new),
    )  # fmt: skip
    closed, unfreeze = _close(event, after_claw, returned)
    whole = purchase.redeemed_minor
    restored = returns.part_back(new, purchase.lines, whole) - returns.part_back(old, purchase.lines, whole)
    acts += unfreeze
    if restored and purchase.reservation_id:
        acts.append(
            Act(
                kind=ActKind.RESTORE, act_id=act_id_of(event.event_id, "restore"), subject_id=purchase.reservation_id,
                amount=restored, reason="returned",
            )
        )  # fmt: skip
    return closed, acts


def _on_credit(kind: ActKind, event: Event, bought: Event, what: str, reason: str, amount: int = 0) -> Act:
    return Act(
        kind=kind,
        act_id=act_id_of(event.event_id, what),
        subject_id=bought.event_id,
        amount=amount,
        reason=reason,
    )
