"""Holds every wallet against its book: what came, what went, what stands."""

from __future__ import annotations

import asyncio

from wallet_client import EventKind

from wallet_service.cli.demo.closing import Closings
from wallet_service.cli.demo.scene import Scene

PAGE = 500


async def compare(scene: Scene, closings: Closings) -> None:
    """Note where a wallet is not what its book says; as of the last closing."""
    await asyncio.gather(*(_compare(scene, closings, household) for household in scene.books))


async def _compare(scene: Scene, closings: Closings, household: int) -> None:
    issued = clawed_back = owed = 0
    async with scene.room:
        async for event in scene.api.earning.events(scene.wallet_of(household), page_size=PAGE):
            if event.kind != EventKind.EVENT_KIND_RETURN:
                issued += event.amount_minor
                clawed_back += event.clawed_back_minor
                owed += event.owed_minor
    scene.tally.owed_minor += owed
    book, flows = scene.books[household], closings.flows_of(household)
    balance = closings.balance_of(household)
    for what, found, expected in (
        ("issued by its entries", flows.issued, book.issued),
        ("issued by its events", issued, book.issued),
        ("redeemed", flows.redeemed, book.redeemed - book.restored),
        ("clawed back by its entries", flows.clawed_back, clawed_back),
        ("clawed back or owed by its events", clawed_back + owed, book.taken_back),
        ("adjusted", flows.adjusted, book.adjusted),
        ("reserved", balance.reserved_minor, book.reserved),
    ):
        if found != expected:
            scene.differs(f"household {household}, {what}: the service has {found:,}, the books {expected:,}")
