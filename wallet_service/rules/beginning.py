"""What had been used of caps and budgets before a replay begins, and how far back one must look to know. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wallet_service.kernel.clock import Instant, from_datetime, to_datetime
from wallet_service.rules.compiler import BUDGET_SCOPE, Compiled, local_instant
from wallet_service.rules.ruleset import Caps

EVER: Instant = Instant(0)
"""Further back than any event."""


class Before:
    """What earlier events had used: of each budget, and of each customer's caps in their latest day or month."""

    __slots__ = ("budgets", "customers", "events")

    def __init__(self) -> None:
        self.events = 0
        self.budgets: dict[str, int] = {}
        self.customers: dict[str, dict[str, tuple[str, int]]] = {}
        """By customer and cap, the day or month and what was used in it."""

    def count(self, customer_ref: str, used: Mapping[str, int]) -> None:
        """Count what one event used, by cap; events come in any order."""
        self.events += 1
        for cap_key, amount in used.items():
            if not amount:
                continue
            if cap_key.startswith(BUDGET_SCOPE):
                name = cap_key[len(BUDGET_SCOPE) :]
                self.budgets[name] = self.budgets.get(name, 0) + amount
                continue
            cap, _, period = cap_key.rpartition("/")
            mine = self.customers.setdefault(customer_ref, {})
            latest, known = mine.get(cap, (period, 0))
            if period >= latest:
                mine[cap] = (period, amount + (known if period == latest else 0))


def needed_since(rulesets: Iterable[Compiled], begins: Instant) -> Instant | None:
    """Return from when on earlier events may have used of caps that count on at a moment; None: of none they have."""
    found = [moment for compiled in rulesets for moment in _needed(compiled, begins)]
    earliest = min(found, default=begins)
    return earliest if earliest < begins else None


def _needed(compiled: Compiled, begins: Instant) -> Iterable[Instant]:
    midnight = (
        to_datetime(begins).astimezone(compiled.zone).replace(hour=0, minute=0, second=0, microsecond=0)
    )
    for caps in (compiled.ruleset.caps, *(rule.caps for rule in compiled.ruleset.rules)):
        yield from _needed_of(caps, from_datetime(midnight), from_datetime(midnight.replace(day=1)))
    for name in {rule.campaign for rule in compiled.ruleset.rules}:
        campaign = compiled.campaigns.get(name or "")
        if campaign is not None and local_instant(campaign.ends_at, compiled.zone) > begins:
            yield local_instant(campaign.starts_at, compiled.zone)


def _needed_of(caps: Caps, day: Instant, month: Instant) -> Iterable[Instant]:
    if caps.per_customer_day is not None:
        yield day
    if caps.per_customer_month is not None:
        yield month
    if caps.per_customer_lifetime is not None:
        yield EVER
