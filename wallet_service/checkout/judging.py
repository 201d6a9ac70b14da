"""Fraud at the checkout: what is gathered before the ledger, judged in its batch, and noted after the outcome.

Without any policy nothing of this happens, and nobody is asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.devices import NOWHERE, Context
from wallet_service.fraud.evidence import record_of
from wallet_service.fraud.hearing import Hearing
from wallet_service.fraud.judged import JudgementRecord
from wallet_service.fraud.model import Judgement, Of, Signals, Traces, Verdict
from wallet_service.fraud.publication import InForce
from wallet_service.fraud.service import ASKED_MAX, Fraud
from wallet_service.kernel.clock import MICROSECONDS_PER_SECOND, Instant
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ProgramId, ReservationId, WalletId
from wallet_service.ledger.commands import Outcome, ReservationOutcome
from wallet_service.ledger.model import Order, ReviewState, Wallet
from wallet_service.ledger.program import Program
from wallet_service.ledger.service import Ledger, left
from wallet_service.runtime.errors import DatabaseError

WALLETS_MAX: Final = 200_000
"""Wallets whose program is kept at hand; it never changes."""
SHARE_WHOLE_BP: Final = 10_000
HELD_FOR_REVIEW: Final = "HELD_FOR_REVIEW"
"""The reason of a hold that waits, when what was found at first is not known any more."""
HEARD_MAX: Final = 4 * ASKED_MAX
"""Wishes of one call whose signals the ledger's batch may wait for."""
_COUNTS_FROM, _COUNTS_BELOW = Reason.QUOTE_INVALID.number, Reason.PROGRAM_IMMUTABLE.number
_FRAUD: Final = frozenset({Reason.FRAUD_REFUSED, Reason.DEVICE_CONFLICT})


class ReserveWish(Struct, frozen=True, kw_only=True, gc=False):
    """A reservation as the caller asked for it. `program_id` is known if the wallet was named by its customer."""

    wallet_id: WalletId
    reservation_id: ReservationId
    amount: int
    order: Order
    ttl_seconds: int | None
    quote_token: str
    expected_version: int | None
    context: Context = NOWHERE
    program_id: ProgramId | None = None


@dataclass(slots=True, kw_only=True)
class Dossier:
    """What is known of one wish; `judgement` is that of the last time it was judged."""

    wish: ReserveWish
    traces: Traces
    attempt: Attempt | None = None
    hearing: Hearing | None = None
    number: int = 0
    """Its place in what is heard."""
    in_force: InForce | None = None
    signals: Signals | None = None
    judgement: Judgement | None = None


