"""Gather, decide, record: the use cases of a checkout."""

from __future__ import annotations

import asyncio
import time
from asyncio import Future
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final

from wallet_service.checkout import policy, quotes
from wallet_service.checkout.judging import Dossier, Judging, ReserveWish, refusal_of
from wallet_service.checkout.model import Quote, QuoteContent
from wallet_service.fraud.model import Verdict
from wallet_service.fraud.service import Fraud
from wallet_service.kernel.clock import NEVER, Instant, after
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import ReservationId, WalletId
from wallet_service.kernel.signing import KeyRing
from wallet_service.ledger import commands
from wallet_service.ledger.model import Order, Wallet
from wallet_service.ledger.program import Program
from wallet_service.ledger.service import Ledger

ANSWER_SHARE: Final = 0.1
ANSWER_SECONDS_MAX: Final = 0.1
"""Of what is left to a call when it begins to wait: what the way back may take."""

Change = commands.Deferred | commands.Commit | commands.Release


UnderWay = tuple["Begun | commands.Commit | commands.Release", Future[commands.Outcome]]
"""An operation, and what will become of it."""


async def settled(futures: Sequence[Future[commands.Outcome]], deadline: float) -> None:
    """Wait for commands, until the answer must go out; what is still queued then is taken back."""
    waiting = [future for future in futures if not future.done()]
    if not waiting:
        return
    seconds = max(0.0, deadline - time.monotonic())
    try:
        await asyncio.wait(waiting, timeout=seconds - min(seconds * ANSWER_SHARE, ANSWER_SECONDS_MAX))
    finally:
        for future in waiting:
            future.cancel()


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun:
    """A reservation on its way: the command for the ledger, and what is known about it."""

    command: commands.Deferred
    dossier: Dossier


