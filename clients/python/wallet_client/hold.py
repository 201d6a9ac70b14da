"""A reservation in the hand of the one who made it."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

from wallet.v1.checkout_pb2 import (
    CommitResponse,
    ExtendReservationResponse,
    ReleaseResponse,
    ReserveResponse,
)
from wallet.v1.types_pb2 import Balance, Reservation, ReservationState, ReviewState

from wallet_client.errors import Refused, TurnedAway
from wallet_client.ids import WalletAddress, new_id

if TYPE_CHECKING:
    from wallet_client.checkout import Checkout

_Known: TypeAlias = ReserveResponse | CommitResponse | ReleaseResponse | ExtendReservationResponse


class Hold:
    """A reservation: what is known of it, and what ends it. Not to be shared between tasks."""

    __slots__ = ("_checkout", "_committed", "_doubts", "_known", "_wallet")

    def __init__(self, checkout: Checkout, wallet: WalletAddress, response: ReserveResponse) -> None:
        self._checkout = checkout
        self._wallet = wallet
        self._known: _Known = response
        self._committed = False
        self._doubts: dict[str, tuple[int | None, bool]] = {}
        """What was asked for by the commits that may have been done, by their ids."""

    @property
    def reservation_id(self) -> str:
        """The id that the reservation was made with."""
        return self._known.reservation.reservation_id

    @property
    def reservation(self) -> Reservation:
        """The reservation as the last answer showed it."""
        return self._known.reservation

    @property
    def balance(self) -> Balance:
        """The wallet's balance as the last answer showed it."""
        return self._known.balance

    @property
    def replayed(self) -> bool:
        """Whether the last answer had been given before."""
        return self._known.replayed

    @property
    def held(self) -> bool:
        """Whether, as far as the last answer showed, something is still held."""
        return self._known.reservation.state == ReservationState.RESERVATION_STATE_HELD

    @property
    def under_review(self) -> bool:
        """Whether, as far as the last answer showed, a reviewer must let it pass before it can be committed."""
        return self.held and self._known.reservation.review == ReviewState.REVIEW_STATE_WAITING

    @property
    def committed(self) -> bool:
        """Whether a commit of this hold was acknowledged."""
        return self._committed

    @property
    def in_doubt(self) -> bool:
        """Whether a commit was sent of which it is not known if it was done."""
        return bool(self._doubts)

    async def commit(
        self,
        *,
        amount_minor: int | None = None,
        final: bool = True,
        commit_id: str | None = None,
        timeout_seconds: float | None = None,
    ) -> Reservation:
        """Spend all that is still held, or an amount of it; if final, the rest goes back at once.

        After OutcomeUnknown, the same commit asked for again goes out with the same id, until it is decided.
        """
        asked = (amount_minor, final)
        if commit_id is None:
            commit_id = self._doubted(asked) or new_id()
        doubted = commit_id in self._doubts
        # Noted before it is sent: a cancelled commit is in doubt as well.
        self._doubts[commit_id] = asked
        try:
            response = await self._checkout.commit(
                self._wallet,
                self.reservation_id,
                amount_minor=amount_minor,
                final=final,
                commit_id=commit_id,
                timeout_seconds=timeout_seconds,
            )
        except TurnedAway:
            # Nothing was decided: it says nothing about an earlier call with this id.
            if not doubted:
                self._doubts.pop(commit_id, None)
            raise
        except Refused:
            self._doubts.pop(commit_id, None)
            raise
        self._doubts.pop(commit_id, None)
        self._committed = True
        self._known = response
        return response.reservation

    def _doubted(self, asked: tuple[int | None, bool]) -> str | None:
        return next((commit_id for commit_id, that in self._doubts.items() if that == asked), None)

    async def release(self, *, timeout_seconds: float | None = None) -> Reservation:
        """Give back what is still held."""
        self._known = await self._checkout.release(
            self._wallet, self.reservation_id, timeout_seconds=timeout_seconds
        )
        return self._known.reservation

    async def extend(self, ttl_seconds: int, *, timeout_seconds: float | None = None) -> Reservation:
        """Hold for so long from now on."""
        self._known = await self._checkout.extend(
            self._wallet, self.reservation_id, ttl_seconds, timeout_seconds=timeout_seconds
        )
        return self._known.reservation
