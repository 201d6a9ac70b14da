"""Rules that stand in each other's way: the same priority in a group that excludes, or never a chance. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import combinations

from wallet_service.rules.occasion import prefixes
from wallet_service.rules.ruleset import Finding, Level, Mode, Rule, Ruleset, When

_LISTS = (
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
_SEVERAL_AT_ONCE = frozenset({"coupons", "segments"})
"""Of these an event has several, so two rules that ask for different ones can both match."""


def conflicts(ruleset: Ruleset) -> Iterator[Finding]:
    """Report rules of excluding groups that overlap without a priority between them, and those that never win."""
    places = {rule.rule_id: index for index, rule in enumerate(ruleset.rules)}
    for group in ruleset.groups:
        if group.mode is not Mode.EXCLUDE:
            continue
        members = [rule for rule in ruleset.rules if rule.group == group.name]
        for one, other in combinations(members, 2):
            if one.priority == other.priority and _may_meet(one.when, other.when, group.level):
                yield Finding(
                    path=f"rules[{places[other.rule_id]}].priority", problem="OVERLAPPING_RULES",
                    message=f"In {group.name} it may meet {one.rule_id}, of the same priority: which one wins?",
                )  # fmt: skip
            first, second = (one, other) if one.priority > other.priority else (other, one)
            if first.priority > second.priority and _covers(first, second):
                yield Finding(
                    path=f"rules[{places[second.rule_id]}]", problem="NEVER_MATCHES",
                    message=f"Whatever it matches, {first.rule_id} takes before it.",
                )  # fmt: skip


def _may_meet(one: When, other: When, level: Level) -> bool:
    """Whether both can match one line (or one order): unless they ask for different things."""
    for name in _LISTS:
        if name in _SEVERAL_AT_ONCE or (level is Level.ORDER and name in {"skus", "brands"}):
            continue
        wanted, also = getattr(one, name), getattr(other, name)
        if wanted and also and not set(wanted) & set(also):
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
    """Whether the first matches at least whenever the second does: it asks for nothing, or for the very same."""
    same_money = (first.before_discounts, first.include_paid_with_cashback) == (
        second.before_discounts, second.include_paid_with_cashback,
    )  # fmt: skip
    no_ladder = not first.give.ladder and first.campaign is None
    return same_money and no_ladder and first.when in {When(kinds=second.when.kinds), second.when}