class Checkout:
    """One per process. Deadlines are moments of `time.monotonic()`."""

    def __init__(self, ledger: Ledger, quote_keys: KeyRing, fraud: Fraud) -> None:
        self._ledger = ledger
        self._quote_keys = quote_keys
        self._judging = Judging(ledger, fraud)

    async def quote(
        self, wallet_id: WalletId, order: Order, wish: int | None, min_version: int
    ) -> Quote | Refusal:
        """Say how much of the order the wallet may pay. Writes nothing; may answer from the cache and says its version."""
        view = await self._ledger.view(wallet_id, min_version)
        if isinstance(view, Refusal):
            return view
        self._judging.knows(wallet_id, view.program.program_id)
        if order.currency != view.program.currency:
            return policy.currency_mismatch(view.program)
        offer = policy.offer(view.wallet, order, wish, view.program)
        token, expires_at = "", None
        if offer.amount:
            expires_at = after(view.now, view.program.redemption.quote_ttl_seconds)
            content = QuoteContent(
                wallet_id=wallet_id,
                order=order,
                amount=offer.amount,
                value_minor=offer.value_minor,
                expires_at=expires_at,
            )
            token = quotes.seal(content, self._quote_keys)
        lots = view.wallet.available_lots
        expiring = lots[0] if lots and lots[0].expires_at < NEVER else None
        return Quote(
            wallet_id=wallet_id, offer=offer, balance=view.wallet.balance, expiring=expiring, token=token,
            expires_at=expires_at,
        )  # fmt: skip

    async def reserve(self, wishes: Sequence[ReserveWish]) -> list[Begun]:
        """Return the commands that hold value for orders: under their quotes, or held to the same policy.

        What speaks against one goes to the ledger with the command: a repeated id must find its first outcome even if
        its quote has expired since, and a refusal is remembered there.
        """
        return [
            Begun(
                dossier=dossier,
                command=commands.Deferred(
                    wallet_id=dossier.wish.wallet_id, reservation_id=dossier.wish.reservation_id,
                    build=partial(self._reserve_command, dossier),
                    ready=None if dossier.hearing is None else dossier.hearing.rest,
                    unheard=partial(self._judging.unheard, dossier),
                ),
            )
            for dossier in await self._judging.open(wishes)
        ]  # fmt: skip

    async def conclude(self, outcomes: Sequence[tuple[Begun, commands.Outcome]], deadline: float) -> None:
        """Note what became of reservations; call it before they are answered."""
        await self._judging.conclude([(begun.dossier, outcome) for begun, outcome in outcomes], deadline)

    @contextmanager
    def awaiting(self, under_way: Sequence[UnderWay]) -> Iterator[None]:
        """Wait within for operations: of reservations, what becomes of them is noted even if the waiting is cancelled.

        The call ends, what the ledger has begun does not: a hold that waits for a reviewer must become known.
        """
        try:
            yield
        except asyncio.CancelledError:
            for operation, future in under_way:
                if isinstance(operation, Begun):
                    future.add_done_callback(partial(self._unheard, operation))
            raise

    def _unheard(self, begun: Begun, future: Future[commands.Outcome]) -> None:
        # One that was cancelled itself has no outcome; the ledger tells it to the command.
        if not future.cancelled():
            self._judging.unheard(begun.dossier, future.result())

    def is_too_late_to_reserve(self, deadline: float) -> bool:
        """Whether so many wait in the ledger that a reservation would be refused."""
        return self._ledger.batcher.is_too_late_to_begin(deadline)

    def submit(self, command: Change, deadline: float) -> Future[commands.Outcome]:
        """Send a command to the ledger; await the future for what became of it."""
        return self._ledger.submit(command, deadline)

    def _reserve_command(
        self, dossier: Dossier, program: Program, wallet: Wallet, now: Instant
    ) -> commands.Reserve:
        wish, device = dossier.wish, dossier.traces.device
        ttl_seconds = wish.ttl_seconds or program.redemption.reservation_ttl_seconds
        quote_expires_at, refusal = self._judge(wish, program, ttl_seconds)
        judgement = self._judging.judge(dossier, program, wallet, now)
        review = judgement is not None and judgement.verdict is Verdict.REVIEW
        return commands.Reserve(
            wallet_id=wish.wallet_id, reservation_id=wish.reservation_id, amount=wish.amount,
            value_minor=policy.value_for(wish.amount, wish.order, program), order=wish.order,
            device="" if device is None else device.key, device_others=() if device is None else device.others,
            ttl_seconds=ttl_seconds, asked_ttl_seconds=wish.ttl_seconds, expected_version=wish.expected_version,
            quote_expires_at=quote_expires_at, refusal=refusal or refusal_of(judgement), review=review,
            review_ttl_seconds=self._judging.review_ttl_seconds(dossier) if review else 0,
        )  # fmt: skip

    def _judge(self, wish: ReserveWish, program: Program, ttl_seconds: int) -> tuple[Instant, Refusal | None]:
        """Return when the quote expires, and the first reason (by precedence) not to reserve."""
        expires_at, honoured, of_quote = NEVER, False, None
        if wish.quote_token:
            content = quotes.open_token(wish.quote_token, self._quote_keys)
            if isinstance(content, Refusal):
                of_quote = content
            else:
                expires_at = content.expires_at
                of_quote = quotes.refusal_to_use(content, wish.wallet_id, wish.order, wish.amount)
                # A signed offer stands as it was made, whatever the policy has become since.
                honoured = wish.amount == content.amount
        of_ttl = policy.refusal_of_ttl(ttl_seconds, program)
        of_policy = None if honoured else policy.refusal_to_redeem(wish.amount, wish.order, program)
        spoken = [refusal for refusal in (of_quote, of_ttl, of_policy) if refusal is not None]
        return expires_at, min(spoken, key=lambda refusal: refusal.reason.number) if spoken else None

    def extend(
        self, wallet_id: WalletId, reservation_id: ReservationId, extension_id: str, ttl_seconds: int
    ) -> commands.Deferred:
        """Return the command that holds longer, up to the program's longest time from the beginning."""

        def build(program: Program, _wallet: Wallet, _now: Instant) -> commands.Extend:
            return commands.Extend(
                wallet_id=wallet_id, reservation_id=reservation_id, extension_id=extension_id, ttl_seconds=ttl_seconds,
                lifetime_seconds_max=program.redemption.reservation_ttl_seconds_max,
            )  # fmt: skip

        return commands.Deferred(wallet_id=wallet_id, reservation_id=reservation_id, build=build)
