"""What links wallets, and what a ring of them is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum, unique
from typing import Final, NamedTuple, NewType

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId

RingId = NewType("RingId", str)
KEY_BYTES_MIN: Final = 16
KEY_BYTES_MAX: Final = 32


@unique
class LinkKind(IntEnum):
    """What a wallet was seen with."""

    DEVICE = 1
    ADDRESS = 2
    PAYMENT = 3
    REFERRAL = 4
    """The key is the wallet id of whoever referred; the referrer itself is linked to its own id."""


class Key(NamedTuple):
    """Something that wallets may share, as its keyed hash in hexadecimal."""

    kind: LinkKind
    text: str


class Link(NamedTuple):
    """A wallet was seen with a key."""

    wallet_id: WalletId
    key: Key
    seen_at: Instant


class Waiting(NamedTuple):
    """A link that the rings do not know of yet, and what they know of its key and its wallet."""

    wallet_id: WalletId
    key: Key
    degree: int
    """Wallets that are joined through the key already."""
    hub: bool
    holder_id: WalletId | None
    """One of them."""
    holder_ring: RingId | None
    holder_ring_wallets: int
    own_ring: RingId | None
    own_ring_wallets: int
    program_id: str = ""
    """Of the wallet; empty: the ledger does not know it."""


class KeyState(NamedTuple):
    """A key as it is after some links were joined."""

    key: Key
    degree: int
    hub: bool
    holder_id: WalletId


@dataclass(frozen=True, slots=True, kw_only=True)
class Joins:
    """What joining some links changes."""

    keys: tuple[KeyState, ...] = ()
    rings: tuple[tuple[RingId, int, bool], ...] = ()
    """Each ring that changes: its wallets from now on, and whether it must be looked at again."""
    merged: tuple[tuple[RingId, RingId], ...] = ()
    """Which ring goes into which."""
    members: tuple[tuple[WalletId, RingId], ...] = ()
    """Wallets that had no ring before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """What a ring falls into when it is looked at again."""

    rings: tuple[tuple[RingId, int], ...]
    members: tuple[tuple[WalletId, RingId], ...]
    """Wallets that leave for another part."""
    alone: tuple[WalletId, ...]


@unique
class Reason(Enum):
    """Why a ring is suspicious; a reviewer's page explains each."""

    MANY_WALLETS = "RING_MANY_WALLETS"
    NO_KEYS_OF_THEIR_OWN = "RING_NO_KEYS_OF_THEIR_OWN"
    FORMED_QUICKLY = "RING_FORMED_QUICKLY"
    VALUE_MOVED = "RING_VALUE_MOVED"
    SHARED_PAYMENT = "RING_SHARED_PAYMENT"
    REFERRAL_CYCLE = "RING_REFERRAL_CYCLE"
    REFERRAL_CHAIN = "RING_REFERRAL_CHAIN"
    REFERRED_THEMSELVES = "RING_REFERRED_THEMSELVES"


@dataclass(frozen=True, slots=True, kw_only=True)
class RingSignal:
    """What is known of a wallet's ring: its size, and how suspicious it was found, 0 to 100."""

    ring_id: RingId
    wallets: int
    suspicion: int
    reasons: tuple[str, ...]

    @property
    def score(self) -> int:
        """Its suspicion in thousandths, as every signal of fraud is scored."""
        return self.suspicion * 10


@dataclass(frozen=True, slots=True, kw_only=True)
class RingState:
    """A ring as it is recorded."""

    ring_id: RingId
    wallets: int
    revision: int
    suspicion: int = 0
    reasons: tuple[str, ...] = ()
    merged_into: RingId | None = None
    anchor_id: WalletId | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A wallet of a ring."""

    wallet_id: WalletId
    program_id: str
    first_seen: Instant
    last_seen: Instant
    redeemed: int
    """What it has spent lately, in minor units."""
    customer_ref: str = ""


class Telling(NamedTuple):
    """What a person was told of a ring."""

    wallet_id: WalletId
    """Which stood for it."""
    subject_id: str
    wallets: int
    earlier: tuple[str, ...] = ()
    """The names of those that this one named."""

    @property
    def name(self) -> str:
        """What names it in later ones."""
        return f"{self.wallet_id}/{self.subject_id}"


class Tie(NamedTuple):
    """A wallet's link as a picture of its ring shows it."""

    wallet_id: WalletId
    key: Key
    degree: int
    hub: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Graph:
    """A ring with its wallets and links, or as many of them as are looked at."""

    wallets: int
    members: tuple[Member, ...]
    ties: tuple[Tie, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Suspicion:
    """How suspicious a ring is, 0 to 100, with a sentence for each reason."""

    points: int
    reasons: tuple[tuple[Reason, str], ...] = ()
    suspicious: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """A ring as it was judged; a suspicious one with the wallet that stands for it wherever one is asked for."""

    ring: RingState
    program_id: str
    """Whose rules it was judged by: that of most of its wallets."""
    judged_by: str
    """The mark of those rules."""
    graph: Graph
    suspicion: Suspicion
    anchor_id: WalletId | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Beat:
    """What one round of the rings' worker did."""

    joined: int = 0
    split: int = 0
    forgotten: int = 0
    judged: int = 0
    suspicious: tuple[RingId, ...] = ()
