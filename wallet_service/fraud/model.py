"""What the judges are told, what they answer, and what a program has written down for them. Frozen values.

Structs of msgspec: policies and signals are stored as JSON by field names, so that a field may be added with a default.
"""

from __future__ import annotations

from collections.abc import Collection
from enum import StrEnum, unique
from typing import Final

from msgspec import Struct

from wallet_service.fraud.ring_rules import RingRules

DAY_SECONDS: Final = 86_400


@unique
class Verdict(StrEnum):
    """ALLOW goes on, REVIEW waits for a person, REFUSE ends it. In order of severity."""

    ALLOW = "allow"
    REVIEW = "review"
    REFUSE = "refuse"

    @property
    def severity(self) -> int:
        """How severe: the severest of several verdicts is acted on."""
        return _SEVERITY[self]


_SEVERITY: Final = {Verdict.ALLOW: 0, Verdict.REVIEW: 1, Verdict.REFUSE: 2}


@unique
class Of(StrEnum):
    """What is judged: value that leaves, or an event that would bring some."""

    REDEMPTION = "redemption"
    EVENT = "event"


@unique
class By(StrEnum):
    """What a limit counts by."""

    WALLET = "wallet"
    DEVICE = "device"
    ADDRESS = "address"
    PAYMENT = "payment"
    REFERRER = "referrer"


@unique
class Measure(StrEnum):
    """What a limit measures. Ages are limited from below, everything else from above."""

    COUNT = "count"
    AMOUNT = "amount"
    FAILURES = "failures"
    """Attempts that were refused."""
    WALLETS = "wallets"
    """Different wallets on one device, address, payment method or referrer."""
    DEVICES = "devices"
    """Different devices of one wallet."""
    AGE = "age"
    """Seconds since it was first seen; of a wallet, since it was opened."""
    LINK_AGE = "link_age"
    """Seconds since this device (or address, or payment method) was first seen with this wallet."""
    CREDENTIALS_AGE = "credentials_age"
    """Seconds since the customer's credentials were changed, if the caller tells."""
    VALUE = "value"
    """The amount of this one."""
    BALANCE = "balance"
    """What the wallet had to spend before this one."""
    ATTESTATION = "attestation"
    """1 if the platform does not vouch for the app, 0 if it does."""
    ANOMALY = "anomaly"
    RING = "ring"


@unique
class Window(StrEnum):
    """How far back a limit looks."""

    MINUTE = "minute"
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def seconds(self) -> int:
        """Its length."""
        return _SECONDS[self]


_SECONDS: Final = {
    Window.MINUTE: 60, Window.HOUR: 3_600, Window.DAY: DAY_SECONDS, Window.WEEK: 7 * DAY_SECONDS,
}  # fmt: skip


def _reading(measure: Measure, by: By, window: Window | None, kind: str) -> str:
    where = f"{measure}.{by}"
    if window is None:
        return where
    return f"{where}.{window}" + (f".{kind}" if kind else "")


