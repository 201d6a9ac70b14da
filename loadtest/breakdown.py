"""Where the time of a pair, a Reserve or a Quote goes, by process, statement and step: `python -m loadtest.breakdown`.

The operating system's clocks say how much each process used, a sampler (py-spy) for what the service used it, PostgreSQL's
own counters how long its statements and its fsyncs took. Pairs (Reserve, Commit in part) go through the client that
gathers; Reserves and Quotes are single calls by a plain stub, Quotes of wallets that are in the cache.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import asyncpg
import uvloop
from rich.console import Console

from loadtest.figures import ACTIVE, CHANNELS, Run, channels_to, prepare
from loadtest.measure import Act, Figure, rate
from loadtest.stage import Process, Stage, staged
from loadtest.workload import Shopper, unary_acts
from wallet_service.runtime.migrate import migrate
from wallet_service.runtime.statements import load_statements

WARM_SECONDS: Final = 3.0
SAMPLES_PER_SECOND: Final = 250
_SQL: Final = load_statements("loadtest")
SERVICE: Final = "wallet_service/"
STEPS: Final = {
    "snapshot to the cache, behind the reply": ("ledger/snapshots.py", "runtime/cache.py"),
    "check the message by the rules of the proto": ("transport/validation.py",),
    "fill the answer": ("ledger/wire.py", "checkout/rpc.py:_fill", "checkout/rpc.py:_fill_outcome"),
    "message to command, policy, hash of the device": ("checkout/", "fraud/", "kernel/"),
    "decide: lots, entries, hash chain": ("ledger/decide/",),
    "rows out of PostgreSQL to a wallet": ("ledger/codec.py:wallet_of",),
    "rows for the append": ("ledger/store/", "ledger/codec.py"),
    "the driver: encode, send": ("runtime/session.py", "runtime/database.py"),
    "queue and batches": ("ledger/",),
    "the door: token, deadline, telemetry, parse": ("transport/", "runtime/telemetry"),
}
"""Steps by the innermost frame of ours, as a file or a function in it; the first that fits."""
LOOP: Final = "event loop, gRPC's core, the driver's answers, serializing"
STATEMENTS: Final = {"ledger.append": "append", "w.program_id as a": "load"}
"""By what only they contain."""


def step_of(frames: Iterable[str]) -> str:
    """Return the step that a stack belongs to; frames as `function (file:line)`, the innermost last."""
    for frame in reversed(list(frames)):
        function, _, place = frame.partition(" (")
        file = place.partition(":")[0]
        if SERVICE not in file or "/cli/" in file or file.endswith(("lifecycle.py", "__main__.py")):
            continue
        name = f"{file.rpartition(SERVICE)[2]}:{function.rpartition('.')[2]}"
        for step, places in STEPS.items():
            if name.startswith(places):
                return step
        return f"other: {name}"
    return LOOP


def shares(raw: str) -> Counter[str]:
    """Return samples by step, from the sampler's lines `frame;frame;… count`."""
    found: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, count = line.rpartition(" ")
        found[step_of(stack.split(";"))] += int(count)
    return found


@asynccontextmanager
async def acting(run: Run, process: Process, kind: str) -> AsyncIterator[Act]:
    """Return what is done again and again."""
    if kind == "pair":
        async with run.client(process.target) as client:
            yield Shopper(client, run.wallets).pair
        return
    channels = channels_to(process.target)
    wallets = run.wallets[:ACTIVE] if kind == "quote" else run.wallets
    yield unary_acts(channels, run.token, wallets)[kind]
    for channel in channels:
        await channel.close()


async def sampled(
    stage: Stage, process: Process, run: Run, kind: str, callers: int
) -> tuple[Figure, Counter[str]]:
    """Act while the sampler looks at the service."""
    raw = stage.folder / "samples.txt"
    async with acting(run, process, kind) as act:
        await rate(stage, act, callers, WARM_SECONDS)
        await _reset(stage.database_url)
        spy = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).with_name("py-spy")), "record", "--nonblocking", "--full-filenames",
            "--rate", str(SAMPLES_PER_SECOND), "--duration", str(max(1, round(run.seconds))), "--format", "raw",
            "--output", str(raw), "--pid", str(process.popen.pid),
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        figure = await rate(stage, act, callers, run.seconds, warm_seconds=0.0)
        _, said = await spy.communicate()
    if spy.returncode:
        raise SystemExit(
            f"py-spy ended with {spy.returncode}; it needs the right to trace (root):\n{said.decode()}"
        )
    return figure, shares(raw.read_text())


async def statements(url: str, acts: float) -> dict[str, float]:
    """Return microseconds an act of PostgreSQL's statements and fsyncs since the counters were set to zero."""
    connection = await asyncpg.connect(url)
    try:
        rows = await connection.fetch(_SQL["statement_times"])
        waits = await connection.fetchrow(_SQL["wal_times"])
    finally:
        await connection.close()
    acts = max(1.0, acts)
    assert waits is not None
    found: Counter[str] = Counter()
    for row in rows:
        name = next((said for text, said in STATEMENTS.items() if text in row["query"]), "other statements")
        found[f"PostgreSQL: {name}"] += row["milliseconds"] * 1_000 / acts
    found["PostgreSQL: fsync of the log, waiting"] = waits["sync_milliseconds"] * 1_000 / acts
    found["fsyncs an act"] = waits["syncs"] / acts
    return dict(found)


async def _reset(url: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute("create extension if not exists pg_stat_statements")
        await connection.execute("alter system set track_wal_io_timing = on")
        await connection.execute("select pg_reload_conf()")
        await connection.execute("select pg_stat_statements_reset(), pg_stat_reset_shared('io')")
    finally:
        await connection.close()


async def breakdown(run: Run, kind: str, callers: int) -> None:
    """Measure, and say a table."""
    process = run.stage.serve()
    await prepare(run, process)
    figure, samples = await sampled(run.stage, process, run, kind, callers)
    in_database = await statements(run.stage.database_url, figure.per_s * run.seconds)
    run.say(f"{kind}: {figure.per_s:,.0f} a second by {callers} callers on {CHANNELS} connections")
    run.say(f"| where | µs of one processor a {kind} |\n| --- | --- |")
    run.say(f"| client | {figure.cpu_us['client']:.0f} |")
    run.say(f"| **service** | {figure.cpu_us['server']:.0f} |")
    total = samples.total()
    for step, count in samples.most_common():
        if count * 200 >= total:
            run.say(f"| {step} | {figure.cpu_us['server'] * count / total:.0f} |")
    run.say(f"| **PostgreSQL** | {figure.cpu_us['postgres']:.0f} |")
    for name, value in in_database.items():
        run.say(f"| {name} | {value:.2f} |" if value < 1 else f"| {name} | {value:.0f} |")
    run.say(f"| **cache** | {figure.cpu_us['cache']:.0f} |")


def main() -> None:
    """Read the options and measure once."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--act", choices=("pair", "reserve", "quote"), default="pair")
    parser.add_argument("--callers", type=int, default=256)
    parser.add_argument("--seconds", type=float, default=10.0)
    chosen = parser.parse_args()
    console = Console(highlight=False, markup=False, soft_wrap=True)
    with staged() as stage:
        asyncio.run(migrate(stage.database_url))
        uvloop.run(breakdown(Run(stage, chosen.seconds, console.print), chosen.act, chosen.callers))


if __name__ == "__main__":
    main()
