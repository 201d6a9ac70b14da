"""The client without asyncio: the same calls, each waiting for its end, from any number of threads."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Coroutine, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from functools import wraps
from types import TracebackType
from typing import Any, Concatenate, Final, ParamSpec, Protocol, Self, TypeVar

import grpc
from wallet.v1.types_pb2 import Balance, Order, Reservation

from wallet_client.admin import Admin
from wallet_client.checkout import Checkout
from wallet_client.client import AsyncWalletClient
from wallet_client.errors import Answer, Overloaded, TurnedAway
from wallet_client.hold import Hold
from wallet_client.ids import WalletAddress
from wallet_client.lines import Tls, TokenSource
from wallet_client.retry import Retries
from wallet_client.review import Review
from wallet_client.rules import Rules
from wallet_client.wallets import Wallets

P = ParamSpec("P")
R = TypeVar("R")
Face = TypeVar("Face")

CALLS_MAX: Final = 1_024
"""How many threads may wait at once; one more is refused rather than queued without end."""
STOP_SECONDS_MAX: Final = 15.0


class _Loop:
    """An event loop on a thread of its own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._room = threading.BoundedSemaphore(CALLS_MAX)
        self._thread = threading.Thread(target=self._loop.run_forever, name="wallet-client", daemon=True)
        self._thread.start()
        self.stopped = False

    def run(self, call: Coroutine[Any, Any, R]) -> R:
        """Return what the call returns; a thread that is interrupted cancels its call."""
        refusal = self._refusal()
        if refusal is not None:
            call.close()
            raise refusal
        try:
            return _ended(asyncio.run_coroutine_threadsafe(call, self._loop))
        finally:
            self._room.release()

    def _refusal(self) -> TurnedAway | None:
        """Take room for one more call, or return why there is none."""
        if self.stopped:
            return TurnedAway(Answer(status=grpc.StatusCode.CANCELLED, message="The client is closed."))
        if self._room.acquire(blocking=False):
            return None
        message = f"{CALLS_MAX} threads wait in this client already."
        status = grpc.StatusCode.RESOURCE_EXHAUSTED
        return Overloaded(Answer(status=status, reason="OVERLOADED", message=message))

    def stop(self) -> None:
        """End every call that still waits, the loop and its thread. Idempotent."""
        if self.stopped:
            return
        self.stopped = True
        asyncio.run_coroutine_threadsafe(_end_all(), self._loop).result(STOP_SECONDS_MAX)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_SECONDS_MAX)
        self._loop.close()


def _ended(future: Future[R]) -> R:
    try:
        # No timeout here: the call carries its own deadline.
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _end_all() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


class _HasFace(Protocol[Face]):
    _loop: _Loop
    _face: Face


def _waits(
    method: Callable[Concatenate[Face, P], Coroutine[Any, Any, R]],
) -> Callable[Concatenate[_HasFace[Face], P], R]:
    """Return the method that waits for the asynchronous one: same parameters, same end."""

    @wraps(method)
    def call(self: _HasFace[Face], /, *args: P.args, **kwargs: P.kwargs) -> R:
        return self._loop.run(method(self._face, *args, **kwargs))

    return call


def _yields(
    method: Callable[Concatenate[Face, P], AsyncIterator[R]],
) -> Callable[Concatenate[_HasFace[Face], P], Iterator[R]]:
    """Return the method that yields, one wait at a time, what the asynchronous one yields."""

    @wraps(method)
    def call(self: _HasFace[Face], /, *args: P.args, **kwargs: P.kwargs) -> Iterator[R]:
        items = method(self._face, *args, **kwargs)
        try:
            while True:
                try:
                    item = self._loop.run(_next(items))
                except StopAsyncIteration:
                    return
                yield item
        finally:
            if isinstance(items, AsyncGenerator):
                self._loop.run(items.aclose())

    return call


async def _next(items: AsyncIterator[R]) -> R:
    return await anext(items)


