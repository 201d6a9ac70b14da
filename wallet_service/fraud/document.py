"""Policies as JSON documents, and everything that is wrong with one. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

import msgspec

from wallet_service.fraud.model import By, Condition, Limit, Measure, Of, Policy, Verdict, Window
from wallet_service.fraud.policy import OWN_NAMES
from wallet_service.fraud.ring_rules import out_of_range

BYTES_MAX: Final = 1_000_000
LIMITS_MAX: Final = 100
TRUSTED_MAX: Final = 10_000
DISTINCT_MAX: Final = 250
"""Up to here different wallets and devices are counted exactly."""
SCORE_MAX: Final = 1_000
CONDITIONS_MAX: Final = 8
NUMBER_MAX: Final = 10**15
TTL_SECONDS_MAX: Final = 2_592_000
RETENTION_DAYS_MAX: Final = 3_660
EVENT_KINDS: Final = frozenset({"purchase", "referral", "share", "review", "signup", "birthday", "custom"})

_NAME: Final = re.compile(r"[A-Z][A-Z0-9_]{0,47}")
_TRACE: Final = re.compile(r"([a-z0-9-]{1,16}\.)?[0-9a-f]{32}")
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TITLE_MAX: Final = 256
_AT: Final = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_WINDOWED: Final = frozenset(
    {Measure.COUNT, Measure.AMOUNT, Measure.FAILURES, Measure.WALLETS, Measure.DEVICES}
)
_SUMS: Final = frozenset({Measure.COUNT, Measure.AMOUNT, Measure.FAILURES})
_AGES: Final = frozenset({Measure.AGE, Measure.LINK_AGE, Measure.CREDENTIALS_AGE})
_OF_REDEMPTIONS: Final = frozenset({Measure.FAILURES, Measure.LINK_AGE, Measure.BALANCE, Measure.ANOMALY})
_decode: Final = msgspec.json.Decoder(Policy).decode
_encode: Final = msgspec.json.Encoder(order="deterministic").encode


class Finding(NamedTuple):
    """Something wrong: where, which kind of fault, and a sentence."""

    path: str
    problem: str
    message: str


def parsed(text: str) -> tuple[Policy | None, tuple[Finding, ...]]:
    """Return the policy that a JSON text says, or None and what is wrong with it."""
    if len(text) > BYTES_MAX:
        return None, (Finding("", "TOO_LARGE", "The document is too large."),)
    try:
        policy = _decode(text)
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError) as fault:
        at = _AT.search(str(fault))
        path = "" if at is None else at["path"]
        return None, (Finding(path, "UNREADABLE", f"{_AT.sub('', str(fault))}."),)
    findings = tuple(_findings(policy))
    return (None if findings else policy), findings


def written(policy: Policy) -> str:
    """Return the canonical JSON text of a policy: fields in order, defaults left out."""
    return _encode(policy).decode()


def pretty(policy: Policy) -> str:
    """Return the same for people and for git: one line's change is one line's difference."""
    return msgspec.json.format(written(policy).encode(), indent=2).decode() + "\n"


def differences(before: Policy, after: Policy) -> list[tuple[str, str, str]]:
    """Return what is different: the place, and what stands there before and after; limits by their names."""
    old, new = dict(_places(before)), dict(_places(after))
    places = [*old, *(place for place in new if place not in old)]
    return [
        (place, old.get(place, ""), new.get(place, ""))
        for place in places
        if old.get(place) != new.get(place)
    ]


def _places(policy: Policy) -> Iterator[tuple[str, str]]:
    plain = msgspec.to_builtins(policy, order="deterministic")
    for limit in plain.pop("limits", ()):
        for number, condition in enumerate(limit.pop("all_of", ())):
            for name, value in condition.items():
                yield f"limits.{limit['name']}.all_of[{number}].{name}", str(value)
        for name, value in limit.items():
            yield f"limits.{limit['name']}.{name}", str(value)
    for name, value in plain.items():
        yield from _leaves(name, value)


def _leaves(name: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for inner, said in value.items():
            yield from _leaves(f"{name}.{inner}", said)
    else:
        yield name, str(value)


def _findings(policy: Policy) -> Iterator[Finding]:
    if len(policy.title) > _TITLE_MAX or not policy.title.isprintable():
        yield Finding("title", "WRONG_TEXT", f"This must be at most {_TITLE_MAX} printable characters.")
    if len(policy.limits) > LIMITS_MAX:
        yield Finding("limits", "TOO_MANY", f"There may be {LIMITS_MAX} at most.")
        return
    names: set[str] = set()
    for number, limit in enumerate(policy.limits):
        path = f"limits[{number}]"
        if not _NAME.fullmatch(limit.name) or limit.name in OWN_NAMES:
            yield Finding(
                f"{path}.name", "WRONG_NAME", "This must be a name like MANY_REDEMPTIONS of your own."
            )
        if limit.name in names:
            yield Finding(f"{path}.name", "NAME_REUSED", "Another limit has this name.")
        names.add(limit.name)
        yield from _findings_of_limit(limit, path)
    yield from _findings_of_rules(policy)
    for place, message in out_of_range(policy.rings):
        yield Finding(f"rings.{place}", "OUT_OF_RANGE", message)


def _findings_of_limit(limit: Limit, path: str) -> Iterator[Finding]:
    if limit.verdict is Verdict.ALLOW:
        yield Finding(f"{path}.verdict", "WRONG_VERDICT", "A limit leads to review or refuse.")
    below = limit.measure in _AGES
    if (limit.above if below else limit.below) is not None:
        yield Finding(path, "WRONG_BOUND", f"This limit is said with {'below' if below else 'above'} alone.")
    yield from _findings_of_measure(limit, limit.of, path)
    events = limit.of is Of.EVENT
    if limit.kind and not (events and limit.measure in _WINDOWED | {Measure.VALUE}):
        yield Finding(f"{path}.kind", "WRONG_KIND", "Only counts and values of events have a kind.")
    if events and limit.from_share_bp:
        yield Finding(f"{path}.of", "WRONG_SUBJECT", "This is measured of redemptions only.")
    if len(limit.all_of) > CONDITIONS_MAX:
        yield Finding(f"{path}.all_of", "TOO_MANY", f"There may be {CONDITIONS_MAX} at most.")
    for number, condition in enumerate(limit.all_of[:CONDITIONS_MAX]):
        yield from _findings_of_condition(condition, limit, f"{path}.all_of[{number}]")
    amounts = (limit.from_minor, limit.unknown_from_minor)
    if min(amounts) < 0 or max(amounts) > NUMBER_MAX or not 0 <= limit.from_share_bp <= 10_000:  # noqa: PLR2004
        yield Finding(path, "OUT_OF_RANGE", "An amount is from 0 to 10^15, a share from 0 to 10000.")


def _findings_of_condition(condition: Condition, limit: Limit, path: str) -> Iterator[Finding]:
    of = condition.of or limit.of
    yield from _findings_of_measure(condition, of, path)
    if of is not limit.of and condition.measure not in _SUMS:
        yield Finding(
            f"{path}.of", "WRONG_SUBJECT", "Of something else, only counts, amounts and failures are known."
        )
    if of is not limit.of and condition.by is By.REFERRER:
        yield Finding(f"{path}.by", "WRONG_SUBJECT", "Only events have a referrer.")
    if condition.kind and not (of is Of.EVENT and condition.measure in _WINDOWED):
        yield Finding(f"{path}.kind", "WRONG_KIND", "Only counts of events have a kind.")


def _findings_of_measure(asked: Limit | Condition, of: Of, path: str) -> Iterator[Finding]:
    if (asked.measure in _WINDOWED) != (asked.window is not None):
        yield Finding(
            f"{path}.window", "WRONG_WINDOW", "What is counted has a window, anything else has none."
        )
    if asked.window is Window.WEEK and asked.measure not in _SUMS:
        yield Finding(f"{path}.window", "WRONG_WINDOW", "Different ones are told apart for a day at most.")
    bounds = [bound for bound in (asked.above, asked.below) if bound is not None]
    if len(bounds) != 1:
        yield Finding(path, "WRONG_BOUND", "There must be one bound: above, or below.")
    most = NUMBER_MAX
    if asked.measure in {Measure.WALLETS, Measure.DEVICES}:
        most = DISTINCT_MAX
    elif asked.measure in {Measure.ANOMALY, Measure.RING}:
        most = SCORE_MAX
    if any(not 0 <= bound <= most for bound in bounds):
        yield Finding(path, "OUT_OF_RANGE", f"The bound must be from 0 to {most}.")
    if asked.kind and asked.kind not in EVENT_KINDS:
        yield Finding(f"{path}.kind", "WRONG_KIND", "There are no such events.")
    yield from _findings_of_subject(asked, of, path)


def _findings_of_subject(asked: Limit | Condition, of: Of, path: str) -> Iterator[Finding]:
    events, measure, by = of is Of.EVENT, asked.measure, asked.by
    if events and measure in _OF_REDEMPTIONS:
        yield Finding(f"{path}.of", "WRONG_SUBJECT", "This is measured of redemptions only.")
    if by is By.REFERRER and not events:
        yield Finding(f"{path}.by", "WRONG_SUBJECT", "Only events have a referrer.")
    if measure is Measure.AGE and by is By.WALLET and events:
        yield Finding(f"{path}.by", "WRONG_SUBJECT", "The age of a wallet is measured of redemptions only.")
    if measure is Measure.WALLETS and by is By.WALLET:
        yield Finding(f"{path}.by", "WRONG_SUBJECT", "Different wallets are counted by something else.")
    if measure is Measure.DEVICES and by is not By.WALLET:
        yield Finding(f"{path}.by", "WRONG_SUBJECT", "Different devices are counted by wallet.")
    if measure not in _WINDOWED | {Measure.AGE, Measure.LINK_AGE} and by is not By.WALLET:
        yield Finding(f"{path}.by", "WRONG_SUBJECT", "This is not measured by anything else.")


def _findings_of_rules(policy: Policy) -> Iterator[Finding]:
    review, trusted = policy.review, policy.trusted
    if review.above_minor is not None and not 0 <= review.above_minor <= NUMBER_MAX:
        yield Finding("review.above_minor", "OUT_OF_RANGE", "An amount is from 0 to 10^15.")
    if not 0 < review.ttl_seconds <= TTL_SECONDS_MAX:
        yield Finding("review.ttl_seconds", "OUT_OF_RANGE", f"This must be from 1 to {TTL_SECONDS_MAX}.")
    if not 0 <= policy.devices.own_after_seconds <= NUMBER_MAX:
        yield Finding("devices.own_after_seconds", "OUT_OF_RANGE", "This must not be negative.")
    if not 0 <= policy.devices.unknown_from_minor <= NUMBER_MAX:
        yield Finding("devices.unknown_from_minor", "OUT_OF_RANGE", "An amount is from 0 to 10^15.")
    if not 1 <= policy.retention_days <= RETENTION_DAYS_MAX:
        yield Finding("retention_days", "OUT_OF_RANGE", f"This must be from 1 to {RETENTION_DAYS_MAX}.")
    for name, listed, form in (
        ("wallets", trusted.wallets, _UUID), ("devices", trusted.devices, _TRACE), ("addresses", trusted.addresses, _TRACE),
    ):  # fmt: skip
        if len(listed) > TRUSTED_MAX:
            yield Finding(f"trusted.{name}", "TOO_MANY", f"There may be {TRUSTED_MAX} at most.")
        for number, item in enumerate(sorted(listed)[:TRUSTED_MAX]):
            if not form.fullmatch(item):
                yield Finding(f"trusted.{name}[{number}]", "WRONG_TEXT", "This is not as judgements show it.")
