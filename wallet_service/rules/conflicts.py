"""Rules that stand in each other's way: the same priority in a group that excludes, or never a chance. Pure.

Only rules that may be about the same thing are compared: a thousand rules about an article each are not a million
pairs. Too many of one priority that may meet are a finding themselves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Final, TypeVar

from wallet_service.rules.model import PURCHASE
from wallet_service.rules.occasion import prefixes
from wallet_service.rules.ruleset import Caps, Finding, Group, Level, Mode, Rule, Ruleset, When

Edge = TypeVar("Edge", int, str)

COMPARISONS_MAX: Final = 50_000
"""In one group: a fraction of a second."""

_LISTS: Final = (
    "kinds",
    "skus",
    "brands",
    "channels",
    "stores",
    "payments",
    "coupons",
    "segments",
    "tiers",
    "weekdays",
)
_SEVERAL_AT_ONCE: Final = frozenset({"coupons", "segments"})
"""Of these an event has several, so two rules that ask for different ones can both match."""
_TELLING: Final = {
    Level.LINE: ("skus", "categories", "brands", "stores", "channels", "payments", "tiers"),
    Level.ORDER: ("stores", "channels", "payments", "tiers"),
}
"""What may keep rules apart: an order has lines of several articles, a line is of one."""


def conflicts(ruleset: Ruleset) -> Iterator[Finding]:
    """Report rules of excluding groups that overlap without a priority between them, and those that never win."""
    places = {rule.rule_id: index for index, rule in enumerate(ruleset.rules)}
    for index, group in enumerate(ruleset.groups):
        if group.mode is Mode.EXCLUDE:
            members = [rule for rule in ruleset.rules if rule.group == group.name]
            yield from _overlapping(f"groups[{index}]", group, members, places)
            yield from _covered(group, members, places)


def _overlapping(
    path: str, group: Group, members: Sequence[Rule], places: Mapping[str, int]
) -> Iterator[Finding]:
    by_priority: dict[int, list[Rule]] = {}
    for rule in members:
        by_priority.setdefault(rule.priority, []).append(rule)
    equals = chain.from_iterable(_pairs(rules, group.level) for rules in by_priority.values())
    for number, (one, other) in enumerate(equals):
        if number == COMPARISONS_MAX:
            message = "So many rules of one priority may meet that they cannot be compared: give them others."
            yield Finding(path=path, problem="TOO_MANY_CONDITIONS", message=message)
            return
        if _may_meet(one.when, other.when, group.level):
            yield Finding(
                path=f"rules[{places[other.rule_id]}].priority", problem="OVERLAPPING_RULES",
                message=f"In {group.name} it may meet {one.rule_id}, of the same priority: which one wins?",
            )  # fmt: skip


def _covered(group: Group, members: Sequence[Rule], places: Mapping[str, int]) -> Iterator[Finding]:
    """Report rules that never win. Of very large groups not all: a rule too many does no harm."""
    for one, other in islice(_pairs(members, group.level), COMPARISONS_MAX):
        first, second = (one, other) if one.priority > other.priority else (other, one)
        if first.priority > second.priority and _covers(first, second):
            yield Finding(
                path=f"rules[{places[second.rule_id]}]", problem="NEVER_MATCHES",
                message=f"Whatever it matches, {first.rule_id} takes before it.",
            )  # fmt: skip


def _pairs(members: Sequence[Rule], level: Level) -> Iterator[tuple[Rule, Rule]]:
    """Yield the pairs that nothing keeps apart for certain, the one that stands first first."""
    name = max(_TELLING[level], key=lambda name: sum(bool(getattr(rule.when, name)) for rule in members))
    by_key: dict[str, list[int]] = {}
    anywhere: list[int] = []
    for number, rule in enumerate(members):
        keys = _keys(rule.when, name)
        near = {place for key in _met_by(rule.when, name) for place in by_key.get(key, ())}
        for place in sorted(near.union(anywhere)) if keys else range(number):
            yield members[place], rule
        for key in keys:
            by_key.setdefault(key, []).append(number)
        if not keys:
            anywhere.append(number)


def _keys(when: When, name: str) -> Iterable[str]:
    """Return under what a rule is found: of a category also all that it lies below, for a wider one that follows."""
    if name != "categories":
        return tuple(getattr(when, name))
    return {prefix for path in when.categories for prefix in (*prefixes(path), f"={path}")}


def _met_by(when: When, name: str) -> Iterable[str]:
    """Return under what those stand that a rule may meet: the same, or of categories one above or below."""
    if name != "categories":
        return tuple(getattr(when, name))
    # Those below this path stand under it; those above it stand under their own name.
    return set(when.categories) | {f"={prefix}" for path in when.categories for prefix in prefixes(path)}


def _may_meet(one: When, other: When, level: Level) -> bool:
    """Whether both can match one line (or one order): unless they ask for different things."""
    for name in _LISTS:
        if name in _SEVERAL_AT_ONCE or (level is Level.ORDER and name in {"skus", "brands"}):
            continue
        wanted, also = getattr(one, name), getattr(other, name)
        if wanted and also and set(wanted).isdisjoint(also):
            return False
    if level is Level.LINE and one.categories and other.categories:
        below = _below(one.categories, other.categories) or _below(other.categories, one.categories)
        if not below:
            return False
    if set(one.segments) and set(one.segments) <= set(other.not_segments):
        return False
    if set(other.segments) and set(other.segments) <= set(one.not_segments):
        return False
    if None not in {one.first_purchase, other.first_purchase} and one.first_purchase != other.first_purchase:
        return False
    return (
        _reaches(one.starts_at, other.ends_at) and _reaches(other.starts_at, one.ends_at)
        and _reaches(one.total_min_minor, other.total_max_minor, touching=True)
        and _reaches(other.total_min_minor, one.total_max_minor, touching=True)
        and _reaches(one.quantity_min, other.quantity_max, touching=True)
        and _reaches(other.quantity_min, one.quantity_max, touching=True)
    )  # fmt: skip


def _below(paths: Sequence[str], tops: Sequence[str]) -> bool:
    return any(top in prefixes(path) for path in paths for top in tops)


def _reaches(low: str | int | None, high: str | int | None, *, touching: bool = False) -> bool:
    if low is None or high is None:
        return True
    if isinstance(low, int) and isinstance(high, int):
        return low <= high if touching else low < high
    return str(low) < str(high)


def _covers(first: Rule, second: Rule) -> bool:
    """Whether the first takes whatever the second matches: it asks for no more, and always has something to give."""
    same_money = (first.before_discounts, first.include_paid_with_cashback) == (
        second.before_discounts, second.include_paid_with_cashback,
    )  # fmt: skip
    give = first.give
    # A ladder has a first step, pieces may be none, a multiplier needs something to multiply, a campaign ends; a cap that
    # is used up lets others go first.
    always = (
        not give.ladder
        and give.amount_per_unit is None
        and give.multiplier is None
        and first.campaign is None
        and first.caps == Caps(per_order=first.caps.per_order)
    )
    # Of an event without lines only a fixed amount makes something.
    lines = give.amount is not None or (second.give.amount is None and set(second.when.kinds) == {PURCHASE})
    return same_money and always and lines and _asks_no_more(first.when, second.when)


def _asks_no_more(first: When, second: When) -> bool:
    for name in _LISTS:
        asked, also = getattr(first, name), getattr(second, name)
        if asked and not (also and set(also) <= set(asked)):
            return False
    if first.categories and not (
        second.categories and all(_below([path], first.categories) for path in second.categories)
    ):
        return False
    given = {wanted.name: set(wanted.values) for wanted in second.attributes}
    return (
        set(first.not_segments) <= set(second.not_segments)
        and all(wanted.name in given and given[wanted.name] <= set(wanted.values) for wanted in first.attributes)
        and first.first_purchase in {None, second.first_purchase}
        and first.hours in {None, second.hours}
        and _begins_before(first.total_min_minor, second.total_min_minor)
        and _begins_before(first.quantity_min, second.quantity_min)
        and _begins_before(first.starts_at, second.starts_at)
        and _ends_after(first.total_max_minor, second.total_max_minor)
        and _ends_after(first.quantity_max, second.quantity_max)
        and _ends_after(first.ends_at, second.ends_at)
    )  # fmt: skip


def _begins_before(first: Edge | None, second: Edge | None) -> bool:
    return first is None or (second is not None and first <= second)


def _ends_after(first: Edge | None, second: Edge | None) -> bool:
    return first is None or (second is not None and second <= first)
