"""What the anomaly model is told, what it answers, and what is kept of it. Frozen values."""

from __future__ import annotations

from enum import StrEnum, unique
from typing import Final, NamedTuple

from msgspec import Struct

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId

RECENT_MAX: Final = 16
DEVICES_MAX: Final = 16
HOURS: Final = 24


class Attempt(Struct, frozen=True, kw_only=True, gc=False):
    """A redemption that is asked for."""

    wallet_id: WalletId
    amount: int
    at: Instant
    devices: tuple[str, ...] = ()
    """The keyed hash of its device, under each key of the ring; none: the caller did not say."""


class Redemption(Struct, frozen=True, kw_only=True, gc=False):
    """A redemption as it is recorded: value that was reserved."""

    wallet_id: WalletId
    reservation_id: str
    amount: int
    at: Instant
    available: int
    """What stood available before it."""
    device: str


class Profile(Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """What is remembered of a wallet's redemptions. Stored by position: a field may be added at the end."""

    opened_at: Instant
    available: int
    redemptions: int = 0
    sum_log: float = 0.0
    sum_squares: float = 0.0
    """Of the logarithms of amounts, and of their squares."""
    recent: tuple[Instant, ...] = ()
    hours: tuple[int, ...] = (0,) * HOURS
    devices: tuple[tuple[str, Instant], ...] = ()
    """Each with the moment when it was first seen, the oldest first."""


Features = tuple[float, ...]
"""Each between 0 and 1, in the order of `features.NAMES`."""


class Contribution(NamedTuple):
    """How much of a score a feature accounts for, in thousandths of what all of them account for."""

    feature: str
    share: int


class Score(Struct, frozen=True, kw_only=True, gc=False):
    """How unusual a redemption is, 0 to 1,000: 990 is more unusual than 99 % of those the model was calibrated by."""

    score: int
    version: int
    because: tuple[Contribution, ...] = ()
    """What makes it so; only of what is unusual."""

    @property
    def reasons(self) -> tuple[str, ...]:
        """The names of the features behind it."""
        return tuple(each.feature for each in self.because)


class Example(Struct, frozen=True, kw_only=True, gc=False):
    """A redemption to learn from or to be measured by. `fraud`: what a person said of it; None: nobody did."""

    wallet_id: WalletId
    reservation_id: str
    at: Instant
    features: Features
    fraud: bool | None = None


class Label(NamedTuple):
    """What a person found out about a redemption."""

    wallet_id: WalletId
    reservation_id: str
    fraud: bool


class Metrics(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a version was measured by. None: there were too few labels to tell."""

    redemptions: int
    labelled_fraud: int = 0
    labelled_honest: int = 0
    auc: float | None = None
    """How likely a fraudulent redemption scores above an honest one."""
    found_at_990: float | None = None
    """The share of fraudulent redemptions that score 990 or more."""
    false_at_990: float | None = None
    """The share of honest ones that do."""
    learner: str = ""
    seed: int = 0
    seconds: float = 0.0
    position: str = ""
    """Of a version that was learnt from the stream: how far."""


@unique
class Origin(StrEnum):
    """How a version came about."""

    TRAIN = "train"
    STREAM = "stream"


class Version(Struct, frozen=True, kw_only=True):
    """A version of the model, without its trees."""

    version: int
    parent: int
    origin: Origin
    metrics: Metrics
    trained_at: Instant
    actor: str
    reason: str
    published: bool
    """Whether it is the one that scores."""


class Accountable(NamedTuple):
    """Who does something and why."""

    actor: str
    reason: str


class Shape(Struct, frozen=True, kw_only=True):
    """How large a model is. The defaults score and learn well within 100 µs."""

    trees: int = 25
    height: int = 7
    window: int = 2_000
    """Redemptions by which nodes are weighed; what is older is forgotten."""
    seed: int = 1
