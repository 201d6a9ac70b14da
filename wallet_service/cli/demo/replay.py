"""Plays the plan through the public API, as tills, phones and a back office would, and keeps books of what is answered."""

from __future__ import annotations

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Protocol, assert_never

from wallet_client import (
    AsyncWalletClient,
    Balance,
    Hold,
    Order,
    Program,
    ProgramMode,
    QuoteResponse,
    RedemptionPolicy,
    Wallet,
    errors,
)

from wallet_service.cli.demo.books import Book
from wallet_service.cli.demo.plan import Day, Redemption, Visit
from wallet_service.cli.demo.timings import Timings

ACTOR: Final = "wallet demo"
CURRENCY: Final = "EUR"
CASHBACK_DAYS: Final = 60
"""How long cashback may be spent."""

HOUSEHOLDS_AT_ONCE: Final = 64
CALL_SECONDS_MAX: Final = 15.0
DIFFERENCES_MAX: Final = 20
_IDS: Final = uuid.UUID("8d8f0c5e-3a3b-5f5e-9d55-0b6f6a3f8e11")


@dataclass(slots=True, kw_only=True)
class Tally:
    """What has happened, as the callers saw it."""

    baskets: int = 0
    too_small_to_earn: int = 0
    nothing_to_redeem: int = 0
    credits: int = 0
    commits: int = 0
    redemptions: Counter[Redemption] = field(default_factory=Counter)
    refused: int = 0
    """Devices that came second."""
    both_afforded: int = 0
    """Races in which the balance sufficed for both."""
    released: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """Two connections of one household, so that what they send at the same time meets only in the service."""

    phone: AsyncWalletClient
    laptop: AsyncWalletClient


class Beside(Protocol):
    """Others who use the program during a replay, and keep books of their own."""

    facts: dict[str, str]
    """What became of them, for the table."""

    async def open(
        self, api: AsyncWalletClient, program_id: str, households: Sequence[str], days: int
    ) -> None:
        """Come in, on the first day, knowing the wallets of the honest."""

    def pass_time(self, now: datetime) -> None:
        """Let what is overdue expire in the books."""

    async def play(self, day: int) -> None:
        """Do what there is to do on a day, counted from 0."""

    async def compare(self) -> list[str]:
        """Return where wallets are not as the books say."""

    def books(self) -> Iterable[Book]:
        """Return the books."""


