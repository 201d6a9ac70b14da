"""Redemptions at the till: quoted, raced, abandoned, forgotten, committed in full and in part."""

from __future__ import annotations

import asyncio
from datetime import UTC
from typing import assert_never

from wallet_client import AsyncWalletClient, Balance, Hold, QuoteResponse, errors

from wallet_service.cli.demo.plan import Redemption, Visit
from wallet_service.cli.demo.scene import Scene, named


class Till:
    """Where a visit is paid, in part with the cashback of earlier ones."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene

    async def redeem(self, visit: Visit, way: Redemption) -> None:
        """Pay as much as the policy allows with the wallet, in this way."""
        scene = self._scene
        with scene.timings.of("quote"):
            quote = await scene.api.checkout.quote(
                scene.wallet_of(visit.basket.household), scene.order_of(visit), maximum=True
            )
        if not quote.amount_minor:
            scene.tally.nothing_to_redeem += 1
            return
        scene.tally.redemptions[way] += 1
        if way is Redemption.RACED:
            await self._race(visit, quote)
            return
        hold = await self._reserve(scene.devices.phone, "phone", visit, quote)
        if hold is None:
            scene.differs(f"{named(visit)}: refused what was quoted a moment ago, with nobody else about")
            return
        self._book(visit, hold)
        left = quote.balance.available_minor - hold.reservation.amount_minor
        await self._finish(visit, way, hold, left)

    async def _finish(self, visit: Visit, way: Redemption, hold: Hold, left: int) -> None:
        """End the hold in this way; `left` is what stayed available beside it."""
        amount = hold.reservation.amount_minor
        half = amount // 2
        match way:
            case Redemption.FORGOTTEN:
                pass  # the next day's clock finds it overdue
            case Redemption.ABANDONED:
                left += await self._release(visit, hold)
            case Redemption.PARTIAL if half:
                left += await self._commit(visit, hold, half, final=True)
            case Redemption.SPLIT if half:
                await self._commit(visit, hold, half, final=False)
                await self._commit(visit, hold, amount - half, final=True)
            case Redemption.PARTIAL | Redemption.SPLIT | Redemption.WHOLE | Redemption.RACED:
                await self._commit(visit, hold, amount, final=True)
            case _:
                assert_never(way)
        self._compare(visit, hold.balance, left)

    async def _race(self, visit: Visit, quote: QuoteResponse) -> None:
        """Reserve the same value from two devices at once; no more may win than the balance affords."""
        scene = self._scene
        affordable = min(2, quote.balance.available_minor // quote.amount_minor)
        outcomes = await asyncio.gather(
            self._reserve(scene.devices.phone, "phone", visit, quote),
            self._reserve(scene.devices.laptop, "laptop", visit, quote),
        )
        winners = [hold for hold in outcomes if hold is not None]
        scene.tally.refused += len(outcomes) - len(winners)
        scene.tally.both_afforded += affordable > 1
        if len(winners) != affordable:
            scene.differs(
                f"{named(visit)}: {len(winners)} of two devices won, the balance affords {affordable}"
            )
        for winner in winners:
            self._book(visit, winner)
        left = quote.balance.available_minor - sum(hold.reservation.amount_minor for hold in winners)
        for late in winners[1:]:
            left += await self._release(visit, late)
        if winners:
            await self._finish(visit, Redemption.RACED, winners[0], left)

    async def _reserve(
        self, client: AsyncWalletClient, device: str, visit: Visit, quote: QuoteResponse
    ) -> Hold | None:
        """Hold what was quoted; None if the balance does not suffice any more."""
        scene, basket = self._scene, visit.basket
        try:
            with scene.timings.of("reserve"):
                return await client.checkout.reserve(
                    scene.wallet_of(basket.household),
                    quote.amount_minor,
                    scene.order_of(visit),
                    quote_token=quote.quote_token,
                    device=f"{device}-{basket.household}",
                    reservation_id=scene.id_of(f"{basket.basket_id}/{device}"),
                )
        except errors.InsufficientBalance:
            return None

    def _book(self, visit: Visit, hold: Hold) -> None:
        reservation = hold.reservation
        self._scene.books[visit.basket.household].hold(
            hold.reservation_id, reservation.amount_minor, reservation.expires_at.ToDatetime(tzinfo=UTC)
        )

    async def _commit(self, visit: Visit, hold: Hold, amount_minor: int, *, final: bool) -> int:
        """Spend of a hold; returns what came back of it."""
        scene, basket = self._scene, visit.basket
        before = hold.reservation.committed_minor
        with scene.timings.of("commit"):
            await hold.commit(
                amount_minor=amount_minor,
                final=final,
                commit_id=scene.id_of(f"{basket.basket_id}/commit from {before}"),
            )
        book = scene.books[basket.household]
        book.spend(hold.reservation_id, hold.reservation.committed_minor - before)
        sale = book.sales[basket.basket_id]
        sale.reservation_id, sale.paid = hold.reservation_id, hold.reservation.committed_minor
        scene.tally.commits += 1
        return 0 if hold.held else book.end(hold.reservation_id)

    async def _release(self, visit: Visit, hold: Hold) -> int:
        """Give a hold up; returns what came back."""
        with self._scene.timings.of("release"):
            await hold.release()
        self._scene.tally.released += 1
        return self._scene.books[visit.basket.household].end(hold.reservation_id)

    def _compare(self, visit: Visit, balance: Balance, available: int) -> None:
        stands = (balance.available_minor, balance.reserved_minor)
        expected = (available, self._scene.books[visit.basket.household].reserved)
        if stands != expected:
            self._scene.differs(
                f"{named(visit)}: (available, reserved) is {stands}, the books have {expected}"
            )
