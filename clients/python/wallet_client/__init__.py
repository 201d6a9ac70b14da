"""Python client of wallet-service. Begin with `AsyncWalletClient` or, without asyncio, `WalletClient`."""

from wallet.v1.admin_pb2 import Program, ProgramMode, RedemptionPolicy
from wallet.v1.checkout_pb2 import LimitKind, QuoteResponse
from wallet.v1.earning_pb2 import (
    ActionEvent,
    EarnEvent,
    EarningPolicy,
    EventKind,
    EventState,
    OrderLine,
    PurchaseEvent,
    RecordedEvent,
    Redeemed,
    ReturnedLine,
    ReturnEvent,
    ReturnStage,
)
from wallet.v1.review_pb2 import Case, CaseAct, CaseState
from wallet.v1.types_pb2 import (
    Balance,
    Customer,
    Device,
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

from wallet_client import errors
from wallet_client.blocking import BlockingHold, WalletClient
from wallet_client.client import AsyncWalletClient
from wallet_client.earning import Recorded, earn_event
from wallet_client.errors import OutcomeUnknown, Refused, WalletError
from wallet_client.hold import Hold
from wallet_client.ids import WalletAddress, new_id
from wallet_client.lines import Tls
from wallet_client.retry import Retries

__all__ = [
    "ActionEvent",
    "AsyncWalletClient",
    "Balance",
    "BlockingHold",
    "Case",
    "CaseAct",
    "CaseState",
    "Customer",
    "Device",
    "EarnEvent",
    "EarningPolicy",
    "Entry",
    "EntryKind",
    "EventKind",
    "EventState",
    "Hold",
    "LimitKind",
    "Lot",
    "Order",
    "OrderLine",
    "OutcomeUnknown",
    "Program",
    "ProgramMode",
    "PurchaseEvent",
    "QuoteResponse",
    "Recorded",
    "RecordedEvent",
    "Redeemed",
    "RedemptionPolicy",
    "Refused",
    "Reservation",
    "ReservationState",
    "Retries",
    "ReturnEvent",
    "ReturnStage",
    "ReturnedLine",
    "ReviewState",
    "Tls",
    "Wallet",
    "WalletAddress",
    "WalletClient",
    "WalletError",
    "WalletState",
    "earn_event",
    "errors",
    "new_id",
]
