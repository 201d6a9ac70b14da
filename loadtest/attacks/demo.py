"""`make demo ATTACKS=1`: the demo's baskets while farms, scripts and splitters prey on the same program.

What it proves is the money: whatever is refused, held for a person, rejected or left to expire, the books close to the
cent. How much is found is what `make fraud-report` measures; here the households are on the policy's trusted list, for
the demo plays a whole day at one moment, which no customer lives like.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC
from pathlib import Path
from typing import Final

from wallet.v1.review_pb2 import Case
from wallet.v1.types_pb2 import Device
from wallet_client import Hold, Order, errors, new_id

from loadtest.attacks import draining, farms, referrals
from loadtest.attacks.acts import DAY, Act, Scene, Season, What
from wallet_service.cli.demo.books import Book
from wallet_service.cli.demo.run import BASKETS_DEFAULT, run_demo
from wallet_service.cli.demo.scene import ACTOR, CURRENCY
from wallet_service.cli.demo.scene import Scene as Replayed
from wallet_service.runtime.errors import StartError

POLICY: Final = Path(__file__).resolve().parents[2] / "deploy" / "fraud-policy.json"
POLICY_LIVE_SECONDS: Final = 3.0
QUIET_DAYS: Final = 5
CALLERS: Final = 16
CASES_SECONDS_MAX: Final = 3.0
CASES_POLL_SECONDS: Final = 0.1
FIRST_NUMBER: Final = 1_000_000
"""Of their wallets: beyond every household's."""


class Attackers:
    """Who preys on the demo's program. Their value is given by hand, and everything they do is booked."""

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._numbers: dict[str, int] = {}
        self._acts: dict[int, list[Act]] = {}
        self._callers = asyncio.Semaphore(CALLERS)
        self._seen: Counter[str] = Counter()

    async def open(self, scene: Replayed, days: int) -> None:
        """Put the starter policy in force and open wallets with what was tricked out of the shop."""
        self._scene, self._api = scene, scene.api
        honest = [await self._api.wallet.open(*scene.wallet_of(household)) for household in scene.books]
        await self._rule([wallet.wallet_id for wallet in honest])
        wants: Counter[str] = Counter()
        for act in _staged(self._seed, days).acts:
            if act.what is What.REDEEM:
                self._acts.setdefault(act.at // DAY, []).append(act)
                wants[act.who] += act.amount_minor
        for number, (who, amount) in enumerate(wants.items(), FIRST_NUMBER):
            self._numbers[who] = number
            book = scene.books[number] = Book()
            await self._api.wallet.open(*scene.wallet_of(number))
            await self._api.wallet.adjust(
                scene.wallet_of(number), amount, actor=ACTOR, reason="tricked out of the shop"
            )
            book.adjusted += amount

    async def _rule(self, trusted: list[str]) -> None:
        document = json.loads(POLICY.read_text(encoding="utf-8"))
        document["trusted"] = {"wallets": trusted}
        await self._api.fraud.put_policy(
            self._scene.program_id, json.dumps(document), actor=ACTOR, reason="attacks are coming"
        )
        await asyncio.sleep(POLICY_LIVE_SECONDS)

    def _book_of(self, who: str) -> Book:
        return self._scene.books[self._numbers[who]]

    async def play(self, day: int) -> None:
        """Attack all day, wallet by wallet; in the evening the desk rejects whatever waits."""
        wallets: dict[str, list[Act]] = {}
        for act in sorted(self._acts.pop(day, []), key=lambda act: act.at):
            wallets.setdefault(act.who, []).append(act)
        async with asyncio.TaskGroup() as group:
            for acts in wallets.values():
                group.create_task(self._in_turn(acts))
        await self._decide()

    def facts(self) -> dict[str, str]:
        """Return what became of their attempts."""
        return {
            "attackers' wallets": f"{len(self._numbers):,}",
            **{f"  {name}": f"{number:,}" for name, number in sorted(self._seen.items())},
        }

    async def _in_turn(self, acts: Sequence[Act]) -> None:
        async with self._callers:
            for act in acts:
                await self._redeem(act)

    async def _redeem(self, act: Act) -> None:
        order = Order(order_ref=new_id(), total_minor=max(2 * act.amount_minor, 1_000), currency=CURRENCY)
        amount = act.amount_minor // 5 * 5  # the demo's step
        device = Device(fingerprint=act.place.device, address=act.place.address)
        try:
            hold = await self._api.checkout.reserve(
                self._scene.wallet_of(self._numbers[act.who]),
                amount,
                order,
                device=device,
                payment_method_hash=act.place.payment,
            )
        except (errors.FraudRefused, errors.DeviceConflict):
            self._seen["refused"] += 1
            return
        except errors.Refused as refused:
            self._seen[f"not possible: {refused.reason}"] += 1
            return
        await self._book(act, hold)

    async def _book(self, act: Act, hold: Hold) -> None:
        book, reservation = self._book_of(act.who), hold.reservation
        book.hold(
            hold.reservation_id, reservation.amount_minor, reservation.expires_at.ToDatetime(tzinfo=UTC)
        )
        if hold.under_review:
            self._seen["held for a person"] += 1
            return
        await hold.commit()
        self._seen["committed"] += 1
        book.spend(hold.reservation_id, reservation.amount_minor)
        book.end(hold.reservation_id)

    async def _decide(self) -> None:
        """Reject every second open case; the holds of the others expire."""
        cases = await self._cases(sum(len(self._book_of(who).holds) for who in self._numbers))
        for case in cases[::2]:
            book = self._scene.books[int(case.customer_ref)]
            if case.subject_id not in book.holds:
                continue
            await self._api.review.reject(case.case_id, reason="an attack", operation_id=new_id())
            book.end(case.subject_id)
            self._seen["rejected by a person"] += 1

    async def _cases(self, wanted: int) -> list[Case]:
        """Return open cases, once there are as many as holds, or after a while."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + CASES_SECONDS_MAX
        while True:
            cases = [case async for case in self._api.review.cases(self._scene.program_id)]
            if len(cases) >= wanted or loop.time() > deadline:
                return cases
            await asyncio.sleep(CASES_POLL_SECONDS)


def _staged(seed: int, days: int) -> Scene:
    season = Season(days=days, quiet_days=min(QUIET_DAYS, days - 1))

    def dice(what: str) -> random.Random:
        return random.Random(f"{seed}/{what}")

    return Scene().add(
        farms.device_farm(dice("device-farm"), season, 1),
        referrals.referral_ring(dice("referral-ring"), season, 1),
        draining.splitting(dice("splitting"), season, 3),
        draining.scripts(dice("scripts"), season, 2),
    )


def main() -> int:
    """Run the demo with attackers in it."""
    parser = argparse.ArgumentParser(prog="python -m loadtest.attacks.demo", description=__doc__)
    parser.add_argument("--baskets", type=int, default=BASKETS_DEFAULT)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    try:
        return run_demo(baskets=asked.baskets, seed=asked.seed, beside=Attackers(asked.seed))
    except StartError as fault:
        sys.stderr.write(f"wallet: {fault}\n")
        return 2


if __name__ == "__main__":
    raise SystemExit(main())
