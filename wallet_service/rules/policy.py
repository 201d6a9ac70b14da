"""What an event earns by a compiled ruleset. Pure; whole numbers only."""

from __future__ import annotations

from wallet_service.kernel.clock import Instant
from wallet_service.rules.compiler import Compiled
from wallet_service.rules.model import Basket, CapKey, Customer, Headroom, Priced


def cap_keys(compiled: Compiled, basket: Basket, customer: Customer, moment: Instant) -> tuple[CapKey, ...]:
    """Return the caps that reach beyond this order and may trim it; ask what is left of them before pricing."""
    raise NotImplementedError


def price(
    basket: Basket, customer: Customer, moment: Instant, compiled: Compiled, headroom: Headroom
) -> Priced:
    """Return what the event earns, with the reasons; never more than the headroom of any cap."""
    raise NotImplementedError
