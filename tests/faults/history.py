"""A recorder of calls and how each ended, and the check that nothing which was acknowledged was lost.

Every attempt ends in one of four ways: answered; refused by the ledger; turned away (nothing was done, for certain);
unknown. `resolve` sends everything again and holds the answers against what was recorded.
"""

from __future__ import annotations

import asyncio
import itertools
import random
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

import grpc
from evidence import broken_invariants, unfinished_work
from rig import Api, Refused, Shop, refused_of, until, without_replay
from wallet.v1 import checkout_pb2

TURNED_AWAY = {"SHUTTING_DOWN", "OVERLOADED", "DATABASE_UNAVAILABLE", "CONTENTION", "DEADLINE_EXCEEDED"}
UNKNOWN = {"OUTCOME_UNKNOWN", "INTERNAL", ""}
GRACE_SECONDS = 0.1
RESOLVE_SECONDS = 10.0
_ORDER = (checkout_pb2.ReserveRequest, checkout_pb2.CommitRequest, checkout_pb2.ReleaseRequest)


class End(Enum):
    ANSWERED = "answered"
    REFUSED = "refused"
    TURNED_AWAY = "turned away"
    UNKNOWN = "unknown"


@dataclass(kw_only=True)
class Attempt:
    end: End
    answer: Any = None
    refused: Refused | None = None
    seconds: float
    began: float

    @property
    def said(self) -> object:
        """What must be the same whenever the same is asked."""
        if self.end is End.ANSWERED:
            return without_replay(self.answer)
        return self.refused.reason if self.refused is not None and self.end is End.REFUSED else None


@dataclass(kw_only=True)
class Asked:
    """One request, however often it was sent."""

    request: Any
    attempts: list[Attempt] = field(default_factory=list)

    def ends(self, end: End) -> list[Attempt]:
        return [attempt for attempt in self.attempts if attempt.end is end]


class History:
    def __init__(self) -> None:
        self._asked: dict[bytes, Asked] = {}
        self.late: list[str] = []
        self.lag = 0.0

    async def send(self, api: Api, request: Any, seconds: float | None = 2.0, limit: float = 0.0) -> Attempt:
        """Send a request and record how it ended. `limit` is the deadline when the service is to find one itself."""
        key = type(request).__name__.encode() + request.SerializeToString(deterministic=True)
        asked = self._asked.setdefault(key, Asked(request=request))
        began = time.monotonic()
        try:
            answer = await api(request, seconds=seconds)
        except grpc.aio.AioRpcError as error:
            attempt = self._failed(error, began)
        except asyncio.CancelledError:
            asked.attempts.append(Attempt(end=End.UNKNOWN, seconds=0.0, began=began))
            raise
        else:
            attempt = Attempt(end=End.ANSWERED, answer=answer, seconds=time.monotonic() - began, began=began)
        asked.attempts.append(attempt)
        allowed = (limit or seconds or 0.0) + GRACE_SECONDS + self.lag
        if attempt.seconds > allowed:
            self.late.append(f"{type(request).__name__} {attempt.end} after {attempt.seconds:.3f} s")
        return attempt

    @staticmethod
    def _failed(error: grpc.aio.AioRpcError, began: float) -> Attempt:
        refused = refused_of(error)
        end = End.REFUSED
        if refused.reason in TURNED_AWAY:
            end = End.TURNED_AWAY
        elif refused.reason in UNKNOWN:
            end = End.UNKNOWN
        return Attempt(end=end, refused=refused, seconds=time.monotonic() - began, began=began)

    async def watch_lag(self) -> None:
        """Measure how late this very process is: what it could not notice in time is not the service's fault."""
        while True:
            began = time.monotonic()
            await asyncio.sleep(0.01)
            self.lag = max(self.lag * 0.98, time.monotonic() - began - 0.01)

    def attempts(self, end: End) -> list[Attempt]:
        return [attempt for asked in self._asked.values() for attempt in asked.ends(end)]

    @property
    def counts(self) -> Counter[str]:
        ends = (attempt.end.value for asked in self._asked.values() for attempt in asked.attempts)
        return Counter(ends)

    @property
    def troubled(self) -> int:
        """How many attempts were turned away, or left their caller in doubt."""
        counts = self.counts
        return counts[End.UNKNOWN.value] + counts[End.TURNED_AWAY.value]

    @property
    def surprises(self) -> list[str]:
        """INTERNAL is never an answer to a fault of the surroundings."""
        return [
            f"{type(asked.request).__name__}: {attempt.refused}"
            for asked in self._asked.values()
            for attempt in asked.attempts
            if attempt.refused is not None and attempt.refused.reason == "INTERNAL"
        ]

    def contradictions(self) -> list[str]:
        """Return what was answered differently to the same request."""
        found = []
        for asked in self._asked.values():
            answered, refused = asked.ends(End.ANSWERED), asked.ends(End.REFUSED)
            name = type(asked.request).__name__
            # What was not there yet may be there later; every other word of the ledger is its last one.
            final = [a for a in refused if a.said != "RESERVATION_NOT_FOUND"]
            words = {attempt.said for attempt in (*answered, *final)}
            if len(words) > 1:
                found.append(f"{name}: {len(words)} different outcomes: {[a.said for a in final]}")
            if sum(not attempt.answer.replayed for attempt in answered) > 1:
                found.append(f"{name}: done more than once")
        return found

    async def resolve(self, apis: Sequence[Api]) -> None:
        """Send everything once more, holds first; every answer must agree with what was said before."""
        faults: list[str] = []
        for kind in _ORDER:
            todo = [asked for asked in self._asked.values() if isinstance(asked.request, kind)]
            for start in range(0, len(todo), 64):
                part = todo[start : start + 64]
                faults += itertools.chain.from_iterable(
                    await asyncio.gather(*(self._resolve(apis[n % len(apis)], a) for n, a in enumerate(part)))
                )
        assert not faults, faults[:5]
        assert not self.contradictions(), self.contradictions()[:5]

    async def _resolve(self, api: Api, asked: Asked) -> Iterable[str]:
        before = list(asked.attempts)
        began = time.monotonic()
        while True:
            attempt = await self.send(api, asked.request, seconds=5.0)
            if attempt.end in {End.ANSWERED, End.REFUSED}:
                break
            if time.monotonic() - began > RESOLVE_SECONDS:
                return [f"{type(asked.request).__name__} was not resolved: {attempt}"]
            await asyncio.sleep(0.05)
        return self._disagreement(asked, before, attempt)

    @staticmethod
    def _disagreement(asked: Asked, before: list[Attempt], now: Attempt) -> Iterable[str]:
        name = type(asked.request).__name__
        ends = {attempt.end for attempt in before}
        if End.ANSWERED in ends and (now.end is not End.ANSWERED or not now.answer.replayed):
            yield f"{name}: acknowledged and lost: {now}"
        elif ends == {End.TURNED_AWAY} and now.end is End.ANSWERED and now.answer.replayed:
            yield f"{name}: said to be not done, and was: {before}"


