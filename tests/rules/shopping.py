"""Rulesets, baskets and customers for hypothesis: small alphabets, so that rules and baskets meet often."""

from __future__ import annotations

from hypothesis import strategies as st

from wallet_service.rules.model import Basket, Customer, Line
from wallet_service.rules.ruleset import (
    AttributeIs,
    Campaign,
    Caps,
    Give,
    Group,
    Hours,
    Level,
    Mode,
    Multiplier,
    Rounding,
    Rule,
    Ruleset,
    Step,
    When,
)

ZONES = ["Europe/Berlin", "America/New_York", "UTC"]
MONDAY_NOON = 1_780_308_000_000_000
"""2026-06-01T10:00Z, a Monday: noon in Berlin."""
HOUR = 3_600_000_000

# Often exactly when a window or a rule begins or ends somewhere.
moments = st.one_of(st.sampled_from([0, 1, 6, 8, 14]), st.integers(-400, 400)).map(
    lambda hours: MONDAY_NOON + hours * HOUR
)
categories = st.sampled_from(["", "food", "food/dairy", "food/dairy/milk", "food/dairyfree", "toys"])


def some(*values):
    return st.lists(st.sampled_from(values), max_size=2, unique=True).map(tuple)


def maybe(strategy):
    return st.one_of(st.none(), st.none(), strategy)


lines = st.builds(
    lambda net, off, **rest: Line(net_minor=net, gross_minor=net + off, **rest),
    net=st.sampled_from([0, 1, 5, 33, 99, 250, 999, 1_000, 12_345]),
    off=st.sampled_from([0, 0, 1, 500]),
    sku=st.sampled_from(["a", "b", "c"]),
    category=categories,
    brand=st.sampled_from(["", "acme", "zeta"]),
    quantity=st.integers(0, 5),
)
baskets = st.builds(
    Basket,
    order_ref=st.just("order"),
    lines=st.integers(0, 7).flatmap(lambda n: st.lists(lines, min_size=min(n, 1), max_size=6)).map(tuple),
    kind=st.sampled_from(["purchase", "purchase", "purchase", "review"]),
    channel=st.sampled_from(["web", "shop"]),
    store=st.sampled_from(["", "s1"]),
    payment_hash=st.sampled_from(["", "p1"]),
    coupons=st.frozensets(st.sampled_from(["c1", "c2"])),
    paid_with_value_minor=st.sampled_from([0, 0, 1, 100, 50_000]),
)
customers = st.builds(
    Customer,
    segments=st.frozensets(st.sampled_from(["vip", "staff"])),
    tier=st.sampled_from(["", "gold"]),
    attributes=st.sampled_from([{}, {"city": "Bonn"}]),
    first_purchase=st.booleans(),
)
caps = st.builds(
    Caps,
    per_order=maybe(st.integers(0, 60)),
    per_customer_day=maybe(st.integers(0, 90)),
    per_customer_month=maybe(st.integers(0, 120)),
    per_customer_lifetime=maybe(st.integers(0, 150)),
)
whens = st.builds(
    When,
    kinds=st.sampled_from([("purchase",), ("purchase",), ("purchase", "review"), ("review",)]),
    categories=some("food", "food/dairy", "toys"),
    skus=some("a", "b"),
    brands=st.one_of(st.just(()), some("acme", "zeta")),
    channels=st.one_of(st.just(()), st.just(()), some("web")),
    stores=st.one_of(st.just(()), st.just(()), some("s1")),
    payments=st.one_of(st.just(()), st.just(()), some("p1")),
    coupons=st.one_of(st.just(()), st.just(()), some("c1", "c2")),
    segments=st.one_of(st.just(()), st.just(()), some("vip")),
    not_segments=st.one_of(st.just(()), st.just(()), some("staff")),
    tiers=st.one_of(st.just(()), st.just(()), some("gold")),
    attributes=st.sampled_from([(), (), (AttributeIs(name="city", values=("Bonn", "Ulm")),)]),
    first_purchase=maybe(st.booleans()),
    total_min_minor=maybe(st.sampled_from([1, 500])),
    total_max_minor=maybe(st.sampled_from([1_000, 20_000])),
    quantity_min=maybe(st.integers(0, 3)),
    quantity_max=maybe(st.integers(4, 9)),
    weekdays=st.one_of(st.just(()), st.just(()), st.lists(st.integers(1, 7), unique=True).map(tuple)),
    hours=maybe(st.sampled_from([Hours(start=8, end=18), Hours(start=20, end=6), Hours(start=0, end=24)])),
    starts_at=maybe(st.sampled_from(["2026-05-25T00:00", "2026-06-01T12:00"])),
    ends_at=maybe(st.sampled_from(["2026-06-05T00:00", "2026-06-01T13:00:00"])),
)
steps = st.lists(st.sampled_from([0, 100, 1_000, 5_000]), min_size=1, max_size=3, unique=True).flatmap(
    lambda froms: st.tuples(
        *[
            st.one_of(
                st.builds(Step, from_minor=st.just(low), amount=st.integers(0, 80)),
                st.builds(Step, from_minor=st.just(low), basis_points=st.integers(1, 3_000)),
            )
            for low in froms
        ]
    )
)
LINE_GIVES = st.one_of(
    st.builds(Give, basis_points=st.sampled_from([1, 33, 100, 100, 500, 1_050])),
    st.builds(Give, amount_per_line=st.integers(1, 30)),
    st.builds(Give, amount_per_unit=st.integers(1, 30)),
)
GIVES = st.one_of(LINE_GIVES, st.builds(Give, amount=st.integers(1, 90)), st.builds(Give, ladder=steps))
GROUPS = tuple(
    Group(name=f"{mode.value}-{level.value}", mode=mode, level=level) for mode in Mode for level in Level
)
CAMPAIGNS = {
    "june": Campaign(campaign_id="june", title="June", starts_at="2026-06-01T00:00", ends_at="2026-07-01T00:00", budget=100)
}  # fmt: skip


@st.composite
def rulesets(draw):
    """A ruleset of a few rules, the last of which may multiply what the others give."""
    count = draw(st.integers(1, 6))
    # Half of the rulesets are about one group, so that rules meet in it.
    focus = draw(st.one_of(st.none(), st.sampled_from(GROUPS)))
    rules = []
    for number in range(count):
        group = focus or draw(st.one_of(st.none(), st.sampled_from(GROUPS)))
        multiplies = number >= 2 and draw(st.booleans())
        group = None if multiplies else group
        on_lines = group is not None and group.level is Level.LINE
        give = draw(LINE_GIVES if on_lines else GIVES)
        if multiplies:
            named = draw(st.lists(st.sampled_from([rule.rule_id for rule in rules]), max_size=2).map(tuple))
            give = Give(multiplier=Multiplier(percent=draw(st.sampled_from([150, 200, 333])), of=named))
        rules.append(
            Rule(
                rule_id=f"r{number}", title=f"Rule {number}", give=give,
                when=draw(st.one_of(st.just(When()), st.just(When()), whens)), priority=draw(st.integers(0, 3)),
                group=group.name if group else None, campaign=draw(st.sampled_from([None, None, "june"])),
                before_discounts=draw(st.booleans()), include_paid_with_cashback=draw(st.booleans()), caps=draw(caps),
            )
        )  # fmt: skip
    return Ruleset(
        time_zone=draw(st.sampled_from(ZONES)), rounding=draw(st.sampled_from(Rounding)),
        rounded_per=draw(st.sampled_from(Level)), groups=GROUPS, caps=draw(caps), rules=tuple(rules),
    )  # fmt: skip
