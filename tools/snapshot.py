"""Writes wallet_service/migrations/snapshot.sql: what all migrations and functions make of an empty database."""

import asyncio
import sys
import tempfile
from pathlib import Path

from wallet_service.runtime.embedded import TOY_POSTGRES_SETTINGS, EmbeddedPostgres
from wallet_service.runtime.errors import StartError
from wallet_service.runtime.migrate import migrate, shipped_schema
from wallet_service.runtime.snapshot import snapshot


async def _write(url: str) -> Path:
    await migrate(url)
    target = shipped_schema().migrations / "snapshot.sql"
    target.write_text(await snapshot(url), encoding="utf-8")
    return target


def main() -> int:
    """Migrate a server that lives for a second, and dump it."""
    with tempfile.TemporaryDirectory(prefix="ws-") as folder:
        Path(folder).chmod(0o755)
        try:
            with EmbeddedPostgres(Path(folder) / "pg") as server:
                server.start(settings=TOY_POSTGRES_SETTINGS)
                print(f"wrote {asyncio.run(_write(server.url))}")
        except StartError as refused:
            print(refused, file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
