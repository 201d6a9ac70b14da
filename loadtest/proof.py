"""After the load: does everything add up? Asked of the database where it can be reached, of the API where not."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from wallet_service.cli.reconciling import as_plain, render
from wallet_service.runtime.config import load_settings
from wallet_service.wiring import Addresses, reconcile

SECONDS_MAX = 600.0


async def prove(database_url: str, redis_url: str) -> dict[str, Any]:
    """Prove every invariant on the database, show the result, and return it as JSON holds it."""
    addresses = Addresses(database_url=database_url, redis_url=redis_url)
    report = await reconcile(load_settings(), addresses, program_id=None, timeout_seconds=SECONDS_MAX)
    render(report, Console())
    return as_plain(report)
