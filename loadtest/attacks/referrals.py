"""Customers who refer themselves: in a circle, and down a chain."""

from __future__ import annotations

import random
from typing import Final

from loadtest.attacks.acts import DAY, HOUR, WINDOW_DAYS, Act, Customer, From, Scene, Season, What

REFERRAL_MINOR: Final = 500
"""What a customer gets who was referred."""


def referral_ring(rng: random.Random, season: Season, gangs: int) -> Scene:
    """Stage gangs of eight to twelve accounts on three phones, each referred by the next, the last by the first."""
    scene = Scene()
    for number in range(gangs):
        members = [f"circle-{number}-{n}" for n in range(rng.randrange(8, 13))]
        pairs = [(who, members[(n + 1) % len(members)]) for n, who in enumerate(members)]
        scene.add(_gang(rng, season, f"referral-ring/{number}", pairs, phones=3))
    return scene


def referral_chain(rng: random.Random, season: Season, gangs: int) -> Scene:
    """Stage gangs of fifteen accounts on four phones, each referred by the one before."""
    scene = Scene()
    for number in range(gangs):
        members = [f"chain-{number}-{n}" for n in range(15)]
        pairs = [(who, members[max(n - 1, 0)] if n else "") for n, who in enumerate(members)]
        scene.add(_gang(rng, season, f"referral-chain/{number}", pairs, phones=4))
    return scene


def _gang(
    rng: random.Random, season: Season, label: str, pairs: list[tuple[str, str]], *, phones: int
) -> Scene:
    """Stage accounts with whoever referred each: referred within three days, emptied in the week after."""
    scene = Scene()
    family = label.partition("/")[0]
    start = season.start(rng, days=13)
    for place_of, (who, referrer) in enumerate(pairs):
        scene.customers.append(Customer(who=who, kind=family, attacker=True))
        phone = f"{label}-phone-{place_of % phones}"
        told = start + place_of * HOUR + rng.randrange(2 * DAY)
        emptied = start + (3 + WINDOW_DAYS) * DAY + rng.randrange(7 * DAY)
        for at, what, amount in (
            (told, What.REFERRAL if referrer else What.SIGNUP, 0),
            (emptied, What.REDEEM, REFERRAL_MINOR),
        ):
            place = From(
                device=phone,
                address=f"{label}-home-{rng.randrange(3)}",
                payment=f"{label}-card-{place_of % 6}",
            )
            scene.acts.append(
                Act(
                    at=at, who=who, what=what, place=place, amount_minor=amount, attack=label,
                    subject=referrer if what is What.REFERRAL else "",
                )
            )  # fmt: skip
    return scene
