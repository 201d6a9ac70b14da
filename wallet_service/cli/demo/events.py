"""Visits and returns as events of the API."""

from __future__ import annotations

from datetime import UTC, datetime, time
from typing import Final

from wallet_client import (
    ActionEvent,
    EarnEvent,
    EventKind,
    OrderLine,
    PurchaseEvent,
    Redeemed,
    ReturnedLine,
    ReturnEvent,
    ReturnStage,
    earn_event,
)

from wallet_service.cli.demo.comebacks import Comeback
from wallet_service.cli.demo.plan import Visit
from wallet_service.cli.demo.scene import CURRENCY, Scene

_DESK_OPENS: Final = time(9)
_DESK_CLOSES: Final = time(18)


def purchase(scene: Scene, visit: Visit) -> EarnEvent:
    """Return what the till tells, with what was paid by the wallet."""
    basket = visit.basket
    sale = scene.books[basket.household].sales[basket.basket_id]
    bought = PurchaseEvent(
        order_ref=basket.order_ref,
        currency=CURRENCY,
        lines=[
            OrderLine(
                sku=line.sku, category=line.category, brand=line.brand, quantity=line.quantity,
                unit_price_minor=line.unit_price_minor, discount_minor=line.discount_minor,
            )
            for line in basket.lines
        ],
        channel="store", store=basket.store, payment_method_hash=f"card-of-{basket.household}", coupons=basket.coupons,
    )  # fmt: skip
    if sale.paid:
        redeemed = Redeemed(reservation_id=sale.reservation_id, amount_minor=sale.paid, value_minor=sale.paid)
        bought.redeemed.CopyFrom(redeemed)
    return earn_event(
        scene.wallet_of(basket.household), bought, source=f"till-{basket.store}", source_event_id=basket.order_ref,
        occurred_at=basket.at,
    )  # fmt: skip


def referral(scene: Scene, visit: Visit) -> EarnEvent:
    """Return what is told of a friend who came along."""
    basket = visit.basket
    friend = ActionEvent(
        kind=EventKind.EVENT_KIND_REFERRAL, subject=f"friend-{basket.household}-{visit.number}"
    )
    return earn_event(
        scene.wallet_of(basket.household), friend, source="friends", source_event_id=friend.subject,
        occurred_at=basket.at,
    )  # fmt: skip


def return_begins(scene: Scene, one: Comeback) -> EarnEvent:
    """Return what the desk tells when goods are handed in."""
    stage = ReturnStage.RETURN_STAGE_OPENED
    returned = ReturnEvent(order_ref=one.basket.order_ref, return_ref=one.ref, stage=stage)
    return _at_the_desk(scene, one, returned, datetime.combine(one.opened, _DESK_OPENS, UTC), "opened")


def return_ends(scene: Scene, one: Comeback) -> EarnEvent:
    """Return what the desk tells when it has looked at them."""
    stage = ReturnStage.RETURN_STAGE_ACCEPTED if one.accepted else ReturnStage.RETURN_STAGE_REJECTED
    returned = ReturnEvent(
        order_ref=one.basket.order_ref, return_ref=one.ref, stage=stage, amount_minor=one.amount_minor,
        lines=[ReturnedLine(line=line, quantity=one.basket.lines[line].quantity) for line in one.lines],
        everything=one.everything,
    )  # fmt: skip
    return _at_the_desk(scene, one, returned, datetime.combine(one.ended, _DESK_CLOSES, UTC), "ended")


def _at_the_desk(scene: Scene, one: Comeback, returned: ReturnEvent, at: datetime, what: str) -> EarnEvent:
    return earn_event(
        scene.wallet_of(one.basket.household), returned, source="returns-desk", source_event_id=f"{one.ref}-{what}",
        occurred_at=at,
    )  # fmt: skip
