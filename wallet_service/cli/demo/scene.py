"""What everybody in a replay shares: connections, the clock, the books, and what has happened so far."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final, Protocol

from wallet_client import AsyncWalletClient, EventState, Order

from wallet_service.cli.demo.books import Book
from wallet_service.cli.demo.comebacks import Portion
from wallet_service.cli.demo.plan import Redemption, Visit
from wallet_service.cli.demo.timings import Timings

ACTOR: Final = "wallet demo"
CURRENCY: Final = "EUR"
CALLS_AT_ONCE: Final = 64
CALL_SECONDS_MAX: Final = 15.0
DIFFERENCES_MAX: Final = 20
_IDS: Final = uuid.UUID("8d8f0c5e-3a3b-5f5e-9d55-0b6f6a3f8e11")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has happened, as the callers saw it."""

    baskets: int = 0
    events: int = 0
    replays: int = 0
    late: int = 0
    referrals: int = 0
    earned_nothing: int = 0
    in_review: int = 0
    nothing_to_redeem: int = 0
    commits: int = 0
    redemptions: Counter[Redemption] = field(default_factory=Counter)
    refused: int = 0
    """Devices that came second."""
    both_afforded: int = 0
    """Races in which the balance sufficed for both."""
    released: int = 0
    returns: Counter[Portion] = field(default_factory=Counter)
    returns_refused: int = 0
    adjustments: int = 0
    owed_minor: int = 0
    """By customers who had spent what a return took; their next earnings pay it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Two connections of one household, so that what they send at the same time meets only in the service."""

    phone: AsyncWalletClient
    laptop: AsyncWalletClient


@dataclass(slots=True, kw_only=True)
class Scene:
    """One replay of a program's year."""

    devices: Devices
    program_id: str
    now: datetime = field(default_factory=lambda: datetime.min.replace(tzinfo=UTC))
    books: dict[int, Book] = field(default_factory=dict)
    tally: Tally = field(default_factory=Tally)
    timings: Timings = field(default_factory=Timings)
    differences: list[str] = field(default_factory=list)
    room: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(CALLS_AT_ONCE))

    @property
    def api(self) -> AsyncWalletClient:
        """The connection of whoever is no household."""
        return self.devices.phone

    def differs(self, sentence: str) -> None:
        """Note a difference between the books and the service."""
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(sentence)

    def wallet_of(self, household: int) -> tuple[str, str]:
        """Return the name of a household's wallet."""
        return self.program_id, str(household)

    def order_of(self, visit: Visit) -> Order:
        """Return a visit's order as the checkout tells it."""
        basket = visit.basket
        return Order(order_ref=basket.order_ref, total_minor=basket.total_minor, currency=CURRENCY)

    def id_of(self, what: str) -> str:
        """Return the id of a call: the same in every run on the same program, as a careful caller stores it."""
        return str(uuid.uuid5(_IDS, f"{self.program_id}/{what}"))


class Beside(Protocol):
    """Others who use the program during a replay: their wallets, by numbers of their own, stand in its books too."""

    async def open(self, scene: Scene, days: int) -> None:
        """Come in on the first day, when every household has its wallet."""

    async def play(self, day: int) -> None:
        """Do what there is to do on a day, counted from 0."""

    def facts(self) -> dict[str, str]:
        """Return what became of them, for the table."""


UNDER_WAY: Final = frozenset({EventState.EVENT_STATE_HELD, EventState.EVENT_STATE_CLEARED})
"""What the worker goes on with by itself."""


def named(visit: Visit) -> str:
    """Return how a difference names a visit."""
    return f"household {visit.basket.household}, visit {visit.number} on {visit.basket.at.date()}"
