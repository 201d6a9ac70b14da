"""Conditions as closures: each that a rule states becomes one function, each that it omits costs nothing. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from wallet_service.rules.occasion import Belongs, Holds, Occasion, Picker, picked
from wallet_service.rules.ruleset import AttributeIs, AttributeTest, Hours, SegmentRule, When

_WHOLE: Final = re.compile(r"-?[0-9]{1,18}")


def holds_of(when: When) -> tuple[Holds, ...]:
    """Return the conditions on the event as a whole, the cheapest first; its kind is the index's business."""
    return (*_of_customer(when), *_of_place(when), *_of_basket(when), *_of_time(when))


def _of_customer(when: When) -> list[Holds]:
    holds: list[Holds] = []
    segments, excluded, tiers = frozenset(when.segments), frozenset(when.not_segments), frozenset(when.tiers)
    if segments:
        holds.append(lambda at: not segments.isdisjoint(at.segments))
    if excluded:
        holds.append(lambda at: excluded.isdisjoint(at.segments))
    if tiers:
        holds.append(lambda at: at.customer.tier in tiers)
    if when.first_purchase is not None:
        first = when.first_purchase
        holds.append(lambda at: at.customer.first_purchase is first)
    return holds + [_attribute(wanted) for wanted in when.attributes]


def _attribute(wanted: AttributeIs) -> Holds:
    name, values = wanted.name, frozenset(wanted.values)
    return lambda at: at.customer.attributes.get(name) in values


def _of_place(when: When) -> list[Holds]:
    holds: list[Holds] = []
    channels, stores, payments = frozenset(when.channels), frozenset(when.stores), frozenset(when.payments)
    coupons = frozenset(when.coupons)
    if channels:
        holds.append(lambda at: at.basket.channel in channels)
    if stores:
        holds.append(lambda at: at.basket.store in stores)
    if payments:
        holds.append(lambda at: at.basket.payment_hash in payments)
    if coupons:
        holds.append(lambda at: not coupons.isdisjoint(at.basket.coupons))
    return holds


def _of_basket(when: When) -> list[Holds]:
    holds: list[Holds] = []
    low, high, fewest, most = when.total_min_minor, when.total_max_minor, when.quantity_min, when.quantity_max
    if low is not None:
        holds.append(lambda at: at.total >= low)
    if high is not None:
        holds.append(lambda at: at.total <= high)
    if fewest is not None:
        holds.append(lambda at: at.quantity >= fewest)
    if most is not None:
        holds.append(lambda at: at.quantity <= most)
    return holds


def _of_time(when: When) -> list[Holds]:
    holds: list[Holds] = []
    weekdays = frozenset(when.weekdays)
    if weekdays:
        holds.append(lambda at: at.local.isoweekday() in weekdays)
    if when.hours is not None:
        holds.append(_hours(when.hours))
    return holds


def _hours(hours: Hours) -> Holds:
    start, end = hours.start, hours.end
    if start < end:
        return lambda at: start <= at.local.hour < end
    return lambda at: at.local.hour >= start or at.local.hour < end


def picker_of(when: When) -> Picker:
    """Return which lines the rule is about. A rule that asks for nothing takes the one line of an event without any."""
    pickers: list[Picker] = []
    skus, categories, brands = when.skus, when.categories, when.brands
    if skus:
        pickers.append(lambda at: picked(at.by_sku(), skus))
    if categories:
        pickers.append(lambda at: picked(at.by_category(), categories))
    if brands:
        pickers.append(lambda at: picked(at.by_brand(), brands))
    if not pickers:
        return lambda at: at.everything
    first, *rest = pickers
    return _all_of(first, rest) if rest else first


def _all_of(first: Picker, rest: Sequence[Picker]) -> Picker:
    def pick(at: Occasion) -> Sequence[int]:
        lines = first(at)
        for other in rest:
            if not lines:
                break
            also = frozenset(other(at))
            lines = [number for number in lines if number in also]
        return lines

    return pick


def belongs_of(rule: SegmentRule) -> Belongs:
    """Return who belongs to a segment by attributes."""
    tests = tuple(_passes(test) for test in rule.all_of)
    return lambda attributes: all(passes(attributes) for passes in tests)


def _passes(test: AttributeTest) -> Callable[[Mapping[str, str]], bool]:
    name, wanted, unwanted = test.name, frozenset(test.any_of), frozenset(test.none_of)
    least, most = test.at_least, test.at_most

    def passes(attributes: Mapping[str, str]) -> bool:
        value = attributes.get(name)
        if value in unwanted or (wanted and value not in wanted):
            return False
        if least is None and most is None:
            return True
        if value is None or not _WHOLE.fullmatch(value):
            return False
        number = int(value)
        return (least is None or number >= least) and (most is None or number <= most)

    return passes
