"""Buy, earn, spend what was earned, bring everything back."""

from __future__ import annotations

import random
from typing import Final

from loadtest.attacks.acts import DAY, HOUR, MINUTE, WINDOW_DAYS, Act, Customer, From, Scene, Season, What

CASHBACK_BP: Final = 200


def cycling(rng: random.Random, season: Season, wallets: int) -> Scene:
    """Stage customers who buy dear things again and again, try to spend the cashback, and bring the things back.

    Half of them bring everything back within the return window, the others hide a day behind it, where the shop was
    lenient: by then the cashback is available, and gone if they are fast.
    """
    scene = Scene()
    for number in range(wallets):
        who = f"cycler-{number}"
        scene.customers.append(Customer(who=who, kind="cycling", attacker=True))
        place = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
        late = number % 2 == 1
        cycles = rng.randrange(8, 20)
        start = season.start(rng, days=18)
        for cycle in range(cycles):
            at = start + cycle * 16 * HOUR + rng.randrange(4 * HOUR)
            price = rng.randrange(20_000, 50_000)
            returned = at + (WINDOW_DAYS * DAY + 8 * HOUR if late else rng.randrange(4 * HOUR, 40 * HOUR))
            spent = at + (WINDOW_DAYS * DAY + 30 * MINUTE if late else 2 * HOUR)
            for when, what, amount in (
                (at, What.PURCHASE, price),
                (spent, What.REDEEM, price * CASHBACK_BP // 10_000),
                (returned, What.RETURN, 0),
            ):
                scene.acts.append(
                    Act(
                        at=when, who=who, what=what, place=place, amount_minor=amount,
                        order=f"{who}-{cycle}", attack=f"cycling/{number}",
                    )
                )  # fmt: skip
    return scene
