"""Everybody together: real households, who looks like them and who preys on them, from one seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from loadtest.attacks import cycling, draining, farms, lookalikes, referrals
from loadtest.attacks.acts import DAY, HOUR, Act, Customer, From, Scene, Season, What
from loadtest.attacks.journey import Visit

FAMILIES: Final = (
    "device-farm", "slow-farm", "referral-ring", "referral-chain", "cycling", "splitting", "takeover", "credentials",
    "scripts",
)  # fmt: skip
VISITS_PER_REDEMPTION: Final = 5
WORTH_STEALING_MINOR: Final = 1_500
REDEMPTION_MIN_MINOR: Final = 50
CARRIER_SHARE: Final = 0.1
NEW_PHONE_SHARE: Final = 0.03
NEW_PASSWORD_SHARE: Final = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many of each there are."""

    farms: int = 3
    slow_farms: int = 1
    rings: int = 5
    chains: int = 3
    cyclers: int = 30
    splitters: int = 20
    takeovers: int = 40
    bursts: int = 25
    scripts: int = 15
    families: int = 60
    kiosks: int = 2
    rushing: int = 40
    travelling: int = 40
    returning: int = 10
    joining: int = 40


SMALL: Final = Size(
    farms=1, slow_farms=0, rings=1, chains=1, cyclers=2, splitters=2, takeovers=4, bursts=3, scripts=1, families=4,
    kiosks=1, rushing=3, travelling=4, returning=1, joining=3,
)  # fmt: skip
"""For a look of a few seconds."""


def populate(visits: Sequence[Visit], season: Season, seed: int, size: Size | None = None) -> Scene:
    """Return everybody and everything that happens. The same visits, season, seed and size give the same."""
    size = size or Size()

    def dice(what: str) -> random.Random:
        # Dice of their own: another number of one family does not change the others.
        return random.Random(f"{seed}/{what}")

    town, victims = households(visits, season, dice("households"))
    chosen = dice("victims").sample(victims, min(size.takeovers + size.bursts, len(victims)))
    stolen, burst = chosen[: size.takeovers], chosen[size.takeovers :]
    return town.add(
        lookalikes.families(dice("families"), season, size.families),
        lookalikes.kiosks(dice("kiosks"), season, size.kiosks),
        lookalikes.holiday_rush(dice("rush"), season, size.rushing),
        lookalikes.travellers(dice("travellers"), season, size.travelling),
        lookalikes.generous_returners(dice("returners"), season, size.returning),
        lookalikes.newcomers(dice("newcomers"), season, size.joining),
        farms.device_farm(dice("device-farm"), season, size.farms),
        farms.slow_farm(dice("slow-farm"), season, size.slow_farms),
        referrals.referral_ring(dice("referral-ring"), season, size.rings),
        referrals.referral_chain(dice("referral-chain"), season, size.chains),
        cycling.cycling(dice("cycling"), season, size.cyclers),
        draining.splitting(dice("splitting"), season, size.splitters),
        draining.takeover(dice("takeover"), season, stolen),
        draining.after_credentials(dice("credentials"), season, burst),
        draining.scripts(dice("scripts"), season, size.scripts),
    )


def households(
    visits: Sequence[Visit], season: Season, rng: random.Random
) -> tuple[Scene, list[draining.Victim]]:
    """Return real households at their baskets, each with a phone, a home and a card, and those with much to lose.

    Some buy another phone or change their password on the way, and many are now and then behind their carrier's address.
    """
    scene = Scene()
    began = min(visit.at for visit in visits)
    theirs: dict[int, list[tuple[int, Visit]]] = {}
    for visit in visits:
        at = _second(visit.at, began)
        if at < season.seconds:
            theirs.setdefault(visit.household, []).append((at, visit))
    victims: list[draining.Victim] = []
    for household, their_visits in theirs.items():
        who = f"household-{household}"
        opening = min(int(rng.lognormvariate(7.2, 0.7)), 12_000)
        scene.customers.append(Customer(who=who, kind="household", opening_minor=opening))
        home = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
        scene.acts += _visits(rng, who, their_visits, home, season)
        if opening >= WORTH_STEALING_MINOR and their_visits[0][0] < season.attacked_from:
            victims.append(draining.Victim(who=who, place=home))
    return scene, victims


def _visits(
    rng: random.Random, who: str, visits: list[tuple[int, Visit]], home: From, season: Season
) -> list[Act]:
    acts: list[Act] = []
    phone_at = rng.randrange(season.seconds) if rng.random() < NEW_PHONE_SHARE else season.seconds
    password_at = rng.randrange(season.seconds) if rng.random() < NEW_PASSWORD_SHARE else None
    for number, (at, visit) in enumerate(visits, 1):
        away = rng.random() < CARRIER_SHARE
        place = From(
            device=home.device if at < phone_at else f"{who}-new-phone",
            address=f"carrier-{rng.randrange(8)}" if away else home.address,
            payment=home.payment,
            credentials_at=password_at if password_at is not None and password_at <= at else None,
        )
        order = f"basket-{visit.number}"
        if number % VISITS_PER_REDEMPTION == 0:
            wanted = visit.total_minor // 2
            if wanted >= REDEMPTION_MIN_MINOR:
                acts.append(
                    Act(at=at, who=who, what=What.REDEEM, place=place, amount_minor=wanted, order=order)
                )
        acts.append(
            Act(at=at, who=who, what=What.PURCHASE, place=place, amount_minor=visit.total_minor, order=order)
        )
    return acts


def _second(at: datetime, began: datetime) -> int:
    """Return seconds since the midnight before the first basket."""
    midnight = began.replace(hour=0, minute=0, second=0, microsecond=0)
    return int((at - midnight).total_seconds())


__all__ = ["DAY", "FAMILIES", "HOUR", "SMALL", "Size", "households", "populate"]
