"""CheckoutService: messages in, use cases, messages out."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from typing import Final

from wallet.v1 import checkout_pb2, types_pb2

from wallet_service.checkout.judging import ReserveWish
from wallet_service.checkout.model import LimitKind, Quote
from wallet_service.checkout.service import Begun, Change, Checkout, UnderWay, settled
from wallet_service.fraud.wire import context_of
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.errors import Reason, Refusal, RefusedError, refuse
from wallet_service.kernel.ids import CommitId, ProgramId, ReservationId, WalletId, canonical_uuid
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger.commands import Commit, Outcome, Release, ReservationOutcome
from wallet_service.ledger.model import Order, Reservation, ReservationState
from wallet_service.ledger.paging import PageTokens
from wallet_service.ledger.service import Ledger
from wallet_service.ledger.wire import (
    answered,
    balance_message,
    fill_balance,
    fill_reservation,
    lot_message,
    plain,
    reservation_message,
    timestamp,
    wallet_id_from,
)
from wallet_service.transport.call import Call
from wallet_service.transport.status import fill_refusal, retry_after_ms
from wallet_service.transport.turnstile import Turnstile
from wallet_service.transport.validation import first_violation

PAGE_DEFAULT: Final = 50

_OVERLOADED: Final = Refusal(reason=Reason.OVERLOADED)
_UNKNOWN: Final = Refusal(reason=Reason.OUTCOME_UNKNOWN)

Changed = (
    checkout_pb2.ReserveResponse
    | checkout_pb2.CommitResponse
    | checkout_pb2.ReleaseResponse
    | checkout_pb2.ExtendReservationResponse
)


class CheckoutRpc:
    """Paying with a wallet."""

    def __init__(self, checkout: Checkout, ledger: Ledger, keys: KeyRing) -> None:
        self._checkout = checkout
        self._ledger = ledger
        self._pages = PageTokens(keys)
        self._turnstile = Turnstile()

    async def quote(self, request: checkout_pb2.QuoteRequest, call: Call) -> checkout_pb2.QuoteResponse:
        """Say how much of an order the wallet may pay."""
        wallet_id = wallet_id_from(request.wallet, call)
        wish = request.amount_minor if request.WhichOneof("wish") == "amount_minor" else None
        order = _order(request.order)
        quote = answered(await self._checkout.quote(wallet_id, order, wish, request.min_version))
        return _quote_message(quote)

    async def reserve(self, request: checkout_pb2.ReserveRequest, call: Call) -> checkout_pb2.ReserveResponse:
        """Hold value for one order."""
        response = checkout_pb2.ReserveResponse()
        (begun,) = await self._checkout.reserve([_wish(request, call)])
        under_way = self._checkout.submit(begun.command, call.deadline)
        with self._checkout.awaiting([(begun, under_way)]):
            outcome = await under_way
        await self._checkout.conclude([(begun, outcome)], call.deadline)
        if isinstance(outcome, Refusal):
            raise RefusedError(outcome)
        _fill(response, begun.command.wallet_id, outcome)
        return response

    async def commit(self, request: checkout_pb2.CommitRequest, call: Call) -> checkout_pb2.CommitResponse:
        """Spend held value."""
        response = checkout_pb2.CommitResponse()
        await self._change(_commit(request, call), response, call)
        return response

    async def release(self, request: checkout_pb2.ReleaseRequest, call: Call) -> checkout_pb2.ReleaseResponse:
        """Give held value back."""
        response = checkout_pb2.ReleaseResponse()
        await self._change(_release(request, call), response, call)
        return response

    async def _change(self, command: Change, response: Changed, call: Call) -> None:
        outcome = await self._checkout.submit(command, call.deadline)
        if isinstance(outcome, Refusal):
            raise RefusedError(outcome)
        _fill(response, command.wallet_id, outcome)

    async def extend_reservation(
        self, request: checkout_pb2.ExtendReservationRequest, call: Call
    ) -> checkout_pb2.ExtendReservationResponse:
        """Hold longer."""
        wallet_id = wallet_id_from(request.wallet, call)
        command = self._checkout.extend(
            wallet_id,
            _reservation_id(request.reservation_id),
            canonical_uuid(request.extension_id),
            request.ttl_seconds,
        )
        response = checkout_pb2.ExtendReservationResponse()
        await self._change(command, response, call)
        return response

    async def get_reservation(
        self, request: checkout_pb2.GetReservationRequest, call: Call
    ) -> checkout_pb2.GetReservationResponse:
        """Answer a reservation, open or ended."""
        wallet_id = wallet_id_from(request.wallet, call)
        reservation_id = _reservation_id(request.reservation_id)
        reservation = answered(await self._ledger.reservation(wallet_id, reservation_id, call.deadline))
        return checkout_pb2.GetReservationResponse(reservation=reservation_message(wallet_id, reservation))

    async def list_reservations(
        self, request: checkout_pb2.ListReservationsRequest, call: Call
    ) -> checkout_pb2.ListReservationsResponse:
        """Answer a page: open reservations first, then ended ones, the latest to end first."""
        wallet_id = wallet_id_from(request.wallet, call)
        states = frozenset(ReservationState(state) for state in request.states if state)
        shape = f"{wallet_id}|{sorted(states)}"
        position = self._pages.open("reservations", shape, request.page_token)
        size = request.page_size or PAGE_DEFAULT
        view = answered(await self._ledger.recorded(wallet_id, 0, call.deadline))
        page: list[Reservation] = []
        if position is None and (not states or ReservationState.HELD in states):
            page = sorted(view.wallet.holds, key=lambda hold: hold.created_at, reverse=True)
        # All open ones fit on the first page, however small: a program bounds how many there can be.
        before = _position(position)
        ended_states = states - {ReservationState.HELD}
        ended: list[Reservation] = []
        if not states or ended_states:
            ended = await self._ledger.ended_reservations(
                wallet_id, before, size + 1, ended_states, call.deadline
            )
        more = len(ended) > size
        page += ended[:size]
        token = self._pages.seal("reservations", shape, _position_text(page[-1])) if more else ""
        return checkout_pb2.ListReservationsResponse(
            reservations=[reservation_message(wallet_id, reservation) for reservation in page],
            next_page_token=token,
        )

    async def execute(self, request: checkout_pb2.ExecuteRequest, call: Call) -> checkout_pb2.ExecuteResponse:
        """Run independent operations; one that is malformed or refused leaves the others untouched."""
        kinds = [operation.WhichOneof("operation") for operation in request.operations]
        only_finishes = await self._takes_turn(kinds, call)
        parsed = [
            _OVERLOADED if only_finishes and kind == "reserve" else _parsed(operation, call)
            for kind, operation in zip(kinds, request.operations, strict=True)
        ]
        wishes = [operation for operation in parsed if isinstance(operation, ReserveWish)]
        reserves = iter(await self._checkout.reserve(wishes) if wishes else ())
        # All are in the ledger's queue before the first is awaited: no task for each, and one batch for many.
        begun = [self._begin(operation, reserves, call) for operation in parsed]
        outcomes = await self._outcomes(begun, call.deadline)
        await self._checkout.conclude(
            [
                (each[0], outcome)
                for each, outcome in zip(begun, outcomes, strict=True)
                # What is not known yet the ledger tells behind the reply.
                if not isinstance(each, Refusal) and isinstance(each[0], Begun) and outcome is not _UNKNOWN
            ],
            call.deadline,
        )
        response = checkout_pb2.ExecuteResponse()
        for each, outcome in zip(begun, outcomes, strict=True):
            if isinstance(each, Refusal) or isinstance(outcome, Refusal):
                assert isinstance(outcome, Refusal)
                _fill_refusal(response.outcomes.add().refusal, outcome)
            else:
                _fill_outcome(response.outcomes.add(), each[0], outcome)
        return response

    async def _takes_turn(self, kinds: Sequence[str | None], call: Call) -> bool:
        """Wait for the batch's turn; whether it may only finish something. Raises RefusedError if nothing is left of it."""
        finishes = any(kind != "reserve" for kind in kinds)
        # Beside what finishes something a Reserve passes early; that must not be a way past those who wait.
        too_late = finishes and self._turnstile.is_too_late(call.deadline, finishes=False)
        if not await self._turnstile.passes(call.deadline, finishes=finishes):
            raise refuse(Reason.OVERLOADED)
        return too_late or call.only_finishes or self._checkout.is_too_late_to_reserve(call.deadline)

    async def _outcomes(self, begun: Sequence[UnderWay | Refusal], deadline: float) -> list[Outcome]:
        under_way = [each for each in begun if not isinstance(each, Refusal)]
        with self._checkout.awaiting(under_way):
            await settled([future for _, future in under_way], deadline)
        return [each if isinstance(each, Refusal) else _outcome(each[1]) for each in begun]

    def _begin(
        self, operation: ReserveWish | Commit | Release | Refusal, reserves: Iterator[Begun], call: Call
    ) -> UnderWay | Refusal:
        if isinstance(operation, Refusal):
            return operation
        if isinstance(operation, ReserveWish):
            begun = next(reserves)
            return begun, self._checkout.submit(begun.command, call.deadline)
        return operation, self._checkout.submit(operation, call.deadline)


