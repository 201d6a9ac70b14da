"""What may be asked of the ledger. Each command names the id that its caller made: that id is its idempotency key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from msgspec import Struct

from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import CommitId, CreditId, OperationId, ReservationId, WalletId
from wallet_service.ledger.model import Balance, Credit, Order, Reservation, Wallet
from wallet_service.ledger.program import Program


class Reserve(Struct, frozen=True, kw_only=True, gc=False):
    """Hold available value. `refusal` is a verdict reached before the ledger; it is remembered like one of its own.

    Under `review` it is held for at least `review_ttl_seconds`, and cannot be committed until a Review approves it.
    """

    wallet_id: WalletId
    reservation_id: ReservationId
    amount: int
    value_minor: int
    order: Order
    device: str
    """A keyed hash; empty: the caller named none."""
    device_others: tuple[str, ...] = ()
    """The same device under the other keys of the ring: a repetition may come after a rotation."""
    ttl_seconds: int
    asked_ttl_seconds: int | None = None
    expected_version: int | None = None
    quote_expires_at: Instant = NEVER
    refusal: Refusal | None = None
    review: bool = False
    review_ttl_seconds: int = 0


class Commit(Struct, frozen=True, kw_only=True, gc=False):
    """Spend held value; without an amount, all that is still held. `final` gives the rest back."""

    wallet_id: WalletId
    reservation_id: ReservationId
    commit_id: CommitId
    amount: int | None
    final: bool


class Release(Struct, frozen=True, kw_only=True, gc=False):
    """Give held value back."""

    wallet_id: WalletId
    reservation_id: ReservationId


class Extend(Struct, frozen=True, kw_only=True, gc=False):
    """Hold until `ttl_seconds` from now; never shortens. `lifetime_seconds_max` counts from the beginning."""

    wallet_id: WalletId
    reservation_id: ReservationId
    extension_id: str
    ttl_seconds: int
    lifetime_seconds_max: int


class ExtendReview(Struct, frozen=True, kw_only=True, gc=False):
    """Keep a hold waiting for a reviewer until `ttl_seconds` from now; never shortens, so that it needs no id.

    No longer than `lifetime_seconds_max` from its beginning: beyond that it is extended as far as that goes.
    """

    wallet_id: WalletId
    reservation_id: ReservationId
    ttl_seconds: int
    lifetime_seconds_max: int


class Settle(Struct, frozen=True, kw_only=True, gc=False):
    """Record what the clock has made due: overdue holds, expired lots. Names no id; doing it twice does nothing."""

    wallet_id: WalletId


class Grant(Struct, frozen=True, kw_only=True, gc=False):
    """Credit value that an event brought, pending or at once available."""

    wallet_id: WalletId
    credit_id: CreditId
    amount: int
    pending: bool
    expires_at: Instant = NEVER
    reference: str = ""
    actor: str = ""
    reason: str = ""


class Mature(Struct, frozen=True, kw_only=True, gc=False):
    """Make what is still pending of a credit available."""

    wallet_id: WalletId
    credit_id: CreditId
    operation_id: OperationId


class Freeze(Struct, frozen=True, kw_only=True, gc=False):
    """Set value aside: of a credit, or of what is available; without an amount, the whole wallet."""

    wallet_id: WalletId
    operation_id: OperationId
    actor: str
    reason: str
    amount: int | None = None
    credit_id: CreditId | None = None


class Unfreeze(Struct, frozen=True, kw_only=True, gc=False):
    """Undo a freeze: of a credit, of an amount, or of the whole wallet."""

    wallet_id: WalletId
    operation_id: OperationId
    actor: str
    reason: str
    amount: int | None = None
    credit_id: CreditId | None = None


class ClawBack(Struct, frozen=True, kw_only=True, gc=False):
    """Take back what a credit brought: from frozen, then pending, then available.

    As far as the program's floor, or no further than zero.
    """

    wallet_id: WalletId
    operation_id: OperationId
    credit_id: CreditId
    amount: int
    actor: str = ""
    reason: str = ""
    stop_at_zero: bool = False


class Restore(Struct, frozen=True, kw_only=True, gc=False):
    """Give back spent value of a reservation, to its original lots in proportion and with their expiry."""

    wallet_id: WalletId
    operation_id: OperationId
    reservation_id: ReservationId
    amount: int
    actor: str = ""
    reason: str = ""


class Adjust(Struct, frozen=True, kw_only=True, gc=False):
    """Give or take available value by a person's decision."""

    wallet_id: WalletId
    operation_id: OperationId
    delta: int
    actor: str
    reason: str
    expires_at: Instant = NEVER


class Close(Struct, frozen=True, kw_only=True, gc=False):
    """Close the wallet for ever; `forfeit` lets what is left expire."""

    wallet_id: WalletId
    operation_id: OperationId
    actor: str
    reason: str
    forfeit: bool = False


class Expire(Struct, frozen=True, kw_only=True, gc=False):
    """Let available value that has no expiry of its own expire, if the wallet is still at the version that was judged."""

    wallet_id: WalletId
    operation_id: OperationId
    expected_version: int
    actor: str
    reason: str


class Review(Struct, frozen=True, kw_only=True, gc=False):
    """A person's decision about a hold under review.

    Approved, it may be committed for at least `ttl_seconds` from now; rejected, its value goes back at once.
    """

    wallet_id: WalletId
    operation_id: OperationId
    reservation_id: ReservationId
    approve: bool
    actor: str
    reason: str
    ttl_seconds: int = 0


class Deferred(Struct, frozen=True, kw_only=True):
    """A command that can be written down only when its wallet is known, which the batch's load tells.

    `build` is pure: it may be called again, on fresher state. It sees the wallet as it is recorded; what is overdue in
    it at this moment is not settled yet. So a checkout that names a wallet by its id costs no look-up of its own.

    `ready` tells what `build` still waits for, None if nothing; it is awaited while the wallet is loaded, and has to end
    by itself, soon: the whole batch waits for it.

    `unheard` is told the outcome if a batch had the command already when its caller stopped waiting for it.
    """

    wallet_id: WalletId
    reservation_id: ReservationId
    build: Callable[[Program, Wallet, Instant], Reserve | Extend]
    ready: Callable[[], Awaitable[None] | None] | None = None
    unheard: Callable[[Outcome], None] | None = None


OperationCommand = Mature | Freeze | Unfreeze | ClawBack | Restore | Adjust | Close | Expire | Review
Command = Reserve | Commit | Release | Extend | ExtendReview | Settle | Grant | OperationCommand


class ReservationOutcome(Struct, frozen=True, kw_only=True, gc=False):
    """Answer to Reserve, Commit, Release and both ways to extend: the reservation and the balance as of that act."""

    reservation: Reservation
    balance: Balance
    replayed: bool = False


class CreditOutcome(Struct, frozen=True, kw_only=True, gc=False):
    """Answer to Grant."""

    credit: Credit
    balance: Balance
    replayed: bool = False


class OperationOutcome(Struct, frozen=True, kw_only=True, gc=False):
    """Answer to every other command: the balance after it."""

    balance: Balance
    replayed: bool = False


Outcome = ReservationOutcome | CreditOutcome | OperationOutcome | Refusal