class Judging:
    """One per process."""

    def __init__(self, ledger: Ledger, fraud: Fraud) -> None:
        self._ledger = ledger
        self._fraud = fraud
        self._programs: dict[WalletId, ProgramId] = {}

    def knows(self, wallet_id: WalletId, program_id: ProgramId) -> None:
        """Keep at hand which program a wallet belongs to."""
        if len(self._programs) >= WALLETS_MAX:
            self._programs.clear()
        self._programs[wallet_id] = program_id

    async def open(self, wishes: Sequence[ReserveWish]) -> list[Dossier]:
        """Gather what is known of wishes, all in one round trip, which may still be under way when this returns."""
        dossiers = [Dossier(wish=wish, traces=self._fraud.traces(wish.context)) for wish in wishes]
        if not self._fraud.policies.any:
            return dossiers
        clocks: dict[ProgramId, Instant] = {}
        for dossier in dossiers:
            wish = dossier.wish
            program_id = wish.program_id or self._programs.get(wish.wallet_id)
            if program_id is None:
                program_id = await self._program_of(wish)
            if program_id is not None:
                now = clocks.get(program_id) or clocks.setdefault(program_id, self._now(program_id))
                self._take_up(dossier, program_id, now)
        await self._gather([dossier for dossier in dossiers if dossier.in_force is not None])
        return dossiers

    async def _gather(self, ruled: Sequence[Dossier]) -> None:
        asked = [(each.attempt, each.in_force) for each in ruled if each.attempt and each.in_force]
        if len(asked) > HEARD_MAX:
            # So many would keep a batch of the ledger waiting, and others in it.
            for dossier, signals in zip(ruled, await self._fraud.gather(asked), strict=True):
                dossier.signals = signals
            return
        # Heard while the ledger loads the wallets.
        for start in range(0, len(asked), ASKED_MAX):
            hearing = self._fraud.ask(asked[start : start + ASKED_MAX], before=start // ASKED_MAX)
            for number, dossier in enumerate(ruled[start : start + ASKED_MAX]):
                dossier.hearing, dossier.number = hearing, number

    def _take_up(self, dossier: Dossier, program_id: ProgramId, now: Instant) -> None:
        dossier.in_force = self._fraud.policies.of(program_id)
        if dossier.in_force is not None:
            wish = dossier.wish
            dossier.attempt = Attempt(
                of=Of.REDEMPTION, program_id=program_id, wallet_id=wish.wallet_id, subject_id=wish.reservation_id,
                amount=wish.amount, at=now, traces=dossier.traces,
            )  # fmt: skip

    async def _program_of(self, wish: ReserveWish) -> ProgramId | None:
        try:
            view = await self._ledger.view(wish.wallet_id, 0)
        except DatabaseError:
            return None  # the ledger will say so
        if isinstance(view, Refusal):
            return None
        self.knows(wish.wallet_id, view.program.program_id)
        return view.program.program_id

    def _now(self, program_id: ProgramId) -> Instant:
        program = self._ledger.programs.known(program_id)
        if program is not None and program.clock_at is not None:
            return program.clock_at
        return self._ledger.clock.now() or Instant(time.time_ns() // 1_000)

    def judge(self, dossier: Dossier, program: Program, wallet: Wallet, now: Instant) -> Judgement | None:
        """Judge a wish on its wallet as the batch found it; None: the program has no policy. Asks nobody."""
        if dossier.in_force is None or dossier.attempt is None:
            self._take_up(dossier, program.program_id, now)
            if dossier.in_force is None or dossier.attempt is None:
                return None
        gathered = dossier.signals or self._heard(dossier) or dossier.attempt.signals()
        dossier.signals = _with_wallet(gathered, dossier, wallet, now)
        dossier.judgement = dossier.in_force.judge(dossier.signals)
        return dossier.judgement

    def _heard(self, dossier: Dossier) -> Signals | None:
        if dossier.hearing is None:
            return None
        heard = dossier.hearing.signals()
        if heard is None:
            self._fraud.counts.blind += 1
            return None
        return heard[dossier.number]

    @staticmethod
    def review_ttl_seconds(dossier: Dossier) -> int:
        """Return how long a hold waits for its reviewer."""
        return 0 if dossier.in_force is None else dossier.in_force.policy.review.ttl_seconds

    async def conclude(self, outcomes: Sequence[tuple[Dossier, Outcome]], deadline: float) -> None:
        """Note what became of wishes; a hold that waits for a reviewer is on record before its caller is answered.

        A caller who stops waiting stops only that: then it is recorded behind the reply.
        """
        try:
            for dossier, _ in outcomes:
                if dossier.hearing is not None and (rest := dossier.hearing.rest()) is not None:
                    await rest  # what was refused at once: its count must not come after its correction
        except asyncio.CancelledError:
            for dossier, outcome in outcomes:
                self.unheard(dossier, outcome)
            raise
        records = [record for each in outcomes for record in self._noted(*each)]
        await self._fraud.record(records, timeout_seconds=left(deadline))

    def unheard(self, dossier: Dossier, outcome: Outcome) -> None:
        """Note what became of a wish whose caller does not wait for it any more."""
        self._fraud.behind.judged(self._noted(dossier, outcome))

    def _noted(self, dossier: Dossier, outcome: Outcome) -> list[JudgementRecord]:
        """Note what became of a wish behind the reply; returns what should be on record before it."""
        if dossier.attempt is None or dossier.in_force is None:
            return []
        judgement = dossier.judgement or Judgement()
        repeated, failed = _what_became(outcome)
        self._fraud.concluded(dossier.attempt, dossier.in_force, judgement, failed=failed, repeated=repeated)
        signals = dossier.signals or dossier.attempt.signals()
        version = dossier.in_force.version
        if isinstance(outcome, ReservationOutcome):
            if outcome.reservation.review is ReviewState.WAITING:
                return [record_of(dossier.attempt, signals, _held(judgement), version)]
            if not repeated:
                self._fraud.record_behind(dossier.attempt, signals, judgement, version)
        elif isinstance(outcome, Refusal) and outcome.reason in _FRAUD and not repeated:
            self._fraud.record_behind(dossier.attempt, signals, judgement, version)
        return []


def refusal_of(judgement: Judgement | None) -> Refusal | None:
    """Return a judgement as a refusal, with the names of its reasons and none of their bounds."""
    if judgement is None or judgement.verdict is not Verdict.REFUSE:
        return None
    reason = Reason.DEVICE_CONFLICT if judgement.conflict else Reason.FRAUD_REFUSED
    return Refusal(reason=reason, facts={"reasons": ",".join(judgement.reasons)})


def _with_wallet(signals: Signals, dossier: Dossier, wallet: Wallet, now: Instant) -> Signals:
    wish, device = dossier.wish, dossier.traces.device
    available = max(wallet.available, 0)
    share_bp = SHARE_WHOLE_BP
    if wish.amount < available:
        share_bp = wish.amount * SHARE_WHOLE_BP // available
    second = False
    if device is not None and wallet.holds:
        mine = ("", device.key, *device.others)
        second = any(
            hold.device not in mine and hold.expires_at > now and hold.reservation_id != wish.reservation_id
            for hold in wallet.holds
        )
    return replace(
        signals, share_bp=share_bp, balance=available, second_device=second,
        wallet_age_seconds=max(0, now - wallet.opened_at) // MICROSECONDS_PER_SECOND,
    )  # fmt: skip


def _what_became(outcome: Outcome) -> tuple[bool, bool]:
    """Return whether an attempt only repeated another (or was not decided at all), and whether it failed."""
    if not isinstance(outcome, Refusal):
        return outcome.replayed, False
    decided = _COUNTS_FROM <= outcome.reason.number < _COUNTS_BELOW
    repeated = not decided or outcome.facts.get("replayed") == "true"
    return repeated, not repeated


def _held(judgement: Judgement) -> Judgement:
    """Return the judgement under which a hold waits: this one, unless it comes to another end the second time."""
    if judgement.verdict is Verdict.REVIEW:
        return judgement
    return Judgement(verdict=Verdict.REVIEW, reasons=(HELD_FOR_REVIEW,), shadow_verdict=Verdict.REVIEW)
