"""What becomes of an event. Pure."""

from __future__ import annotations

from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from wallet_service.earning import expiry
from wallet_service.earning.asking import Asked, ask
from wallet_service.earning.desk import Desk, act_id_of
from wallet_service.earning.model import Act, ActKind, Content, Event, EventKind, EventState, Paid, value_of
from wallet_service.earning.returning import decide_return
from wallet_service.fraud.model import Judgement, Of, Pace, Signals, Verdict
from wallet_service.fraud.policy import judge_pace
from wallet_service.kernel.clock import NEVER, Instant, after
from wallet_service.rules.model import NOTHING, CapKey, Customer, Headroom, Period, Priced
from wallet_service.rules.policy import price_at

APPROVED: Final = "APPROVED"
"""Among an event's reasons: a person let it pass."""


def decide(desk: Desk, event: Event) -> None:
    """Decide an event that has been held for its time."""
    if event.content.returned is not None:
        decide_return(desk, event, event.content.returned)
    else:
        _decide_earning(desk, event)


def wait(desk: Desk, event: Event) -> None:
    """Mature what has waited for its time; while a return is open, it waits on."""
    if event.result.open_returns:
        desk.put(replace(event, due_at=NEVER))


def customer_of(desk: Desk, content: Content) -> Customer:
    """Return what rules may know of the customer."""
    first = content.kind is EventKind.PURCHASE and not desk.has_bought
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
        name: (desk.budgets.get(name, 0) if desk.budget_limits.get(name, 0) <= key.limit else 0)
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
    if purchase is not None and _is_known(desk, purchase.order_ref, event):
        # The order came from another source or for another wallet too: it earns once, whoever tells of it.
        return desk.end(event, EventState.REJECTED, ("ORDER_KNOWN",))
    # What a reviewer has let pass is not judged again.
    judgement = Judgement() if APPROVED in event.result.reasons else _judged(desk, event)
    if judgement.verdict is Verdict.REFUSE:
        return desk.end(event, EventState.REJECTED, judgement.reasons)
    if judgement.verdict is Verdict.REVIEW:
        return desk.end(event, EventState.IN_REVIEW, judgement.reasons)
    found, keys = _priced(desk, event.content)
    if purchase is not None:
        desk.has_bought = True
    if not found.amount:
        return desk.put(
            replace(
                event,
                state=EventState.MATURED,
                due_at=NEVER,
                result=replace(event.result, priced=found, refilled=()),
            )
        )
    desk.put(_credited(desk, event, found))
    # Last, when nothing can go wrong any more: what is used of a cap is what was awarded.
    return _use_caps(desk, found, keys)


def _is_known(desk: Desk, order_ref: str, event: Event) -> bool:
    return order_ref in desk.elsewhere or desk.orders.get(order_ref, event.event_id) != event.event_id


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
                claw_back=desk.policy.claw_back,
            )
        )
    result = replace(
        event.result,
        priced=found,
        # Priced once more after it had died, it uses caps again.
        refilled=(),
        acts=tuple(acts),
        paid_debt=paid,
        paid=debts,
        matures_at=matures_at if window else NEVER,
    )
    # It is due still, and since the same moment: what no index has to be told costs half.
    return replace(event, state=EventState.CLEARED, amount=found.amount, clawed_back=paid, result=result)


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