class Condition(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What must be true as well for a limit to speak: a measure above its bound, or below it."""

    measure: Measure
    of: Of | None = None
    """What is counted, if not what the limit speaks of: a redemption may be judged by what was bought before."""
    kind: str = ""
    by: By = By.WALLET
    window: Window | None = None
    above: int | None = None
    below: int | None = None

    def reading(self, spoken_of: Of) -> str:
        """Return the name of what it measures among the signals of whatever the limit speaks of."""
        name = _reading(self.measure, self.by, self.window, self.kind)
        return name if self.of in {None, spoken_of} else f"{self.of}.{name}"


class Limit(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """One limit: above (of an age: below) its bound, the verdict is asked for, and `name` is the reason.

    `unknown` is asked for when nobody can tell what would be measured, from `unknown_from_minor` on.
    """

    name: str
    measure: Measure
    verdict: Verdict
    of: Of = Of.REDEMPTION
    kind: str = ""
    """Of events: only of this kind; empty: of all."""
    by: By = By.WALLET
    window: Window | None = None
    above: int | None = None
    below: int | None = None
    from_minor: int = 0
    """Only for amounts from here on."""
    from_share_bp: int = 0
    """Only for redemptions that take at least this share of what the wallet has."""
    all_of: tuple[Condition, ...] = ()
    """It speaks only where each of these is true as well."""
    unknown: Verdict = Verdict.ALLOW
    unknown_from_minor: int = 0
    shadow: bool = False
    """It is counted and reported, and not acted on."""

    @property
    def reading(self) -> str:
        """The name of what it measures among the signals."""
        return _reading(self.measure, self.by, self.window, self.kind)


class DeviceRules(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What devices may do at a checkout."""

    second_device: Verdict = Verdict.ALLOW
    """Another device reserves while a reservation of the wallet is open."""
    own_after_seconds: int = DAY_SECONDS
    """A device that has been the customer's for so long is no second device: it takes over."""
    missing: Verdict = Verdict.ALLOW
    """The caller names no device."""
    unknown: Verdict | None = None
    """Of a second device, when nobody can tell how long it has been the customer's; None: what a strange one gets."""
    unknown_from_minor: int = 0
    """Below this amount such a device is allowed."""
    shadow: bool = False


class ReviewRules(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a person looks at whatever the limits say, and how long a hold waits for that."""

    above_minor: int | None = None
    ttl_seconds: int = DAY_SECONDS
    shadow: bool = False


class Trusted(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Whom limits do not apply to: wallets by id; devices and addresses as they are shown in a judgement."""

    wallets: frozenset[str] = frozenset()
    devices: frozenset[str] = frozenset()
    addresses: frozenset[str] = frozenset()


class Policy(Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a program does about fraud. In shadow, all of it is counted and nothing is acted on."""

    title: str = ""
    limits: tuple[Limit, ...] = ()
    devices: DeviceRules = DeviceRules()
    review: ReviewRules = ReviewRules()
    trusted: Trusted = Trusted()
    shadow: bool = False
    retention_days: int = 400
    """What was seen of a device or address is forgotten so long after it was last seen."""
    rings: RingRules = RingRules()


class Trace(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What is kept of a fingerprint or an address: its keyed hash, and those under the other keys of the ring."""

    key: str
    others: tuple[str, ...] = ()

    def is_one_of(self, keys: Collection[str]) -> bool:
        """Whether it is among these, under whichever key."""
        return self.key in keys or any(other in keys for other in self.others)


class Traces(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """All that is kept of where something came from; None: the caller did not say."""

    device: Trace | None = None
    address: Trace | None = None
    payment: Trace | None = None
    referrer: Trace | None = None
    agent: str = ""
    attested: bool | None = None
    credentials_changed_at: int | None = None
    """Microseconds since 1970."""

    def by(self, by: By) -> Trace | None:
        """Return the trace that a limit counts by; a wallet leaves none."""
        match by:
            case By.DEVICE:
                return self.device
            case By.ADDRESS:
                return self.address
            case By.PAYMENT:
                return self.payment
            case By.REFERRER:
                return self.referrer
            case By.WALLET:
                return None


class Signals(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """What is known at the moment of judging. None, or absent from `readings`: nobody can tell."""

    of: Of
    amount: int
    kind: str = ""
    wallet_id: str = ""
    traces: Traces = Traces()
    readings: dict[str, int] = {}
    """By the names of `Limit.reading`."""
    share_bp: int | None = None
    """What part of what the wallet had it takes."""
    balance: int | None = None
    """What the wallet had to spend before."""
    wallet_age_seconds: int | None = None
    link_age_seconds: int | None = None
    credentials_age_seconds: int | None = None
    second_device: bool = False
    """A reservation of another device is open."""
    anomaly: int | None = None
    """0 to 1,000: how unusual, calibrated; 990 is more unusual than 99 % of what was seen."""
    anomaly_reasons: tuple[str, ...] = ()
    ring: int | None = None
    """0 to 1,000: how suspicious the wallets are that it is linked with."""
    ring_reasons: tuple[str, ...] = ()


class Judgement(Struct, frozen=True, kw_only=True, gc=False, omit_defaults=True):
    """A verdict and every reason for it; apart from it, what limits in shadow would have made of it."""

    verdict: Verdict = Verdict.ALLOW
    reasons: tuple[str, ...] = ()
    shadow_verdict: Verdict = Verdict.ALLOW
    """The verdict if nothing were in shadow."""
    shadow_reasons: tuple[str, ...] = ()
    """Those of limits in shadow."""
    unknown: tuple[str, ...] = ()
    """Limits of which nobody could tell what they measure."""
    conflict: bool = False
    """It is refused for nothing but a second device."""

    @property
    def notable(self) -> bool:
        """Whether it is worth being recorded."""
        return self.shadow_verdict is not Verdict.ALLOW


class Pace(Struct, frozen=True, kw_only=True):
    """What is known of an event in a program without a policy: its value, and how fast its wallet's events come."""

    value_minor: int
    window_events: int
    window_value_minor: int


class PaceLimits(Struct, frozen=True, kw_only=True):
    """Above these, an event is not simply believed, in a program without a policy. 0: no limit."""

    window_seconds: int = 3_600
    review_events: int = 200
    reject_events: int = 2_000
    review_value_minor: int = 5_000_000
    review_window_value_minor: int = 20_000_000
