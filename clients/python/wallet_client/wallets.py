"""Opening, reading and caring for wallets."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable
from datetime import datetime
from typing import TypeVar

from wallet.v1.types_pb2 import Customer, Entry, EntryKind
from wallet.v1.wallet_pb2 import (
    Accountability,
    AdjustWalletRequest,
    AdjustWalletResponse,
    CloseWalletRequest,
    CloseWalletResponse,
    FreezeWalletRequest,
    FreezeWalletResponse,
    GetBalanceAtRequest,
    GetBalanceAtResponse,
    GetWalletRequest,
    ListEntriesRequest,
    OpenWalletRequest,
    UnfreezeWalletRequest,
    UnfreezeWalletResponse,
    VerifyWalletRequest,
    VerifyWalletResponse,
    Wallet,
)

from wallet_client.calls import Calls, Method
from wallet_client.ids import WalletAddress, new_id, wallet_ref
from wallet_client.times import stamp
from wallet_client.watch import watched

_Act = TypeVar("_Act", FreezeWalletRequest, UnfreezeWalletRequest, CloseWalletRequest, AdjustWalletRequest)
_Acted = TypeVar(
    "_Acted", FreezeWalletResponse, UnfreezeWalletResponse, CloseWalletResponse, AdjustWalletResponse
)


class Wallets:
    """The calls of WalletService.

    Every change takes an `operation_id`; without one it is made here. Repeated with the same id it counts once.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def open(
        self, program_id: str, customer_ref: str, *, timeout_seconds: float | None = None
    ) -> Wallet:
        """Open the customer's wallet, or return the one that is open."""
        request = OpenWalletRequest(customer=Customer(program_id=program_id, customer_ref=customer_ref))
        response = await self._calls.unary(
            lambda line: line.wallet.OpenWallet, request, timeout_seconds=timeout_seconds
        )
        return response.wallet

    async def get(
        self, wallet: WalletAddress, *, min_version: int = 0, timeout_seconds: float | None = None
    ) -> Wallet:
        """Return one consistent snapshot, at least as new as `min_version`."""
        request = GetWalletRequest(wallet=wallet_ref(wallet), min_version=min_version)
        response = await self._calls.unary(
            lambda line: line.wallet.GetWallet, request, timeout_seconds=timeout_seconds
        )
        return response.wallet

    async def entries(
        self,
        wallet: WalletAddress,
        *,
        oldest_first: bool = False,
        kinds: Iterable[EntryKind.ValueType] = (),
        since: datetime | None = None,
        until: datetime | None = None,
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[Entry]:
        """Yield the entries at or after `since` and before `until`, page by page; the timeout is a page's."""
        request = ListEntriesRequest(
            wallet=wallet_ref(wallet),
            page_size=page_size,
            oldest_first=oldest_first,
            kinds=kinds,
            since=stamp(since),
            until=stamp(until),
        )
        while True:
            page = await self._calls.unary(
                lambda line: line.wallet.ListEntries, request, timeout_seconds=timeout_seconds
            )
            for entry in page.entries:
                yield entry
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token

    async def balance_at(
        self, wallet: WalletAddress, at: datetime, *, timeout_seconds: float | None = None
    ) -> GetBalanceAtResponse:
        """Return the balance after the last entry at or before a moment."""
        return await self._calls.unary(
            lambda line: line.wallet.GetBalanceAt,
            GetBalanceAtRequest(wallet=wallet_ref(wallet), at=stamp(at)),
            timeout_seconds=timeout_seconds,
        )

    def watch(
        self,
        wallet: WalletAddress,
        *,
        after_version: int | None = None,
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[Wallet | Entry, None]:
        """Yield a snapshot, then every entry once and in order; or, with `after_version`, the entries after it.

        A broken stream is resumed after the last version that was seen. Without a timeout it goes on until the caller
        leaves; it ends with an exception when the service stays away, or when the timeout has passed.
        """
        return watched(
            self._calls, wallet_ref(wallet), after_version=after_version, timeout_seconds=timeout_seconds
        )

    async def freeze(
        self,
        wallet: WalletAddress,
        *,
        actor: str,
        reason: str,
        amount_minor: int | None = None,
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Wallet:
        """Let nothing new be reserved; with an amount, set only so much available value aside."""
        request = FreezeWalletRequest(
            wallet=wallet_ref(wallet),
            operation_id=operation_id or new_id(),
            accountability=Accountability(actor=actor, reason=reason),
            amount_minor=amount_minor,
        )
        return await self._act(lambda line: line.wallet.FreezeWallet, request, timeout_seconds)

    async def unfreeze(
        self,
        wallet: WalletAddress,
        *,
        actor: str,
        reason: str,
        amount_minor: int | None = None,
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Wallet:
        """Undo a freeze; with an amount, make so much frozen value available."""
        request = UnfreezeWalletRequest(
            wallet=wallet_ref(wallet),
            operation_id=operation_id or new_id(),
            accountability=Accountability(actor=actor, reason=reason),
            amount_minor=amount_minor,
        )
        return await self._act(lambda line: line.wallet.UnfreezeWallet, request, timeout_seconds)

    async def close(
        self,
        wallet: WalletAddress,
        *,
        actor: str,
        reason: str,
        forfeit: bool = False,
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Wallet:
        """Close the wallet for ever. Refused while it holds value, unless that may be forfeited."""
        request = CloseWalletRequest(
            wallet=wallet_ref(wallet),
            operation_id=operation_id or new_id(),
            accountability=Accountability(actor=actor, reason=reason),
            forfeit=forfeit,
        )
        return await self._act(lambda line: line.wallet.CloseWallet, request, timeout_seconds)

    async def adjust(
        self,
        wallet: WalletAddress,
        delta_minor: int,
        *,
        actor: str,
        reason: str,
        expires_at: datetime | None = None,
        operation_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Wallet:
        """Give (positive) or take (negative) available value; what is given may expire."""
        request = AdjustWalletRequest(
            wallet=wallet_ref(wallet),
            operation_id=operation_id or new_id(),
            accountability=Accountability(actor=actor, reason=reason),
            delta_minor=delta_minor,
            expires_at=stamp(expires_at),
        )
        return await self._act(lambda line: line.wallet.AdjustWallet, request, timeout_seconds)

    async def _act(
        self,
        method: Method[_Act, _Acted],
        request: _Act,
        timeout_seconds: float | None,
    ) -> Wallet:
        response = await self._calls.unary(
            method, request, timeout_seconds=timeout_seconds, sent_id=request.operation_id
        )
        return response.wallet

    async def verify(
        self, wallet: WalletAddress, *, timeout_seconds: float | None = None
    ) -> VerifyWalletResponse:
        """Recompute the hash chain and the balances from the entries, and return what does not agree."""
        return await self._calls.unary(
            lambda line: line.wallet.VerifyWallet,
            VerifyWalletRequest(wallet=wallet_ref(wallet)),
            timeout_seconds=timeout_seconds,
        )
