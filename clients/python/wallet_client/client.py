"""The asynchronous client."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, Self

from wallet.v1.types_pb2 import Order

from wallet_client.admin import Admin
from wallet_client.calls import Calls
from wallet_client.checkout import Checkout, DeviceLike
from wallet_client.earning import Earning
from wallet_client.errors import OutcomeUnknown, WalletError
from wallet_client.fraud import Fraud
from wallet_client.hold import Hold
from wallet_client.ids import WalletAddress, new_id
from wallet_client.lines import Lines, Tls, TokenSource
from wallet_client.retry import Retries
from wallet_client.review import Review
from wallet_client.rules import Rules
from wallet_client.wallets import Wallets

GIVE_BACK_SECONDS: Final = 5.0


class AsyncWalletClient:
    """A typed client of wallet-service. Make it inside a running event loop, use it there, close it.

    - `checkout`, `wallet`, `earning` and `admin` hold the calls of the services, `rules` and `fraud` what AdminService
      does with rules and with fraud policies, `review` what people decide.
    - Every call ends within its timeout: with an answer, with `Refused` (nothing changed) or with `OutcomeUnknown`.
    - Ids are made before sending and kept on every repetition, so nothing is ever done twice.
    - Concurrent reserves, commits and releases travel together (`gather=False`: each alone).
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
        self._calls = Calls(
            Lines(target, token, channels=channels, tls=tls),
            timeout_seconds=default_timeout_seconds,
            retries=retries or Retries(),
            gather=gather,
        )
        self._giving_back: set[asyncio.Task[None]] = set()
        self.checkout = Checkout(self._calls)
        self.wallet = Wallets(self._calls)
        self.earning = Earning(self._calls)
        self.admin = Admin(self._calls)
        self.rules = Rules(self._calls)
        self.fraud = Fraud(self._calls)
        self.review = Review(self._calls)

    @asynccontextmanager
    async def reservation(
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
    ) -> AsyncIterator[Hold]:
        """Reserve for the length of a block; commit in full at its end, or release when it raises.

        What the block did itself stands: after a commit or release of its own nothing is added, except that what a
        partial commit left is released when the block raises. A commit of which the outcome is not known is followed
        by nothing: the value was meant to be spent, and the same commit asked for again tells. A release that fails is
        noted on the exception of the block and does not hide it: the hold ends by itself.
        """
        made_here = reservation_id is None
        reservation_id = reservation_id or new_id()
        try:
            hold = await self.checkout.reserve(
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
        except (asyncio.CancelledError, OutcomeUnknown) as left:
            # It may be held, and nobody else knows this id. An id that the caller made stays the caller's.
            if made_here:
                self._give_back(wallet, reservation_id, left)
            raise
        try:
            yield hold
        except BaseException as error:
            if hold.held and not hold.in_doubt:
                # Shielded: a second cancellation ends the wait, not the release.
                await asyncio.shield(self._give_back(wallet, reservation_id, error))
            raise
        if hold.held and not hold.committed and not hold.in_doubt:
            await hold.commit(timeout_seconds=timeout_seconds)

    async def close(self) -> None:
        """Wait, for a while, for what is under way; then close every connection.

        Idempotent. One that is cancelled waits for nothing any longer, but still closes.
        """
        hurried = True
        try:
            if self._giving_back:
                await asyncio.wait(self._giving_back, timeout=GIVE_BACK_SECONDS)
            hurried = False
        finally:
            late = tuple(self._giving_back)
            for task in late:
                task.cancel()
            await self._calls.close(at_once=hurried)
            await asyncio.gather(*late, return_exceptions=True)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    def _give_back(
        self, wallet: WalletAddress, reservation_id: str, cause: BaseException
    ) -> asyncio.Task[None]:
        """Release in a task that this client owns until it ends."""
        task = asyncio.get_running_loop().create_task(self._release(wallet, reservation_id, cause))
        self._giving_back.add(task)
        task.add_done_callback(self._giving_back.discard)
        return task

    async def _release(self, wallet: WalletAddress, reservation_id: str, cause: BaseException) -> None:
        try:
            await self.checkout.release(wallet, reservation_id)
        except WalletError as error:
            cause.add_note(
                f"reservation {reservation_id} was not released ({error}); what it holds is free when it expires"
            )
