"""Where the anomaly model and the rings meet the judges: they advise, and they hear what was seen and granted."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from wallet_service.fraud.anomaly import model as anomaly_model
from wallet_service.fraud.anomaly.service import Anomaly, Scored
from wallet_service.fraud.attempt import Attempt
from wallet_service.fraud.model import By, Of
from wallet_service.fraud.opinions import Opinion
from wallet_service.fraud.rings.model import Key, Link, LinkKind
from wallet_service.fraud.rings.service import Rings
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.errors import DatabaseError

_log = logging.getLogger(__name__)
RING_SECONDS: Final = 0.020
SCORED_MAX: Final = 5_000
"""Scores whose outcome is not known yet; the oldest are forgotten."""
LINKS_MAX: Final = 20_000
PAUSE_SECONDS: Final = 0.2
RETRY_SECONDS: Final = 2.0
_KINDS: Final = {By.DEVICE: LinkKind.DEVICE, By.ADDRESS: LinkKind.ADDRESS, By.PAYMENT: LinkKind.PAYMENT}


class ModelAdvice:
    """How unusual a redemption is; events are not what the model knows."""

    def __init__(self, anomaly: Anomaly) -> None:
        self._anomaly = anomaly
        self._scored: dict[tuple[WalletId, str], Scored] = {}

    async def opinions(self, asked: Sequence[Attempt]) -> Sequence[Opinion | None]:
        """Return the score of each redemption that has one in time."""
        redemptions = [attempt for attempt in asked if attempt.of is Of.REDEMPTION]
        scores = await self._anomaly.scores([_asked_for(attempt) for attempt in redemptions])
        found: dict[int, Opinion] = {}
        for attempt, scored in zip(redemptions, scores, strict=True):
            if scored is not None:
                self._keep(attempt, scored)
                found[id(attempt)] = Opinion(score=scored.score.score, reasons=scored.score.reasons)
        return [found.get(id(attempt)) for attempt in asked]

    def _keep(self, attempt: Attempt, scored: Scored) -> None:
        if len(self._scored) >= SCORED_MAX:
            del self._scored[next(iter(self._scored))]
        self._scored[attempt.wallet_id, attempt.subject_id] = scored

    def granted(self, attempt: Attempt) -> None:
        """Let the model learn from a redemption that went through."""
        scored = self._scored.pop((attempt.wallet_id, attempt.subject_id), None)
        if scored is not None:
            left = max(scored.profile.available - attempt.amount, 0)
            self._anomaly.granted(scored, _asked_for(attempt), left)


def _asked_for(attempt: Attempt) -> anomaly_model.Attempt:
    device = attempt.traces.device
    return anomaly_model.Attempt(
        wallet_id=attempt.wallet_id, amount=attempt.amount, at=attempt.at,
        devices=() if device is None else (device.key, *device.others),
    )  # fmt: skip


class RingAdvice:
    """How suspicious the ring of a wallet is."""

    def __init__(self, rings: Rings, *, budget_seconds: float = RING_SECONDS) -> None:
        self._rings = rings
        self._budget_seconds = budget_seconds

    async def opinions(self, asked: Sequence[Attempt]) -> Sequence[Opinion | None]:
        """Return the suspicion of each wallet's ring; 0 of a wallet that shares nothing."""
        wallets = {attempt.wallet_id for attempt in asked}
        try:
            found = await self._rings.ring_of(wallets, timeout_seconds=self._budget_seconds)
        except DatabaseError as fault:
            _log.debug("no ring was found in time: %s", fault)
            return [None] * len(asked)
        opinions = {
            wallet_id: Opinion(score=signal.score, reasons=signal.reasons)
            for wallet_id, signal in found.items()
        }
        return [opinions.get(attempt.wallet_id, _ALONE) for attempt in asked]

    def granted(self, attempt: Attempt) -> None:
        """Do nothing: a ring is what was seen, whatever became of it."""


_ALONE: Final = Opinion(score=0)


class RingEars:
    """Takes what wallets were seen with to the rings, behind everything. Bounded; a loss costs a link."""

    def __init__(self, rings: Rings) -> None:
        self._rings = rings
        self._waiting: list[Link] = []
        self._wake = asyncio.Event()
        self.dropped = 0

    def saw(self, wallet_id: WalletId, by: By, key: str, at: Instant) -> None:
        """Hear of a device, an address or a payment means; who referred whom is heard by name."""
        kind = _KINDS.get(by)
        if kind is not None:
            # Without the name of its key, which only the first has none of: a link keeps nothing but the hash.
            self._add(Link(wallet_id, Key(kind, key.rpartition(".")[2]), at))

    def referred(self, wallet_id: WalletId, by: WalletId, at: Instant) -> None:
        """Hear that a wallet came by another one's word."""
        key = Key(LinkKind.REFERRAL, by.replace("-", ""))
        self._add(Link(wallet_id, key, at))
        self._add(Link(by, key, at))

    def _add(self, link: Link) -> None:
        if len(self._waiting) >= LINKS_MAX:
            self.dropped += 1
            return
        self._waiting.append(link)
        self._wake.set()

    async def run(self) -> None:
        """Note what is heard, until cancelled."""
        while True:
            await self._wake.wait()
            await asyncio.sleep(PAUSE_SECONDS)
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Note what was heard; what the database does not take waits for the next time."""
        links, self._waiting = self._waiting, []
        try:
            await self._rings.note(links)
        except DatabaseError as fault:
            _log.warning("%d links were not noted yet: %s", len(links), fault)
            self._waiting = [*links, *self._waiting][:LINKS_MAX]
            asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake.set)
