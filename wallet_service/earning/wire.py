"""Events as messages and back. For rpc rooms only."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wallet.v1 import earning_pb2, rules_pb2

from wallet_service.earning.desk import event_id_of
from wallet_service.earning.model import (
    ORDER_MINOR_MAX,
    Arrival,
    ClawBackPolicy,
    Content,
    Event,
    EventKind,
    EventState,
    ExpiryKind,
    ExpiryWarning,
    OrderLine,
    Policy,
    Purchase,
    Return,
    ReturnedLine,
    Stage,
)
from wallet_service.fraud.devices import Context
from wallet_service.fraud.model import Traces
from wallet_service.fraud.wire import context_of
from wallet_service.kernel.clock import NEVER
from wallet_service.kernel.errors import Reason, refuse
from wallet_service.kernel.ids import canonical_uuid
from wallet_service.ledger.wire import fill_timestamp, instant, plain, wallet_id_from
from wallet_service.rules.model import Award, AwardKind, Period
from wallet_service.rules.units import Units
from wallet_service.rules.wording import explain
from wallet_service.transport.call import Call

_EXPIRY: Final[Mapping[earning_pb2.ExpiryKind.ValueType, ExpiryKind]] = {
    earning_pb2.EXPIRY_KIND_NEVER: ExpiryKind.NEVER,
    earning_pb2.EXPIRY_KIND_ROLLING: ExpiryKind.ROLLING,
    earning_pb2.EXPIRY_KIND_END_OF_MONTH: ExpiryKind.END_OF_MONTH,
    earning_pb2.EXPIRY_KIND_END_OF_QUARTER: ExpiryKind.END_OF_QUARTER,
    earning_pb2.EXPIRY_KIND_END_OF_YEAR: ExpiryKind.END_OF_YEAR,
    earning_pb2.EXPIRY_KIND_INACTIVITY: ExpiryKind.INACTIVITY,
}
_CLAW_BACK: Final[Mapping[earning_pb2.ClawBackPolicy.ValueType, ClawBackPolicy]] = {
    earning_pb2.CLAW_BACK_POLICY_ALLOW_NEGATIVE: ClawBackPolicy.ALLOW_NEGATIVE,
    earning_pb2.CLAW_BACK_POLICY_UP_TO_ZERO_THEN_DEBT: ClawBackPolicy.UP_TO_ZERO_THEN_DEBT,
    earning_pb2.CLAW_BACK_POLICY_NEVER: ClawBackPolicy.NEVER,
}
_AWARD_KINDS: Final[Mapping[AwardKind, earning_pb2.AwardKind.ValueType]] = {
    AwardKind.BASIS_POINTS: earning_pb2.AWARD_KIND_BASIS_POINTS,
    AwardKind.FIXED: earning_pb2.AWARD_KIND_FIXED,
    AwardKind.FIXED_PER_LINE: earning_pb2.AWARD_KIND_FIXED_PER_LINE,
    AwardKind.PER_UNIT: earning_pb2.AWARD_KIND_PER_UNIT,
    AwardKind.LADDER: earning_pb2.AWARD_KIND_LADDER,
    AwardKind.MULTIPLIER: earning_pb2.AWARD_KIND_MULTIPLIER,
}
_CAP_PERIODS: Final[Mapping[Period, earning_pb2.CapPeriod.ValueType]] = {
    Period.ORDER: earning_pb2.CAP_PERIOD_ORDER,
    Period.DAY: earning_pb2.CAP_PERIOD_DAY,
    Period.MONTH: earning_pb2.CAP_PERIOD_MONTH,
    Period.LIFETIME: earning_pb2.CAP_PERIOD_LIFETIME,
    Period.BUDGET: earning_pb2.CAP_PERIOD_BUDGET,
}
_ENDS: Final = frozenset({ExpiryKind.END_OF_MONTH, ExpiryKind.END_OF_QUARTER, ExpiryKind.END_OF_YEAR})


def arrival_of(
    message: earning_pb2.EarnEvent, call: Call, traces_of: Callable[[Context], Traces], field: str = "event"
) -> Arrival:
    """Return a message as an event on its way in; refuses what cannot have happened."""
    source, source_event_id = plain(message.source, field), plain(message.source_event_id, field)
    return Arrival(
        wallet_id=wallet_id_from(message.wallet, call), event_id=event_id_of(source, source_event_id), source=source,
        source_event_id=source_event_id, content=_content(message, traces_of, field),
    )  # fmt: skip


def _content(message: earning_pb2.EarnEvent, traces_of: Callable[[Context], Traces], field: str) -> Content:
    occurred_at = instant(message.occurred_at, f"{field}.occurred_at")
    for name, value in message.attributes.items():
        plain(name + value, f"{field}.attributes")
    what = message.WhichOneof("what")
    kind, subject = EventKind.PURCHASE, ""
    if what == "returned":
        kind = EventKind.RETURN
    elif what == "action":
        kind, subject = (
            EventKind(message.action.kind),
            plain(message.action.subject, f"{field}.action.subject"),
        )
    context = context_of(
        message.device, payment_hash=message.purchase.payment_method_hash,
        referrer=subject if kind is EventKind.REFERRAL else "",
    )  # fmt: skip
    return Content(
        kind=kind, occurred_at=occurred_at, subject=subject, attributes=dict(message.attributes), traces=traces_of(context),
        purchase=_purchase(message.purchase, f"{field}.purchase") if what == "purchase" else None,
        returned=_return(message.returned, f"{field}.returned") if what == "returned" else None,
    )  # fmt: skip


def _purchase(message: earning_pb2.PurchaseEvent, field: str) -> Purchase:
    lines = tuple(_line(line, f"{field}.lines[{number}]") for number, line in enumerate(message.lines))
    redeemed = message.redeemed
    purchase = Purchase(
        order_ref=plain(message.order_ref, f"{field}.order_ref"), currency=message.currency, lines=lines,
        channel=plain(message.channel, f"{field}.channel"), store=plain(message.store, f"{field}.store"),
        payment_hash=plain(message.payment_method_hash, f"{field}.payment_method_hash"),
        coupons=tuple(sorted({plain(coupon, f"{field}.coupons") for coupon in message.coupons})),
        reservation_id=canonical_uuid(redeemed.reservation_id) if message.HasField("redeemed") else "",
        redeemed_minor=redeemed.amount_minor, redeemed_value_minor=redeemed.value_minor,
    )  # fmt: skip
    if purchase.gross_minor > ORDER_MINOR_MAX:
        raise refuse(
            Reason.FIELD_INVALID, f"{field}.lines", f"Together they cost more than {ORDER_MINOR_MAX}."
        )
    if purchase.redeemed_value_minor > purchase.total_minor:
        raise refuse(Reason.FIELD_INVALID, f"{field}.redeemed.value_minor", "It is more than the order.")
    return purchase


def _line(message: earning_pb2.OrderLine, field: str) -> OrderLine:
    line = OrderLine(
        sku=plain(message.sku, f"{field}.sku"), category=plain(message.category, f"{field}.category"),
        brand=plain(message.brand, f"{field}.brand"), quantity=message.quantity,
        unit_price_minor=message.unit_price_minor, discount_minor=message.discount_minor, tax_minor=message.tax_minor,
    )  # fmt: skip
    if line.net_minor < 0:
        raise refuse(Reason.FIELD_INVALID, f"{field}.discount_minor", "It is more than the line costs.")
    return line


def _return(message: earning_pb2.ReturnEvent, field: str) -> Return:
    if Stage(message.stage) is Stage.ACCEPTED and not (
        message.lines or message.amount_minor or message.everything
    ):
        raise refuse(Reason.FIELD_INVALID, field, "It does not say what comes back.")
    return Return(
        order_ref=plain(message.order_ref, f"{field}.order_ref"),
        return_ref=plain(message.return_ref, f"{field}.return_ref"), stage=Stage(message.stage),
        lines=tuple(
            ReturnedLine(line=part.line, quantity=part.quantity, amount_minor=part.amount_minor)
            for part in message.lines
        ),
        amount_minor=message.amount_minor, everything=message.everything,
    )  # fmt: skip


def event_message(event: Event) -> earning_pb2.RecordedEvent:
    """Return an event as a message."""
    message = earning_pb2.RecordedEvent(
        event_id=event.event_id, wallet_id=event.wallet_id, kind=int(event.kind), state=int(event.state),  # type: ignore[arg-type]
        source=event.source, source_event_id=event.source_event_id, order_ref=event.content.order_ref,
        amount_minor=event.amount, clawed_back_minor=event.clawed_back, owed_minor=event.debt,
        reasons=event.result.reasons, tries=event.tries,
        given_up_minor=event.result.given_up,
    )  # fmt: skip
    fill_timestamp(message.occurred_at, event.occurred_at)
    fill_timestamp(message.received_at, event.received_at)
    if event.state is EventState.CREDITED and event.result.matures_at < NEVER:
        fill_timestamp(message.matures_at, event.result.matures_at)
    return message


def award_message(award: Award, units: Units) -> earning_pb2.EarnAward:
    """Return an award as a message: its reasons as fields, and in words."""
    return earning_pb2.EarnAward(
        rule_id=award.rule_id, ruleset_version=award.ruleset_version, campaign_id=award.campaign_id or "",
        amount_minor=award.amount, line_amounts_minor=award.lines, uncapped_minor=award.uncapped,
        explanation=explain(award, units), title=award.title, kind=_AWARD_KINDS[award.kind], base=award.base,
        rate=award.rate, threshold_minor=award.threshold_minor, aside_group=award.aside,
        trims=[
            earning_pb2.AwardTrim(
                cap_key=trim.cap_key, period=_CAP_PERIODS[trim.period], limit_minor=trim.limit, left_minor=trim.left,
                by_minor=trim.by,
            )
            for trim in award.trims
        ],
        beaten=[
            earning_pb2.BeatenRule(rule_id=beaten.rule_id, group=beaten.group, amount_minor=beaten.amount)
            for beaten in award.beaten
        ],
    )  # fmt: skip


def policy_of(message: earning_pb2.EarningPolicy) -> Policy:
    """Return a policy from its message; refuses what contradicts itself."""
    seconds = message.expires_after_seconds
    kind = _EXPIRY.get(message.expiry) or (ExpiryKind.ROLLING if seconds else ExpiryKind.NEVER)
    _only_for(kind, {ExpiryKind.ROLLING}, seconds, "expires_after_seconds", needed=True)
    _only_for(kind, _ENDS, message.expiry_days_min, "expiry_days_min", needed=False)
    _only_for(kind, {ExpiryKind.INACTIVITY}, message.inactivity_days, "inactivity_days", needed=True)
    return Policy(
        hold_seconds={EventKind(hold.kind): hold.seconds for hold in message.holds},
        return_window_seconds=message.return_window_seconds, expires_after_seconds=seconds, expiry=kind,
        expiry_days_min=message.expiry_days_min, inactivity_days=message.inactivity_days,
        time_zone=_time_zone(message.time_zone),
        warn_before_seconds=tuple(sorted(message.warn_before_seconds, reverse=True)),
        claw_back=_CLAW_BACK.get(message.claw_back, ClawBackPolicy.ALLOW_NEGATIVE),
    )  # fmt: skip


def _only_for(
    kind: ExpiryKind, kinds: Collection[ExpiryKind], value: int, field: str, *, needed: bool
) -> None:
    """Refuse a field that belongs to another kind of expiry, or that this kind cannot be without."""
    if value and kind not in kinds:
        raise refuse(
            Reason.FIELD_INVALID, f"policy.{field}", f"It says nothing about the expiry {kind.name}."
        )
    if needed and not value and kind in kinds:
        raise refuse(Reason.FIELD_INVALID, f"policy.{field}", f"The expiry {kind.name} needs it.")


def _time_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else ""
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise refuse(Reason.FIELD_INVALID, "policy.time_zone", "There is no such time zone.") from None


def policy_message(policy: Policy) -> earning_pb2.EarningPolicy:
    """Return a policy as a message."""
    holds = [
        earning_pb2.HoldTime(kind=int(kind), seconds=seconds)  # type: ignore[arg-type]
        for kind, seconds in sorted(policy.hold_seconds.items())
    ]
    rolling = policy.expiry is ExpiryKind.ROLLING
    kind = ExpiryKind.NEVER if rolling and not policy.expires_after_seconds else policy.expiry
    (number,) = (number for number, name in _EXPIRY.items() if name is kind)
    (claw_back,) = (number for number, name in _CLAW_BACK.items() if name is policy.claw_back)
    return earning_pb2.EarningPolicy(
        holds=holds, return_window_seconds=policy.return_window_seconds,
        expires_after_seconds=policy.expires_after_seconds, version=policy.version, expiry=number,
        expiry_days_min=policy.expiry_days_min, inactivity_days=policy.inactivity_days, time_zone=policy.time_zone,
        warn_before_seconds=policy.warn_before_seconds, claw_back=claw_back,
    )  # fmt: skip


def warning_message(warning: ExpiryWarning) -> earning_pb2.ExpiryWarning:
    """Return a warning as a message."""
    message = earning_pb2.ExpiryWarning(
        warning_id=warning.warning_id, program_id=warning.program_id, wallet_id=warning.wallet_id,
        customer_ref=warning.customer_ref, amount_minor=warning.amount, before_seconds=warning.before_seconds,
        inactivity=warning.inactivity,
    )  # fmt: skip
    fill_timestamp(message.expires_at, warning.expires_at)
    fill_timestamp(message.warned_at, warning.warned_at)
    return message


def source_of(source: rules_pb2.RulesetSource) -> str | int:
    """Return a draft's name or a version's number."""
    match source.WhichOneof("from"):
        case "draft":
            return source.draft
        case "version":
            return source.version
        case _:
            raise refuse(Reason.FIELD_INVALID, "source", "Name a draft or a version.")
