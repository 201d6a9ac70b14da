"""Half an hour of mixed calls, a fifth of them cancelled: does the service stay as it was? `make soak MINUTES=30 CANCELLED=0.2`.

Samples memory, open files, database sessions and calls in flight every ten seconds, says of each whether it is flat,
and ends by proving every invariant. Exits 1 if something grew, stayed in flight, was refused or does not add up.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import random
import re
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import asyncpg
import psutil
import uvloop
from wallet_client import AsyncWalletClient, errors

from loadtest.proof import prove
from loadtest.stage import ROOT, Process, Stage, staged
from loadtest.town import open_wallets
from loadtest.trend import Limit, Trend, Verdict, trend
from loadtest.workload import Shopper
from wallet_service.runtime.embedded import free_port
from wallet_service.runtime.migrate import migrate
from wallet_service.runtime.statements import load_statements
from wallet_service.transport.auth import mint
from wallet_service.transport.scopes import Scope

REPORT: Final = ROOT / "build" / "soak.json"
PICTURE: Final = ROOT / "docs" / "img" / "soak.png"
CALLERS: Final = 64
WALLETS: Final = 1_000
BALANCE_MINOR: Final = 10**12
HOLD_SECONDS: Final = 60
SAMPLE_SECONDS: Final = 10.0
CANCELLED_SHARE: Final = 0.2
# As long as a call takes under this load, so that calls are cancelled on their way in, at work and on their way out. What
# is cancelled within some milliseconds was not read yet: the service would never learn to be left alone.
CANCELLED_AFTER_SECONDS: Final = (0.001, 0.100)
SETTLE_SECONDS: Final = 3.0
PAGE_SECONDS: Final = 5.0
MISSED_SHARE_MAX: Final = 0.05
GRPC_KEEPS_BYTES: Final = 96
"""What grpcio 1.85.1 never gives back of a call that is cancelled before it was read (grpc/grpc#43360): 80 bytes, in a
block of the allocator's. A service that is busy reads late, so nearly every cancelled call here is one. To be taken
out with the release that mends it."""
_IN_FLIGHT: Final = re.compile(r"^wallet_transport_calls_in_flight\S* (\S+)$", re.MULTILINE)
_SQL: Final = load_statements("loadtest")

LIMITS: Final = (
    # An allocator's arenas move by some MB either way; a leak of 50 bytes a call would be 200 MB an hour.
    Limit(figure="own_mb", unit="MB", per_hour_max=30.0),
    Limit(figure="open_files", unit="files", per_hour_max=6.0),
    Limit(figure="sessions", unit="sessions", per_hour_max=3.0),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """The service at one moment, and what was done by then."""

    at_s: float
    rss_mb: float
    open_files: int
    sessions: int
    idle_in_transaction: int
    in_flight: int
    client_rss_mb: float
    acts: int
    cancelled: int

    @property
    def own_mb(self) -> float:
        """The service's memory without what the library may have kept of the cancelled calls."""
        return self.rss_mb - self.cancelled * GRPC_KEEPS_BYTES / 1e6


@dataclass(slots=True, kw_only=True)
class Soak:
    """A run: what it looks at, and what it has seen."""

    process: psutil.Process
    database: asyncpg.Connection[Any]
    page: str
    share: float
    begun: float = field(default_factory=time.perf_counter)
    samples: list[Sample] = field(default_factory=list)
    acts: int = 0
    cancelled: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    missed: int = 0

    async def look(self) -> Sample:
        """Take a sample."""
        row = await self.database.fetchrow(_SQL["count_sessions"], timeout=PAGE_SECONDS)
        assert row is not None
        with self.process.oneshot():
            rss, files = self.process.memory_info().rss, self.process.num_fds()
        return Sample(
            at_s=round(time.perf_counter() - self.begun, 1), rss_mb=round(rss / 1e6, 2), open_files=files,
            sessions=row["sessions"], idle_in_transaction=row["idle_in_transaction"],
            in_flight=await asyncio.to_thread(in_flight, self.page),
            client_rss_mb=round(psutil.Process().memory_info().rss / 1e6, 2),
            acts=self.acts, cancelled=self.cancelled,
        )  # fmt: skip

    def patience(self) -> float | None:
        """Return how many seconds a caller waits for its next answer; None: until it comes.

        Whoever has its answer before that cancels nothing, so callers lose patience for as long as too few were cancelled.
        """
        enough = self.cancelled >= self.share * self.acts
        return None if enough else random.choice([None, random.uniform(*CANCELLED_AFTER_SECONDS)])

    async def watch(self, until: float) -> None:
        """Take samples until a moment of the performance counter, and say each."""
        while time.perf_counter() < until:
            await asyncio.sleep(min(SAMPLE_SECONDS, max(until - time.perf_counter(), 0.0)))
            try:
                sample = await self.look()
            except TimeoutError:
                # The machine stood still for seconds: one look less, and half an hour is not lost for it.
                self.missed += 1
                print(f"        no look within {PAGE_SECONDS:.0f} s", flush=True)
                continue
            self.samples.append(sample)
            print(
                f"{sample.at_s:>7.0f} s  {sample.rss_mb:>7.1f} MB  {sample.open_files:>4} files"
                f"  {sample.sessions:>3} sessions  {sample.in_flight:>4} in flight  {sample.acts:>10,} acts"
                f"  {sample.cancelled:>9,} cancelled",
                flush=True,
            )

    async def caller(self, act: Callable[[], Awaitable[None]], until: float) -> None:
        """Make one call after the other, of which a share is cancelled before the answer is there."""
        while time.perf_counter() < until:
            try:
                async with asyncio.timeout(self.patience()):
                    await act()
            except TimeoutError:
                self.cancelled += 1
            except errors.WalletError as error:
                self.refused[error.reason or error.status.name] += 1
            self.acts += 1


def in_flight(page: str) -> int:
    """Read from the service's own page how many calls it works on."""
    with urllib.request.urlopen(page, timeout=PAGE_SECONDS) as answer:  # noqa: S310 - loopback
        found = _IN_FLIGHT.search(answer.read().decode())
    return int(float(found[1])) if found else -1


async def soak(stage: Stage, process: Process, page: str, seconds: float, share: float) -> Soak:
    """Load the service for so long, a share of the calls cancelled; returns what was seen, with a last sample after everything had its end."""
    token = mint(stage.secret_file.read_bytes().strip(), "soak", list(Scope), ttl_seconds=86_400)
    database = await asyncpg.connect(stage.database_url, timeout=PAGE_SECONDS)
    try:
        async with (
            AsyncWalletClient(process.target, token=token) as gathering,
            # Here a cancelled call is a cancelled RPC; above it only leaves its batch.
            AsyncWalletClient(process.target, token=token, gather=False) as single,
        ):
            wallets = await open_wallets(
                single, "soak", WALLETS, ttl_seconds=HOLD_SECONDS, balance_minor=BALANCE_MINOR
            )
            acts = itertools.cycle([Shopper(gathering, wallets).mixed, Shopper(single, wallets).mixed])
            service = psutil.Process(process.popen.pid)
            run = Soak(process=service, database=database, page=page, share=share)
            until = run.begun + seconds
            async with asyncio.TaskGroup() as group:
                group.create_task(run.watch(until))
                for _ in range(CALLERS):
                    group.create_task(run.caller(next(acts), until))
        await asyncio.sleep(SETTLE_SECONDS)
        run.samples.append(await run.look())
        return run
    finally:
        await database.close()


def trends(samples: list[Sample]) -> list[Trend]:
    """Judge each figure that has a limit; the sample after the load is not part of it."""
    during = samples[:-1]
    at_seconds = [sample.at_s for sample in during]
    return [trend(limit, at_seconds, [getattr(s, limit.figure) for s in during]) for limit in LIMITS]


def draw(samples: list[Sample], share: float, path: Path) -> bool:
    """Draw what was seen, where there is something to draw with."""
    try:
        import matplotlib as mpl
    except ModuleNotFoundError:
        return False
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    canvas, axes = plt.subplots(4, 1, figsize=(8, 8), dpi=110, sharex=True)
    minutes = [sample.at_s / 60 for sample in samples]
    shown = {
        "rss_mb": "memory, MB",
        "open_files": "open files",
        "sessions": "database sessions",
        "in_flight": "calls in flight",
    }
    for ax, (figure, label) in zip(axes, shown.items(), strict=True):
        ax.plot(minutes, [getattr(sample, figure) for sample in samples])
        ax.set_ylabel(label)
        ax.set_ylim(bottom=0)
        ax.grid(visible=True, alpha=0.3)
    axes[0].plot(minutes, [sample.own_mb for sample in samples], "--", label="without what grpcio keeps")
    axes[0].legend(loc="lower right")
    axes[0].set_title(f"One service process under {CALLERS} callers, {share:.0%} of their calls cancelled")
    axes[-1].set_xlabel("minutes")
    canvas.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    canvas.savefig(path)
    plt.close(canvas)
    return True


def conclude(run: Soak, proven: dict[str, Any]) -> bool:
    """Say and write what was found; returns whether all is well."""
    judged, last = trends(run.samples), run.samples[-1]
    for each in judged:
        print(
            f"{each.limit.figure:<12} {each.last:>8.1f} {each.limit.unit:<9} {each.per_hour:>+9.2f} an hour"
            f" (at most {each.limit.per_hour_max:+.0f}): {each.verdict.value}"
        )
    kept_mb = last.rss_mb - last.own_mb
    print(f"resident     {last.rss_mb:>8.1f} MB, of which grpcio may keep {kept_mb:.1f} for cancelled calls")
    faults = [each.limit.figure for each in judged if each.verdict is Verdict.NOT_FLAT]
    faults += ["in flight after the load"] if last.in_flight else []
    faults += ["idle in a transaction after the load"] if last.idle_in_transaction else []
    faults += [f"refused: {count} x {reason}" for reason, count in run.refused.items()]
    faults += ["too few looks"] if run.missed > MISSED_SHARE_MAX * len(run.samples) else []
    faults += [] if proven["sound"] else ["invariants"]
    found = {
        "seconds": run.samples[-2].at_s, "callers": CALLERS, "acts": run.acts, "cancelled": run.cancelled,
        "share": run.share, "missed": run.missed, "acts_per_s": round(run.acts / run.samples[-2].at_s, 1), "refused": dict(run.refused),
        "trends": [
            {**asdict(each.limit), "last": each.last, "per_hour": each.per_hour, "verdict": each.verdict.value}
            for each in judged
        ],
        "faults": faults, "reconciliation": proven, "samples": [asdict(sample) for sample in run.samples],
    }  # fmt: skip
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(found, indent=1) + "\n")
    # Only a whole run is worth a place in the documents.
    judgeable = all(each.verdict is not Verdict.TOO_SHORT for each in judged)
    picture = PICTURE if judgeable and run.share == CANCELLED_SHARE else REPORT.with_suffix(".png")
    pictured = f" and {picture.relative_to(ROOT)}" if draw(run.samples, run.share, picture) else ""
    print(f"{'NOT WELL: ' + '; '.join(faults) if faults else 'all is well'}")
    print(f"written to {REPORT.relative_to(ROOT)}{pictured}")
    return not faults


def main() -> int:
    """Soak for as long as the command line says; returns the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--cancelled", type=float, default=CANCELLED_SHARE, help="share of the calls")
    asked = parser.parse_args()
    with staged() as stage:
        asyncio.run(migrate(stage.database_url))
        port = free_port()
        process = stage.serve(settings={"WALLET_IN_FLIGHT_MAX": "", "WALLET_PROMETHEUS_PORT": str(port)})
        run = uvloop.run(
            soak(stage, process, f"http://127.0.0.1:{port}/metrics", asked.minutes * 60, asked.cancelled)
        )
        proven = asyncio.run(prove(stage.database_url, stage.redis_url))
        return 0 if conclude(run, proven) else 1


if __name__ == "__main__":
    sys.exit(main())
