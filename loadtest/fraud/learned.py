"""An anomaly model for the town: learnt half-way from what was seen and decided, as staff would."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, Final

from loadtest.stage import ROOT, Stage

TRAIN_SECONDS: Final = 120.0
LIVE_SECONDS: Final = 3.0
"""Until every process scores by what was published."""
_UNUSUAL: Final = {"measure": "anomaly", "above": 989}
ASKED: Final = (
    {"name": "UNUSUAL_ALONE", **_UNUSUAL, "verdict": "review", "shadow": True},
    {
        "name": "UNUSUAL_DEVICE", "measure": "link_age", "below": 86_400, "from_minor": 500, "verdict": "review",
        "all_of": [_UNUSUAL], "shadow": True,
    },
)  # fmt: skip
"""What the score would say by itself, and of new devices; only counted."""


async def learn(stage: Stage, seed: int) -> dict[str, Any] | None:
    """Train and publish a version, by `wallet model train`; None if it cannot be learnt from so little, or not here."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "wallet_service", "model", "train", "--publish", "--json", "--seed", str(seed),
        cwd=ROOT, env=stage.environment(), stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    async with asyncio.timeout(TRAIN_SECONDS):
        said, _ = await process.communicate()
    if process.returncode:
        return None
    await asyncio.sleep(LIVE_SECONDS)
    version: dict[str, Any] = json.loads(said)
    return version
