"""What a checkout asks and is answered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, unique

from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger.model import Balance, Lot, Order


@unique
class LimitKind(IntEnum):
    """What kept an offer below the order's total or the customer's wish."""

    BALANCE = 1
    MINIMUM_PURCHASE = 2
    MINIMUM_REDEMPTION = 3
    MAXIMUM_REDEMPTION = 4
    MAXIMUM_SHARE = 5
    STEP = 6
    PENDING = 7
    FROZEN = 8
    WALLET_FROZEN = 9
    WALLET_CLOSED = 10
    RESERVED = 11
    OPEN_RESERVATIONS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Limit:
    """A limit by name, and its bound: asset units, but for a minimum purchase, which is money."""

    kind: LimitKind
    bound_minor: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """How much of an order a wallet may pay."""

    redeemable: int
    """The most, in asset units."""
    redeemable_value_minor: int
    amount: int
    """What this offer takes; 0 when nothing can be redeemed."""
    value_minor: int
    left_to_pay_minor: int
    limits: tuple[Limit, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteContent:
    """What a quote token promises, and to whom."""

    wallet_id: WalletId
    order: Order
    amount: int
    value_minor: int
    expires_at: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Quote:
    """An offer with its token."""

    wallet_id: WalletId
    offer: Offer
    balance: Balance
    expiring: Lot | None
    token: str
    expires_at: Instant | None
