"""What was granted, on its way to the worker that learns: a bounded stream in the cache. What is lost is not learnt."""

from __future__ import annotations

import asyncio
from typing import Final

import msgspec
from msgspec import Struct

from wallet_service.fraud.anomaly.features import NotFinite, checked
from wallet_service.fraud.anomaly.model import Features
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.cache import Cache

STREAM: Final = "fraud:granted"
STREAM_MAX: Final = 50_000
PENDING_MAX: Final = 5_000
PAGE: Final = 500


class Observation(Struct, frozen=True, kw_only=True, gc=False, array_like=True):
    """A redemption that was granted, as the model saw it."""

    wallet_id: WalletId
    at: Instant
    features: Features


_decode: Final = msgspec.json.Decoder(Observation).decode
_encode: Final = msgspec.json.Encoder().encode


class Observations:
    """Both ends of the stream."""

    def __init__(self, cache: Cache) -> None:
        self._cache = cache
        self._pending: list[bytes] = []
        self._wake = asyncio.Event()

    def note(self, observation: Observation) -> None:
        """Queue an observation; when too many wait, it is dropped."""
        if len(self._pending) < PENDING_MAX:
            self._pending.append(_encode(observation))
            self._wake.set()

    async def run(self) -> None:
        """Send what is queued; runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Send what is queued."""
        sending, self._pending = self._pending, []
        for start in range(0, len(sending), PAGE):
            await self._cache.append(STREAM, sending[start : start + PAGE], most=STREAM_MAX)

    async def after(self, position: str) -> tuple[list[Observation], str]:
        """Return a page of what came after a position (empty: what is still there), and where it ends."""
        found: list[Observation] = []
        for place, text in await self._cache.read_after(STREAM, position, PAGE):
            position = place
            try:
                observation = _decode(text)
                checked(observation.features)
            except (ValueError, NotFinite):
                continue  # not ours: anybody may have written there
            found.append(observation)
        return found, position
