"""Wallet snapshots in the cache: written behind the reply if newer, checked when read. May vanish at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final, Protocol

from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.model import Wallet

_log = logging.getLogger(__name__)
PENDING_MAX: Final = 20_000


class SnapshotCache(Protocol):
    """What is asked of the cache; it answers None or False when it is away and never raises."""

    async def get_many(self, keys: Sequence[str]) -> list[bytes | None]:
        """Return the values of some keys."""

    async def put_if_newer_many(self, items: Sequence[tuple[str, int, bytes]]) -> bool:
        """Store values whose version is higher than what is there."""

    async def delete(self, keys: Sequence[str]) -> bool:
        """Forget some keys."""


def key_of(wallet_id: WalletId) -> str:
    """Return the cache key of a wallet."""
    return f"wallet:{wallet_id}"


class Snapshots:
    """Publishes what changed, and reads with suspicion."""

    def __init__(self, cache: SnapshotCache) -> None:
        self._cache = cache
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
            items = [(key_of(key), w.revision, codec.snapshot_text(w).encode()) for key, w in pending.items()]
            if items and not await self._cache.put_if_newer_many(items):
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
