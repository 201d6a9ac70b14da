"""The replay with its progress bar, then the proofs: what came of it, and whether it is sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from datetime import date
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from wallet_client import AsyncWalletClient

from wallet_service.cli.demo.baskets import Reading
from wallet_service.cli.demo.closing import Closing, Flows, flows_in
from wallet_service.cli.demo.plan import Day, plan
from wallet_service.cli.demo.replay import Replay
from wallet_service.cli.demo.scene import CALL_SECONDS_MAX, Beside, Devices, Scene, Tally
from wallet_service.cli.demo.timings import Timing
from wallet_service.cli.tokens import minted
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.model import EntryKind
from wallet_service.reconciliation.model import Report, Tolerance, Totals
from wallet_service.reconciliation.service import Reconciliation
from wallet_service.runtime.cache import Cache
from wallet_service.runtime.config import Settings
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.errors import StartError

if TYPE_CHECKING:
    from wallet_service.cli.demo.run import Servers

SWEPT_SECONDS_MAX: Final = 20.0
_SWEPT_POLL_SECONDS: Final = 0.25
# After the replay nobody is in a hurry: what is due is due, and nobody holds anything.
_TOLERANCE: Final = Tolerance(sweep_seconds=5, quiet_milliseconds=500)


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a replay."""

    program_id: str
    seed: int
    reading: Reading
    first: date
    last: date
    tally: Tally
    closings: tuple[Closing, ...]
    holds_expired: int
    timings: tuple[Timing, ...]
    differences: tuple[str, ...]
    report: Report
    beside: dict[str, str]
    """What became of others who used the program."""

    @property
    def sound(self) -> bool:
        """Whether every month closes, every invariant holds and the books agree with the service."""
        return self.report.sound and not self.differences


async def reach_verdict(
    settings: Settings, servers: Servers, address: str, reading: Reading, *, program_id: str, seed: int,
    beside: Beside | None = None,
) -> Verdict:  # fmt: skip
    """Replay the baskets against the service at an address, then prove every invariant."""
    days = plan(reading.baskets, seed)
    scene, closings = await _replayed(settings, address, reading, days, program_id, beside)
    holds_expired = sum(book.holds_expired for book in scene.books.values())
    database = await Database.open(
        DatabaseOptions.from_settings(settings, servers.database_url), toy=settings.toy_database
    )
    cache = Cache.from_settings(settings, servers.redis_url)
    try:
        reconciliation = Reconciliation(database, cache, tolerance=_TOLERANCE)
        for sentence in await _held_against(
            reconciliation, ProgramId(program_id), closings[-1].by_now, holds_expired
        ):
            scene.differs(sentence)
        report = await reconciliation.run(None if servers.own_database else ProgramId(program_id))
    finally:
        await cache.close()
        await database.close()
    return Verdict(
        program_id=program_id, seed=seed, reading=reading, first=days[0].date, last=days[-1].date, tally=scene.tally,
        closings=closings, holds_expired=holds_expired, timings=tuple(scene.timings.all()),
        differences=tuple(scene.differences), report=report, beside=beside.facts() if beside else {},
    )  # fmt: skip


async def _replayed(
    settings: Settings, address: str, reading: Reading, days: tuple[Day, ...], program_id: str,
    beside: Beside | None,
) -> tuple[Scene, tuple[Closing, ...]]:  # fmt: skip
    token = minted(settings, subject="wallet-demo", create=True)
    if token is None:
        raise StartError("the demo has no secret to sign its token with")

    def client() -> AsyncWalletClient:
        return AsyncWalletClient(address, token=token, default_timeout_seconds=CALL_SECONDS_MAX)

    async with client() as phone, client() as laptop:
        scene = Scene(devices=Devices(phone=phone, laptop=laptop), program_id=program_id)
        with _progress(len(reading.baskets)) as advance:
            replay = Replay(scene, played=advance, beside=beside)
            await replay.open(reading, days[0].date, days[-1].date)
            await replay.play(days)
    return scene, tuple(replay.closings.closed)


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr, where there is a person; yields what moves it by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("baskets", total=total)
        yield lambda: progress.advance(task)


async def _held_against(
    reconciliation: Reconciliation, program_id: ProgramId, closed: Flows, holds_expired: int
) -> list[str]:
    """Return where the sums of all entries are not those of the last closing, once the sweeper had its time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SWEPT_SECONDS_MAX
    while True:
        differences = _compared(await reconciliation.totals(program_id), closed, holds_expired)
        if not differences or loop.time() > deadline:
            return differences
        await asyncio.sleep(_SWEPT_POLL_SECONDS)


def _compared(totals: Totals, closed: Flows, holds_expired: int) -> list[str]:
    """Compare; the day after the last closing only lets things expire."""
    ledger = flows_in(totals)
    compared = {
        name: (getattr(ledger, name), getattr(closed, name))
        for name in (one.name for one in fields(Flows))
        if name != "expired"
    }
    compared["inside"] = totals.standing(), ledger.left
    compared["holds expired"] = totals.count(EntryKind.EXPIRE_RESERVATION), holds_expired
    return [
        f"{name.replace('_', ' ')}: the ledger has {found:,}, the books have {expected:,}"
        for name, (found, expected) in compared.items()
        if found != expected
    ]
