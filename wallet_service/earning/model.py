"""What an event is, what was decided about it, what came back of it. Frozen values.

Structs of msgspec, because they are stored as JSON: by field names, so that a field may be added with a default.
"""

from __future__ import annotations

from enum import IntEnum, StrEnum, unique
from typing import Final, NewType

from msgspec import Struct

from wallet_service.fraud.model import Traces
from wallet_service.kernel.clock import NEVER, Instant
from wallet_service.kernel.ids import ProgramId, WalletId
from wallet_service.rules.model import NOTHING, CapUse, Priced

EventId = NewType("EventId", str)
EventKey = tuple[WalletId, EventId]
"""What tells events apart: an id says its source and nothing of its program."""
LINES_MAX: Final = 500
TRIES_MAX: Final = 5
ORDER_MINOR_MAX: Final = 10**15
"""What an order may be worth before discounts, as any other amount: sums of some thousands fit into 64 bits."""
DAY_SECONDS: Final = 86_400


@unique
class EventKind(IntEnum):
    """What happened."""

    PURCHASE = 1
    REFERRAL = 2
    SHARE = 3
    REVIEW = 4
    SIGNUP = 5
    BIRTHDAY = 6
    CUSTOM = 7
    RETURN = 8


@unique
class EventState(IntEnum):
    """How far an event is. HELD and CLEARED go on by themselves; the others wait for time, a person or nothing."""

    HELD = 1
    IN_REVIEW = 2
    REJECTED = 3
    CLEARED = 4
    """Decided and priced, durably; its ledger commands are under way."""
    CREDITED = 5
    MATURED = 6
    CLAWED_BACK = 7
    APPLIED = 8
    """A return whose effect is recorded."""
    DEAD = 9


EARNED: Final = frozenset(
    {EventState.CLEARED, EventState.CREDITED, EventState.MATURED, EventState.CLAWED_BACK}
)
"""A purchase in one of these was the first of its order, whatever has become of it since."""
DECIDED: Final = frozenset(
    {
        EventState.REJECTED,
        EventState.CLEARED,
        EventState.CREDITED,
        EventState.MATURED,
        EventState.CLAWED_BACK,
        EventState.DEAD,
    }
)
"""A purchase in one of these is ready for its returns."""


@unique
class Stage(IntEnum):
    """How far a return is: OPENED freezes, ACCEPTED takes back, REJECTED unfreezes."""

    OPENED = 1
    ACCEPTED = 2
    REJECTED = 3


class OrderLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One line of an order; the discount and the tax are those of the whole line."""

    sku: str
    category: str = ""
    brand: str = ""
    quantity: int
    unit_price_minor: int
    discount_minor: int = 0
    tax_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """The price of the line before discounts."""
        return self.quantity * self.unit_price_minor

    @property
    def net_minor(self) -> int:
        """What is to be paid for the line."""
        return self.gross_minor - self.discount_minor


class Purchase(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An order. `redeemed_minor` of it was paid with `reservation_id`, in units of the asset; worth `redeemed_value_minor`."""

    order_ref: str
    currency: str
    lines: tuple[OrderLine, ...]
    channel: str = ""
    store: str = ""
    payment_hash: str = ""
    coupons: tuple[str, ...] = ()
    reservation_id: str = ""
    redeemed_minor: int = 0
    redeemed_value_minor: int = 0

    @property
    def gross_minor(self) -> int:
        """The price of all lines before discounts."""
        return sum(line.gross_minor for line in self.lines)

    @property
    def total_minor(self) -> int:
        """What was to be paid for all lines."""
        return sum(line.net_minor for line in self.lines)


class ReturnedLine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What comes back of one line: pieces, an amount of its price, or both; `line` is its place in the order."""

    line: int
    quantity: int = 0
    amount_minor: int = 0


class Return(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Goods or money going back: lines, an amount of the whole order, or everything that is left."""

    order_ref: str
    return_ref: str
    stage: Stage
    lines: tuple[ReturnedLine, ...] = ()
    amount_minor: int = 0
    everything: bool = False


