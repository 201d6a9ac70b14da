"""Rules that can never give anything, by what they say of themselves. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from wallet_service.rules.model import KINDS, PURCHASE
from wallet_service.rules.ruleset import Campaign, Finding, Rule, When

_OF_PURCHASES: Final = ("categories", "skus", "brands", "channels", "stores", "payments", "coupons")
_WEEK: Final = timedelta(days=7)


def never_matching(path: str, rule: Rule, campaign: Campaign | None) -> Iterator[Finding]:
    """Report conditions that cannot hold together; the path is that of the rule."""
    when = rule.when
    for index, kind in enumerate(when.kinds):
        if kind not in KINDS:
            yield _never(
                f"{path}.when.kinds[{index}]", f"No such event comes in; there are {', '.join(KINDS)}."
            )
    if when.kinds and PURCHASE not in when.kinds:
        yield from _without_lines(path, rule)
    yield from _attributes(f"{path}.when", when)
    if not _has_a_day(when, campaign):
        yield _never(f"{path}.when.weekdays", "None of these days is within its dates.")


def _never(path: str, message: str) -> Finding:
    return Finding(path=path, problem="NEVER_MATCHES", message=message)


def _without_lines(path: str, rule: Rule) -> Iterator[Finding]:
    """Report what only a purchase has, of a rule that is about none."""
    when = rule.when
    for name in _OF_PURCHASES:
        if getattr(when, name):
            yield _never(f"{path}.when.{name}", "Only purchases have these.")
    for name in ("total_min_minor", "quantity_min"):
        if (getattr(when, name) or 0) > 0:
            yield _never(f"{path}.when.{name}", "Only purchases have lines.")
    if when.first_purchase:
        yield _never(f"{path}.when.first_purchase", "Only a purchase can be the first.")
    if rule.give.amount is None and rule.give.multiplier is None:
        yield _never(f"{path}.give", "An event without lines earns only a fixed amount.")


def _attributes(path: str, when: When) -> Iterator[Finding]:
    wanted: dict[str, set[str]] = {}
    for index, attribute in enumerate(when.attributes):
        values = wanted.setdefault(attribute.name, set(attribute.values))
        values.intersection_update(attribute.values)
        if attribute.values and not values:
            yield _never(
                f"{path}.attributes[{index}].values", "No value is among all that are asked of this name."
            )


def _has_a_day(when: When, campaign: Campaign | None) -> bool:
    """Whether one of the weekdays lies within the dates, where these are shorter than a week."""
    starts = _moments(when.starts_at, campaign.starts_at if campaign else None)
    ends = _moments(when.ends_at, campaign.ends_at if campaign else None)
    if not when.weekdays or not starts or not ends:
        return True
    day, last = max(starts), min(ends) - timedelta(microseconds=1)
    if last - day >= _WEEK or last < day:
        return True  # What is reversed is a finding of its own.
    days = {last.isoweekday()}
    while day <= last:
        days.add(day.isoweekday())
        day += timedelta(days=1)
    return not days.isdisjoint(when.weekdays)


def _moments(*texts: str | None) -> list[datetime]:
    return [moment for text in texts if text and (moment := local_time(text)) is not None]


def local_time(text: str) -> datetime | None:
    """Return a local time, or None if it is not one. Only the form with dashes: as text it sorts as it does as time."""
    if text[4:5] != "-" or text[7:8] != "-":
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return None if moment.tzinfo is not None or not 1 < moment.year < 9999 else moment  # noqa: PLR2004
