"""How fast value matures, expires and is warned about in a million wallets: `make bench ONLY=maturing`.

The worker, the sweeper and the look ahead of one process, one after the other, as the service runs them. Most of the
wallets have nothing due: what is measured is that these cost nothing.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any, Final

import asyncpg
import uvloop

from wallet_service.earning.lookout import Lookout
from wallet_service.earning.model import DAY_SECONDS, ExpiryKind, Policy
from wallet_service.kernel.errors import Refusal
from wallet_service.kernel.ids import ProgramId
from wallet_service.ledger.program import Program, RedemptionPolicy
from wallet_service.ledger.worker import Sweeper
from wallet_service.runtime.config import load_settings
from wallet_service.runtime.database import Database, DatabaseOptions
from wallet_service.runtime.lifecycle import Lifecycle
from wallet_service.runtime.statements import load_statements
from wallet_service.wiring import Addresses, Core, start_core

PROGRAM: Final = ProgramId("aging")
WARN: Final = Policy(warn_before_seconds=(10 * DAY_SECONDS,))
IDLE: Final = Policy(
    expiry=ExpiryKind.INACTIVITY, inactivity_days=365, warn_before_seconds=(10 * DAY_SECONDS,)
)
_STEP: Final = 50_000
_SEEDED: Final = "ledger.wallet, ledger.entry, ledger.credit, earning.event, earning.queue"
_SQL: Final = load_statements("loadtest")


async def _seed(database_url: str, wallets: int, due: int) -> None:
    owner = await asyncpg.connect(database_url)
    try:
        for start in range(1, wallets + 1, _STEP):
            await owner.execute(_SQL["seed_aging"], start, min(start + _STEP - 1, wallets), due, timeout=300)
        await owner.execute(f"vacuum analyze {_SEEDED}", timeout=600)
        await owner.execute("checkpoint", timeout=600)
    finally:
        await owner.close()


async def _begin(core: Core) -> None:
    program = Program(
        program_id=PROGRAM, display_name="Aging", sandbox=False, asset="EUR", exponent=2, currency="EUR",
        rate_numerator=1, rate_denominator=1, redemption=RedemptionPolicy(),
    )  # fmt: skip
    made = await core.ledger.put_program(program, None, "bench", "to measure", time.monotonic() + 10)
    assert not isinstance(made, Refusal), made


async def _put(core: Core, policy: Policy) -> None:
    deadline = time.monotonic() + 10
    put = await core.earning.put_policy(PROGRAM, policy, None, "bench", "to measure", deadline)
    assert not isinstance(put, Refusal), put


async def _until_nothing_is_left(work: Callable[[], Awaitable[int]]) -> dict[str, float]:
    """Work until nothing is due; returns how much there was, and how fast it went."""
    done, cpu, began = 0, time.process_time(), time.perf_counter()
    while count := await work():
        done += count
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "wallets": done, "seconds": round(elapsed, 2), "per_s": round(done / elapsed, 1),
        "cpu_us": round(cpu / max(done, 1) * 1e6, 1),
    }  # fmt: skip


async def _look(lookout: Lookout, wallets: int) -> dict[str, float]:
    warned, cpu, began = lookout.warned, time.process_time(), time.perf_counter()
    await lookout.run()
    elapsed, cpu = time.perf_counter() - began, time.process_time() - cpu
    return {
        "wallets": wallets, "seconds": round(elapsed, 2), "per_s": round(wallets / elapsed, 1),
        "cpu_us": round(cpu / wallets * 1e6, 2), "warnings": lookout.warned - warned,
    }  # fmt: skip


async def main(wallets: int, due: int) -> dict[str, Any]:
    """Seed and measure; returns a figure for each kind of work."""
    settings = load_settings()
    assert settings.database_url is not None
    assert settings.redis_url is not None
    addresses = Addresses(
        database_url=settings.database_url.get_secret_value(), redis_url=settings.redis_url.get_secret_value()
    )
    found: dict[str, Any] = {}
    async with Lifecycle(drain_seconds=5, handle_signals=False) as life:
        core = await start_core(settings, addresses, life)
        await _begin(core)
        began = time.perf_counter()
        await _seed(addresses.database_url, wallets, due)
        found["seeding_seconds"] = round(time.perf_counter() - began, 1)
        found["maturing"] = await _until_nothing_is_left(lambda: core.pipeline.run(400))
        found["expiry"] = await _until_nothing_is_left(Sweeper(core.ledger, 1.0).sweep)
        options = DatabaseOptions.from_settings(settings, addresses.database_url)
        database = await life.enter("look", Database.open(options, toy=True), lambda opened: opened.close())
        lookout = Lookout(database, core.ledger, core.earning.policies, pause_seconds=0, share=0)
        for name, policy in (("first_look", WARN), ("next_look", WARN), ("idle_look", IDLE)):
            await _put(core, policy)
            found[name] = await _look(lookout, wallets)
    return found


if __name__ == "__main__":
    print(json.dumps(uvloop.run(main(int(sys.argv[1]), int(sys.argv[2])))))
