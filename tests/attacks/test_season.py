"""A very small season from end to end: servers, service, town, policy, desk, score."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from loadtest.attacks.acts import Season
from loadtest.attacks.journey import Visit
from loadtest.attacks.town import Size
from loadtest.fraud.policy import STARTER
from loadtest.fraud.run import Wanted, play_season
from loadtest.stage import staged
from wallet_service.fraud.document import parsed
from wallet_service.runtime.migrate import migrate

NOBODY = Size(
    farms=0, slow_farms=0, rings=0, chains=0, cyclers=0, splitters=0, takeovers=0, bursts=0, scripts=1, families=0,
    kiosks=0, rushing=0, travelling=0, returning=0, joining=0,
)  # fmt: skip


def test_the_starter_policy_is_one_that_can_be_put_in_force():
    policy, findings = parsed(STARTER.read_text(encoding="utf-8"))
    assert policy is not None, findings


def test_a_script_is_stopped_before_it_got_far_and_a_household_is_left_in_peace():
    visit = Visit(household=1, number=1, at=datetime(2017, 1, 1, 12, tzinfo=UTC), total_minor=2_000)
    with staged() as stage:
        asyncio.run(migrate(stage.database_url))
        wanted = Wanted(
            visits=[visit], season=Season(days=2, quiet_days=1), seed=1, policy=STARTER, size=NOBODY
        )
        report = asyncio.run(play_season(stage, wanted, lambda _: None))
    (family,) = report["families"]
    assert (family["family"], family["share_in_time"]) == ("scripts", 1)
    assert family["lost_minor"] < family["value_minor"] // 20
    assert report["honest"]["refused"] == report["honest"]["reviewed"] == 0
