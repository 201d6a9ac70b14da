"""An event put to the rules of its moment: what matches, and which caps may trim it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wallet_service.earning.model import Content
from wallet_service.rules.compiler import Compiled, Match
from wallet_service.rules.model import Basket, CapKey, Customer, Line
from wallet_service.rules.occasion import Occasion
from wallet_service.rules.policy import cap_keys_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """An event put to the rules: which match, and which caps may trim it. The same for gathering and for deciding."""

    content: Content
    """Held on to, so that its identity stays its own."""
    compiled: Compiled
    at: Occasion
    matching: Sequence[Match]
    keys: dict[str, CapKey]

    def answers(self, compiled: Compiled, customer: Customer) -> bool:
        """Whether the same rules would be asked the same of the same customer."""
        return self.compiled is compiled and self.at.customer == customer


def basket_of(content: Content) -> Basket:
    """Return an event as the rules see it."""
    purchase = content.purchase
    if purchase is None:
        return Basket(order_ref="", lines=(), kind=content.kind.name.lower())
    lines = tuple(
        Line(
            sku=line.sku, category=line.category, brand=line.brand, quantity=line.quantity, net_minor=line.net_minor,
            gross_minor=line.gross_minor,
        )
        for line in purchase.lines
    )  # fmt: skip
    return Basket(
        order_ref=purchase.order_ref, lines=lines, channel=purchase.channel, store=purchase.store,
        payment_hash=purchase.payment_hash, coupons=frozenset(purchase.coupons),
        paid_with_value_minor=purchase.redeemed_value_minor,
    )  # fmt: skip


def ask(compiled: Compiled, content: Content, customer: Customer) -> Asked:
    """Put an event to a ruleset."""
    at = compiled.occasion(basket_of(content), customer, content.occurred_at)
    matching = compiled.matching(at, content.occurred_at)
    keys = {key.key: key for key in cap_keys_of(at, matching)}
    return Asked(content=content, compiled=compiled, at=at, matching=matching, keys=keys)