class Replay:
    """One run. Visits of a household follow on each other; households do not wait for each other within a day."""

    def __init__(
        self, devices: Devices, program_id: str, *, played: Callable[[], None], beside: Beside | None = None
    ) -> None:
        self._beside = beside
        self._devices = devices
        self._api = devices.phone
        self._program_id = program_id
        self._played = played
        self._households = asyncio.Semaphore(HOUSEHOLDS_AT_ONCE)
        self._now = datetime.min.replace(tzinfo=UTC)
        self._wallet_ids: list[str] = []
        self.books: dict[int, Book] = {}
        self.tally = Tally()
        self.timings = Timings()
        self.differences: list[str] = []

    async def open(self, households: tuple[int, ...], first: date) -> None:
        """Create the program, with its clock on the first day, and a wallet for each household."""
        await self._api.admin.put_program(_program(self._program_id), actor=ACTOR, reason="a year of baskets")
        await self._advance(first)
        self.books = {household: Book() for household in households}
        await asyncio.gather(*(self._open(household) for household in households))

    async def _open(self, household: int) -> None:
        async with self._households:
            with self.timings.of("open wallet"):
                wallet = await self._api.wallet.open(self._program_id, str(household))
        self._wallet_ids.append(wallet.wallet_id)

    async def play(self, days: tuple[Day, ...]) -> None:
        """Play every day, and let one more pass."""
        first = days[0].date
        if self._beside is not None:
            await self._beside.open(
                self._api, self._program_id, self._wallet_ids, (days[-1].date - first).days + 1
            )
        for day in days:
            await self._advance(day.date)
            if self._beside is not None:
                await self._beside.play((day.date - first).days)
            async with asyncio.TaskGroup() as group:
                for visits in day.visits:
                    group.create_task(self._household(visits))
        await self._advance(days[-1].date + timedelta(days=1))

    async def compare(self) -> None:
        """Hold every wallet against its book."""
        await asyncio.gather(*(self._compare_wallet(household) for household in self.books))
        if self._beside is not None:
            for sentence in await self._beside.compare():
                self.differs(sentence)

    def differs(self, sentence: str) -> None:
        """Note a difference between the books and the service."""
        if len(self.differences) < DIFFERENCES_MAX:
            self.differences.append(sentence)

    async def _advance(self, to: date) -> None:
        """Set the program's clock to the beginning of a day; what is overdue then is so for the service and the books."""
        self._now = datetime.combine(to, time.min, UTC)
        with self.timings.of("advance clock"):
            await self._api.admin.advance_clock(self._program_id, self._now, actor=ACTOR, reason="a new day")
        for book in self.books.values():
            book.pass_time(self._now)
        if self._beside is not None:
            self._beside.pass_time(self._now)

    async def _household(self, visits: tuple[Visit, ...]) -> None:
        async with self._households:
            for visit in visits:
                await self._visit(visit)
                self.tally.baskets += 1
                self._played()

    async def _visit(self, visit: Visit) -> None:
        """Pay for a basket, with cashback of earlier visits where it is its turn; then earn for this one."""
        if visit.redemption is not None:
            await self._redeem(visit, visit.redemption)
        if visit.cashback_minor:
            await self._earn(visit)
        else:
            self.tally.too_small_to_earn += 1

    async def _earn(self, visit: Visit) -> None:
        # An adjustment says who and why, like any act of a person. Earn events will replace it: they will bring the
        # purchase, and rules will say what it earns.
        expires_at = self._now + timedelta(days=CASHBACK_DAYS)
        with self.timings.of("credit"):
            wallet = await self._api.wallet.adjust(
                self._wallet(visit),
                visit.cashback_minor,
                actor=ACTOR,
                reason=f"2 % cashback on basket {visit.basket.basket_id}",
                expires_at=expires_at,
                operation_id=self._id(visit, "cashback"),
            )
        book = self.books[visit.basket.household]
        book.credit(visit.cashback_minor, expires_at)
        self.tally.credits += 1
        self._compare_balance(visit, book, wallet.balance)

    async def _redeem(self, visit: Visit, way: Redemption) -> None:
        order = self._order(visit)
        with self.timings.of("quote"):
            quote = await self._api.checkout.quote(self._wallet(visit), order, maximum=True)
        if not quote.amount_minor:
            self.tally.nothing_to_redeem += 1
            return
        self.tally.redemptions[way] += 1
        if way is Redemption.RACED:
            await self._race(visit, quote)
            return
        hold = await self._reserve(self._devices.phone, "phone", visit, quote)
        if hold is None:
            self.differs(f"{_named(visit)}: refused what was quoted a moment ago, with nobody else about")
            return
        self._book_hold(visit, hold)
        await self._finish(visit, way, hold)

    async def _finish(self, visit: Visit, way: Redemption, hold: Hold) -> None:
        amount = hold.reservation.amount_minor
        half = amount // 2
        match way:
            case Redemption.FORGOTTEN:
                pass  # the next day's clock finds it overdue
            case Redemption.ABANDONED:
                await self._release(visit, hold)
            case Redemption.PARTIAL if half:
                await self._commit(visit, hold, half, final=True)
            case Redemption.SPLIT if half:
                await self._commit(visit, hold, half, final=False)
                await self._commit(visit, hold, amount - half, final=True)
            case Redemption.PARTIAL | Redemption.SPLIT | Redemption.WHOLE | Redemption.RACED:
                await self._commit(visit, hold, amount, final=True)
            case _:
                assert_never(way)
        self._compare_balance(visit, self.books[visit.basket.household], hold.balance)

    async def _race(self, visit: Visit, quote: QuoteResponse) -> None:
        """Reserve the same value from two devices at once; no more may win than the balance affords."""
        affordable = min(2, self.books[visit.basket.household].available // quote.amount_minor)
        outcomes = await asyncio.gather(
            self._reserve(self._devices.phone, "phone", visit, quote),
            self._reserve(self._devices.laptop, "laptop", visit, quote),
        )
        # In the order in which the service decided, which need not be that of its answers: the first has the lots that
        # expire first.
        winners = sorted(
            (hold for hold in outcomes if hold is not None), key=lambda hold: hold.balance.version
        )
        self.tally.refused += len(outcomes) - len(winners)
        self.tally.both_afforded += affordable > 1
        if len(winners) != affordable:
            self.differs(
                f"{_named(visit)}: {len(winners)} of two devices won, the balance affords {affordable}"
            )
        for winner in winners:
            self._book_hold(visit, winner)
        for late in winners[1:]:
            await self._release(visit, late)
        if winners:
            await self._finish(visit, Redemption.RACED, winners[0])

    async def _reserve(
        self, client: AsyncWalletClient, device: str, visit: Visit, quote: QuoteResponse
    ) -> Hold | None:
        """Hold what was quoted; None if the balance does not suffice any more."""
        try:
            with self.timings.of("reserve"):
                return await client.checkout.reserve(
                    self._wallet(visit),
                    quote.amount_minor,
                    self._order(visit),
                    quote_token=quote.quote_token,
                    device=f"{device}-{visit.basket.household}",
                    reservation_id=self._id(visit, device),
                )
        except errors.InsufficientBalance:
            return None

    def _book_hold(self, visit: Visit, hold: Hold) -> None:
        reservation = hold.reservation
        missing = self.books[visit.basket.household].hold(
            hold.reservation_id, reservation.amount_minor, reservation.expires_at.ToDatetime(tzinfo=UTC)
        )
        if missing:
            self.differs(f"{_named(visit)}: reserved {missing} more than the books have")

    async def _commit(self, visit: Visit, hold: Hold, amount_minor: int, *, final: bool) -> None:
        before = hold.reservation.committed_minor
        with self.timings.of("commit"):
            await hold.commit(
                amount_minor=amount_minor,
                final=final,
                commit_id=self._id(visit, f"commit from {before}"),
            )
        book = self.books[visit.basket.household]
        missing = book.spend(hold.reservation_id, hold.reservation.committed_minor - before)
        if missing:
            self.differs(f"{_named(visit)}: committed {missing} more than was held")
        self.tally.commits += 1
        if not hold.held:
            book.end(hold.reservation_id)

    async def _release(self, visit: Visit, hold: Hold) -> None:
        with self.timings.of("release"):
            await hold.release()
        self.books[visit.basket.household].end(hold.reservation_id)
        self.tally.released += 1

    async def _compare_wallet(self, household: int) -> None:
        async with self._households:
            with self.timings.of("get wallet"):
                wallet: Wallet = await self._api.wallet.get((self._program_id, str(household)))
        book = self.books[household]
        lots = {lot.expires_at.ToDatetime(tzinfo=UTC): lot.amount_minor for lot in wallet.lots}
        stands = (wallet.balance.available_minor, wallet.balance.reserved_minor, lots)
        expected = (book.available, book.reserved, book.lots)
        if stands != expected:
            self.differs(f"household {household}: the wallet has {stands}, the books have {expected}")

    def _compare_balance(self, visit: Visit, book: Book, balance: Balance) -> None:
        stands = (balance.available_minor, balance.reserved_minor)
        if stands != (book.available, book.reserved):
            expected = (book.available, book.reserved)
            self.differs(f"{_named(visit)}: (available, reserved) is {stands}, the books have {expected}")

    def _wallet(self, visit: Visit) -> tuple[str, str]:
        return self._program_id, str(visit.basket.household)

    def _order(self, visit: Visit) -> Order:
        basket = visit.basket
        return Order(
            order_ref=f"basket-{basket.basket_id}", total_minor=basket.total_minor, currency=CURRENCY
        )

    def _id(self, visit: Visit, what: str) -> str:
        """Return the id of a call: the same in every run on the same program, as a careful caller stores it."""
        return str(uuid.uuid5(_IDS, f"{self._program_id}/{visit.basket.basket_id}/{what}"))


def _named(visit: Visit) -> str:
    return f"household {visit.basket.household}, visit {visit.number} on {visit.basket.at.date()}"


def _program(program_id: str) -> Program:
    """Return a sandbox: its clock follows the baskets."""
    return Program(
        program_id=program_id,
        display_name="Complete Journey",
        mode=ProgramMode.PROGRAM_MODE_SANDBOX,
        asset=CURRENCY,
        exponent=2,
        currency=CURRENCY,
        rate_numerator=1,
        rate_denominator=1,
        redemption=RedemptionPolicy(
            minimum_purchase_minor=500,
            minimum_redemption_minor=50,
            maximum_share_bp=5_000,
            step_minor=5,
            quote_ttl_seconds=300,
            reservation_ttl_seconds=900,
            reservation_ttl_seconds_max=3_600,
        ),
    )
