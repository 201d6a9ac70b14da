"""Watching wallets.

A stream wakes when this process changes its wallet, and at the latest at the next poll, which asks for all watched
wallets at once. Notifications of the database are not used: they serialise commits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Final

from wallet_service.kernel.ids import WalletId
from wallet_service.ledger import store
from wallet_service.ledger.model import Versions, Wallet
from wallet_service.runtime.errors import DatabaseError
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
POLL_SECONDS: Final = 0.25
READ_SECONDS: Final = 2.0
POLLED_MAX: Final = 1_000


@dataclass(slots=True, eq=False)
class Watcher:
    """One stream's interest in one wallet."""

    wallet_id: WalletId
    seen: Versions | None = None
    woken: asyncio.Event = field(default_factory=asyncio.Event)


class WatchHub:
    """All watchers of this process."""

    def __init__(self, db: Statements) -> None:
        self._db = db
        self._watchers: dict[WalletId, set[Watcher]] = {}

    @contextmanager
    def watching(self, wallet_id: WalletId) -> Iterator[Watcher]:
        """Be woken when the wallet changes, until the block ends."""
        watcher = Watcher(wallet_id)
        self._watchers.setdefault(wallet_id, set()).add(watcher)
        try:
            yield watcher
        finally:
            interested = self._watchers[wallet_id]
            interested.discard(watcher)
            if not interested:
                del self._watchers[wallet_id]

    def changed(self, wallets: Sequence[Wallet]) -> None:
        """Wake who watches these wallets."""
        if self._watchers:
            for wallet in wallets:
                for watcher in self._watchers.get(wallet.wallet_id, ()):
                    watcher.woken.set()

    async def run(self) -> None:
        """Poll for what other processes change; runs until cancelled."""
        while True:
            await asyncio.sleep(POLL_SECONDS)
            wallets = list(self._watchers)
            for start in range(0, len(wallets), POLLED_MAX):
                await self._poll(wallets[start : start + POLLED_MAX])

    async def _poll(self, wallets: list[WalletId]) -> None:
        try:
            versions = await store.read_versions(self._db, wallets, timeout_seconds=READ_SECONDS)
        except DatabaseError as fault:
            _log.warning("watched wallets were not polled: %s", fault)
            return
        for wallet_id, version in versions.items():
            for watcher in self._watchers.get(wallet_id, ()):
                if watcher.seen is None or version.revision > watcher.seen.revision:
                    watcher.woken.set()
