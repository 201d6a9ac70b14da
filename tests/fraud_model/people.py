"""People who redeem as people do, and what thieves make of their wallets; all from a seed."""

from __future__ import annotations

import random
import uuid
from collections.abc import Sequence

from wallet_service.fraud.anomaly.model import Example, Redemption
from wallet_service.fraud.anomaly.replay import replayed
from wallet_service.kernel.clock import Instant
from wallet_service.kernel.ids import WalletId

HOUR = 3_600_000_000
DAY = 24 * HOUR
NOW = Instant(1_790_000_000_000_000)
YEAR_AGO = NOW - 365 * DAY


def wallet_of(seed: int, number: int) -> WalletId:
    return WalletId(str(uuid.uuid5(uuid.NAMESPACE_OID, f"{seed}/{number}")))


def honest(seed: int, number: int, count: int) -> list[Redemption]:
    """One who redeems at her own hours, mostly some of what she has, now and then from a new phone."""
    dice = random.Random(f"{seed}/{number}")
    usual_hour, usual_share = dice.gauss(15, 3), dice.betavariate(3, 3)
    balance, at = dice.lognormvariate(7, 0.6), YEAR_AGO + dice.randrange(60 * DAY)
    device = 1
    redemptions = []
    for turn in range(count):
        at += int(dice.expovariate(1 / 12) * DAY) + DAY
        hour = dice.gauss(usual_hour, 2.5) % 24
        moment = Instant(at - at % DAY + int(hour * HOUR))
        device += dice.random() < 0.04
        available = max(int(balance * dice.uniform(0.7, 1.4)), 200)
        share = min(max(dice.gauss(usual_share, 0.15), 0.05), 1.0) if dice.random() < 0.9 else 1.0
        redemptions.append(
            Redemption(
                wallet_id=wallet_of(seed, number), reservation_id=str(uuid.uuid5(uuid.NAMESPACE_URL, f"{seed}/{number}/{turn}")),
                amount=max(int(available * share), 1), at=moment, available=available, device=f"{number}/{device}",
            )
        )  # fmt: skip
    return sorted(redemptions, key=lambda redemption: redemption.at)


def taken_over(seed: int, redemptions: Sequence[Redemption]) -> Redemption:
    """The thief's redemption: a device never seen, the small hours, everything there is, which has grown meanwhile."""
    last = redemptions[-1]
    dice = random.Random(f"{seed}/{last.reservation_id}")
    at = Instant(last.at - last.at % DAY + (3 + dice.randrange(20)) * DAY + int(dice.gauss(3.5, 1) * HOUR))
    available = int(last.available * dice.uniform(1.2, 2.5))
    return Redemption(
        wallet_id=last.wallet_id, reservation_id=str(uuid.uuid5(uuid.NAMESPACE_URL, last.reservation_id)),
        amount=available, at=at, available=available, device=f"thief {dice.random()}",
    )  # fmt: skip


def examples(seed: int, people: int = 400, each: int = 12, stolen: int = 40) -> list[Example]:
    """What a town's redemptions look like; those of thieves are labelled, and as many honest ones."""
    found = []
    for number in range(people):
        redemptions = honest(seed, number, each)
        theft = taken_over(seed, redemptions) if number < stolen else None
        told = [*redemptions, theft] if theft else redemptions
        for redemption, features in replayed(Instant(YEAR_AGO), told):
            label = True if redemption is theft else False if number >= people - stolen * 4 else None
            found.append(
                Example(
                    wallet_id=redemption.wallet_id, reservation_id=redemption.reservation_id, at=redemption.at,
                    features=features, fraud=label,
                )
            )  # fmt: skip
    return sorted(found, key=lambda example: (example.at, example.reservation_id))
