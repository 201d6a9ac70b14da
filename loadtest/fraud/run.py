"""One season on a stage: servers, service, town, policy, replay, score."""

from __future__ import annotations

import asyncio
import json
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import asyncpg
import grpc
from wallet_client import AsyncWalletClient

from loadtest.attacks.acts import Scene, Season
from loadtest.attacks.journey import Visit
from loadtest.attacks.town import Size, populate
from loadtest.fraud.desk import Desk
from loadtest.fraud.learned import ASKED, learn
from loadtest.fraud.play import Play
from loadtest.fraud.policy import FACTORS, prepared
from loadtest.fraud.score import Judged, additions, as_json, families, honest, settings
from loadtest.fraud.seen import Moment, Records
from loadtest.fraud.till import ACTOR, CALL_SECONDS, WHY, Till, played_at
from loadtest.stage import Stage
from wallet_service.fraud.devices import DeviceKeys
from wallet_service.runtime.config import load_settings
from wallet_service.runtime.keys import load_device_keys
from wallet_service.transport.auth import mint
from wallet_service.transport.scopes import Scope

SQL: Final = Path(__file__).resolve().parents[1] / "sql"
PROGRAM_ID: Final = "town"
TOKEN_SECONDS: Final = 7_200
IDLE_SECONDS_MAX: Final = 20.0
IDLE_POLL_SECONDS: Final = 0.05
POLICY_LIVE_SECONDS: Final = 3.0
"""Until every process has read what was put in force."""
SERVICE: Final = {"WALLET_SWEEP_INTERVAL_MS": "50", "WALLET_FRAUD_BUDGET_MS": "500"}
"""Days pass in seconds here: the background keeps up, and a busy machine blinds nobody."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is played."""

    visits: Sequence[Visit]
    season: Season
    seed: int
    policy: Path
    size: Size
    model: bool = False
    """Whether an anomaly model is learnt on the way."""


async def play_season(stage: Stage, wanted: Wanted, say: Callable[[str], None]) -> dict[str, Any]:
    """Play a season and return the report."""
    began = time.monotonic()
    scene = populate(wanted.visits, wanted.season, wanted.seed, wanted.size)
    say(f"{len(scene.customers):,} customers, {len(scene.acts):,} acts, {wanted.season.days} days")
    process = stage.serve(settings=SERVICE)
    database = await asyncpg.connect(stage.database_url, timeout=CALL_SECONDS)
    try:
        async with _till(stage, process.target) as till:
            records, learnt = Records(), dict[str, Any]()

            async def teach() -> None:
                learnt.update(await learn(stage, wanted.seed) or {})
                say(f"a model was learnt and scores: {bool(learnt)}")

            attackers = frozenset(customer.who for customer in scene.customers if customer.attacker)
            desk = Desk(
                client=till.client, till=till, records=records, attackers=attackers,
                rng=random.Random(f"{wanted.seed}/desk"),
            )  # fmt: skip
            play = Play(
                till=till, desk=desk, records=records, idle=lambda: _idle(database), say=say,
                rule=lambda: _rule(stage, till, wanted, scene),
                learn=teach, taught_at=wanted.season.seconds // 2 if wanted.model else 0,
            )  # fmt: skip
            await play.run(scene)
            judged = await _judged(database, till)
    finally:
        await database.close()
        stage.stop(process)
    counted = [str(limit["name"]) for limit in ASKED] if wanted.model else []
    report = as_json(
        families(scene, records, judged),
        honest(scene, records, judged),
        settings(scene, records, judged, FACTORS),
    )
    return {
        "seed": wanted.seed,
        "days": wanted.season.days,
        "customers": len(scene.customers),
        "acts": len(scene.acts),
        "cases": records.cases,
        "cases_about_honest": records.cases_wrong,
        "seconds": round(time.monotonic() - began, 1),
        "model": learnt or None,
        "additions": [asdict(each) for each in additions(records, judged, counted)],
        **report,
    }  # fmt: skip


def _till(stage: Stage, target: str) -> Till:
    secret = stage.secret_file.read_bytes().strip()
    token = mint(secret, "fraud-report", list(Scope), ttl_seconds=TOKEN_SECONDS)
    return Till(
        client=AsyncWalletClient(target, token=token, default_timeout_seconds=CALL_SECONDS, channels=1),
        channel=grpc.aio.insecure_channel(target), token=token, program_id=PROGRAM_ID,
        # Ahead of every clock: the time of a wallet never runs backwards, and links of long ago are forgotten.
        began=datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1),
    )  # fmt: skip


async def _rule(stage: Stage, till: Till, wanted: Wanted, scene: Scene) -> None:
    ring = load_device_keys(load_settings({"data_dir": stage.folder}))
    keys = DeviceKeys(active=ring.active, keys=ring.keys)
    document = prepared(wanted.policy, keys, scene.kiosks, model=wanted.model)
    await till.client.fraud.put_policy(till.program_id, document, actor=ACTOR, reason=WHY)
    await asyncio.sleep(POLICY_LIVE_SECONDS)


async def _idle(database: asyncpg.Connection[Any]) -> None:
    """Wait until the background has nothing to do, seen twice: what is seen with whom is noted a moment later."""
    deadline = time.monotonic() + IDLE_SECONDS_MAX
    statement = (SQL / "count_background.sql").read_text(encoding="utf-8")
    quiet = 0
    while time.monotonic() < deadline:
        row = await database.fetchrow(statement, PROGRAM_ID)
        quiet = quiet + 1 if row is not None and not any(row.values()) else 0
        if quiet > QUIET_ROUNDS:
            return
        await asyncio.sleep(IDLE_POLL_SECONDS)


QUIET_ROUNDS: Final = 5
"""Longer than links wait before they are noted."""


async def _judged(database: asyncpg.Connection[Any], till: Till) -> list[Judged]:
    statement = (SQL / "read_judgements.sql").read_text(encoding="utf-8")
    found: list[Judged] = []
    acts = {**till.tried, **till.events}
    for row in await database.fetch(statement, PROGRAM_ID):
        act = acts.get(row["subject_id"])
        at = Moment(played_at(act), 0) if act and row["subject_kind"] == "event" else None
        found.append(
            Judged(
                who=row["customer_ref"], attack=act.attack if act else "", verdict=row["verdict"],
                reasons=tuple(json.loads(row["reasons"])), shadows=tuple(json.loads(row["shadows"])), when=at,
            )
        )  # fmt: skip
    return found
