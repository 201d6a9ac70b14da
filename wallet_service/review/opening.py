"""Opens a case for everything that waits for a person, with what is known at that moment as its evidence."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Final, Protocol

from msgspec.structs import replace

from wallet_service.fraud.judged import SubjectKind
from wallet_service.kernel.clock import Instant, after
from wallet_service.kernel.errors import Reason, Refusal
from wallet_service.kernel.ids import ReservationId, WalletId
from wallet_service.ledger.model import EntryFilter, Reservation, ReservationState
from wallet_service.ledger.service import Ledger
from wallet_service.review import policy, store
from wallet_service.review.holding import Holding
from wallet_service.review.model import (
    HISTORY_MAX,
    SYSTEM,
    Case,
    CaseState,
    Evidence,
    HistoryLine,
    OnTimeout,
    Policy,
    Waiting,
)
from wallet_service.review.untold import Untold
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
BATCH: Final = 200
LOOKBACK_SECONDS: Final = 7 * 86_400
"""What was judged longer ago than this and has no case yet is left to reconciliation, unless it is a hold."""
OVERLAP_SECONDS: Final = 600
"""What was recorded longer ago than this is visible by now, whatever two machines' clocks differ by."""
UNBORN_SECONDS: Final = 60
"""A judgement whose reservation has not come to be after this time never will."""
ESCALATION_ROOM_SECONDS: Final = 3_600
"""A hold that will be escalated outlives the first time-out by this: a worker that comes late must find it there."""
_SECONDS: Final = 10.0