class BlockingHold:
    """As `Hold`, waiting. Not to be shared between threads."""

    def __init__(self, loop: _Loop, hold: Hold) -> None:
        self._loop = loop
        self._face = hold

    commit = _waits(Hold.commit)
    release = _waits(Hold.release)
    extend = _waits(Hold.extend)

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

    def __init__(self, loop: _Loop, face: Checkout) -> None:
        self._loop = loop
        self._face = face

    quote = _waits(Checkout.quote)
    commit = _waits(Checkout.commit)
    release = _waits(Checkout.release)
    extend = _waits(Checkout.extend)
    get = _waits(Checkout.get)
    reservations = _yields(Checkout.reservations)
    _reserve = _waits(Checkout.reserve)

    def reserve(
        self,
        wallet: WalletAddress,
        amount_minor: int,
        order: Order,
        *,
        quote_token: str = "",
        device: str = "",
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
            ttl_seconds=ttl_seconds,
            expected_version=expected_version,
            reservation_id=reservation_id,
            timeout_seconds=timeout_seconds,
        )
        return BlockingHold(self._loop, hold)


class BlockingWallets:
    """As `Wallets`, waiting. A `watch` without a timeout waits as long as nothing changes."""

    def __init__(self, loop: _Loop, face: Wallets) -> None:
        self._loop = loop
        self._face = face

    open = _waits(Wallets.open)
    get = _waits(Wallets.get)
    entries = _yields(Wallets.entries)
    balance_at = _waits(Wallets.balance_at)
    watch = _yields(Wallets.watch)
    freeze = _waits(Wallets.freeze)
    unfreeze = _waits(Wallets.unfreeze)
    close = _waits(Wallets.close)
    adjust = _waits(Wallets.adjust)
    verify = _waits(Wallets.verify)


class BlockingAdmin:
    """As `Admin`, waiting."""

    def __init__(self, loop: _Loop, face: Admin) -> None:
        self._loop = loop
        self._face = face

    put_program = _waits(Admin.put_program)
    get_program = _waits(Admin.get_program)
    list_programs = _yields(Admin.list_programs)
    advance_clock = _waits(Admin.advance_clock)


class BlockingRules:
    """As `Rules`, waiting."""

    def __init__(self, loop: _Loop, face: Rules) -> None:
        self._loop = loop
        self._face = face

    put_draft = _waits(Rules.put_draft)
    validate = _waits(Rules.validate)
    diff = _waits(Rules.diff)
    publish = _waits(Rules.publish)
    get = _waits(Rules.get)
    history = _yields(Rules.history)
    put_campaign = _waits(Rules.put_campaign)
    campaigns = _yields(Rules.campaigns)
    put_segment = _waits(Rules.put_segment)
    segments = _yields(Rules.segments)


class BlockingReview:
    """As `Review`, waiting."""

    def __init__(self, loop: _Loop, face: Review) -> None:
        self._loop = loop
        self._face = face

    cases = _yields(Review.cases)
    case = _waits(Review.case)
    take = _waits(Review.take)
    give_back = _waits(Review.give_back)
    approve = _waits(Review.approve)
    reject = _waits(Review.reject)
    decide_many = _waits(Review.decide_many)
    escalate = _waits(Review.escalate)
    note = _waits(Review.note)
    statistics = _waits(Review.statistics)
    policy = _waits(Review.policy)
    put_policy = _waits(Review.put_policy)


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

        self._loop = _Loop()
        try:
            self._client = self._loop.run(made())
        except BaseException:
            self._loop.stop()
            raise
        self.checkout = BlockingCheckout(self._loop, self._client.checkout)
        self.wallet = BlockingWallets(self._loop, self._client.wallet)
        self.admin = BlockingAdmin(self._loop, self._client.admin)
        self.rules = BlockingRules(self._loop, self._client.rules)
        self.review = BlockingReview(self._loop, self._client.review)

    @contextmanager
    def reservation(
        self,
        wallet: WalletAddress,
        amount_minor: int,
        order: Order,
        *,
        quote_token: str = "",
        device: str = "",
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
            ttl_seconds=ttl_seconds,
            expected_version=expected_version,
            reservation_id=reservation_id,
            timeout_seconds=timeout_seconds,
        )
        hold = BlockingHold(self._loop, self._loop.run(block.__aenter__()))
        try:
            yield hold
        except BaseException as error:
            self._loop.run(block.__aexit__(type(error), error, error.__traceback__))
            raise
        self._loop.run(block.__aexit__(None, None, None))

    def close(self) -> None:
        """Wait, for a while, for what is under way; then end every call, connection and the thread. Idempotent."""
        if not self._loop.stopped:
            self._loop.run(self._client.close())
            self._loop.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()
