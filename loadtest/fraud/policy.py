"""The starter policy as a replay puts it in force: with the shop's kiosks, and each limit's looser and stricter shadows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from loadtest.fraud.learned import ASKED
from loadtest.fraud.score import suffix
from wallet_service.fraud.devices import Context, DeviceKeys
from wallet_service.fraud.model import Measure

STARTER: Final = Path(__file__).resolve().parents[2] / "deploy" / "fraud-policy.json"
FACTORS: Final = (0.5, 1.0, 2.0, 4.0, 8.0)
_SCORE_MAX: Final = 1_000
_SCORES: Final = frozenset({Measure.ANOMALY.value, Measure.RING.value})


def prepared(path: Path, keys: DeviceKeys, kiosks: Sequence[str], *, model: bool) -> str:
    """Return the document that is put in force; with a model, its limits are counted in shadow."""
    document = json.loads(path.read_text(encoding="utf-8"))
    shadows = [
        shadow
        for limit in [*document["limits"], *_of_review(document)]
        for factor in FACTORS
        if factor != 1 and (shadow := _shadow(limit, factor)) is not None
    ]
    traces = [keys.traces(Context(fingerprint=kiosk)).device for kiosk in kiosks]
    trusted = document.setdefault("trusted", {})
    trusted["devices"] = [*trusted.get("devices", []), *(trace.key for trace in traces if trace)]
    return json.dumps({**document, "limits": [*document["limits"], *shadows, *(ASKED if model else ())]})


def _of_review(document: dict[str, Any]) -> list[dict[str, Any]]:
    above = document.get("review", {}).get("above_minor")
    if above is None:
        return []
    return [{"name": "HIGH", "measure": "value", "above": above, "verdict": "review"}]


def _shadow(limit: dict[str, Any], factor: float) -> dict[str, Any] | None:
    shadow = {**limit, "name": limit["name"] + suffix(factor), "shadow": True}
    if "below" in limit:
        return {**shadow, "below": round(limit["below"] / factor)}
    bound = round(limit["above"] * factor)
    if limit["measure"] in _SCORES and bound >= _SCORE_MAX:
        return None
    return {**shadow, "above": bound}