def _outcome(future: asyncio.Future[Outcome]) -> Outcome:
    """Return what became of an operation. What is not known in time must not keep what is from the caller."""
    return future.result() if future.done() and not future.cancelled() else _UNKNOWN


def _parsed(operation: checkout_pb2.Operation, call: Call) -> ReserveWish | Commit | Release | Refusal:
    """Read one operation of a batch; it is refused in the words of a single call."""
    name = operation.WhichOneof("operation")
    refusal = first_violation(operation if name is None else getattr(operation, name))
    if refusal is not None or name is None:
        return refusal or Refusal(reason=Reason.FIELD_INVALID, field="operation")
    try:
        if name == "reserve":
            return _wish(operation.reserve, call)
        return _commit(operation.commit, call) if name == "commit" else _release(operation.release, call)
    except RefusedError as refused:
        return refused.refusal


def _fill_outcome(
    message: checkout_pb2.OperationOutcome, operation: Begun | Commit | Release, outcome: Outcome
) -> None:
    match operation:
        case Begun():
            _fill(message.reserve, operation.command.wallet_id, outcome)
        case Commit():
            _fill(message.commit, operation.wallet_id, outcome)
        case Release():
            _fill(message.release, operation.wallet_id, outcome)


def _fill_refusal(message: checkout_pb2.OperationRefusal, refusal: Refusal) -> None:
    fill_refusal(message, refusal)
    message.retry_after_ms = retry_after_ms(refusal)