class Content(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the source said: the same id with another of these is refused."""

    kind: EventKind
    occurred_at: Instant
    purchase: Purchase | None = None
    returned: Return | None = None
    subject: str = ""
    """What a referral, review or custom event is about."""
    attributes: dict[str, str] = {}
    """What the source knows of the customer; rules may ask for it."""
    traces: Traces = Traces()
    """Where it came from, as keyed hashes: counted by fraud limits, and no part of what makes two contents the same."""

    @property
    def order_ref(self) -> str:
        """The order it is about; empty for events that are about none."""
        if self.purchase is not None:
            return self.purchase.order_ref
        return "" if self.returned is None else self.returned.order_ref


@unique
class ActKind(StrEnum):
    """What an event asks of the ledger."""

    GRANT = "grant"
    CLAW_BACK = "claw_back"
    RESTORE = "restore"
    FREEZE = "freeze"
    UNFREEZE = "unfreeze"


@unique
class ClawBackPolicy(StrEnum):
    """How far a claw-back goes when the balance does not cover it, and what becomes of the rest."""

    ALLOW_NEGATIVE = "allow_negative"
    """Down to the program's floor; the rest is owed."""
    UP_TO_ZERO_THEN_DEBT = "up_to_zero_then_debt"
    """Never below zero; the rest is owed."""
    NEVER = "never"
    """Never below zero; the rest is given up."""


class Act(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One command for the ledger, written down before it is given, so that a repetition gives the very same."""

    kind: ActKind
    act_id: str
    subject_id: str
    """The credit, or the reservation of a restore."""
    amount: int = 0
    pending: bool = False
    expires_at: Instant = NEVER
    reason: str = ""
    claw_back: ClawBackPolicy = ClawBackPolicy.ALLOW_NEGATIVE
    """Of a claw-back: the program's policy when it was decided."""


class Back(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """All that has come back of an order: per line pieces and amounts, and amounts of no line in particular."""

    quantities: tuple[int, ...] = ()
    amounts: tuple[int, ...] = ()
    loose_minor: int = 0


class Paid(Struct, frozen=True, kw_only=True):
    """What of an event's earnings went to what was owed on an older one."""

    event_id: EventId
    amount: int


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What was decided about an event, and what became of it."""

    reasons: tuple[str, ...] = ()
    priced: Priced = NOTHING
    acts: tuple[Act, ...] = ()
    matures_at: Instant = NEVER
    back: Back = Back()
    refilled: tuple[CapUse, ...] = ()
    """What was given back of the caps and budgets that it had used, in all."""
    open_returns: tuple[str, ...] = ()
    ended_returns: tuple[str, ...] = ()
    short: int = 0
    """Of a return: what could not be taken back because it was spent, and is owed."""
    given_up: int = 0
    """What could not be taken back, and is not owed: of a return, and of its purchase in all."""
    under_way: int = 0
    """Of a return: what it tries to take where the rest is given up; of its purchase: what returns are trying now."""
    not_restored: int = 0
    """Of a return: what could not be given back, because less had been spent than its order said."""
    paid_debt: int = 0
    """What of this event's earnings went to older debts at once."""
    paid: tuple[Paid, ...] = ()
    """Which debts these were, in the order in which they were paid."""


class Event(Struct, frozen=True, kw_only=True):
    """An event as it is recorded. Its id is also that of the credit that it brings."""

    wallet_id: WalletId
    event_id: EventId
    program_id: ProgramId
    kind: EventKind
    state: EventState
    source: str
    source_event_id: str
    occurred_at: Instant
    received_at: Instant
    due_at: Instant
    tries: int
    amount: int
    clawed_back: int
    debt: int
    content: Content
    result: Result
    unread: tuple[str, ...] = ()
    """Which of content and result cannot be read: they stand for nothing then, and are never written back."""

    @property
    def key(self) -> EventKey:
        """What tells it from every other."""
        return self.wallet_id, self.event_id

    @property
    def poisoned(self) -> bool:
        """Whether nobody can go on with it. What is credited needs no content to mature."""
        return "result" in self.unread or ("content" in self.unread and self.state is not EventState.CREDITED)


class Arrival(Struct, frozen=True, kw_only=True):
    """An event on its way in."""

    wallet_id: WalletId
    event_id: EventId
    source: str
    source_event_id: str
    content: Content


@unique
class ExpiryKind(StrEnum):
    """When what is earned expires. ROLLING without a time is never, as policies say that were written before kinds."""

    NEVER = "never"
    ROLLING = "rolling"
    END_OF_MONTH = "end_of_month"
    END_OF_QUARTER = "end_of_quarter"
    END_OF_YEAR = "end_of_year"
    INACTIVITY = "inactivity"


class Policy(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a program holds, matures and lets expire what is earned. Seconds; 0 of an expiry means never."""

    version: int = 0
    hold_seconds: dict[EventKind, int] = {}
    return_window_seconds: int = 14 * DAY_SECONDS
    expires_after_seconds: int = 0
    past_seconds_max: int = 2 * 366 * DAY_SECONDS
    future_seconds_max: int = 300
    unclaimed_return_seconds: int = 180 * DAY_SECONDS
    """How long a return waits for its purchase."""
    expiry: ExpiryKind = ExpiryKind.ROLLING
    expiry_days_min: int = 0
    inactivity_days: int = 0
    inactivity_from: Instant = Instant(0)
    """When the policy of inactivity began: being idle before does not count."""
    time_zone: str = ""
    warn_before_seconds: tuple[int, ...] = ()
    claw_back: ClawBackPolicy = ClawBackPolicy.ALLOW_NEGATIVE

    @property
    def looks_ahead(self) -> bool:
        """Whether wallets must be looked at for what is going to expire."""
        return bool(self.warn_before_seconds) or self.expiry is ExpiryKind.INACTIVITY


class Standing(Struct, frozen=True, kw_only=True):
    """What is looked at of a wallet, to tell what is going to expire."""

    wallet_id: WalletId
    program_id: ProgramId
    now: Instant
    """By the program's clock."""
    version: int
    reserved: int
    lots: tuple[tuple[Instant, int], ...]
    """What is available, by expiry."""
    active_at: Instant
    """When something was last given, earned or redeemed."""


class ExpiryWarning(Struct, frozen=True, kw_only=True):
    """Tells that available value is about to expire. Its id follows from what it says, so it is written once."""

    warning_id: str
    wallet_id: WalletId
    program_id: ProgramId
    expires_at: Instant
    before_seconds: int
    amount: int
    inactivity: bool
    customer_ref: str = ""
    warned_at: Instant = Instant(0)
    """These two are known once it is written."""


class Idle(Struct, frozen=True, kw_only=True):
    """A wallet that has been idle for so many days; the version at which it was."""

    wallet_id: WalletId
    version: int
    days: int


def value_of(content: Content) -> int:
    """Return the money that an event is about, for judging how fast it comes."""
    return content.purchase.total_minor if content.purchase is not None else 0
