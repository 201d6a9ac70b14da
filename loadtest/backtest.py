"""How many order lines a second a backtest replays: `python -m loadtest.backtest`. One core, JSON decode included.

Synthetic orders in the proportions of a supermarket: nine lines each on average, forty departments, and rules of every
kind over them, once as they are in force and once with other rates.
"""

from __future__ import annotations

import json
import random
from time import process_time
from typing import Final

import msgspec

from wallet_service.earning.asking import basket_of
from wallet_service.earning.model import Content, EventKind, OrderLine, Purchase
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.rules.comparison import Comparison
from wallet_service.rules.compiler import Compiled, compiled
from wallet_service.rules.model import Customer
from wallet_service.rules.replay import Past, Replay
from wallet_service.rules.ruleset import Campaign
from wallet_service.rules.validate import read_ruleset

BEGIN: Final = Instant(1_767_225_600_000_000)
DAY: Final = 86_400 * MICROSECONDS_PER_SECOND
DEPARTMENTS: Final = 40
ORDERS: Final = 5_000
CUSTOMERS: Final = 1_000
SPRING: Final = Campaign(
    campaign_id="spring", title="Spring", starts_at="2026-03-01T00:00", ends_at="2026-06-01T00:00", budget=200_000
)  # fmt: skip


def ruleset(version: int, *, base: int, departments: int) -> Compiled:
    """Return a rate for everything, other rates for departments, a campaign, a coupon, a ladder and a multiplier."""
    rates = [
        {
            "rule_id": f"department-{n}", "title": f"Department {n}", "group": "rates",
            "when": {"categories": [f"d{n}"]}, "give": {"basis_points": 200 + 25 * n},
            "caps": {"per_customer_month": 5_000},
        }
        for n in range(departments)
    ]  # fmt: skip
    rules = [
        {"rule_id": "base", "title": "Everything", "group": "rates", "give": {"basis_points": base}},
        *rates,
        {"rule_id": "spring", "title": "Spring", "campaign": "spring", "when": {"categories": ["d1", "d2", "d3"]},
         "give": {"basis_points": 500}, "caps": {"per_customer_day": 1_000}},
        {"rule_id": "coupon", "title": "Coupon", "when": {"coupons": ["c1"]}, "give": {"amount": 200}},
        {"rule_id": "large", "title": "Large", "give": {"ladder": [{"from_minor": 5_000, "amount": 50},
         {"from_minor": 10_000, "amount": 150}]}},
        {"rule_id": "web", "title": "Web", "when": {"channels": ["web"]}, "give": {"multiplier": {"percent": 150}}},
    ]  # fmt: skip
    groups = [{"name": "rates", "mode": "best", "level": "line"}]
    document = {"time_zone": "Europe/Berlin", "groups": groups, "rules": rules}
    campaigns = {SPRING.campaign_id: SPRING}
    read, findings = read_ruleset(json.dumps(document), campaigns)
    assert read is not None, findings
    return compiled(read, version, campaigns)


def orders(count: int) -> list[tuple[int, str, str]]:
    """Return orders of a year as they are recorded: when, whose, and their JSON."""
    dice = random.Random(7)
    made: list[tuple[int, str, str]] = []
    for number in range(count):
        lines = tuple(
            OrderLine(
                sku=f"sku-{dice.randrange(90_000)}", category=f"d{dice.randrange(DEPARTMENTS)}/c{dice.randrange(300)}",
                brand=dice.choice(["national", "private"]), quantity=dice.randint(1, 4),
                unit_price_minor=dice.randint(49, 999), discount_minor=dice.choice([0, 0, 10]),
            )
            for _ in range(min(60, 1 + int(dice.expovariate(1 / 8.4))))
        )  # fmt: skip
        purchase = Purchase(
            order_ref=f"order-{number}", currency="EUR", lines=lines, channel=dice.choice(["web", "store"]),
            store=f"store-{dice.randrange(400)}", coupons=("c1",) if not dice.randrange(100) else (),
        )  # fmt: skip
        moment = Instant(BEGIN + number * 365 * DAY // count)
        content = Content(kind=EventKind.PURCHASE, occurred_at=moment, purchase=purchase)
        made.append((moment, f"customer-{dice.randrange(CUSTOMERS)}", msgspec.json.encode(content).decode()))
    return made


def replayed(recorded: list[tuple[int, str, str]]) -> tuple[Comparison, float]:
    """Return what a replay of these orders found, and its seconds of one core."""
    before = ruleset(1, base=100, departments=20)
    replay = Replay(ruleset(2, base=50, departments=30), lambda _moment: before)
    decode = msgspec.json.Decoder(Content).decode
    customer = Customer()
    began = process_time()
    for moment, customer_ref, text in recorded:
        basket = basket_of(decode(text))
        replay.take(
            Past(
                customer_ref=customer_ref,
                moment=Instant(moment),
                basket=basket,
                customer=customer,
                recorded=0,
            )
        )
    found = replay.compared(10)
    return found, process_time() - began


def measure() -> dict[str, float]:
    """Return the figures: order lines and orders a second, best of five."""
    recorded = orders(ORDERS)
    best = min((replayed(recorded) for _ in range(5)), key=lambda each: each[1])
    found, seconds = best
    return {
        "lines": found.lines, "orders": found.events, "lines_per_s": round(found.lines / seconds),
        "orders_per_s": round(found.events / seconds),
    }  # fmt: skip


def main() -> None:
    """Print the figures."""
    print(json.dumps(measure()))


if __name__ == "__main__":
    main()
