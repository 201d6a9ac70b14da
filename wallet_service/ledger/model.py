"""What a wallet is: balances, lots, holds, entries. Frozen values; the words are those of docs/glossary.

Structs of msgspec rather than dataclasses: made and copied several times for every operation, and written as the
documents that are stored beside the columns. An `array_like` struct is stored as an array in the order of its fields:
a field may be added at the end, with a default; none is ever moved.

Times are Instants (microseconds), amounts whole minor units of the program's asset.
"""

from __future__ import annotations

from enum import IntEnum, unique
from typing import Final, NamedTuple

from msgspec import Struct

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import CreditId, OperationId, ProgramId, ReservationId, WalletId

AMOUNT_MAX: Final = 10**15
"""The largest single amount. 9,000 such credits still fit a 64-bit balance."""

BALANCE_MAX: Final = 9 * 10**18
LOTS_MAX: Final = 512
"""Lots of different expiry in one wallet, wherever they stand; equal expiry merges."""

ACTS_MAX: Final = 64
"""Commits and extensions of one reservation."""

OPEN_RESERVATIONS_DEFAULT: Final = 32


@unique
class Account(IntEnum):
    """A place value can stand. The first four are inside a wallet."""

    PENDING = 1
    AVAILABLE = 2
    RESERVED = 3
    FROZEN = 4
    ISSUED = 5
    REDEEMED = 6
    EXPIRED = 7
    CLAWED_BACK = 8
    ADJUSTED = 9


@unique
class EntryKind(IntEnum):
    """Why value moved."""

    CREDIT = 1
    MATURE = 2
    RESERVE = 3
    COMMIT = 4
    RELEASE = 5
    EXPIRE_RESERVATION = 6
    EXPIRE_LOT = 7
    FREEZE = 8
    UNFREEZE = 9
    CLAW_BACK = 10
    RESTORE = 11
    ADJUST = 12


@unique
class WalletState(IntEnum):
    """Frozen: nothing new may be reserved; what was promised before may still be committed or released."""

    ACTIVE = 1
    FROZEN = 2
    CLOSED = 3


@unique
class ReservationState(IntEnum):
    """HELD is left once; every other state is for ever."""

    HELD = 1
    COMMITTED = 2
    RELEASED = 3
    EXPIRED = 4
    REFUSED = 5


@unique
class ReviewState(IntEnum):
    """Whether a person must let a hold pass before it can be committed, and what became of that."""

    NONE = 0
    WAITING = 1
    APPROVED = 2
    REJECTED = 3


@unique
class ActKind(IntEnum):
    """What can happen to a reservation while it is held."""

    COMMIT = 1
    EXTEND = 2


class Lot(NamedTuple):
    """Value that expires together."""

    expires_at: Instant
    amount: int


class Expired(NamedTuple):
    """Value that expired unspent and that no return has taken since."""

    expires_at: Instant
    amount: int
    version: int
    """The number of the entry that let it expire."""


class Balance(NamedTuple):
    """What stands where, and after how many entries."""

    pending: int
    available: int
    reserved: int
    frozen: int
    version: int


class Order(Struct, frozen=True, kw_only=True, gc=False):
    """What a reservation pays for: the merchant's reference, and the total in the order's currency."""

    order_ref: str
    total_minor: int
    currency: str


