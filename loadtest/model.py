"""How long the anomaly model takes: `python -m loadtest.model`. In microseconds of one processor for a decision."""

from __future__ import annotations

import json
import random
from statistics import quantiles
from time import process_time
from typing import Any, Final

from wallet_service.fraud.anomaly.calibration import calibrated
from wallet_service.fraud.anomaly.features import after, features_of
from wallet_service.fraud.anomaly.forest import Scorer
from wallet_service.fraud.anomaly.learner import new_learner
from wallet_service.fraud.anomaly.model import Attempt, Features, Profile, Shape
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId

PEOPLE: Final = 500
EACH: Final = 10
_NOW: Final = 1_790_000_000_000_000
_DAY: Final = 86_400_000_000


def some_attempts() -> list[tuple[Profile, Attempt]]:
    """Return what people of all kinds ask for, each with the history before it."""
    dice = random.Random(3)
    asked = []
    for number in range(PEOPLE):
        profile = Profile(opened_at=Instant(_NOW - dice.randrange(1_000 * _DAY)), available=10_000)
        for turn in range(EACH):
            attempt = Attempt(
                wallet_id=WalletId(str(number)), amount=dice.randrange(1, 10_000),
                at=Instant(_NOW + turn * dice.randrange(1, 20 * _DAY)), devices=(f"{number} {dice.randrange(3)}",),
            )  # fmt: skip
            asked.append((profile, attempt))
            profile = after(profile, attempt, 10_000)
    return asked


def measure() -> dict[str, Any]:
    """Return the time of each part, the whole, and the slowest thousandth of the whole."""
    asked = some_attempts()
    began = process_time()
    values: list[Features] = [features_of(profile, attempt) for profile, attempt in asked]
    features = process_time() - began
    learner = new_learner(Shape())
    began = process_time()
    for each in values:
        learner.learn(each)
    learning = process_time() - began
    forest = calibrated(learner.forest(), values, [learner.score(each) for each in values])
    scorer = Scorer(forest, 1)
    taken = []
    for each in values:
        began = process_time()
        scorer.score(each)
        taken.append(process_time() - began)
    scoring = sum(taken)
    count = len(values)
    return {
        "features_us": round(features / count * 1e6, 1), "score_us": round(scoring / count * 1e6, 1),
        "learn_us": round(learning / count * 1e6, 1),
        "score_and_learn_us": round((scoring + learning) / count * 1e6, 1),
        "score_p999_us": round(quantiles(taken, n=1_000)[-1] * 1e6, 1),
    }  # fmt: skip


def main() -> None:
    """Print what was found."""
    print(json.dumps(measure(), indent=1))


if __name__ == "__main__":
    main()
