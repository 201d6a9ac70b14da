"""Paying with a wallet: quote, reserve, charge the card for the rest, then commit or release."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from wallet.v1.checkout_pb2 import (
    CommitRequest,
    CommitResponse,
    ExtendReservationRequest,
    ExtendReservationResponse,
    GetReservationRequest,
    ListReservationsRequest,
    QuoteRequest,
    QuoteResponse,
    ReleaseRequest,
    ReleaseResponse,
    ReserveRequest,
)
from wallet.v1.types_pb2 import Device, Order, Reservation, ReservationState

from wallet_client.calls import Calls
from wallet_client.gather import COMMIT, RELEASE, RESERVE
from wallet_client.hold import Hold
from wallet_client.ids import WalletAddress, name_wallet, new_id, wallet_ref

DeviceLike = str | Device
"""A fingerprint, or all that is known about a device."""


class Checkout:
    """The calls of CheckoutService.

    Reserve, commit and release that are made at the same time travel together; each keeps its own deadline and its own
    end. Cancelling one takes its caller out of the wait, not its operation out of the batch: once sent, it may be done.
    """

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def quote(
        self,
        wallet: WalletAddress,
        order: Order,
        *,
        amount_minor: int | None = None,
        maximum: bool = False,
        device: DeviceLike = "",
        min_version: int = 0,
        timeout_seconds: float | None = None,
    ) -> QuoteResponse:
        """Return how much of the order the wallet may pay. Never writes.

        Ask for an amount, which is rounded down to what is allowed, or for the `maximum`; one of the two.
        """
        if (amount_minor is None) is not maximum:
            raise ValueError("ask for amount_minor or for maximum=True")
        request = QuoteRequest(
            wallet=wallet_ref(wallet),
            order=order,
            device=_device(device),
            min_version=min_version,
        )
        if amount_minor is None:
            request.maximum = True
        else:
            request.amount_minor = amount_minor
        return await self._calls.unary(
            lambda line: line.checkout.Quote, request, timeout_seconds=timeout_seconds
        )

    async def reserve(
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
    ) -> Hold:
        """Hold value for one order and return the hold.

        The first outcome of a reservation_id is its outcome for ever, a refusal included. Make it with `new_id()` and
        store it before the call if this process may die; without one it is made here and is found in `sent_id` of the
        exception.
        """
        reservation_id = reservation_id or new_id()
        request = ReserveRequest(
            reservation_id=reservation_id,
            amount_minor=amount_minor,
            order=order,
            ttl_seconds=ttl_seconds,
            quote_token=quote_token,
            expected_version=expected_version,
            payment_method_hash=payment_method_hash,
        )
        name_wallet(request.wallet, wallet)
        if isinstance(device, Device):
            request.device.CopyFrom(device)
        elif device:
            request.device.fingerprint = device
        response = await self._calls.act(
            RESERVE,
            lambda line: line.checkout.Reserve,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=reservation_id,
        )
        return Hold(self, wallet, response)

    async def commit(
        self,
        wallet: WalletAddress,
        reservation_id: str,
        *,
        amount_minor: int | None = None,
        final: bool = True,
        commit_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> CommitResponse:
        """Spend held value: all that is still held, or an amount of it; if final, the rest goes back at once."""
        commit_id = commit_id or new_id()
        request = CommitRequest(
            reservation_id=reservation_id, commit_id=commit_id, amount_minor=amount_minor, final=final
        )
        name_wallet(request.wallet, wallet)
        return await self._calls.act(
            COMMIT,
            lambda line: line.checkout.Commit,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=commit_id,
        )

    async def release(
        self, wallet: WalletAddress, reservation_id: str, *, timeout_seconds: float | None = None
    ) -> ReleaseResponse:
        """Give held value back."""
        request = ReleaseRequest(reservation_id=reservation_id)
        name_wallet(request.wallet, wallet)
        return await self._calls.act(
            RELEASE,
            lambda line: line.checkout.Release,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=reservation_id,
        )

    async def extend(
        self,
        wallet: WalletAddress,
        reservation_id: str,
        ttl_seconds: int,
        *,
        extension_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> ExtendReservationResponse:
        """Hold for so long from now on, within what the program allows; never shorter than before."""
        extension_id = extension_id or new_id()
        request = ExtendReservationRequest(
            reservation_id=reservation_id,
            wallet=wallet_ref(wallet),
            extension_id=extension_id,
            ttl_seconds=ttl_seconds,
        )
        return await self._calls.unary(
            lambda line: line.checkout.ExtendReservation,
            request,
            timeout_seconds=timeout_seconds,
            sent_id=extension_id,
        )

    async def get(
        self, wallet: WalletAddress, reservation_id: str, *, timeout_seconds: float | None = None
    ) -> Reservation:
        """Return one reservation as it stands."""
        response = await self._calls.unary(
            lambda line: line.checkout.GetReservation,
            GetReservationRequest(reservation_id=reservation_id, wallet=wallet_ref(wallet)),
            timeout_seconds=timeout_seconds,
        )
        return response.reservation

    async def reservations(
        self,
        wallet: WalletAddress,
        *,
        states: Iterable[ReservationState.ValueType] = (),
        page_size: int = 0,
        timeout_seconds: float | None = None,
    ) -> AsyncIterator[Reservation]:
        """Yield the wallet's reservations, open ones first, then ended ones, newest first; the timeout is a page's."""
        request = ListReservationsRequest(wallet=wallet_ref(wallet), states=states, page_size=page_size)
        while True:
            page = await self._calls.unary(
                lambda line: line.checkout.ListReservations, request, timeout_seconds=timeout_seconds
            )
            for reservation in page.reservations:
                yield reservation
            if not page.next_page_token:
                return
            request.page_token = page.next_page_token


def _device(said: DeviceLike) -> Device | None:
    if isinstance(said, Device):
        return said
    return Device(fingerprint=said) if said else None
