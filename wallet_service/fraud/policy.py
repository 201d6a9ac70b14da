"""The judges. Pure: whoever calls them gathers the signals.

Precedence: a trusted wallet is allowed. Otherwise every limit and rule speaks, and the severest verdict is acted on,
with every reason for any verdict listed in the order of the policy. Limits by a trusted device or address are silent;
a limit with conditions speaks only where all of them are true. What is in shadow is listed apart and changes nothing.
A reservation that is refused for its second device alone is refused as a conflict of devices, any other as fraud.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from operator import attrgetter
from typing import Final, NamedTuple, assert_never

from wallet_service.fraud.model import (
    By,
    Condition,
    DeviceRules,
    Judgement,
    Limit,
    Measure,
    Of,
    Pace,
    PaceLimits,
    Policy,
    Signals,
    Trusted,
    Verdict,
)

TRUSTED_WALLET: Final = "TRUSTED_WALLET"
SECOND_DEVICE: Final = "SECOND_DEVICE"
NO_DEVICE: Final = "NO_DEVICE"
HIGH_VALUE: Final = "HIGH_VALUE"
OWN_NAMES: Final = frozenset({TRUSTED_WALLET, SECOND_DEVICE, NO_DEVICE, HIGH_VALUE})
"""Reasons that no limit may be named like."""
_AGES: Final = frozenset({Measure.AGE, Measure.LINK_AGE, Measure.CREDENTIALS_AGE})
_TOLD: Final = frozenset({Measure.CREDENTIALS_AGE, Measure.ATTESTATION})
"""What only the caller can tell: untold is not unknown, it is absent."""


_SIGNALS: Final = {
    Measure.CREDENTIALS_AGE: "credentials_age_seconds", Measure.VALUE: "amount", Measure.BALANCE: "balance",
    Measure.ANOMALY: "anomaly", Measure.RING: "ring",
}  # fmt: skip
"""Where among the signals a measure stands."""


class Judge:
    """The judge of one policy. Almost always nothing speaks, and that is found out before anything is made of it."""

    __slots__ = ("_counted", "_others", "_policy")

    def __init__(self, policy: Policy) -> None:
        self._policy = policy
        redemptions = [limit for limit in policy.limits if limit.of is Of.REDEMPTION]
        counted = [limit for limit in redemptions if limit.window is not None and limit.above is not None]
        self._counted = {
            by: [(limit.reading, limit.above or 0) for limit in counted if limit.by is by]
            for by in By
            if any(limit.by is by for limit in counted)
        }
        self._others = [(limit, _finder(limit)) for limit in redemptions if limit not in counted]

    def __call__(self, signals: Signals) -> Judgement:
        """Judge as `judge` does."""
        unknown = self._silence(signals) if signals.of is Of.REDEMPTION else None
        if unknown is None:
            return judge(signals, self._policy)
        return Judgement(unknown=unknown) if unknown else _ALLOWED

    def _silence(self, signals: Signals) -> tuple[str, ...] | None:
        """Return the limits of which nobody can tell, if nothing speaks for certain; None: look closer."""
        readings, policy = signals.readings, self._policy
        for by, limits in self._counted.items():
            if by is By.WALLET or signals.traces.by(by) is not None:
                for reading, above in limits:
                    counted = readings.get(reading)
                    if counted is None or counted > above:
                        return None
        unknown: tuple[str, ...] = ()
        for limit, find in self._others:
            found = find(signals)
            if found is None:
                if limit.unknown is not Verdict.ALLOW:
                    return None
                if _is_unknown(limit, signals, policy.trusted):
                    unknown = (*unknown, limit.name)
            elif _passes_bound(limit, found):
                return None
        above_minor = policy.review.above_minor
        silent = (
            not signals.second_device
            and (signals.traces.device is not None or policy.devices.missing is Verdict.ALLOW)
            and (above_minor is None or signals.amount <= above_minor)
            and signals.wallet_id not in policy.trusted.wallets
        )
        return unknown if silent else None


def _finder(limit: Limit) -> Callable[[Signals], int | None]:
    """Return what finds the measure of a limit that is no count: for each redemption, so found out once."""
    name = _SIGNALS.get(limit.measure)
    if limit.measure is Measure.AGE and limit.by is By.WALLET:
        name = "wallet_age_seconds"
    if limit.measure is Measure.LINK_AGE and _measured_by(limit) is By.DEVICE:
        name = "link_age_seconds"
    return partial(_found, limit) if name is None else attrgetter(name)


def _is_unknown(limit: Limit, signals: Signals, trusted: Trusted) -> bool:
    return _applies(limit, signals, trusted) and _speaks(limit, signals, trusted) is None


_ALLOWED: Final = Judgement()


class _Voice(NamedTuple):
    """What one limit or rule says."""

    name: str
    verdict: Verdict
    shadow: bool


def judge(signals: Signals, policy: Policy) -> Judgement:
    """Return the severest verdict that anything asks for, with every reason for it."""
    if signals.wallet_id in policy.trusted.wallets:
        return Judgement(reasons=(TRUSTED_WALLET,))
    voices: list[_Voice] = []
    unknown: list[str] = []
    for limit in policy.limits:
        if not _applies(limit, signals, policy.trusted):
            continue
        passes = _speaks(limit, signals, policy.trusted)
        if passes is None:
            unknown.append(limit.name)
            verdict = limit.unknown if signals.amount >= limit.unknown_from_minor else Verdict.ALLOW
        else:
            verdict = limit.verdict if passes else Verdict.ALLOW
        if verdict is not Verdict.ALLOW:
            voices.append(_Voice(limit.name, verdict, limit.shadow))
    if signals.of is Of.REDEMPTION:
        voices += _rules_of_checkout(signals, policy)
        if _is_nobodys(signals, policy):
            unknown.append(SECOND_DEVICE)
    return _summed(voices, tuple(unknown), all_shadow=policy.shadow)


def _applies(limit: Limit, signals: Signals, trusted: Trusted) -> bool:
    """Whether a limit speaks of this at all."""
    if limit.of is not signals.of or (limit.kind and limit.kind != signals.kind):
        return False
    if signals.amount < limit.from_minor:
        return False
    if limit.from_share_bp and signals.share_bp is not None and signals.share_bp < limit.from_share_bp:
        return False
    return _was_told(limit, signals) and not _is_trusted(limit, signals, trusted)


def _was_told(asked: Limit | Condition, signals: Signals) -> bool:
    """Whether the caller told what this is measured by."""
    if asked.measure in _TOLD:
        return _found(asked, signals) is not None
    by = _measured_by(asked)
    return by is By.WALLET or signals.traces.by(by) is not None


def _is_trusted(asked: Limit | Condition, signals: Signals, trusted: Trusted) -> bool:
    """Whether this is measured by a device or an address that the policy trusts."""
    by = _measured_by(asked)
    match by:
        case By.DEVICE:
            return signals.traces.device is not None and signals.traces.device.is_one_of(trusted.devices)
        case By.ADDRESS:
            return signals.traces.address is not None and signals.traces.address.is_one_of(trusted.addresses)
        case By.WALLET | By.PAYMENT | By.REFERRER:
            return False
        case _:
            assert_never(by)


def _measured_by(asked: Limit | Condition) -> By:
    """Return what this is measured by: an age of a link is that of the device unless something else is said."""
    if asked.measure is Measure.LINK_AGE and asked.by is By.WALLET:
        return By.DEVICE
    return asked.by


def _speaks(limit: Limit, signals: Signals, trusted: Trusted) -> bool | None:
    """Whether a limit that applies has its say; None: nobody can tell.

    One condition that is certainly false silences it. What the caller did not tell excuses nobody: such a condition
    counts as true, or a shop that tells no addresses would have no limit on strange devices at strange addresses.
    """
    found = _found(limit, signals)
    passes = None if found is None else _passes_bound(limit, found)
    for condition in limit.all_of:
        if passes is False:
            break
        if not _was_told(condition, signals):
            continue
        holds = False if _is_trusted(condition, signals, trusted) else _holds(condition, signals)
        if not holds:
            passes = False if holds is False else None
    return passes


def _holds(condition: Condition, signals: Signals) -> bool | None:
    found = _found(condition, signals)
    if found is None:
        return None
    if condition.below is not None:
        return found < condition.below
    return condition.above is not None and found > condition.above


def _found(asked: Limit | Condition, signals: Signals) -> int | None:
    """Return what a limit or a condition measures; None: nobody can tell."""
    match asked.measure:
        case Measure.COUNT | Measure.AMOUNT | Measure.FAILURES | Measure.WALLETS | Measure.DEVICES:
            return signals.readings.get(_reading(asked, signals))
        case Measure.AGE | Measure.LINK_AGE:
            return _age(asked, signals)
        case Measure.CREDENTIALS_AGE | Measure.VALUE | Measure.BALANCE | Measure.ANOMALY | Measure.RING:
            found: int | None = getattr(signals, _SIGNALS[asked.measure])
            return found
        case Measure.ATTESTATION:
            attested = signals.traces.attested
            return None if attested is None else int(not attested)
        case _:
            assert_never(asked.measure)


def _age(asked: Limit | Condition, signals: Signals) -> int | None:
    match asked.measure, _measured_by(asked):
        case Measure.AGE, By.WALLET:
            return signals.wallet_age_seconds
        case Measure.LINK_AGE, By.DEVICE:
            return signals.link_age_seconds
        case _:
            return signals.readings.get(_reading(asked, signals))


def _reading(asked: Limit | Condition, signals: Signals) -> str:
    return asked.reading if isinstance(asked, Limit) else asked.reading(signals.of)


def _passes_bound(limit: Limit, found: int) -> bool:
    if limit.measure in _AGES:
        return limit.below is not None and found < limit.below
    return limit.above is not None and found > limit.above


def _rules_of_checkout(signals: Signals, policy: Policy) -> list[_Voice]:
    said: list[_Voice] = []
    rules, device = policy.devices, signals.traces.device
    if device is None and rules.missing is not Verdict.ALLOW:
        said.append(_Voice(NO_DEVICE, rules.missing, rules.shadow))
    if _is_strange(signals, policy):
        said.append(_Voice(SECOND_DEVICE, _second_device(signals, rules), rules.shadow))
    above = policy.review.above_minor
    if above is not None and signals.amount > above:
        said.append(_Voice(HIGH_VALUE, Verdict.REVIEW, policy.review.shadow))
    return [voice for voice in said if voice.verdict is not Verdict.ALLOW]


def _second_device(signals: Signals, rules: DeviceRules) -> Verdict:
    known = signals.link_age_seconds
    if rules.second_device is Verdict.ALLOW:
        return Verdict.ALLOW
    if known is None and signals.amount >= rules.unknown_from_minor:
        return rules.second_device if rules.unknown is None else rules.unknown
    return rules.second_device if known is not None and known < rules.own_after_seconds else Verdict.ALLOW


def _is_strange(signals: Signals, policy: Policy) -> bool:
    """Whether this is another device than the one that has a hold, and none that the policy trusts."""
    device = signals.traces.device
    return signals.second_device and not (device is not None and device.is_one_of(policy.trusted.devices))


def _is_nobodys(signals: Signals, policy: Policy) -> bool:
    """Whether nobody can tell whose second device it is, and it matters."""
    asks = policy.devices.second_device is not Verdict.ALLOW
    return asks and signals.link_age_seconds is None and _is_strange(signals, policy)


def _summed(voices: list[_Voice], unknown: tuple[str, ...], *, all_shadow: bool) -> Judgement:
    if not voices:
        return Judgement(unknown=unknown)
    acted = [] if all_shadow else [voice for voice in voices if not voice.shadow]
    verdict = _severest(acted)
    refused_for = {voice.name for voice in acted if voice.verdict is Verdict.REFUSE}
    return Judgement(
        verdict=verdict, reasons=_names(acted), shadow_verdict=_severest(voices),
        shadow_reasons=_names([voice for voice in voices if all_shadow or voice.shadow]), unknown=unknown,
        conflict=refused_for == {SECOND_DEVICE},
    )  # fmt: skip


def _severest(voices: list[_Voice]) -> Verdict:
    return max(
        (voice.verdict for voice in voices), key=lambda verdict: verdict.severity, default=Verdict.ALLOW
    )


def _names(voices: list[_Voice]) -> tuple[str, ...]:
    return tuple(voice.name for voice in voices)


def judge_pace(pace: Pace, limits: PaceLimits) -> Judgement:
    """Judge an event of a program that has no policy."""
    if _above(pace.window_events, limits.reject_events):
        return _said(Verdict.REFUSE, ("TOO_MANY_EVENTS",))
    reasons = tuple(
        name
        for name, found, limit in (
            ("MANY_EVENTS", pace.window_events, limits.review_events),
            ("HIGH_VALUE", pace.value_minor, limits.review_value_minor),
            ("HIGH_VALUE_IN_WINDOW", pace.window_value_minor, limits.review_window_value_minor),
        )
        if _above(found, limit)
    )
    return _said(Verdict.REVIEW, reasons) if reasons else Judgement()


def _said(verdict: Verdict, reasons: tuple[str, ...]) -> Judgement:
    return Judgement(verdict=verdict, reasons=reasons, shadow_verdict=verdict)


def _above(found: int, limit: int) -> bool:
    return limit > 0 and found > limit
