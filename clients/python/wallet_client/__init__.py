"""Python client of wallet-service. Begin with `AsyncWalletClient` or, without asyncio, `WalletClient`."""

from wallet.v1.admin_pb2 import Program, ProgramMode, RedemptionPolicy
from wallet.v1.checkout_pb2 import LimitKind, QuoteResponse
from wallet.v1.types_pb2 import (
    Balance,
    Customer,
    Entry,
    EntryKind,
    Lot,
    Order,
    Reservation,
    ReservationState,
    ReviewState,
    WalletState,
)
from wallet.v1.wallet_pb2 import Wallet

from wallet_client import errors, errors_fraud, errors_review
from wallet_client.blocking import BlockingHold, WalletClient
from wallet_client.client import AsyncWalletClient
from wallet_client.errors import OutcomeUnknown, Refused, WalletError
from wallet_client.hold import Hold
from wallet_client.ids import WalletAddress, new_id
from wallet_client.lines import Tls
from wallet_client.retry import Retries

__all__ = [
    "AsyncWalletClient",
    "Balance",
    "BlockingHold",
    "Customer",
    "Entry",
    "EntryKind",
    "Hold",
    "LimitKind",
    "Lot",
    "Order",
    "OutcomeUnknown",
    "Program",
    "ProgramMode",
    "QuoteResponse",
    "RedemptionPolicy",
    "Refused",
    "Reservation",
    "ReservationState",
    "Retries",
    "ReviewState",
    "Tls",
    "Wallet",
    "WalletAddress",
    "WalletClient",
    "WalletError",
    "WalletState",
    "errors",
    "errors_fraud",
    "errors_review",
    "new_id",
]
