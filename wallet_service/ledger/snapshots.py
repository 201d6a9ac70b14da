"""Wallet snapshots in the cache: written behind the reply if newer, checked when read. May vanish at any time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import codec
from wallet_service.ledger.gathering import Gathering
from wallet_service.ledger.model import Wallet
from wallet_service.runtime.cache import Cache, Versioned

_log = logging.getLogger(__name__)
PENDING_MAX: Final = 20_000
WRITTEN_MAX: Final = 512
"""Snapshots in one call to the cache: it answers nobody else meanwhile."""
READ_MAX: Final = 256
READS_IN_FLIGHT: Final = 1
RETRY_SECONDS: Final = 0.2
"""After the cache has not taken what was written."""


def key_of(wallet_id: WalletId) -> str:
    """Return the cache key of a wallet."""
    return f"wallet:{wallet_id}"


class Snapshots:
    """Publishes what changed, and reads with suspicion."""

    def __init__(self, cache: Cache, ttl_seconds: int) -> None:
        self._cache = cache
        self._ttl_seconds = ttl_seconds
        self._pending: dict[WalletId, Wallet] = {}
        self._writing: dict[WalletId, Wallet] = {}
        self._refused_since: float | None = None
        self._wake = asyncio.Event()
        self._reads = Gathering(self._read, batch_max=READ_MAX, in_flight_max=READS_IN_FLIGHT)

    def publish(self, wallets: Sequence[Wallet]) -> None:
        """Queue snapshots; the latest of a wallet wins, and under overload the rest is simply not cached."""
        for wallet in wallets:
            if len(self._pending) < PENDING_MAX or wallet.wallet_id in self._pending:
                self._pending[wallet.wallet_id] = wallet
        self._wake.set()

    async def run(self) -> None:
        """Write what is queued, a few hundred in a round trip; runs until cancelled."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            if not await self._flush():
                asyncio.get_running_loop().call_later(RETRY_SECONDS, self._wake.set)

    async def _flush(self) -> bool:
        """Write what is queued; what the cache does not take is kept for the next try: what stands there is older.

        Not for longer than it stands there: then it has gone by itself, and what was kept may be older than others know.
        """
        self._writing, self._pending = self._pending, {}
        wallets = list(self._writing.values())
        try:
            for start in range(0, len(wallets), WRITTEN_MAX):
                if not await self._write(wallets[start : start + WRITTEN_MAX]):
                    self._keep(wallets[start:])
                    return False
        finally:
            self._writing = {}
        self._refused_since = None
        return True

    def _keep(self, wallets: Sequence[Wallet]) -> None:
        now = asyncio.get_running_loop().time()
        if self._refused_since is None:
            self._refused_since = now
        elif now - self._refused_since > self._ttl_seconds:
            self._refused_since = now
            return
        for wallet in wallets:
            self._pending.setdefault(wallet.wallet_id, wallet)

    async def _write(self, wallets: Sequence[Wallet]) -> bool:
        items = [
            Versioned(key=key_of(w.wallet_id), version=w.revision, payload=codec.snapshot_bytes(w))
            for w in wallets
        ]
        return await self._cache.put_if_newer_many(items, ttl_seconds=self._ttl_seconds)

    async def get(self, wallet_id: WalletId) -> Wallet | None:
        """Return the wallet as this process published it a moment ago or as it is cached; None if neither.

        None, too, for what the cache has not taken: others may have changed it since, which only the database knows.
        """
        mine = self._pending.get(wallet_id) or self._writing.get(wallet_id)
        if mine is not None:
            return mine if self._refused_since is None else None
        return await self._reads.get(wallet_id)

    async def _read(self, wallets: list[WalletId]) -> dict[WalletId, Wallet]:
        raw = await self._cache.get_many([key_of(wallet_id) for wallet_id in wallets])
        found: dict[WalletId, Wallet] = {}
        for wallet_id, text in zip(wallets, raw, strict=True):
            wallet = None if text is None else _trusted(text, wallet_id)
            if wallet is not None:
                found[wallet_id] = wallet
        return found


def _trusted(text: bytes, wallet_id: WalletId) -> Wallet | None:
    """Return the wallet of a cached text if it can be one, and is this one."""
    try:
        wallet = codec.snapshot_of(text)
    except ValueError:
        _log.warning("a cached snapshot could not be read and is ignored")
        return None
    return wallet if wallet.wallet_id == wallet_id else None
