"""A balance that is carried off: in pieces, from a stolen account, after new credentials, by a script."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from loadtest.attacks.acts import DAY, HOUR, MINUTE, Act, Customer, From, Scene, Season, What

HIGH_VALUE_MINOR: Final = 5_000
"""From where on the starter policy lets a person look: everybody knows by the second attempt."""

AT_HOME: Final = 9


@dataclass(frozen=True, slots=True, kw_only=True)
class Victim:
    """An honest customer with something to lose, and from where he usually shops."""

    who: str
    place: From


def splitting(rng: random.Random, season: Season, wallets: int) -> Scene:
    """Stage wallets full of tricked value, spent in pieces that stay below what a person looks at."""
    scene = Scene()
    for number in range(wallets):
        who = f"splitter-{number}"
        pieces = rng.randrange(24, 40)
        amounts = [rng.randrange(HIGH_VALUE_MINOR * 6 // 10, HIGH_VALUE_MINOR) for _ in range(pieces)]
        scene.customers.append(Customer(who=who, kind="splitting", opening_minor=sum(amounts), attacker=True))
        at = season.start(rng, days=5)
        place = From(device=f"{who}-phone", address=f"{who}-home", payment=f"{who}-card")
        known = Act(
            at=max(at - 9 * DAY, 0), who=who, what=What.PURCHASE, place=place, amount_minor=3_000,
            order=f"{who}-known",
        )  # fmt: skip
        scene.acts.append(known)
        for amount in amounts:
            at += rng.randrange(30 * MINUTE, 4 * HOUR)
            scene.acts.append(
                Act(
                    at=at,
                    who=who,
                    what=What.REDEEM,
                    place=place,
                    amount_minor=amount,
                    attack=f"splitting/{number}",
                )
            )
    return scene


def takeover(rng: random.Random, season: Season, victims: Sequence[Victim]) -> Scene:
    """Stage stolen accounts: a device never seen before, in the small hours, for all there is; again if it fails.

    One thief in ten lives with his victim, or sits at the same address for another reason.
    """
    scene = Scene()
    for number, victim in enumerate(victims):
        at = season.start(rng, days=2) // DAY * DAY + rng.randrange(1 * HOUR, 4 * HOUR)
        address = victim.place.address if number % 10 == AT_HOME else f"thief-net-{number}"
        place = From(device=f"thief-{number}", address=address, payment=victim.place.payment)
        for attempt in range(2):
            scene.acts.append(
                Act(
                    at=at + attempt * 20 * MINUTE, who=victim.who, what=What.REDEEM, place=place,
                    attack=f"takeover/{number}",
                )
            )  # fmt: skip
    return scene


def after_credentials(rng: random.Random, season: Season, victims: Sequence[Victim]) -> Scene:
    """Stage stolen accounts whose password was changed a moment before, emptied in a burst.

    One in three from the customer's own phone, which was stolen with them.
    """
    scene = Scene()
    for number, victim in enumerate(victims):
        at = season.start(rng, days=2)
        stolen = replace(victim.place, credentials_at=at)
        strange = From(
            device=f"burst-{number}",
            address=f"burst-net-{number}",
            payment=f"burst-card-{number}",
            credentials_at=at,
        )
        place = stolen if number % 3 == 0 else strange
        at += rng.randrange(5 * MINUTE, HOUR)
        for share in (400, 500, 0):
            at += rng.randrange(MINUTE, 6 * MINUTE)
            scene.acts.append(
                Act(
                    at=at, who=victim.who, what=What.REDEEM, place=place, amount_minor=share,
                    attack=f"credentials/{number}",
                )
            )  # fmt: skip
    return scene


def scripts(rng: random.Random, season: Season, wallets: int) -> Scene:
    """Stage scripts that redeem small amounts every few seconds."""
    scene = Scene()
    for number in range(wallets):
        who = f"script-{number}"
        times = rng.randrange(100, 140)
        amounts = [rng.randrange(100, 300) for _ in range(times)]
        scene.customers.append(Customer(who=who, kind="scripts", opening_minor=sum(amounts), attacker=True))
        at = season.start(rng, days=2)
        place = From(device=f"{who}-host", address=f"{who}-net", payment=f"{who}-card")
        for amount in amounts:
            at += rng.randrange(1, 8)
            scene.acts.append(
                Act(
                    at=at,
                    who=who,
                    what=What.REDEEM,
                    place=place,
                    amount_minor=amount,
                    attack=f"scripts/{number}",
                )
            )
    return scene