class Links(Protocol):
    """Who knows what else a wallet is tied to."""

    async def linked(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[WalletId]:
        """Return wallets that are tied to this one by a device, a way to pay or a referral, at most some dozens."""

    async def devices(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[str]:
        """Return the hashes of the wallet's devices, the latest seen first, at most some dozens."""


class NoLinks:
    """Nothing is known."""

    async def linked(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[WalletId]:  # noqa: ARG002
        """Return nothing."""
        return ()

    async def devices(self, wallet_id: WalletId, *, timeout_seconds: float) -> Sequence[str]:  # noqa: ARG002
        """Return nothing."""
        return ()


class Opening:
    """One per worker. Opening twice is opening once."""

    def __init__(
        self, db: Statements, ledger: Ledger, links: Links | None = None, untold: Untold | None = None
    ) -> None:
        self._db = db
        self._untold = untold or Untold(db)
        self._ledger = ledger
        self._holding = Holding(ledger)
        self._links = links or NoLinks()
        self._seen: Instant | None = None

    async def open_cases(self) -> int:
        """Open what has no case yet, at most a batch of each kind; returns how many are new."""
        since = self._seen or Instant(time.time_ns() // 1_000 - LOOKBACK_SECONDS * 1_000_000)
        waiting = await store.read_unopened(self._db, since, BATCH, timeout_seconds=_SECONDS)
        opened, unborn = await self._open(waiting)
        self._remember(waiting, unborn=unborn)
        untold = (await self._untold.next())[:BATCH]
        if untold:
            _log.warning("%d holds wait for a reviewer of which nobody told", len(untold))
        return opened + (await self._open(untold))[0]

    async def _open(self, waiting: list[Waiting]) -> tuple[int, bool]:
        """Return how many cases are new, and whether one cannot be opened yet."""
        policies: dict[str, Policy] = {}
        cases: list[Case] = []
        unborn = False
        for each in waiting:
            if each.program_id not in policies:
                policies[each.program_id] = await store.read_policy(
                    self._db, each.program_id, timeout_seconds=_SECONDS
                )
            case = await self._case(each, policies[each.program_id])
            if case is None:
                unborn = True
            else:
                cases.append(case)
        opened = await store.open_cases(self._db, cases, timeout_seconds=_SECONDS) if cases else 0
        return opened, unborn

    def _remember(self, waiting: list[Waiting], *, unborn: bool) -> None:
        """Look back less far the next time, if nothing was left behind."""
        if unborn:
            return
        judged = [each.judged_at for each in waiting if each.subject_kind is not SubjectKind.EVENT]
        # A full page ends where its last one was judged; after any other there is nothing older left.
        newest = max(judged) if len(judged) >= BATCH else Instant(time.time_ns() // 1_000)
        self._seen = max(self._seen or Instant(0), after(newest, -OVERLAP_SECONDS))

    async def _case(self, waiting: Waiting, terms: Policy) -> Case | None:
        """Return the case to open; None: its reservation has not come to be yet, or cannot be kept waiting now."""
        state, reason, due_at, order_ref = CaseState.OPEN, "", after(waiting.now, terms.timeout_seconds), ""
        if waiting.subject_kind is SubjectKind.RESERVATION:
            reservation_id = ReservationId(waiting.subject_id)
            hold = await self._ledger.reservation(
                waiting.wallet_id, reservation_id, time.monotonic() + _SECONDS
            )
            if isinstance(hold, Refusal):
                young = waiting.people_now - waiting.judged_at < UNBORN_SECONDS * 1_000_000
                if young or hold.reason is not Reason.RESERVATION_NOT_FOUND:
                    return None
                state, reason = CaseState.WITHDRAWN, "the reservation never came to be"
            else:
                order_ref, due_at = hold.order_ref, min(due_at, hold.expires_at)
                if not hold.under_review:
                    state, reason = _ended(hold)
                elif not await self._outlives(waiting, due_at, terms):
                    return None
        evidence = await self._evidence(waiting, order_ref)
        ended = state is not CaseState.OPEN
        return Case(
            wallet_id=waiting.wallet_id,
            case_id=policy.case_id_of(waiting.wallet_id, waiting.subject_kind, waiting.subject_id),
            program_id=waiting.program_id, customer_ref=waiting.customer_ref, subject_kind=waiting.subject_kind,
            subject_id=waiting.subject_id, state=state, amount=waiting.amount, reasons=waiting.reasons,
            priority=policy.priority_of(waiting.amount, waiting.reasons, terms), evidence=evidence, opened_by="fraud",
            opened_at=waiting.now, due_at=due_at, reason=reason,
            decided_by=SYSTEM if ended else "", decided_at=waiting.now if ended else None,
        )  # fmt: skip

    async def _outlives(self, waiting: Waiting, due_at: Instant, terms: Policy) -> bool:
        """Let a hold that will be escalated live longer than its first reviewers have; False: it cannot be said now."""
        if terms.on_timeout is not OnTimeout.ESCALATE:
            return True
        kept = await self._holding.until(
            waiting.wallet_id, waiting.subject_id, waiting.now, after(due_at, ESCALATION_ROOM_SECONDS),
            time.monotonic() + _SECONDS,
        )  # fmt: skip
        return not isinstance(kept, Refusal)

    async def _evidence(self, waiting: Waiting, order_ref: str) -> Evidence:
        deadline = time.monotonic() + _SECONDS
        view = await self._ledger.loaded(waiting.wallet_id, 0)
        entries = await self._ledger.entries(
            waiting.wallet_id, 0, HISTORY_MAX, deadline, oldest_first=False, chosen=EntryFilter()
        )
        linked = await self._links.linked(waiting.wallet_id, timeout_seconds=_SECONDS)
        devices = await self._links.devices(waiting.wallet_id, timeout_seconds=_SECONDS)
        history = tuple(
            HistoryLine(
                seq=entry.seq, kind=entry.kind.name, amount=entry.amount, available=entry.balance.available, at=entry.at
            )
            for entry in entries
        )  # fmt: skip
        evidence = Evidence(
            signals=policy.with_earlier_cases(waiting.signals), policy_version=waiting.policy_version, judged_at=waiting.judged_at,
            order_ref=order_ref, history=history, linked_wallets=tuple(linked), devices=tuple(devices),
        )  # fmt: skip
        if isinstance(view, Refusal):
            return evidence
        wallet = view.wallet
        return replace(
            evidence, pending=wallet.pending, available=wallet.available, reserved=wallet.reserved,
            wallet_opened_at=wallet.opened_at,
        )  # fmt: skip


def _ended(reservation: Reservation) -> tuple[CaseState, str]:
    """Return how the case of a reservation ends that does not wait for anybody any more."""
    if reservation.state is ReservationState.EXPIRED:
        return CaseState.TIMED_OUT, "the hold expired before anybody looked"
    if reservation.state is ReservationState.REFUSED:
        return CaseState.WITHDRAWN, "the reservation was refused"
    return CaseState.WITHDRAWN, "the hold ended before anybody looked"
