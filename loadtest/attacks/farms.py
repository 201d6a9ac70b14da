"""Many accounts of one hand: a farm on one device, and a slow one that rotates over many."""

from __future__ import annotations

import random
from typing import Final

from loadtest.attacks.acts import DAY, HOUR, MINUTE, WINDOW_DAYS, Act, Customer, From, Scene, Season, What

WELCOME_MINOR: Final = 500
"""What a new customer gets, which is what farms are after."""
FARM_WALLETS: Final = 40
SLOW_DEVICES: Final = 20
SLOW_WALLETS: Final = 200


def device_farm(rng: random.Random, season: Season, farms: int) -> Scene:
    """Stage farms of forty wallets on one device each: opened within two days, emptied within two more."""
    scene = Scene()
    for number in range(farms):
        label = f"device-farm/{number}"
        start = season.start(rng, days=6)
        addresses = [f"proxy-{number}-{n}" for n in range(10)]
        for wallet in range(FARM_WALLETS):
            who = f"farm-{number}-{wallet}"
            card = f"farm-card-{number}-{wallet // 10}"
            opened = start + rng.randrange(2 * DAY)
            emptied = max(opened + WINDOW_DAYS * DAY, start + 2 * DAY) + rng.randrange(2 * HOUR, 2 * DAY)
            scene.customers.append(Customer(who=who, kind="device-farm", attacker=True))
            for at, what, amount in (
                (opened, What.SIGNUP, 0),
                (emptied, What.REDEEM, WELCOME_MINOR),
            ):
                place = From(device=f"farm-phone-{number}", address=rng.choice(addresses), payment=card)
                scene.acts.append(
                    Act(at=at, who=who, what=what, place=place, amount_minor=amount, attack=label)
                )
    return scene


def slow_farm(rng: random.Random, season: Season, farms: int) -> Scene:
    """Stage farms of two hundred wallets that rotate over twenty devices, never many on one device in a day."""
    scene = Scene()
    for number in range(farms):
        label = f"slow-farm/{number}"
        for wallet in range(SLOW_WALLETS):
            who = f"slow-{number}-{wallet}"
            devices = rng.sample(range(SLOW_DEVICES), 2)
            opened = season.start(rng, days=10)
            emptied = opened + rng.randrange((WINDOW_DAYS + 1) * DAY, 9 * DAY)
            scene.customers.append(Customer(who=who, kind="slow-farm", attacker=True))
            for at, device, what, amount in (
                (opened, devices[0], What.SIGNUP, 0),
                (opened + 10 * MINUTE, devices[0], What.PURCHASE, rng.randrange(500, 1_500)),
                (emptied, devices[1], What.REDEEM, WELCOME_MINOR),
            ):
                place = From(
                    device=f"slow-phone-{number}-{device}", address=f"slow-proxy-{rng.randrange(60)}",
                    payment=f"slow-card-{number}-{wallet // 5}",
                )  # fmt: skip
                scene.acts.append(
                    Act(
                        at=at, who=who, what=what, place=place, amount_minor=amount, attack=label,
                        order=f"{who}-{what.value}",
                    )
                )  # fmt: skip
    return scene