def spread(rng: random.Random, shop: Shop, reservation_id: str) -> Any:
    """Return how a held reservation ends: paid in full, in part, or given back."""
    kind = rng.random()
    if kind < 0.5:
        return shop.commit(reservation_id)
    return shop.commit(reservation_id, amount_minor=1) if kind < 0.7 else shop.release(reservation_id)


async def shopper(
    history: History,
    apis: Sequence[Api],
    shops: Sequence[Shop],
    ends_at: float,
    seed: int,
    seconds: float = 2.0,
) -> None:
    """Check out again and again until a moment, repeating what had no answer as a patient caller would."""
    rng = random.Random(seed)
    while time.monotonic() < ends_at:
        shop = rng.choice(shops)
        request: Any = shop.reserve(rng.randint(2, 40))
        attempt = await history.send(rng.choice(apis), request, seconds)
        if attempt.end is End.UNKNOWN and rng.random() < 0.5:
            attempt = await history.send(rng.choice(apis), request, seconds)
        if attempt.end is End.ANSWERED:
            ending = spread(rng, shop, request.reservation_id)
            attempt = await history.send(rng.choice(apis), ending, seconds)
        # A pause that bounds how much there is to check afterwards.
        await asyncio.sleep(0.01 if attempt.end is not End.TURNED_AWAY else 0.05)


async def shopping(
    history: History, apis: Sequence[Api], shops: Sequence[Shop], seconds: float, *, shoppers: int = 10,
    call_seconds: float = 2.0,
) -> None:  # fmt: skip
    """Run several shoppers at the same time for so long."""
    ends_at = time.monotonic() + seconds
    lag = asyncio.create_task(history.watch_lag())
    try:
        await asyncio.gather(
            *(shopper(history, apis, shops, ends_at, seed, call_seconds) for seed in range(shoppers))
        )
    finally:
        lag.cancel()


async def sound(history: History, apis: Sequence[Api], database_url: str) -> None:
    """Assert everything that must hold once a fault is over."""
    assert not history.surprises, history.surprises[:5]
    await history.resolve(apis)
    assert not history.late, history.late[:5]
    assert not (broken := await broken_invariants(database_url)), broken[:10]

    async def quiet() -> bool:
        return not await unfinished_work(database_url)

    await until(quiet, seconds=5)
