"""What a shopper does at a checkout, over plain blocking gRPC: browse, quote, reserve, pay, commit or walk away.

Knows nothing of locust: whoever drives it says how to wait and where measurements go.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum, unique
from typing import Final, TypeVar

import grpc
from google.protobuf.message import DecodeError, Message
from google.rpc.error_details_pb2 import ErrorInfo
from google.rpc.status_pb2 import Status
from wallet.v1 import checkout_pb2, types_pb2, wallet_pb2
from wallet.v1.checkout_pb2_grpc import CheckoutServiceStub
from wallet.v1.wallet_pb2_grpc import WalletServiceStub

CALL_SECONDS: Final = 5.0
ATTEMPTS_MAX: Final = 3
PAUSE_SECONDS: Final = 0.1

REFUSED_BY_DESIGN: Final = frozenset({"INSUFFICIENT_BALANCE", "TOO_MANY_RESERVATIONS"})
"""Another device of the same customer was faster."""
TOO_MUCH: Final = frozenset({"OVERLOADED", "DEADLINE_EXCEEDED"})
"""More was asked than this machine can do: worth knowing, and no fault."""
EXPECTED: Final = REFUSED_BY_DESIGN | TOO_MUCH
AGAIN: Final = TOO_MUCH | {
    "UNAVAILABLE",
    "SHUTTING_DOWN",
    "DATABASE_UNAVAILABLE",
    "OUTCOME_UNKNOWN",
    "CONTENTION",
}
"""After these the same call with the same id is the right thing to do."""

ORDER_MINOR: Final = (500, 20_000)
TOP_UP_MINOR: Final = 50_000
BROWSING_SECONDS: Final = (0.2, 1.0)
PAYING_SECONDS: Final = (0.3, 1.5)

Request = TypeVar("Request", bound=Message)
Reply = TypeVar("Reply", bound=Message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """One call as it was measured; `refused` is the reason code, or the name of a status that brought none."""

    name: str
    seconds: float
    reply_bytes: int = 0
    refused: str = ""


@unique
class Ending(Enum):
    """How a checkout ends, and how often among a hundred."""

    COMMITTED = 78
    COMMITTED_IN_PART = 9
    RELEASED = 8
    LEFT_TO_EXPIRE = 5


class Checkout:
    """The calls of one shopper, measured one by one."""

    def __init__(
        self,
        channel: grpc.Channel,
        token: str,
        measured: Callable[[Called], None],
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.checkout = CheckoutServiceStub(channel)
        self.wallets = WalletServiceStub(channel)
        self.pause = pause
        self._measured = measured
        self._metadata = (("authorization", f"Bearer {token}"),)

    def call(
        self, name: str, method: grpc.UnaryUnaryMultiCallable[Request, Reply], request: Request
    ) -> Reply | None:
        """Return the answer, or None if it was refused; what may be tried again is, with the same ids."""
        for attempt in range(1, ATTEMPTS_MAX + 1):
            begun = time.perf_counter()
            try:
                reply = method(request, timeout=CALL_SECONDS, metadata=self._metadata)
            except grpc.RpcError as error:
                reason = reason_of(error)
                self._measured(Called(name=name, seconds=time.perf_counter() - begun, refused=reason))
                if reason not in AGAIN or attempt == ATTEMPTS_MAX:
                    return None
                self.pause(PAUSE_SECONDS * attempt)
            else:
                took = time.perf_counter() - begun
                self._measured(Called(name=name, seconds=took, reply_bytes=reply.ByteSize()))
                return reply
        return None


class Shopper:
    """A customer's device; several may share a wallet."""

    def __init__(self, calls: Checkout, wallet_ids: Sequence[str], rng: random.Random) -> None:
        self._calls = calls
        self._wallet_ids = wallet_ids
        self._rng = rng
        self._device = types_pb2.Device(fingerprint=f"{rng.getrandbits(128):032x}")

    def shop(self) -> Ending | None:
        """Play one checkout; returns how it ended, None when it came to nothing."""
        wallet = types_pb2.WalletRef(wallet_id=self._rng.choice(self._wallet_ids))
        if not self._browse(wallet):
            return None
        order = types_pb2.Order(
            order_ref=str(uuid.uuid4()), total_minor=self._rng.randint(*ORDER_MINOR), currency="EUR"
        )
        quote = self._quote(wallet, order)
        if quote is None:
            return None
        if quote.amount_minor == 0:
            self._top_up(wallet)
            return None
        held = self._reserve(wallet, order, quote)
        if held is None:
            return None
        self._calls.pause(self._rng.uniform(*PAYING_SECONDS))
        return self._end(wallet, held)

    def _browse(self, wallet: types_pb2.WalletRef) -> bool:
        request = wallet_pb2.GetWalletRequest(wallet=wallet)
        for _ in range(self._rng.randint(1, 3)):
            if self._calls.call("GetWallet", self._calls.wallets.GetWallet, request) is None:
                return False
            self._calls.pause(self._rng.uniform(*BROWSING_SECONDS))
        return True

    def _quote(
        self, wallet: types_pb2.WalletRef, order: types_pb2.Order
    ) -> checkout_pb2.QuoteResponse | None:
        request = checkout_pb2.QuoteRequest(wallet=wallet, order=order, device=self._device, maximum=True)
        return self._calls.call("Quote", self._calls.checkout.Quote, request)

    def _reserve(
        self, wallet: types_pb2.WalletRef, order: types_pb2.Order, quote: checkout_pb2.QuoteResponse
    ) -> checkout_pb2.ReserveResponse | None:
        request = checkout_pb2.ReserveRequest(
            reservation_id=str(uuid.uuid4()), wallet=wallet, amount_minor=quote.amount_minor, order=order,
            device=self._device, quote_token=quote.quote_token,
        )  # fmt: skip
        return self._calls.call("Reserve", self._calls.checkout.Reserve, request)

    def _end(self, wallet: types_pb2.WalletRef, held: checkout_pb2.ReserveResponse) -> Ending | None:
        endings = list(Ending)
        (ending,) = self._rng.choices(endings, weights=[each.value for each in endings])
        reservation = held.reservation
        if ending is Ending.LEFT_TO_EXPIRE:
            return ending
        if ending is Ending.RELEASED:
            release = checkout_pb2.ReleaseRequest(reservation_id=reservation.reservation_id, wallet=wallet)
            return ending if self._calls.call("Release", self._calls.checkout.Release, release) else None
        commit = checkout_pb2.CommitRequest(
            reservation_id=reservation.reservation_id, wallet=wallet, commit_id=str(uuid.uuid4())
        )
        if ending is Ending.COMMITTED_IN_PART:
            commit.amount_minor = max(reservation.amount_minor // 2, 1)
        return ending if self._calls.call("Commit", self._calls.checkout.Commit, commit) else None

    def _top_up(self, wallet: types_pb2.WalletRef) -> None:
        request = wallet_pb2.AdjustWalletRequest(
            wallet=wallet, operation_id=str(uuid.uuid4()), delta_minor=TOP_UP_MINOR,
            accountability=wallet_pb2.Accountability(actor="load", reason="the wallet ran empty"),
        )  # fmt: skip
        self._calls.call("AdjustWallet", self._calls.wallets.AdjustWallet, request)


def reason_of(error: grpc.RpcError) -> str:
    """Return the reason in google.rpc.ErrorInfo, or the name of the status where there is none."""
    if not isinstance(error, grpc.Call):
        return "UNKNOWN"
    for key, value in error.trailing_metadata() or ():
        if key == "grpc-status-details-bin" and isinstance(value, bytes):
            reason = _reason_in(value)
            if reason:
                return reason
    status: grpc.StatusCode = error.code()
    return str(status.name)


def _reason_in(details: bytes) -> str:
    try:
        for detail in Status.FromString(details).details:
            info = ErrorInfo()
            if detail.Unpack(info):
                return str(info.reason)
    except DecodeError:
        pass  # not ours: a proxy's words
    return ""
