"""The replay with its progress bar, then the proofs: what came of it, and whether it is sound."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from wallet_client import AsyncWalletClient

from wallet_service.cli.demo.baskets import Reading
from wallet_service.cli.demo.books import Book
from wallet_service.cli.demo.plan import Day, Redemption, plan
from wallet_service.cli.demo.replay import CALL_SECONDS_MAX, Beside, Devices, Replay, Tally
from wallet_service.cli.demo.timings import Timing
from wallet_service.cli.reconciling import as_plain, render
from wallet_service.cli.show import money, table
from wallet_service.cli.tokens import minted
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.model import Account, EntryKind
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
class Summed:
    """All books together."""

    credited: int
    redeemed: int
    expired: int
    inside: int
    holds_expired: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a replay."""

    program_id: str
    seed: int
    reading: Reading
    first: date
    last: date
    tally: Tally
    books: Summed
    timings: tuple[Timing, ...]
    differences: tuple[str, ...]
    report: Report
    beside: dict[str, str]
    """What became of others who used the program."""

    @property
    def sound(self) -> bool:
        """Whether every invariant holds and the books agree with the service."""
        return self.report.sound and not self.differences


async def reach_verdict(
    settings: Settings, servers: Servers, address: str, reading: Reading, *, program_id: str, seed: int,
    beside: Beside | None = None,
) -> Verdict:  # fmt: skip
    """Replay the baskets against the service at an address, then prove every invariant."""
    days = plan(reading.baskets, seed)
    replay = await _replayed(settings, address, reading, days, program_id, beside)
    database = await Database.open(
        DatabaseOptions.from_settings(settings, servers.database_url), toy=settings.toy_database
    )
    cache = Cache.from_settings(settings, servers.redis_url)
    try:
        reconciliation = Reconciliation(database, cache, tolerance=_TOLERANCE)
        books = _summed([*replay.books.values(), *(beside.books() if beside else ())])
        for sentence in await _held_against(reconciliation, ProgramId(program_id), books):
            replay.differs(sentence)
        report = await reconciliation.run(None if servers.own_database else ProgramId(program_id))
    finally:
        await cache.close()
        await database.close()
    return Verdict(
        program_id=program_id, seed=seed, reading=reading, first=days[0].date, last=days[-1].date,
        tally=replay.tally, books=books, timings=tuple(replay.timings.all()),
        differences=tuple(replay.differences), report=report,
        beside=beside.facts if beside else {},
    )  # fmt: skip


async def _replayed(
    settings: Settings, address: str, reading: Reading, days: tuple[Day, ...], program_id: str,
    beside: Beside | None,
) -> Replay:  # fmt: skip
    token = minted(settings, subject="wallet-demo", create=True)
    if token is None:
        raise StartError("the demo has no secret to sign its token with")

    def client() -> AsyncWalletClient:
        return AsyncWalletClient(address, token=token, default_timeout_seconds=CALL_SECONDS_MAX)

    async with client() as phone, client() as laptop:
        with _progress(len(reading.baskets)) as advance:
            replay = Replay(Devices(phone=phone, laptop=laptop), program_id, played=advance, beside=beside)
            await replay.open(reading.households, days[0].date)
            await replay.play(days)
        await replay.compare()
    return replay


@contextmanager
def _progress(total: int) -> Iterator[Callable[[], None]]:
    """Show a bar on stderr, where there is a person; yields what moves it by one."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    screen = Console(stderr=True)
    with Progress(*columns, console=screen, transient=True, disable=not screen.is_terminal) as progress:
        task = progress.add_task("baskets", total=total)
        yield lambda: progress.advance(task)


def _summed(books: Iterable[Book]) -> Summed:
    all_books = list(books)
    return Summed(
        credited=sum(book.credited for book in all_books),
        redeemed=sum(book.redeemed for book in all_books),
        expired=sum(book.expired for book in all_books),
        inside=sum(book.available + book.reserved for book in all_books),
        holds_expired=sum(book.holds_expired for book in all_books),
    )


async def _held_against(reconciliation: Reconciliation, program_id: ProgramId, books: Summed) -> list[str]:
    """Return where the ledger's sums are not those of the books, once the sweeper had its time."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + SWEPT_SECONDS_MAX
    while True:
        totals = await reconciliation.totals(program_id)
        differences = _compared(totals, books)
        if not differences or loop.time() > deadline:
            return differences
        await asyncio.sleep(_SWEPT_POLL_SECONDS)