class Act(Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A commit or an extension: its id, what it did, and what the caller was answered."""

    kind: ActKind
    act_id: str
    asked: int | None
    """The amount the caller named; None: all that was held. For an extension, the seconds."""
    amount: int
    final: bool
    at: Instant
    expires_at: Instant
    balance: Balance


class Reservation(Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A hold on available value, or what became of it. Its content never changes; its acts are added."""

    reservation_id: ReservationId
    state: ReservationState
    amount: int
    committed: int
    value_minor: int
    order_ref: str
    order_total_minor: int
    currency: str
    device: str
    ttl_seconds: int
    created_at: Instant
    expires_at: Instant
    lots: tuple[Lot, ...]
    """What is still held of which lot."""
    spent: tuple[Lot, ...]
    """What was spent of which lot."""
    acts: tuple[Act, ...]
    opened: Balance
    """The balance that Reserve answered."""
    closed_at: Instant | None = None
    closed: Balance | None = None
    """The balance that the closing act answered."""
    refused: Refusal | None = None
    restored: tuple[Lot, ...] = ()
    """What of the spent value was given back by refunds."""
    asked_ttl_seconds: int | None = None
    """The time the caller named; None: the program's default, whatever that is when the call is repeated."""
    review: ReviewState = ReviewState.NONE

    @property
    def order(self) -> Order:
        """What it pays for."""
        return Order(order_ref=self.order_ref, total_minor=self.order_total_minor, currency=self.currency)

    @property
    def held(self) -> int:
        """What is still held."""
        return self.amount - self.committed if self.state is ReservationState.HELD else 0

    @property
    def under_review(self) -> bool:
        """Whether it is held and waits for a person."""
        return self.review is ReviewState.WAITING and self.state is ReservationState.HELD


class Credit(Struct, frozen=True, kw_only=True, gc=False):
    """Value that one event brought, and what has become of it."""

    credit_id: CreditId
    amount: int
    pending: int
    """Still waiting to mature."""
    frozen: int
    """Set aside while a return is open."""
    frozen_from_pending: int
    clawed_back: int
    expires_at: Instant
    reference: str
    created_at: Instant
    opened: Balance
    granted_pending: bool
    """Whether it was granted pending: part of what makes two grants the same."""
    frozen_lots: tuple[Lot, ...] = ()
    """Which available lots were set aside; what was set aside while pending expires when the credit does."""
    frozen_expired: tuple[Expired, ...] = ()
    """What of it had expired when a return was opened: kept for that return. It is in no balance."""

    @property
    def remaining(self) -> int:
        """What may still be clawed back."""
        return self.amount - self.clawed_back


class OperationRecord(Struct, frozen=True, kw_only=True, gc=False):
    """What is remembered of a command that has no document of its own: its content and its answer."""

    operation_id: OperationId
    kind: str
    content: str
    balance: Balance
    at: Instant
    actor: str
    reason: str


class Entry(Struct, frozen=True, kw_only=True, gc=False):
    """One immutable move of a positive amount from one account to another."""

    seq: int
    kind: EntryKind
    source: Account
    target: Account
    amount: int
    balance: Balance
    subject_id: str
    act_id: str | None
    lots: tuple[Lot, ...]
    detail: str
    """Canonical JSON of actor, reason, reference; empty when nobody but the customer's order caused it."""
    at: Instant
    hash: bytes


class Wallet(Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """One customer's account in one program: the unit of order and of locking."""

    wallet_id: WalletId
    program_id: ProgramId
    customer_ref: str
    state: WalletState
    pending: int
    available: int
    reserved: int
    frozen: int
    version: int
    """The number of the last entry."""
    revision: int
    """Grows with every write, also those that move no value: the optimistic lock."""
    pending_lots: tuple[Lot, ...]
    available_lots: tuple[Lot, ...]
    frozen_lots: tuple[Lot, ...]
    frozen_by_hand: tuple[Lot, ...]
    """The part of frozen_lots that no open return explains."""
    holds: tuple[Reservation, ...]
    head: bytes
    """The hash of the last entry."""
    next_due_at: Instant
    """No hold or lot of this wallet is due before this moment."""
    touched_at: Instant
    opened_at: Instant
    expired: tuple[Expired, ...] = ()
    """What expired unspent, for returns that come later. It is in no balance."""

    @property
    def balance(self) -> Balance:
        """The four balances and the version."""
        return Balance(self.pending, self.available, self.reserved, self.frozen, self.version)


class EntryFilter(Struct, frozen=True, kw_only=True, gc=False):
    """Which entries: kinds (none: all), at or after `since`, before `until`."""

    kinds: tuple[EntryKind, ...] = ()
    since: Instant | None = None
    until: Instant | None = None


class Versions(NamedTuple):
    """How far a wallet is."""

    version: int
    revision: int


class Known(Struct, frozen=True, kw_only=True, gc=False):
    """What is already recorded under the ids that a command names."""

    reservation: Reservation | None = None
    """A closed one; open ones are in the wallet."""
    credit: Credit | None = None
    operation: OperationRecord | None = None


class Terms(Struct, frozen=True, kw_only=True, gc=False):
    """What the ledger needs to know of a program."""

    floor_minor: int = 0
    commit_grace_seconds: int = 0
    open_reservations_max: int = OPEN_RESERVATIONS_DEFAULT


def lots_total(lots: tuple[Lot, ...]) -> int:
    """Return the value of some lots."""
    return sum(lot.amount for lot in lots)


def first_expiry(lots: tuple[Lot, ...]) -> Instant:
    """Return when the first of these sorted lots expires; NEVER when there is none."""
    return lots[0].expires_at if lots else NEVER
