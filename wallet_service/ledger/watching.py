"""One stream: a snapshot, then every entry in order, and a snapshot again when the wallet changed without an entry."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from typing import Final

from wallet_service.kernel.errors import Reason, Refusal, RefusedError, refuse
from wallet_service.kernel.ids import WalletId
from wallet_service.ledger.model import Entry, EntryFilter, Versions
from wallet_service.ledger.service import Ledger, WalletView

PAGE: Final = 200
READ_SECONDS: Final = 5.0


async def watch(ledger: Ledger, wallet_id: WalletId, after: int | None) -> AsyncIterator[WalletView | Entry]:
    """Yield changes until the consumer stops; refuses a wallet or version that does not exist."""
    with ledger.watchers.watching(wallet_id) as watcher:
        view = await _view(ledger, wallet_id)
        if after is not None and after > view.wallet.version:
            raise refuse(Reason.VERSION_UNKNOWN, "after_version", version=str(view.wallet.version))
        if after is None:
            yield view
            after = view.wallet.version
        revision = view.wallet.revision
        while True:
            sent = after
            async for entry in _entries_after(ledger, wallet_id, after):
                yield entry
                after = entry.seq
            view = await _view(ledger, wallet_id)
            watcher.seen = Versions(view.wallet.version, view.wallet.revision)
            if view.wallet.version > after:
                continue
            if view.wallet.revision > revision and after == sent:
                yield view  # frozen, closed, extended: no value moved, so no entry tells
            revision = view.wallet.revision
            await watcher.woken.wait()
            watcher.woken.clear()


async def _view(ledger: Ledger, wallet_id: WalletId) -> WalletView:
    found = await ledger.loaded(wallet_id, 0)
    if isinstance(found, Refusal):
        raise RefusedError(found)
    return found


async def _entries_after(ledger: Ledger, wallet_id: WalletId, after: int) -> AsyncIterator[Entry]:
    while True:
        deadline = time.monotonic() + READ_SECONDS
        page = await ledger.entries(wallet_id, after, PAGE, deadline, oldest_first=True, chosen=EntryFilter())
        for entry in page:
            yield entry
        if len(page) < PAGE:
            return
        after = page[-1].seq
        await asyncio.sleep(0)
