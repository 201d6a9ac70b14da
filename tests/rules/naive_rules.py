"""The rules as slowly and plainly as they can be told: every rule looked at, fractions, no index, no closures."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor
from zoneinfo import ZoneInfo


def local_time(moment, zone):
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=moment)).astimezone(ZoneInfo(zone))


def whole(value: Fraction, rounding: str) -> int:
    if rounding == "down":
        return floor(value)
    if rounding == "up":
        return ceil(value)
    return round(value)  # Python rounds a Fraction half to even


def share_out(amount: int, weights: Sequence[int]) -> list[int]:
    """Hand units out one by one to whom is most short of a fair part."""
    if not weights:
        return []
    total = sum(weights)
    if total == 0:
        return [amount] + [0] * (len(weights) - 1)
    fair = [Fraction(amount * weight, total) for weight in weights]
    parts = [floor(part) for part in fair]
    while sum(parts) < amount:
        short = [
            (part - have if have == floor(part) else Fraction(-1), -i)
            for i, (part, have) in enumerate(zip(fair, parts, strict=True))
        ]
        parts[-max(short)[1]] += 1
    return parts


def is_below(path: str, top: str) -> bool:
    return path == top or path.startswith(top + "/")


def order_matches(when, basket, customer, at):
    checks = [
        basket.kind in when.kinds,
        not when.channels or basket.channel in when.channels,
        not when.stores or basket.store in when.stores,
        not when.payments or basket.payment_hash in when.payments,
        not when.coupons or any(c in basket.coupons for c in when.coupons),
        not when.segments or any(s in customer.segments for s in when.segments),
        not any(s in customer.segments for s in when.not_segments),
        not when.tiers or customer.tier in when.tiers,
        all(customer.attributes.get(a.name) in a.values for a in when.attributes),
        when.first_purchase is None or customer.first_purchase == when.first_purchase,
        when.total_min_minor is None or sum(line.net_minor for line in basket.lines) >= when.total_min_minor,
        when.total_max_minor is None or sum(line.net_minor for line in basket.lines) <= when.total_max_minor,
        when.quantity_min is None or sum(line.quantity for line in basket.lines) >= when.quantity_min,
        when.quantity_max is None or sum(line.quantity for line in basket.lines) <= when.quantity_max,
        not when.weekdays or at.isoweekday() in when.weekdays,
        when.hours is None or in_hours(at.hour, when.hours),
        when.starts_at is None or at >= datetime.fromisoformat(when.starts_at).replace(tzinfo=at.tzinfo),
        when.ends_at is None or at < datetime.fromisoformat(when.ends_at).replace(tzinfo=at.tzinfo),
    ]
    return all(checks)


def in_hours(hour, window):
    hours = (
        range(window.start, window.end)
        if window.start < window.end
        else [*range(window.start, 24), *range(window.end)]
    )
    return hour in hours


def line_matches(when, line):
    return (
        (not when.skus or line.sku in when.skus)
        and (not when.brands or line.brand in when.brands)
        and (not when.categories or any(is_below(line.category, top) for top in when.categories))
    )


def naive_price(ruleset, campaigns, basket, customer, moment, headroom):
    """Return [(rule id, amount, parts of the lines, amount before caps)] of what is given, and the use of each cap."""
    at = local_time(moment, ruleset.time_zone)
    # A basket without lines is one line worth nothing.
    count = max(len(basket.lines), 1)
    rules = [r for _, _, r in sorted((-rule.priority, i, rule) for i, rule in enumerate(ruleset.rules))]
    given: dict[str, list[int]] = {}
    result, left = [], {}
    for depth in range(len(rules) + 1):
        offers = []
        for rule in rules:
            if depth_of(rule, ruleset) != depth or not order_matches(rule.when, basket, customer, at):
                continue
            if rule.campaign and not in_campaign(campaigns.get(rule.campaign), at):
                continue
            for key, limit, _ in caps_of(rule, ruleset, campaigns, at):
                left.setdefault(key, headroom.get(key, limit))
            offer = offer_of(rule, ruleset, basket, given, count)
            if offer:
                offers.append((rule, *offer))

        def own(rule):
            """What of its caps a rule does not share with its rivals."""
            return [key for key, *_ in caps_of(rule, ruleset, campaigns, at) if not key.startswith("all/")]

        # Whom its own caps leave nothing competes with nobody; and so on, until nobody who won finds nothing left.
        aside = {rule.rule_id for rule, *_ in offers if any(left[key] <= 0 for key in own(rule))}
        while True:
            less, found = dict(left), []
            for rule, fixed, parts in remaining(offers, ruleset, aside):
                found.append((rule, *given_to(rule, fixed, parts, less, ruleset, campaigns, at)))
            spent = {
                rule.rule_id for rule, amount, _, _, emptied in found if competes(rule, ruleset) and emptied
            }
            if spent <= aside:
                break
            aside |= spent
        left = less
        for rule, amount, lines, before, _ in found:
            given[rule.rule_id] = lines
            result.append((rule.rule_id, amount, tuple(lines) if basket.lines else (), before))
    lasting = {
        key for rule in rules for key, _, lasts in caps_of_known(rule, ruleset, campaigns, at) if lasts
    }
    limits = {key: limit for rule in rules for key, limit, _ in caps_of_known(rule, ruleset, campaigns, at)}
    used = {key: headroom.get(key, limits[key]) - now for key, now in left.items() if key in lasting}
    return result, {key: amount for key, amount in used.items() if amount}


def given_to(rule, fixed, parts, left, ruleset, campaigns, at):
    """Return (amount, parts of the lines, amount before caps, whether a cap of its own had nothing for it)."""
    if fixed is not None:
        amount, lines = fixed, share_out(fixed, weights_of(parts))
    elif ruleset.rounded_per.value == "line":
        lines = [whole(part, ruleset.rounding.value) for part in parts]
        amount = sum(lines)
    else:
        amount = whole(sum(parts), ruleset.rounding.value)
        lines = share_out(amount, weights_of(parts))
    before, keys = amount, [key for key, *_ in caps_of(rule, ruleset, campaigns, at)]
    emptied = False
    for key in keys:
        emptied = emptied or (amount > 0 and left[key] <= 0 and not key.startswith("all/"))
        amount = min(amount, max(left[key], 0))
    for key in keys:
        left[key] -= amount
    if amount != before:
        lines = share_out(amount, lines)
    return amount, lines, before, emptied


def competes(rule, ruleset):
    return any(group.name == rule.group and group.mode.value != "stack" for group in ruleset.groups)


def caps_of_known(rule, ruleset, campaigns, at):
    return [] if rule.campaign and rule.campaign not in campaigns else caps_of(rule, ruleset, campaigns, at)


def weights_of(parts):
    """Return fractions of one denominator as whole weights."""
    return [int(part * 10_000) for part in parts]


def in_campaign(campaign, at):
    if campaign is None:
        return False
    start = datetime.fromisoformat(campaign.starts_at).replace(tzinfo=at.tzinfo)
    return start <= at < datetime.fromisoformat(campaign.ends_at).replace(tzinfo=at.tzinfo)


def depth_of(rule, ruleset):
    if rule.give.multiplier is None:
        return 0
    return 1 + max(
        (depth_of(r, ruleset) for r in ruleset.rules if r.rule_id in rule.give.multiplier.of), default=0
    )


def offer_of(rule, ruleset, basket, given, count):
    """Return (fixed amount or None, exact part or weight of each line), or None if nothing is eligible."""
    give = rule.give
    matched = [line_matches(rule.when, line) for line in basket.lines]
    if not basket.lines:
        asks_for_lines = rule.when.skus or rule.when.brands or rule.when.categories
        matched = [not asks_for_lines]
    if give.multiplier:
        owned = give.multiplier.of or [r.rule_id for r in ruleset.rules if r.give.multiplier is None]
        totals = [
            sum(given[r][i] for r in dict.fromkeys(owned) if r in given) if matched[i] else 0
            for i in range(count)
        ]
        return (
            (None, [Fraction(t * (give.multiplier.percent - 100), 100) for t in totals])
            if any(totals)
            else None
        )
    if not basket.lines:
        return (give.amount, [Fraction(1)]) if give.amount is not None and matched[0] else None
    bases = eligible(rule, basket)
    bases = [base if hit else 0 for base, hit in zip(bases, matched, strict=True)]
    total = sum(bases)
    if not total:
        return None
    if give.basis_points is not None:
        return None, [Fraction(base * give.basis_points, 10_000) for base in bases]
    if give.amount is not None:
        return give.amount, [Fraction(base) for base in bases]
    if give.amount_per_line is not None:
        return None, [Fraction(give.amount_per_line * (base > 0)) for base in bases]
    if give.amount_per_unit is not None:
        units = [line.quantity if base > 0 else 0 for base, line in zip(bases, basket.lines, strict=True)]
        return (None, [Fraction(give.amount_per_unit * n) for n in units]) if any(units) else None
    reached = [step for step in give.ladder if step.from_minor <= total]
    if not reached:
        return None
    step = max(reached, key=lambda step: step.from_minor)
    if step.amount is not None:
        return step.amount, [Fraction(base) for base in bases]
    return None, [Fraction(base * step.basis_points, 10_000) for base in bases]


def eligible(rule, basket):
    values = [line.gross_minor if rule.before_discounts else line.net_minor for line in basket.lines]
    if rule.include_paid_with_cashback:
        return values
    total = sum(line.net_minor for line in basket.lines)
    paid = share_out(min(basket.paid_with_value_minor, total), [line.net_minor for line in basket.lines])
    return [max(value - part, 0) for value, part in zip(values, paid, strict=True)]


def remaining(offers, ruleset, aside):
    """Compose each group; keep the order."""
    groups = {group.name: group for group in ruleset.groups}
    kept = []
    for rule, fixed, parts in offers:
        if rule.group is None or groups[rule.group].mode.value == "stack" or rule.rule_id in aside:
            kept.append((rule, fixed, parts))
            continue
        group = groups[rule.group]
        rivals = [(r, f, p) for r, f, p in offers if r.group == group.name and r.rule_id not in aside]
        if group.level.value == "order":
            if winner_of_order(rivals, group, ruleset) is rule:
                kept.append((rule, fixed, parts))
        else:
            mine = [
                part if winner_of_line(rivals, i, group) is rule else Fraction(0)
                for i, part in enumerate(parts)
            ]
            won = [i for i in range(len(parts)) if winner_of_line(rivals, i, group) is rule]
            if won:
                kept.append((rule, fixed, mine))
    return kept


def winner_of_order(rivals, group, ruleset):
    if group.mode.value == "exclude":
        return rivals[0][0]
    worth = []
    for _, fixed, parts in rivals:
        if fixed is not None:
            worth.append(fixed)
        elif ruleset.rounded_per.value == "line":
            worth.append(sum(whole(part, ruleset.rounding.value) for part in parts))
        else:
            worth.append(whole(sum(parts), ruleset.rounding.value))
    return rivals[worth.index(max(worth))][0]


def winner_of_line(rivals, line, group):
    # A rule contends for a line that it is about, also with a rate of nothing.
    here = [(parts[line], rule) for rule, _, parts in rivals if contends(rule, parts, line)]
    if not here:
        return None
    if group.mode.value == "exclude":
        return here[0][1]
    best = max(part for part, _ in here)
    return next(rule for part, rule in here if part == best)


def contends(rule, parts, line):
    return parts[line] > 0


def caps_of(rule, ruleset, campaigns, at):
    """Return (key, limit, whether it lasts beyond this order) of each cap that trims the rule."""
    found = scoped(f"rule/{rule.rule_id}", rule.caps, at)
    if rule.campaign:
        found.append((f"campaign/{rule.campaign}", campaigns[rule.campaign].budget, True))
    return found + scoped("all", ruleset.caps, at)


def scoped(scope, caps, at):
    said = [
        (f"{scope}/order", caps.per_order, False),
        (f"{scope}/day/{at:%Y-%m-%d}", caps.per_customer_day, True),
        (f"{scope}/month/{at:%Y-%m}", caps.per_customer_month, True),
        (f"{scope}/lifetime", caps.per_customer_lifetime, True),
    ]
    return [(key, limit, lasting) for key, limit, lasting in said if limit is not None]
