"""One wallet's trouble is its own: the events of all others flow on."""

from __future__ import annotations

from shop import Shop

from wallet_service.earning.model import Content, EventKind, OrderLine, Purchase


def vast(shop: Shop, order: str) -> Content:
    """As much as lines can say; taken in by a version that had no limit on orders."""
    lines = tuple(OrderLine(sku=f"s{n}", quantity=10**6, unit_price_minor=10**9) for n in range(500))
    purchase = Purchase(order_ref=order, currency="EUR", lines=lines)
    return Content(kind=EventKind.PURCHASE, occurred_at=shop.now, purchase=purchase)


async def test_purchases_whose_sum_no_number_holds_hold_nobody_up(shop):
    anna, bob = await shop.customer("anna"), await shop.customer("bob")
    await shop.tell_all([(anna, f"e{n}", vast(shop, f"o{n}")) for n in range(20)])
    await shop.tell(bob, "e", shop.purchase("o", 10_000))
    await shop.pipeline.run(10)
    assert (await shop.balance(bob))[0] == 500
