"""How long pricing takes: `python -m loadtest.pricing`. In milliseconds of one processor.

What the figures are for: a basket of a hundred lines under a hundred rules, and that a thousand rules of which few
match cost about as much as a hundred.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from time import process_time
from typing import Final

from wallet_service.kernel.clock import Instant
from wallet_service.rules.compiler import Compiled, compiled
from wallet_service.rules.model import Basket, Customer, Headroom, Line
from wallet_service.rules.policy import price
from wallet_service.rules.validate import read_ruleset

MOMENT: Final = Instant(1_780_308_000_000_000)
CATEGORIES: Final = 200
REPEATS: Final = 200

Case = tuple[int, int, bool]
"""How many rules, how many lines, and whether every rule is about every line."""


def rules(count: int, *, everywhere: bool) -> Compiled:
    """Return rules that are each about one category of a hundred, or all about everything."""
    made = [
        {
            "rule_id": f"r{number}", "title": "A rule", "give": {"basis_points": 100 + number % 7},
            "when": {} if everywhere else {"categories": [f"c{number % CATEGORIES}"]},
            "caps": {"per_customer_month": 10**9}, **({"group": "rates"} if number % 2 else {}),
        }
        for number in range(count)
    ]  # fmt: skip
    groups = [{"name": "rates", "mode": "best", "level": "line"}]
    ruleset, findings = read_ruleset(json.dumps({"time_zone": "UTC", "groups": groups, "rules": made}), {})
    assert ruleset is not None, findings
    return compiled(ruleset, 1, {})


def basket(count: int) -> Basket:
    """Return lines of as many categories."""
    lines = (
        Line(
            sku=f"s{n}",
            category=f"c{n % CATEGORIES}/x{n}",
            net_minor=999 + 37 * n,
            gross_minor=1_999 + 37 * n,
        )
        for n in range(count)
    )
    return Basket(order_ref="order", lines=tuple(lines))


def milliseconds(cases: Mapping[Case, Callable[[], object]]) -> dict[Case, float]:
    """Return the shortest of the times that each takes, measured by turns: what else the machine does only adds to it.

    By turns, because a machine that is slower for a second would make slower what is measured then.
    """
    best = dict.fromkeys(cases, float("inf"))
    for _ in range(REPEATS):
        for case, work in cases.items():
            began = process_time()
            work()
            best[case] = min(best[case], (process_time() - began) * 1_000)
    return best


def main() -> None:
    """Print the table."""
    cases: dict[Case, Callable[[], object]] = {}
    for count, lines, everywhere in (
        (100, 100, False), (100, 100, True), (100, 10, False), (1_000, 10, False), (1_000, 100, False),
    ):  # fmt: skip
        program, bought = rules(count, everywhere=everywhere), basket(lines)
        cases[count, lines, everywhere] = partial(price, bought, Customer(), MOMENT, program, Headroom())
    found = milliseconds(cases)
    print(f"{'rules':>6} {'lines':>6}  {'matching':<10} {'ms':>7}")
    for (count, lines, everywhere), taken in found.items():
        print(f"{count:>6} {lines:>6}  {'all' if everywhere else 'a few':<10} {taken:>7.2f}")
    times = found[1_000, 10, False] / found[100, 10, False]
    print(
        f"1,000 rules on 10 lines take {times:.1f} times as long as 100, of which a fifth as many match; 3 is the most"
    )


if __name__ == "__main__":
    main()
