"""Each figure of the benchmark: what it runs, on what, with how many callers."""

from __future__ import annotations

import asyncio
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import grpc
from wallet_client import AsyncWalletClient

from loadtest.measure import Act, Figure, rate
from loadtest.model import measure as measure_model
from loadtest.rings import measure as measure_rings
from loadtest.stage import ROOT, Process, Stage
from loadtest.workload import Shopper, fraud_policy, move, program, seed, unary_acts, wallet_ids
from wallet_service.transport.auth import mint
from wallet_service.transport.scopes import Scope

CALLERS: Final = (1, 16, 64, 256, 1_024)
WALLETS: Final = 100_000
ZIPF_EXPONENT: Final = 1.1
CHANNELS: Final = 2
GUARDED: Final = (1, 256, 1_024)
GUARDED_PROGRAM: Final = "guarded"
TURNS: Final = 5
ACTIVE: Final = 2_000
"""Wallets that are looked at again and again."""
SEEDED: Final = WALLETS + 2 * ACTIVE
"""The last of them are for customers with devices of their own, and nobody else's."""


@dataclass(slots=True)
class Run:
    """One run of the benchmark: its stage, its token, and what it has found so far."""

    stage: Stage
    seconds: float
    say: Callable[[str], None]
    found: dict[str, Any] = field(default_factory=dict)
    wallets: list[str] = field(default_factory=list)

    @property
    def token(self) -> str:
        """A token for everything."""
        return mint(self.stage.secret_file.read_bytes().strip(), "bench", list(Scope), ttl_seconds=7_200)

    def client(self, target: str, *, gather: bool = True) -> AsyncWalletClient:
        """Return a client of the service."""
        return AsyncWalletClient(target, token=self.token, channels=CHANNELS, gather=gather)

    def note(self, key: str, figure: Figure, at: int | str | None = None) -> None:
        """Keep a figure and say it."""
        if at is None:
            self.found[key] = figure.as_json()
        else:
            self.found.setdefault(key, {})[str(at)] = figure.as_json()
        label = key if at is None else f"{key} at {at}"
        self.say(
            f"{label:<28} {figure.per_s:>10,.0f}/s   p50 {figure.p50_ms:>8.2f} ms   p99 {figure.p99_ms:>8.2f} ms"
        )


def channels_to(target: str) -> list[grpc.aio.Channel]:
    """Return connections of their own."""
    return [
        grpc.aio.insecure_channel(
            target, options=[("grpc.use_local_subchannel_pool", 1), ("bench.channel", n)]
        )
        for n in range(CHANNELS)
    ]


