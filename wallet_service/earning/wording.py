"""What else is to be said of an event than its awards: a sentence for each reason, return and debt. Pure."""

from __future__ import annotations

from typing import Final, assert_never

from wallet_service.earning.model import Act, ActKind, Event, EventState, Return, Stage
from wallet_service.earning.policy import APPROVED
from wallet_service.earning.returning import WAITING
from wallet_service.kernel.errors import Reason
from wallet_service.rules.units import Units
from wallet_service.rules.wording import NO_RULE

_SENTENCES: Final = {
    WAITING: "It waits for the purchase that it is about, which has not come in or is not decided yet.",
    APPROVED: "A person has looked at it and let it pass.",
    "REVIEW_REJECTED": "A person has looked at it and decided that it earns nothing.",
    "NO_SUCH_ORDER": "The order that it is about never came in, so there is nothing to take back.",
    "ORDER_KNOWN": "The same order had come in before, and an order earns only once.",
    Reason.RETURN_ABOVE_PURCHASE.name: "More would come back than was bought, so nothing was done.",
    Reason.WALLET_CLOSED.name: "The wallet is closed.",
    "TOO_MANY_EVENTS": "Far too many events came in for this wallet in a short time.",
    "MANY_EVENTS": "Unusually many events came in for this wallet in a short time.",
    "HIGH_VALUE": "It is worth unusually much.",
    "HIGH_VALUE_IN_WINDOW": "This wallet's events of a short time are worth unusually much together.",
}
_STATES: Final = {
    EventState.HELD: "It is held, and not decided yet.",
    EventState.IN_REVIEW: "A person has to decide about it.",
    EventState.REJECTED: "It was rejected and has no effect.",
    EventState.CLEARED: "It is decided, and is being written into the wallet.",
    EventState.DEAD: "It could not be written into the wallet and was given up; staff can have it tried again.",
}


def remarks_of(event: Event, units: Units) -> list[str]:
    """Return what else is to be said of an event."""
    said = [_STATES[event.state]] if event.state in _STATES else []
    said += [_reason(reason, event.state) for reason in event.result.reasons]
    if event.content.returned is not None:
        return said + _of_return(event, event.content.returned, units)
    if event.state is EventState.MATURED and not event.amount:
        said.append("It earned nothing." if event.result.priced.awards else f"It earned nothing. {NO_RULE}")
    return said + _of_earnings(event, units)


def _reason(reason: str, state: EventState) -> str:
    if reason in _SENTENCES:
        return _SENTENCES[reason]
    if reason in Reason.__members__:
        return f"It could not be written: {Reason[reason].sentence}"
    # Limits of a fraud policy have the names that staff gave them.
    asks = "refused it" if state is EventState.REJECTED else "asked for a second look"
    return f"The check {reason} {asks}."


def _of_earnings(event: Event, units: Units) -> list[str]:
    result, said = event.result, []
    if result.paid_debt:
        said.append(f"{units.amount(result.paid_debt)} of it paid what was still owed from earlier returns.")
    returned_minor = event.clawed_back - result.paid_debt
    if returned_minor > 0:
        said.append(f"{units.amount(returned_minor)} was taken back because goods were returned.")
    if event.debt:
        said.append(f"{units.amount(event.debt)} more is owed and will be kept from later earnings.")
    if result.open_returns:
        said.append("It is frozen while a return is open.")
    return said + _missing(event, units)


def _missing(event: Event, units: Units) -> list[str]:
    result, said = event.result, []
    if result.short:
        said.append(f"{units.amount(result.short)} had been spent already and is owed.")
    if result.given_up:
        said.append(
            f"{units.amount(result.given_up)} had been spent already and is given up: nobody owes it."
        )
    if result.not_restored:
        said.append(
            f"{units.amount(result.not_restored)} could not be given back: less had been spent on the order."
        )
    return said


def _of_return(event: Event, returned: Return, units: Units) -> list[str]:
    """Return what a return has done; of one that is not done yet only what is missing already."""
    missing = _missing(event, units)
    if event.state is not EventState.APPLIED:
        return missing
    kinds = {act.kind for act in event.result.acts}
    match returned.stage:
        case Stage.OPENED if ActKind.FREEZE in kinds:
            said = ["A return was opened, and what the order earned was frozen until it ends."]
        case Stage.OPENED:
            said = ["A return was opened; nothing had to be frozen for it."]
        case Stage.REJECTED if ActKind.UNFREEZE in kinds:
            said = ["The goods were not taken back, and what was frozen is free again."]
        case Stage.REJECTED:
            said = ["The goods were not taken back; nothing became free by it."]
        case Stage.ACCEPTED:
            said = _accepted(event.result.acts, units)
            if not said and not missing:
                said = ["The goods were taken back; nothing had to be taken or given back for them."]
        case _:
            assert_never(returned.stage)
    return said + missing


def _accepted(acts: tuple[Act, ...], units: Units) -> list[str]:
    taken, restored = (
        sum(act.amount for act in acts if act.kind is kind) for kind in (ActKind.CLAW_BACK, ActKind.RESTORE)
    )
    said = []
    if taken:
        said.append(f"{units.amount(taken)} that the order had earned was taken back.")
    if restored:
        said.append(f"{units.amount(restored)} that the order was paid with was given back to the wallet.")
    if said and any(act.kind is ActKind.UNFREEZE for act in acts):
        said.append("What else was frozen is free again.")
    return said
