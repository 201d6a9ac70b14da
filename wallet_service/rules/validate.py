"""Everything that is wrong with a ruleset, at once, each with its place. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import chain, islice
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from wallet_service.rules import document
from wallet_service.rules.compiler import depths_of
from wallet_service.rules.conflicts import conflicts
from wallet_service.rules.occasion import PATH_SEPARATOR
from wallet_service.rules.reach import local_time, never_matching
from wallet_service.rules.ruleset import PERCENT, Campaign, Caps, Finding, Level, Rule, Ruleset, When

CONDITIONS_MAX: Final = 10_000
RULES_MAX: Final = 2_000
GROUPS_MAX: Final = 200
PERCENT_MAX: Final = 1_000
AMOUNT_MAX: Final = 10**12
HOURS: Final = 24
WEEK: Final = range(1, 8)
ID_CHARACTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-_.")
ID_MAX: Final = 64


def read_ruleset(
    text: str, campaigns: Mapping[str, Campaign], segments: Collection[str] | None = None
) -> tuple[Ruleset | None, tuple[Finding, ...]]:
    """Return the ruleset of a JSON document, or None, and all that is wrong with it; advice leaves it sound.

    `segments` are those that there are; None: any may be named.
    """
    ruleset, findings = document.parsed(Ruleset, text)
    if ruleset is None:
        return None, findings
    findings = validated(ruleset, campaigns, segments)
    return (ruleset if all(each.advice for each in findings) else None), findings


def validated(
    ruleset: Ruleset, campaigns: Mapping[str, Campaign], segments: Collection[str] | None = None
) -> tuple[Finding, ...]:
    """Return all findings, in the order of the document; advice last."""
    size = sum(_conditions(rule) for rule in ruleset.rules)
    if size > CONDITIONS_MAX or len(ruleset.rules) > RULES_MAX or len(ruleset.groups) > GROUPS_MAX:
        # What is that large is not looked at further: comparing rules with each other would take too long.
        message = (
            f"{len(ruleset.rules)} rules with {size} conditions, {len(ruleset.groups)} groups;"
            f" at most {RULES_MAX}, {CONDITIONS_MAX} and {GROUPS_MAX}."
        )
        return (Finding(path="rules", problem="TOO_MANY_CONDITIONS", message=message),)
    findings = [*_of_ruleset(ruleset)]
    for index, rule in enumerate(ruleset.rules):
        findings += _of_rule(f"rules[{index}]", rule, ruleset, campaigns)
        if segments is not None:
            findings += _unknown_segments(f"rules[{index}].when", rule.when, segments)
    findings += _of_multipliers(ruleset)
    if not findings:
        findings += islice(conflicts(ruleset), document.FINDINGS_MAX)
    return tuple(islice(chain(findings, _advice(ruleset)), document.FINDINGS_MAX))


def _advice(ruleset: Ruleset) -> Iterator[Finding]:
    message = "No customer has a tier yet: until memberships come, the rule gives nothing to anybody."
    for index, rule in enumerate(ruleset.rules):
        if rule.when.tiers:
            path = f"rules[{index}].when.tiers"
            yield Finding(path=path, problem="MATCHES_NOBODY_YET", message=message, advice=True)


def findings_of_campaign(campaign: Campaign) -> tuple[Finding, ...]:
    """Return all that is wrong with a campaign."""
    findings = [*_id("campaign_id", campaign.campaign_id), *_dates("", campaign.starts_at, campaign.ends_at)]
    if not 0 <= campaign.budget <= document.NUMBER_MAX:
        findings.append(_finding("budget", "OUT_OF_RANGE", "A budget is not negative."))
    return tuple(findings)


def _finding(path: str, problem: str, message: str) -> Finding:
    return Finding(path=path, problem=problem, message=message)


def _conditions(rule: Rule) -> int:
    when, multiplier = rule.when, rule.give.multiplier
    lists = (
        rule.give.ladder, multiplier.of if multiplier is not None else (), when.categories, when.skus, when.brands,
        when.channels, when.stores, when.payments, when.coupons, when.segments, when.not_segments, when.tiers,
        when.weekdays, when.kinds,
    )  # fmt: skip
    return 1 + sum(map(len, lists)) + sum(len(wanted.values) for wanted in when.attributes)


def _id(path: str, text: str) -> Iterator[Finding]:
    if not 0 < len(text) <= ID_MAX or not ID_CHARACTERS.issuperset(text):
        yield _finding(path, "BAD_ID", f"An id has 1 to {ID_MAX} characters of a-z, 0-9, - _ and a dot.")


def _of_ruleset(ruleset: Ruleset) -> Iterator[Finding]:
    try:
        ZoneInfo(ruleset.time_zone)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield _finding(
            "time_zone", "UNKNOWN_TIME_ZONE", "There is no such time zone; say one as Europe/Berlin."
        )
    if not 0 < ruleset.rate_bp_max <= PERCENT * document.TEXT_MAX * PERCENT:
        yield _finding("rate_bp_max", "OUT_OF_RANGE", "A limit of rates is above zero.")
    yield from _caps("caps", ruleset.caps)
    for what, ids in (
        ("rules", [rule.rule_id for rule in ruleset.rules]),
        ("groups", [group.name for group in ruleset.groups]),
    ):
        yield from (
            _finding(what, "DUPLICATE_ID", f"{name} is there {count} times.")
            for name, count in Counter(ids).items()
            if count > 1
        )


def _caps(path: str, caps: Caps) -> Iterator[Finding]:
    said = (
        ("per_order", caps.per_order), ("per_customer_day", caps.per_customer_day),
        ("per_customer_month", caps.per_customer_month), ("per_customer_lifetime", caps.per_customer_lifetime),
    )  # fmt: skip
    shorter = 0
    for name, limit in said:
        if limit is None:
            continue
        if limit < 0:
            yield _finding(f"{path}.{name}", "OUT_OF_RANGE", "A cap is not negative.")
        elif limit < shorter:
            yield _finding(
                f"{path}.{name}", "CONTRADICTION", "A longer time has a smaller cap than a shorter one."
            )
        shorter = max(shorter, limit)


def _of_rule(path: str, rule: Rule, ruleset: Ruleset, campaigns: Mapping[str, Campaign]) -> Iterator[Finding]:
    yield from _id(f"{path}.rule_id", rule.rule_id)
    if rule.campaign is not None and rule.campaign not in campaigns:
        yield _finding(f"{path}.campaign", "UNKNOWN_CAMPAIGN", "There is no such campaign.")
    yield from _group(path, rule, ruleset)
    yield from _give(f"{path}.give", rule, ruleset)
    yield from _when(f"{path}.when", rule, campaigns)
    yield from never_matching(path, rule, campaigns.get(rule.campaign or ""))
    yield from _caps(f"{path}.caps", rule.caps)


def _unknown_segments(path: str, when: When, segments: Collection[str]) -> Iterator[Finding]:
    for name, asked in (("segments", when.segments), ("not_segments", when.not_segments)):
        for index, segment_id in enumerate(asked):
            if segment_id not in segments:
                yield _finding(f"{path}.{name}[{index}]", "UNKNOWN_SEGMENT", "There is no such segment.")


def _group(path: str, rule: Rule, ruleset: Ruleset) -> Iterator[Finding]:
    if rule.group is None:
        return
    found = [group for group in ruleset.groups if group.name == rule.group]
    if not found:
        yield _finding(f"{path}.group", "UNKNOWN_GROUP", "There is no such group.")
    elif found[0].level is Level.LINE and (rule.give.amount is not None or rule.give.ladder):
        yield _finding(
            f"{path}.group", "CONTRADICTION", "What is given per order cannot compete line by line."
        )


def _give(path: str, rule: Rule, ruleset: Ruleset) -> Iterator[Finding]:
    give = rule.give
    amounts = {
        "amount": give.amount, "amount_per_line": give.amount_per_line, "amount_per_unit": give.amount_per_unit,
    }  # fmt: skip
    said = [name for name, amount in amounts.items() if amount is not None]
    said += ["basis_points"] * (give.basis_points is not None) + ["ladder"] * bool(give.ladder)
    said += ["multiplier"] * (give.multiplier is not None)
    if len(said) != 1:
        yield _finding(path, "NOT_ONE_AWARD", f"Exactly one award must be said; there are {len(said)}.")
    for name, amount in amounts.items():
        yield from _amount(f"{path}.{name}", amount)
    yield from _rate(f"{path}.basis_points", give.basis_points, ruleset)
    seen = set()
    for index, step in enumerate(give.ladder):
        place = f"{path}.ladder[{index}]"
        if step.from_minor < 0 or step.from_minor in seen:
            yield _finding(f"{place}.from_minor", "CONTRADICTION", "Each step begins at another amount.")
        seen.add(step.from_minor)
        if (step.amount is None) == (step.basis_points is None):
            yield _finding(place, "NOT_ONE_AWARD", "A step gives either an amount or a rate.")
        yield from _amount(f"{place}.amount", step.amount)
        yield from _rate(f"{place}.basis_points", step.basis_points, ruleset)
    if give.multiplier is not None and not PERCENT < give.multiplier.percent <= PERCENT_MAX:
        yield _finding(
            f"{path}.multiplier.percent", "RATE_TOO_HIGH", f"From {PERCENT + 1} to {PERCENT_MAX} percent."
        )


def _amount(path: str, amount: int | None) -> Iterator[Finding]:
    if amount is not None and not 0 <= amount <= AMOUNT_MAX:
        yield _finding(path, "OUT_OF_RANGE", f"An amount is from 0 to {AMOUNT_MAX}.")


def _rate(path: str, basis_points: int | None, ruleset: Ruleset) -> Iterator[Finding]:
    if basis_points is None:
        return
    if basis_points < 0:
        yield _finding(path, "OUT_OF_RANGE", "A rate is not negative.")
    elif basis_points > ruleset.rate_bp_max:
        yield _finding(
            path, "RATE_TOO_HIGH", f"The rate is above this ruleset's limit of {ruleset.rate_bp_max}."
        )


def _when(path: str, rule: Rule, campaigns: Mapping[str, Campaign]) -> Iterator[Finding]:
    when = rule.when
    if not when.kinds:
        yield _finding(f"{path}.kinds", "NEVER_MATCHES", "No kind of event is named.")
    for index, category in enumerate(when.categories):
        if not all(category.split(PATH_SEPARATOR)):
            yield _finding(f"{path}.categories[{index}]", "NEVER_MATCHES", "A part of the path is empty.")
    for low, high, name in (
        (when.total_min_minor, when.total_max_minor, "total_max_minor"),
        (when.quantity_min, when.quantity_max, "quantity_max"),
    ):
        if high is not None and (high < 0 or (low is not None and low > high)):
            yield _finding(f"{path}.{name}", "NEVER_MATCHES", "The most is less than the least.")
    if both := set(when.segments) & set(when.not_segments):
        yield _finding(
            f"{path}.not_segments", "CONTRADICTION", f"Asked for and excluded: {', '.join(sorted(both))}."
        )
    for index, attribute in enumerate(when.attributes):
        if not attribute.values:
            yield _finding(f"{path}.attributes[{index}].values", "NEVER_MATCHES", "No value is named.")
    yield from _calendar(path, when)
    yield from _dates(path + ".", when.starts_at, when.ends_at)
    campaign = campaigns.get(rule.campaign or "")
    if campaign is not None and not _overlap(when, campaign):
        yield _finding(
            f"{path}.starts_at", "NEVER_MATCHES", "The rule and its campaign are at different times."
        )


def _calendar(path: str, when: When) -> Iterator[Finding]:
    for index, day in enumerate(when.weekdays):
        if day not in WEEK:
            yield _finding(f"{path}.weekdays[{index}]", "OUT_OF_RANGE", "1 is Monday, 7 is Sunday.")
    if when.hours is not None:
        start, end = when.hours.start, when.hours.end
        if not (0 <= start < HOURS and 0 <= end <= HOURS):
            yield _finding(f"{path}.hours", "OUT_OF_RANGE", "Hours go from 0 to 24.")
        elif start == end:
            yield _finding(f"{path}.hours", "NEVER_MATCHES", "The window ends when it begins.")


def _dates(path: str, starts_at: str | None, ends_at: str | None) -> Iterator[Finding]:
    moments = []
    for name, text in (("starts_at", starts_at), ("ends_at", ends_at)):
        if text is None:
            continue
        moment = local_time(text)
        if moment is None:
            yield _finding(
                f"{path}{name}", "BAD_DATE", "Say a local time as 2026-06-01T00:00, without a zone."
            )
        else:
            moments.append(moment)
    if len(moments) == len(("starts_at", "ends_at")) and moments[0] >= moments[1]:
        yield _finding(f"{path}ends_at", "DATES_REVERSED", "The end is not after the start.")


def _overlap(when: When, campaign: Campaign) -> bool:
    starts = [local_time(text) for text in (when.starts_at, campaign.starts_at) if text]
    ends = [local_time(text) for text in (when.ends_at, campaign.ends_at) if text]
    known_starts, known_ends = [at for at in starts if at], [at for at in ends if at]
    return not known_starts or not known_ends or max(known_starts) < min(known_ends)


def _of_multipliers(ruleset: Ruleset) -> Iterable[Finding]:
    places = {rule.rule_id: f"rules[{index}]" for index, rule in enumerate(ruleset.rules)}
    findings = [
        _finding(f"{places[rule.rule_id]}.give.multiplier.of", "UNKNOWN_RULE", f"There is no rule {target}.")
        for rule in ruleset.rules
        if rule.give.multiplier is not None
        for target in rule.give.multiplier.of
        if target not in places
    ]
    try:
        depths = depths_of(ruleset.rules)
    except ValueError as circle:
        return [*findings, _finding("rules", "CYCLE", f"Multipliers multiply each other: {circle}.")]
    for group in ruleset.groups:
        deep = {depths[rule.rule_id] for rule in ruleset.rules if rule.group == group.name}
        if len(deep) > 1:
            message = f"Rules of {group.name} multiply each other or what others of it give; a group is of one depth."
            findings.append(_finding("groups", "CONTRADICTION", message))
    return findings
