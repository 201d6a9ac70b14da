"""`wallet demo`: servers of its own, the service in a child, the replay, the proofs, the verdict."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from wallet_service.cli.demo.baskets import BASKETS_MAX, Reading, read_baskets, refuse_without_data
from wallet_service.runtime.config import Settings, load_settings
from wallet_service.runtime.embedded import EmbeddedPostgres, start_embedded
from wallet_service.runtime.errors import DatabaseError, StartError
from wallet_service.runtime.lifecycle import run
from wallet_service.runtime.migrate import migrate

if TYPE_CHECKING:
    from wallet_service.cli.demo.scene import Beside
    from wallet_service.cli.demo.verdict import Verdict

BASKETS_DEFAULT: Final = 5_000
FOLDER: Final = "demo"


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Servers:
    """Where the database and the cache are."""

    database_url: str
    admin_url: str
    redis_url: str
    own_database: bool
    """Whether nothing else is in there, so that everything may be proved and not only our program."""


def run_demo(
    *, baskets: int = BASKETS_DEFAULT, seed: int = 1, as_json: bool = False, data_dir: Path | None = None,
    beside: Beside | None = None,
) -> int:  # fmt: skip
    """Replay real baskets and prove every invariant; returns 0, or 1 if one does not hold or the books disagree.

    Servers start fresh under `<data folder>/demo`, unless DATABASE_URL and REDIS_URL name others; there, only the
    demo's own program, a new one for each run, is proved. Raises StartError with one line if it cannot begin. `beside`
    plays others in the same program.
    """
    if not 1 <= baskets <= BASKETS_MAX:
        raise StartError(f"--baskets: between 1 and {BASKETS_MAX:,}")
    refuse_without_data()
    settings = _settings(data_dir)
    began = time.monotonic()
    if sys.stderr.isatty():
        # A line and no spinner, which would be a thread.
        sys.stderr.write(f"starting servers and the service, reading {baskets:,} baskets\n")
    # Before anything imports gRPC, or starts threads to read the baskets: neither goes together with a child's start.
    with _servers(settings) as servers:
        asyncio.run(migrate(servers.admin_url))
        from wallet_service.cli.demo.service_child import ServiceChild

        with ServiceChild(settings, database_url=servers.database_url, redis_url=servers.redis_url) as child:
            reading = read_baskets(baskets, seed)
            return _play(
                settings, servers, child.address, reading, seed, began, as_json=as_json, beside=beside
            )


def _play(
    settings: Settings,
    servers: Servers,
    address: str,
    reading: Reading,
    seed: int,
    began: float,
    *,
    as_json: bool,
    beside: Beside | None,
) -> int:
    from wallet_client import WalletError

    from wallet_service.cli.demo.showing import show, verdict_json
    from wallet_service.cli.demo.verdict import reach_verdict
    from wallet_service.cli.show import console, json_line

    reached: list[Verdict] = []
    broken: list[BaseException] = []

    async def main() -> int:
        try:
            reached.append(
                await reach_verdict(
                    settings,
                    servers,
                    address,
                    reading,
                    program_id=_fresh_program_id(),
                    seed=seed,
                    beside=beside,
                )
            )
        except* (WalletError, DatabaseError) as faults:
            broken.extend(leaves(faults))
        return 0 if reached and reached[0].sound else 1

    code = run(main)
    for fault in broken[:1]:
        sys.stderr.write(f"wallet: the replay was cut short: {fault}\n")
    for verdict in reached:
        seconds = time.monotonic() - began
        if as_json:
            sys.stdout.write(json_line(verdict_json(verdict, seconds)) + "\n")
        else:
            show(verdict, seconds, console())
    return code


def leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    """Yield what was raised, wherever in the group it stands."""
    for fault in group.exceptions:
        if isinstance(fault, BaseExceptionGroup):
            yield from leaves(fault)
        else:
            yield fault


def _fresh_program_id() -> str:
    return f"complete-journey-{datetime.now(UTC):%Y%m%d-%H%M%S-%f}"


def _settings(data_dir: Path | None) -> Settings:
    """Read the settings; the demo's folder lies in the data folder, and its tokens are its own."""
    given: dict[str, object] = {} if data_dir is None else {"data_dir": data_dir}
    # The parent calls, the child serves: what a deployment sets about tokens and TLS does not apply to either.
    ours = dict.fromkeys(("auth_jwks_file", "auth_hs256_secret_file", "tls_certificate_file", "tls_key_file"))
    ours |= {"tls_client_ca_file": None}
    base = load_settings({**given, **ours})
    return load_settings({**given, **ours, "data_dir": base.data_dir / FOLDER})


@contextmanager
def _servers(settings: Settings) -> Iterator[Servers]:
    """Start what the environment does not name, on an empty folder."""
    _empty(settings.data_dir)
    embedded = start_embedded(
        settings.data_dir, postgres=settings.database_url is None, valkey=settings.redis_url is None
    )
    try:
        login = settings.database_url.get_secret_value() if settings.database_url else ""
        admin = settings.database_admin_url.get_secret_value() if settings.database_admin_url else login
        cache = settings.redis_url.get_secret_value() if settings.redis_url else ""
        own = embedded.postgres.url if embedded.postgres else None
        yield Servers(
            database_url=own or login,
            admin_url=own or admin,
            redis_url=embedded.valkey.url if embedded.valkey else cache,
            own_database=own is not None,
        )
    finally:
        embedded.stop()


def _empty(folder: Path) -> None:
    """Remove what an earlier demo left; refuses while one is still at it."""
    if folder.exists():
        EmbeddedPostgres(folder / "postgres").stop()  # takes the folder's lock, so nobody else has it
        try:
            shutil.rmtree(folder)
        except OSError as fault:
            raise StartError(f"{folder} cannot be emptied: {fault.strerror}; remove it by hand") from fault
    folder.mkdir(parents=True)