def _compared(totals: Totals, books: Summed) -> list[str]:
    ledger = Summed(
        credited=totals.moved(Account.ADJUSTED, Account.AVAILABLE),
        redeemed=totals.moved(Account.RESERVED, Account.REDEEMED),
        expired=totals.moved(Account.AVAILABLE, Account.EXPIRED),
        inside=totals.standing(),
        holds_expired=totals.count(EntryKind.EXPIRE_RESERVATION),
    )
    ours = asdict(books)
    return [
        f"{name.replace('_', ' ')}: the ledger has {value:,}, the books have {ours[name]:,}"
        for name, value in asdict(ledger).items()
        if value != ours[name]
    ]


def show(verdict: Verdict, seconds: float, console: Console) -> None:
    """Show what happened, how long calls took, and every invariant."""
    facts = table("what happened", "", right=("",))
    for name, value in _facts(verdict).items():
        facts.add_row(name, value)
    console.print(facts)
    rows = table("call", "calls", "p50", "p99", right=("calls", "p50", "p99"))
    for timing in verdict.timings:
        rows.add_row(timing.kind, f"{timing.calls:,}", f"{timing.p50_ms:.1f} ms", f"{timing.p99_ms:.1f} ms")
    console.print(rows)
    render(verdict.report, console)
    for sentence in verdict.differences:
        console.print(f"[bold red]✗[/] {escape(sentence)}")
    if not verdict.differences:
        console.print("[green]our own books agree with every reply, every wallet and the ledger's sums[/]")
    console.print(f"{'done' if verdict.sound else 'NOT SOUND'} in {seconds:.1f} s")


def _facts(verdict: Verdict) -> dict[str, str]:
    tally, books, reading = verdict.tally, verdict.books, verdict.reading

    def worth(amount_minor: int) -> str:
        return money(amount_minor, 2, "EUR")

    return {
        "baskets": f"{tally.baskets:,}, {verdict.first} to {verdict.last}",
        "households": f"{len(reading.households):,}",
        "left out, worth nothing": f"{reading.zero_baskets:,} baskets, {reading.zero_lines:,} of {reading.lines:,} lines",
        "credited": f"{worth(books.credited)} in {tally.credits:,} credits",
        "too small a basket to earn": f"{tally.too_small_to_earn:,}",
        "turns to redeem": f"{tally.redemptions.total() + tally.nothing_to_redeem:,}",
        "redeemed": f"{worth(books.redeemed)} in {tally.commits:,} commits",
        **{f"  {way.words}": f"{tally.redemptions[way]:,}" for way in Redemption},
        "  nothing that the policy allows": f"{tally.nothing_to_redeem:,}",
        "races: devices refused": f"{tally.refused:,}",
        "races: balance afforded both": f"{tally.both_afforded:,}",
        "released": f"{tally.released:,}",
        "reservations expired": f"{books.holds_expired:,}",
        "cashback expired": worth(books.expired),
        "left in the wallets": worth(books.inside),
        **verdict.beside,
    }


def verdict_json(verdict: Verdict, seconds: float) -> dict[str, object]:
    """Return a verdict as JSON holds it."""
    tally, reading = verdict.tally, verdict.reading
    return {
        "sound": verdict.sound,
        "seconds": round(seconds, 2),
        "program_id": verdict.program_id,
        "seed": verdict.seed,
        "first_day": str(verdict.first),
        "last_day": str(verdict.last),
        "households": len(reading.households),
        "lines": reading.lines,
        "zero_lines": reading.zero_lines,
        "zero_baskets": reading.zero_baskets,
        **asdict(tally),
        "redemptions": {way.name.lower(): tally.redemptions[way] for way in Redemption},
        "books": asdict(verdict.books),
        "differences": list(verdict.differences),
        "beside": verdict.beside,
        "calls": [asdict(timing) for timing in verdict.timings],
        "reconciliation": as_plain(verdict.report),
    }