def _fill(message: Changed, wallet_id: WalletId, outcome: Outcome) -> None:
    assert isinstance(outcome, ReservationOutcome)
    fill_reservation(message.reservation, wallet_id, outcome.reservation)
    fill_balance(message.balance, outcome.balance)
    message.replayed = outcome.replayed


def _order(message: types_pb2.Order) -> Order:
    return Order(
        order_ref=plain(message.order_ref, "order.order_ref"),
        total_minor=message.total_minor,
        currency=message.currency,
    )


def _reservation_id(text: str) -> ReservationId:
    return ReservationId(canonical_uuid(text))


def _wish(request: checkout_pb2.ReserveRequest, call: Call) -> ReserveWish:
    return ReserveWish(
        wallet_id=wallet_id_from(request.wallet, call), reservation_id=_reservation_id(request.reservation_id),
        amount=request.amount_minor, order=_order(request.order),
        context=context_of(request.device, payment_hash=request.payment_method_hash),
        program_id=ProgramId(request.wallet.customer.program_id) if request.wallet.HasField("customer") else None,
        ttl_seconds=request.ttl_seconds if request.HasField("ttl_seconds") else None, quote_token=request.quote_token,
        expected_version=request.expected_version if request.HasField("expected_version") else None,
    )  # fmt: skip


def _commit(request: checkout_pb2.CommitRequest, call: Call) -> Commit:
    return Commit(
        wallet_id=wallet_id_from(request.wallet, call), reservation_id=_reservation_id(request.reservation_id),
        commit_id=CommitId(canonical_uuid(request.commit_id)),
        amount=request.amount_minor if request.HasField("amount_minor") else None,
        final=request.final if request.HasField("final") else True,
    )  # fmt: skip


def _release(request: checkout_pb2.ReleaseRequest, call: Call) -> Release:
    return Release(
        wallet_id=wallet_id_from(request.wallet, call), reservation_id=_reservation_id(request.reservation_id)
    )


def _quote_message(quote: Quote) -> checkout_pb2.QuoteResponse:
    offer = quote.offer
    return checkout_pb2.QuoteResponse(
        redeemable_minor=offer.redeemable, redeemable_value_minor=offer.redeemable_value_minor,
        amount_minor=offer.amount, value_minor=offer.value_minor, left_to_pay_minor=offer.left_to_pay_minor,
        limits=[_limit(limit.kind, limit.bound_minor) for limit in offer.limits],
        expiring=None if quote.expiring is None else lot_message(quote.expiring),
        balance=balance_message(quote.balance), quote_token=quote.token,
        expires_at=None if quote.expires_at is None else timestamp(quote.expires_at), wallet_id=quote.wallet_id,
    )  # fmt: skip


def _limit(kind: LimitKind, bound_minor: int) -> checkout_pb2.Limit:
    return checkout_pb2.Limit(kind=int(kind), bound_minor=bound_minor)  # type: ignore[arg-type]


def _position(text: str | None) -> tuple[Instant, ReservationId] | None:
    if text is None:
        return None
    closed_at, _, reservation_id = text.partition(",")
    return Instant(int(closed_at)), ReservationId(reservation_id)


def _position_text(reservation: Reservation) -> str:
    if reservation.closed_at is None:
        raise refuse(Reason.INTERNAL)
    return f"{reservation.closed_at},{reservation.reservation_id}"
