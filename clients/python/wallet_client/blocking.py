"""The client without asyncio: the same calls, each waiting for its end, from any number of threads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from types import TracebackType
from typing import Self

from wallet.v1.types_pb2 import Balance, Order, Reservation

from wallet_client.blocking_staff import BlockingAdmin, BlockingFraud, BlockingReview, BlockingRules
from wallet_client.checkout import Checkout, DeviceLike
from wallet_client.client import AsyncWalletClient
from wallet_client.earning import Earning
from wallet_client.hold import Hold
from wallet_client.ids import WalletAddress
from wallet_client.lines import Tls, TokenSource
from wallet_client.retry import Retries
from wallet_client.waiting import Loop, waits, yields
from wallet_client.wallets import Wallets


class BlockingHold:
    """As `Hold`, waiting. Not to be shared between threads."""

    def __init__(self, loop: Loop, hold: Hold) -> None:
        self._loop = loop
        self._face = hold

    commit = waits(Hold.commit)
    release = waits(Hold.release)
    extend = waits(Hold.extend)

    @property
    def reservation_id(self) -> str:
        """The id that the reservation was made with."""
        return self._face.reservation_id

    @property
    def reservation(self) -> Reservation:
        """The reservation as the last answer showed it."""
        return self._face.reservation

    @property
    def balance(self) -> Balance:
        """The wallet's balance as the last answer showed it."""
        return self._face.balance

    @property
    def replayed(self) -> bool:
        """Whether the last answer had been given before."""
        return self._face.replayed

    @property
    def held(self) -> bool:
        """Whether, as far as the last answer showed, something is still held."""
        return self._face.held

    @property
    def under_review(self) -> bool:
        """Whether, as far as the last answer showed, a reviewer must let it pass before it can be committed."""
        return self._face.under_review

    @property
    def committed(self) -> bool:
        """Whether a commit of this hold was acknowledged."""
        return self._face.committed

    @property
    def in_doubt(self) -> bool:
        """Whether a commit was sent of which it is not known if it was done."""
        return self._face.in_doubt


class BlockingCheckout:
    """As `Checkout`, waiting."""

    def __init__(self, loop: Loop, face: Checkout) -> None:
        self._loop = loop
        self._face = face

    quote = waits(Checkout.quote)
    commit = waits(Checkout.commit)
    release = waits(Checkout.release)
    extend = waits(Checkout.extend)
    get = waits(Checkout.get)
    reservations = yields(Checkout.reservations)
    _reserve = waits(Checkout.reserve)

    def reserve(
        self,
        wallet: WalletAddress,
        amount_minor: int,
        order: Order,
        *,
        quote_token: str = "",
        device: DeviceLike = "",
        payment_method_hash: str = "",
        ttl_seconds: int | None = None,
        expected_version: int | None = None,
        reservation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> BlockingHold:
        """Hold value for one order and return the hold; see `Checkout.reserve`."""
        hold = self._reserve(
            wallet,
            amount_minor,
            order,
            quote_token=quote_token,
            device=device,
            payment_method_hash=payment_method_hash,
            ttl_seconds=ttl_seconds,
            expected_version=expected_version,
            reservation_id=reservation_id,
            timeout_seconds=timeout_seconds,
        )
        return BlockingHold(self._loop, hold)


class BlockingWallets:
    """As `Wallets`, waiting. A `watch` without a timeout waits as long as nothing changes."""

    def __init__(self, loop: Loop, face: Wallets) -> None:
        self._loop = loop
        self._face = face

    open = waits(Wallets.open)
    get = waits(Wallets.get)
    entries = yields(Wallets.entries)
    balance_at = waits(Wallets.balance_at)
    watch = yields(Wallets.watch)
    freeze = waits(Wallets.freeze)
    unfreeze = waits(Wallets.unfreeze)
    close = waits(Wallets.close)
    adjust = waits(Wallets.adjust)
    verify = waits(Wallets.verify)


class BlockingEarning:
    """As `Earning`, waiting."""

    def __init__(self, loop: Loop, face: Earning) -> None:
        self._loop = loop
        self._face = face

    record = waits(Earning.record)
    record_many = waits(Earning.record_many)
    get = waits(Earning.get)
    events = yields(Earning.events)
    explain = waits(Earning.explain)
    retry = waits(Earning.retry)
    simulate = waits(Earning.simulate)
    put_policy = waits(Earning.put_policy)
    get_policy = waits(Earning.get_policy)
    expiry_warnings = yields(Earning.expiry_warnings)


class WalletClient:
    """`AsyncWalletClient` for code without asyncio; safe to share between threads, whose calls are gathered too.

    It starts one thread. Make it after a fork, not before, and close it.
    """

    def __init__(
        self,
        target: str,
        *,
        token: TokenSource,
        channels: int = 2,
        tls: Tls | None = None,
        default_timeout_seconds: float = 2.0,
        retries: Retries | None = None,
        gather: bool = True,
    ) -> None:
        async def made() -> AsyncWalletClient:
            return AsyncWalletClient(
                target,
                token=token,
                channels=channels,
                tls=tls,
                default_timeout_seconds=default_timeout_seconds,
                retries=retries,
                gather=gather,
            )

        self._loop = Loop()
        with ExitStack() as undo:
            undo.callback(self._loop.stop)
            self._client = self._loop.run(made())
            undo.pop_all()
        self.checkout = BlockingCheckout(self._loop, self._client.checkout)
        self.wallet = BlockingWallets(self._loop, self._client.wallet)
        self.earning = BlockingEarning(self._loop, self._client.earning)
        self.admin = BlockingAdmin(self._loop, self._client.admin)
        self.rules = BlockingRules(self._loop, self._client.rules)
        self.fraud = BlockingFraud(self._loop, self._client.fraud)
        self.review = BlockingReview(self._loop, self._client.review)

    @contextmanager
    def reservation(
        self,
        wallet: WalletAddress,
        amount_minor: int,
        order: Order,
        *,
        quote_token: str = "",
        device: DeviceLike = "",
        payment_method_hash: str = "",
        ttl_seconds: int | None = None,
        expected_version: int | None = None,
        reservation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Iterator[BlockingHold]:
        """Reserve for the length of a block; see `AsyncWalletClient.reservation`."""
        block = self._client.reservation(
            wallet,
            amount_minor,
            order,
            quote_token=quote_token,
            device=device,
            payment_method_hash=payment_method_hash,
            ttl_seconds=ttl_seconds,
            expected_version=expected_version,
            reservation_id=reservation_id,
            timeout_seconds=timeout_seconds,
        )
        hold = BlockingHold(self._loop, self._loop.run(block.__aenter__()))
        try:
            yield hold
        except BaseException as error:
            self._loop.end(block.__aexit__(type(error), error, error.__traceback__))
            raise
        self._loop.end(block.__aexit__(None, None, None))

    def close(self) -> None:
        """Wait, for a while, for what is under way; then end every call, connection and the thread. Idempotent."""
        if not self._loop.stopped:
            try:
                self._loop.end(self._client.close())
            finally:
                self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
