"""Wallet snapshots in the cache: written behind the reply if newer, checked when read. May vanish at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.model import Wallet
from wallet_service.runtime.cache import Cache, Versioned

_log = logging.getLogger(__name__)
PENDING_MAX: Final = 20_000
WRITTEN_MAX: Final = 512
"""Snapshots in one call to the cache: it answers nobody else meanwhile."""


def key_of(wallet_id: WalletId) -> str:
    """Return the cache key of a wallet."""
    return f"wallet:{wallet_id}"


class Snapshots:
    """Publishes what changed, and reads with suspicion."""

    def __init__(self, cache: Cache, ttl_seconds: int) -> None:
        self._cache = cache
        self._ttl_seconds = ttl_seconds
        self._pending: dict[WalletId, Wallet] = {}
        self._wake = asyncio.Event()

    def publish(self, wallets: Sequence[Wallet]) -> None:
        """Queue snapshots; the latest of a wallet wins, and under overload the rest is simply not cached."""
        for wallet in wallets:
            if len(self._pending) < PENDING_MAX or wallet.wallet_id in self._pending:
                self._pending[wallet.wallet_id] = wallet
        self._wake.set()

    async def run(self) -> None:
        """Write what is queued, one round trip for all of it; runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            pending, self._pending = self._pending, {}
            wallets = list(pending.values())
            for start in range(0, len(wallets), WRITTEN_MAX):
                await self._write(wallets[start : start + WRITTEN_MAX])

    async def _write(self, wallets: Sequence[Wallet]) -> None:
        items = [
            Versioned(key=key_of(w.wallet_id), version=w.revision, payload=codec.snapshot_bytes(w))
            for w in wallets
        ]
        if not await self._cache.put_if_newer_many(items, ttl_seconds=self._ttl_seconds):
            # What could not be written may stand there older: versions are checked, so it is only slower.
            _log.debug("%d snapshots were not cached", len(items))

    async def get(self, wallet_id: WalletId) -> Wallet | None:
        """Return the cached wallet, or None if it is absent, unreadable or another's."""
        waiting = self._pending.get(wallet_id)
        if waiting is not None:
            return waiting
        (found,) = await self._cache.get_many([key_of(wallet_id)])
        if found is None:
            return None
        try:
            wallet = codec.snapshot_of(found)
        except ValueError:
            _log.warning("a cached snapshot could not be read and is ignored")
            return None
        return wallet if wallet.wallet_id == wallet_id else None
