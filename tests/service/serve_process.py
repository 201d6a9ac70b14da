"""A service process for tests: serves until stdin closes (its owner is gone) or it is told to stop.

Settings come from the environment, as in production; the first line of stdout is HOST:PORT.
"""

from __future__ import annotations

import os
import sys
import threading

from wallet_service.runtime.config import load_settings
from wallet_service.runtime.lifecycle import run
from wallet_service.wiring import Addresses, serve


def _end_with_owner() -> None:
    sys.stdin.read()
    os._exit(1)


async def _ready(address: str) -> None:
    print(address, flush=True)


def main() -> int:
    threading.Thread(target=_end_with_owner, daemon=True).start()
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    addresses = Addresses(
        database_url=settings.database_url.get_secret_value(),
        redis_url=settings.redis_url.get_secret_value(),
    )
    return run(lambda: serve(settings, addresses, sweep="--sweep" in sys.argv, ready=_ready))


if __name__ == "__main__":
    sys.exit(main())
