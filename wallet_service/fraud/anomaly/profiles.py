"""Wallets' profiles: from the cache in one round trip, else from their entries; a hint that may be lost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Collection, Mapping
from typing import Final

import msgspec

from wallet_service.fraud.anomaly import store
from wallet_service.fraud.anomaly.features import NotFinite, after, features_of
from wallet_service.fraud.anomaly.model import HOURS, Attempt, Profile
from wallet_service.fraud.anomaly.replay import profile_of
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger.gathering import Gathering
from wallet_service.runtime.cache import Cache, Versioned
from wallet_service.runtime.session import Statements

REDEMPTIONS_MAX: Final = 64
"""Of a wallet's past, when its profile is made anew."""
TTL_SECONDS: Final = 600
READ_SECONDS: Final = 1.0
PENDING_MAX: Final = 10_000
READ_MAX: Final = 256
READS_IN_FLIGHT: Final = 2
_decode: Final = msgspec.json.Decoder(Profile).decode
_encode: Final = msgspec.json.Encoder().encode
_PROBE: Final = Attempt(wallet_id=WalletId(""), amount=1, at=Instant(0))


class Profiles:
    """What is remembered of each wallet; written behind the reply."""

    def __init__(self, db: Statements, cache: Cache) -> None:
        self._db = db
        self._cache = cache
        self._pending: dict[WalletId, Profile] = {}
        self._wake = asyncio.Event()
        self._reads = Gathering(self._read, batch_max=READ_MAX, in_flight_max=READS_IN_FLIGHT)

    async def get(self, wallets: Collection[WalletId]) -> Mapping[WalletId, Profile]:
        """Return the profile of each wallet that exists; who stops waiting leaves the read to those who still do."""
        known = {wallet_id: self._pending[wallet_id] for wallet_id in wallets if wallet_id in self._pending}
        asked = [wallet_id for wallet_id in wallets if wallet_id not in known]
        read = await asyncio.gather(*map(self._reads.get, asked))
        return known | {w: profile for w, profile in zip(asked, read, strict=True) if profile is not None}

    async def _read(self, wallets: list[WalletId]) -> dict[WalletId, Profile]:
        raw = await self._cache.get_many([key_of(wallet_id) for wallet_id in wallets])
        known: dict[WalletId, Profile] = {}
        for wallet_id, text in zip(wallets, raw, strict=True):
            profile = None if text is None else trusted(text)
            if profile is not None:
                known[wallet_id] = profile
        missing = [wallet_id for wallet_id in wallets if wallet_id not in known]
        if missing:
            made = await self._made(missing)
            for wallet_id, profile in made.items():
                self._keep(wallet_id, profile)
            known |= made
        return known

    async def _made(self, wallets: Collection[WalletId]) -> dict[WalletId, Profile]:
        """Return profiles from what is recorded."""
        standing = await store.read_wallets(self._db, wallets, timeout_seconds=READ_SECONDS)
        past = await store.read_redemptions(
            self._db, list(standing), REDEMPTIONS_MAX, timeout_seconds=READ_SECONDS
        )
        return {
            wallet_id: profile_of(opened_at, available, past[wallet_id])
            for wallet_id, (opened_at, available) in standing.items()
        }

    def note(self, profile: Profile, attempt: Attempt, available: int) -> None:
        """Remember a redemption that was granted and left `available`."""
        self._keep(attempt.wallet_id, after(profile, attempt, available))

    def _keep(self, wallet_id: WalletId, profile: Profile) -> None:
        if len(self._pending) < PENDING_MAX or wallet_id in self._pending:
            self._pending[wallet_id] = profile
            self._wake.set()

    async def run(self) -> None:
        """Write what is noted, many in a round trip; runs until cancelled. What the cache does not take is forgotten."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            await self.flush()

    async def flush(self) -> None:
        """Write what is noted."""
        writing, self._pending = self._pending, {}
        # A version that grows with every write: two processes on one wallet leave the later one's.
        now = time.time_ns() // 1_000
        items = [
            Versioned(key=key_of(wallet_id), version=now, payload=_encode(profile))
            for wallet_id, profile in writing.items()
        ]
        await self._cache.put_if_newer_many(items, ttl_seconds=TTL_SECONDS)


def key_of(wallet_id: WalletId) -> str:
    """Return the cache key of a wallet's profile."""
    return f"fraud:profile:{wallet_id}"


def trusted(text: bytes) -> Profile | None:
    """Return a cached profile if something could be computed from it; anybody may have written there."""
    try:
        profile = _decode(text)
        if len(profile.hours) != HOURS or profile.redemptions < 0 or min(profile.hours) < 0:
            return None
        features_of(profile, _PROBE)
    except (NotFinite, ValueError, OverflowError):
        return None
    return profile
