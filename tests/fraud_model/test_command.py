"""The model's life from the command line: learnt with labels, published, taken back."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import asyncpg
from bank import a_bank, a_year
from typer.testing import CliRunner

from wallet_service.cli.app import app
from wallet_service.fraud.anomaly.model import Redemption

HISTORIES, LABELS, _ = a_year()


def test_versions_are_trained_published_listed_and_taken_back(
    database_url: str, redis_url: str, tmp_path: Path
):
    async def fill() -> None:
        async with a_bank(database_url, redis_url) as bank:
            await bank.remember(HISTORIES)

    asyncio.run(fill())
    spoken = [r for history in HISTORIES for r in history if r.reservation_id in LABELS]
    labels = tmp_path / "labels.jsonl"
    labels.write_text(
        "".join(
            json.dumps({"wallet_id": r.wallet_id, "reservation_id": r.reservation_id, "fraud": LABELS[r.reservation_id]}) + "\n"
            for r in spoken
        )
    )  # fmt: skip
    settings = {
        "DATABASE_URL": database_url,
        "REDIS_URL": redis_url,
        "WALLET_TOY_DATABASE": "true",
        "COLUMNS": "200",
    }

    def model(*arguments: str) -> str:
        told = CliRunner().invoke(app, ["model", *arguments], env=settings)
        assert told.exit_code == 0, told.output
        return told.stdout

    made = json.loads(
        model("train", "--publish", "--labels", str(labels), "--reason", "a year of it", "--json")
    )
    assert (made["version"], made["published"], made["reason"]) == (1, True, "a year of it")
    assert made["metrics"]["labelled_fraud"] == 8
    assert made["metrics"]["auc"] > 0.9
    assert model("train", "--seed", "2").startswith("version 2: 648 redemptions, no labels")
    asyncio.run(decide(database_url, spoken[0]))
    decided = json.loads(model("train", "--seed", "2", "--json"))["metrics"]
    assert (decided["labelled_fraud"], decided.get("labelled_honest", 0)) == (1, 0)
    assert model("publish", "2", "--actor", "ann") == "version 2 scores\n"
    assert model("rollback") == "version 1 scores again\n"
    listed = [json.loads(line) for line in model("list", "--json").splitlines()]
    assert [(each["version"], each["published"]) for each in listed] == [(3, False), (2, False), (1, True)]
    table = model("list")
    assert "scores" in table
    assert "8 known frauds" in table


async def decide(url: str, redemption: Redemption) -> None:
    """Write down what a reviewer found out."""
    owner = await asyncpg.connect(url)
    try:
        await owner.execute(
            "insert into review.label values ($1, 'reservation', $2, 'demo', 'fraud', 'ann', now())",
            redemption.wallet_id, redemption.reservation_id,
        )  # fmt: skip
    finally:
        await owner.close()