async def turns(
    run: Run, acts: Mapping[str, Act], callers: int, count: int = TURNS, *, middle: str = "per_s"
) -> dict[str, Figure]:
    """Measure acts turn by turn, so that whatever else the machine does meets all alike; the middle turn counts."""
    found: dict[str, list[Figure]] = {name: [] for name in acts}
    for _ in range(count):
        for name, act in acts.items():
            found[name].append(await rate(run.stage, act, callers, run.seconds / 2))
    for figures in found.values():
        figures.sort(key=lambda figure: float(getattr(figure, middle)))
    return {name: figures[count // 2] for name, figures in found.items()}


async def note_turns(
    run: Run, acts: Mapping[str, Act], callers: int, count: int = TURNS, *, middle: str = "per_s"
) -> None:
    """Measure acts turn by turn and keep each under its name."""
    for name, figure in (await turns(run, acts, callers, count, middle=middle)).items():
        run.note(name, figure, callers)


async def unary(run: Run, process: Process) -> None:
    """Single calls beside a bare echo of the same size: quotes from the cache, reserves; and pairs without gathering."""
    bare = run.stage.start("-m", "loadtest.echo")
    channels, to_echo = channels_to(process.target), channels_to(bare.target)
    # Customers who look are customers who come back: quotes are asked of a warm cache.
    quote = unary_acts(channels, run.token, run.wallets[:ACTIVE])["quote"]
    reserve = unary_acts(channels, run.token, run.wallets)["reserve"]
    echo = unary_acts(to_echo, run.token, run.wallets)["reserve"]
    await rate(run.stage, quote, 256, run.seconds)
    for callers in CALLERS:
        await note_turns(run, {"echo_unary": echo, "quote": quote, "reserve_unary": reserve}, callers, 3)
    for channel in (*channels, *to_echo):
        await channel.close()
    run.stage.stop(bare)
    async with run.client(process.target, gather=False) as client:
        shopper = Shopper(client, run.wallets)
        for callers in CALLERS:
            run.note("pairs_unary", await rate(run.stage, shopper.pair, callers, run.seconds), callers)


async def batches(run: Run, process: Process) -> None:
    """Pairs through the client that gathers: spread, on one wallet, by popularity; and the mixture."""
    async with run.client(process.target) as client:
        shopper = Shopper(client, run.wallets)
        for callers in CALLERS:
            run.note("pairs_batch", await rate(run.stage, shopper.pair, callers, run.seconds), callers)
        hot = Shopper(client, run.wallets[:1])
        await note_turns(run, {"hot_wallet": hot.pair, "pairs_batch": shopper.pair}, 256, 3)
        run.note("pairs_batch_in_full", await rate(run.stage, shopper.pair_in_full, 256, run.seconds), 256)
        weights = list(
            itertools.accumulate(1 / rank**ZIPF_EXPONENT for rank in range(1, len(run.wallets) + 1))
        )
        zipf = Shopper(client, run.wallets, weights)
        run.note("zipf", await rate(run.stage, zipf.pair, 256, run.seconds), 256)
        for callers in (64, 256):
            run.note("mixed", await rate(run.stage, shopper.mixed, callers, run.seconds), callers)


async def guarded(run: Run, process: Process) -> None:
    """Serve customers who come back with their own devices: of a program without a fraud policy, and of one with."""
    # Wallets that no other figure has used: a hold that was left open there would be another device's.
    fresh = wallet_ids(SEEDED)[WALLETS:]
    async with run.client(process.target) as client:
        await client.admin.put_program(program(GUARDED_PROGRAM), actor="bench", reason="to measure")
        await move(run.stage.database_url, GUARDED_PROGRAM, WALLETS + ACTIVE, SEEDED)
        await client.fraud.put_policy(GUARDED_PROGRAM, fraud_policy(), actor="bench", reason="to measure")
        both = {
            "pairs_batch_active": Shopper(client, fresh[:ACTIVE], own_devices=True),
            "pairs_batch_fraud": Shopper(client, fresh[ACTIVE:], own_devices=True),
        }
        # Each wallet and device is seen for the first time here, which the database is asked about.
        for shopper in both.values():
            await rate(run.stage, shopper.pair, 256, run.seconds)
        for callers in GUARDED:
            await note_turns(run, {name: shopper.pair for name, shopper in both.items()}, callers)
    async with run.client(process.target, gather=False) as client:
        single = {
            "reserve_active": Shopper(client, fresh[:ACTIVE], own_devices=True).hold,
            "reserve_fraud": Shopper(client, fresh[ACTIVE:], own_devices=True).hold,
        }
        for callers in (1, 16):
            await note_turns(run, single, callers, middle="p50_ms")


async def prepare(run: Run, process: Process) -> None:
    """Make the program and its wallets."""
    async with run.client(process.target) as client:
        await client.admin.put_program(program(), actor="bench", reason="to measure")
    await seed(run.stage.database_url, 1, SEEDED)
    run.wallets = wallet_ids(WALLETS)


async def workers(run: Run) -> None:
    """Put the same load on one and on two service processes."""
    for count in (1, 2):
        process = run.stage.serve(workers=count)
        async with AsyncWalletClient(process.target, token=run.token, channels=4) as client:
            shopper = Shopper(client, run.wallets)
            run.note("workers", await rate(run.stage, shopper.pair, 256, run.seconds), count)
        run.stage.stop(process)


def in_process(run: Run) -> None:
    """Measure the same ledger without gRPC, client and ledger in one process."""
    output = subprocess.run(
        [sys.executable, "-m", "loadtest.inprocess", str(run.seconds)], cwd=ROOT, env=run.stage.environment(),
        capture_output=True, text=True, check=True, timeout=300,
    ).stdout  # fmt: skip
    run.found["ledger_in_process"] = json.loads(output)
    for callers, figure in run.found["ledger_in_process"].items():
        run.say(
            f"{'ledger_in_process at ' + callers:<28} {figure['per_s']:>10,.0f}/s   p50 {figure['p50_ms']:>8.2f} ms"
        )


def backtest(run: Run) -> None:
    """Measure how many order lines a second a backtest replays, on one core."""
    output = subprocess.run(
        [sys.executable, "-m", "loadtest.backtest"], cwd=ROOT, capture_output=True, text=True, check=True, timeout=120
    ).stdout  # fmt: skip
    run.found["backtest"] = json.loads(output)
    run.say(f"{'backtest':<28} {run.found['backtest']['lines_per_s']:>10,.0f} order lines/s")


def maturing(run: Run, wallets: int, due: int) -> None:
    """Measure how value matures, expires and is warned about in many wallets."""
    output = subprocess.run(
        [sys.executable, "-m", "loadtest.maturing", str(wallets), str(due)], cwd=ROOT, env=run.stage.environment(),
        capture_output=True, text=True, check=True, timeout=1_200,
    ).stdout  # fmt: skip
    run.found["maturing"] = json.loads(output)
    for name, figure in run.found["maturing"].items():
        if isinstance(figure, dict):
            run.say(
                f"{name:<28} {figure['per_s']:>10,.0f}/s   {figure['wallets']:>9,} wallets in {figure['seconds']:.1f} s"
            )


def yardstick(run: Run, program_path: Path) -> None:
    """Run the yardstick program that was given, with the same Python, and keep what it prints."""
    ended = subprocess.run(
        [sys.executable, str(program_path), str(run.seconds)],
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    if ended.returncode:
        raise SystemExit(f"{program_path} ended with {ended.returncode}:\n{ended.stderr.strip()}")
    run.found["trial"] = json.loads(ended.stdout)
    for callers, figure in run.found["trial"]["batch"].items():
        run.say(f"{'trial at ' + callers:<28} {figure['per_s']:>10,.0f}/s   p50 {figure['p50_ms']:>8.2f} ms")


async def growth(run: Run, small: tuple[int, int], large: tuple[int, int]) -> None:
    """Pairs in a small database and in a large one, turn by turn; sizes are (wallets, older entries of each).

    Each has a service process of its own, and ids that the other has not: they share the cache.
    """
    first, acts = 1, {}
    async with AsyncExitStack() as stack:
        for name, (count, entries_each) in (("small", small), ("large", large)):
            url = await run.stage.another_database(f"growth_{name}")
            process = run.stage.serve(settings={"DATABASE_URL": url})
            stack.callback(run.stage.stop, process)
            client = await stack.enter_async_context(run.client(process.target))
            await client.admin.put_program(program(), actor="bench", reason="to measure")
            await seed(url, first, first + count - 1, entries_each)
            acts[name] = Shopper(client, wallet_ids(first + count - 1)[first - 1 :]).pair
            first += count
        for name, figure in (await turns(run, acts, 256)).items():
            run.note("growth", figure, name)


async def rings(run: Run, links: int) -> None:
    """Look up rings beside many links, and join new ones."""
    found = run.found["rings"] = await measure_rings(run.stage.database_url, links)
    run.say(
        f"{'rings look-up':<28} {links:>10,} links  p50 {found['lookup_1']['p50_ms']:>8.2f} ms"
        f"   p99 {found['lookup_1']['p99_ms']:>8.2f} ms"
    )


def model(run: Run) -> None:
    """Score and learn, in microseconds of one processor."""
    found = run.found["model"] = measure_model()
    run.say(f"{'model score + learn':<28} {found['score_and_learn_us']:>10.1f} µs a decision")


async def settle(seconds: float = 1.0) -> None:
    """Let checkpoints and vacuums of what came before pass."""
    await asyncio.sleep(seconds)
