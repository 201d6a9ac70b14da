"""The demo program and wallet, and one checkout through the public API that a newcomer can watch."""

from __future__ import annotations

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Final, TypeVar

from rich.console import Console
from rich.table import Table

from wallet_service.cli.show import money, table, word

if TYPE_CHECKING:
    from wallet_client import AsyncWalletClient, Hold, Order, Program, QuoteResponse, Wallet

T = TypeVar("T")

PROGRAM_ID: Final = "demo"
CUSTOMER_REF: Final = "anna"
ACTOR: Final = "wallet up"
WALLET: Final = (PROGRAM_ID, CUSTOMER_REF)
_BALANCE_MINOR: Final = 6_000
_ORDER_MINOR: Final = 9_900
_SHIPPED_MINOR: Final = 3_000


async def ensure_demo(client: AsyncWalletClient) -> Wallet:
    """Create the demo program and wallet where they are absent, with something to spend; return the wallet."""
    from wallet_client import errors

    try:
        program = await client.admin.get_program(PROGRAM_ID)
    except errors.ProgramNotFound:
        program = await client.admin.put_program(_program(), actor=ACTOR, reason="something to try")
    wallet = await client.wallet.open(*WALLET)
    missing = _BALANCE_MINOR * 10 ** max(program.exponent - 2, 0) - wallet.balance.available_minor
    if missing > 0:
        wallet = await client.wallet.adjust(WALLET, missing, actor=ACTOR, reason="something to spend")
    return wallet


async def play(client: AsyncWalletClient, console: Console) -> None:
    """Play one checkout and show every step as it ends."""
    await _Play(client, console).run()


def _program() -> Program:
    from wallet_client import Program, ProgramMode, RedemptionPolicy

    return Program(
        program_id=PROGRAM_ID,
        display_name="Demo",
        mode=ProgramMode.PROGRAM_MODE_LIVE,
        asset="EUR",
        exponent=2,
        currency="EUR",
        rate_numerator=1,
        rate_denominator=1,
        redemption=RedemptionPolicy(
            minimum_purchase_minor=500,
            minimum_redemption_minor=100,
            maximum_share_bp=5_000,
            step_minor=1,
            quote_ttl_seconds=300,
            reservation_ttl_seconds=900,
            reservation_ttl_seconds_max=3_600,
        ),
    )


class _Play:
    """One checkout, told line by line."""

    def __init__(self, client: AsyncWalletClient, console: Console) -> None:
        self._client = client
        self._console = console
        self._step = 0
        self._asset = ""
        self._exponent = 2

    async def run(self) -> None:
        wallet = await self._balance("before")
        quote = await self._quote()
        if not quote.amount_minor:
            return  # somebody froze the wallet; the quote has said so
        hold = await self._phone(quote)
        await self._laptop(quote.amount_minor)
        await self._commit(hold)
        await self._history(wallet.balance.version)
        await self._balance("after")

    async def _balance(self, when: str) -> Wallet:
        wallet, ms = await _timed(self._client.wallet.get(WALLET))
        self._asset, self._exponent = wallet.asset, wallet.exponent
        held = f", {self._money(wallet.balance.reserved_minor)} held" if wallet.balance.reserved_minor else ""
        self._tell(
            "balance",
            f"{when}: [bold]{self._money(wallet.balance.available_minor)}[/bold] to spend{held}",
            ms,
        )
        return wallet

    async def _quote(self) -> QuoteResponse:
        from wallet_client import LimitKind

        order = self._order()
        quote, ms = await _timed(
            self._client.checkout.quote(WALLET, order, maximum=True, device="anna's phone")
        )
        limits = ", ".join(word(LimitKind, limit.kind) for limit in quote.limits)
        self._tell(
            "quote",
            f"order of {self._money(order.total_minor)}: wallet [bold]{self._money(quote.amount_minor)}[/bold],"
            f" card {self._money(quote.left_to_pay_minor)}" + (f" (limit: {limits})" if limits else ""),
            ms,
        )
        self._quoted = order
        return quote

    async def _phone(self, quote: QuoteResponse) -> Hold:
        hold, ms = await _timed(
            self._client.checkout.reserve(
                WALLET, quote.amount_minor, self._quoted, quote_token=quote.quote_token, device="anna's phone"
            )
        )
        self._tell("reserve", f"on the phone: [green]{self._money(quote.amount_minor)} held[/green]", ms)
        return hold

    async def _laptop(self, amount_minor: int) -> None:
        from wallet_client import errors

        started = time.perf_counter()
        try:
            hold = await self._client.checkout.reserve(
                WALLET, amount_minor, self._order(), device="anna's laptop"
            )
        except errors.InsufficientBalance as refused:
            ms = (time.perf_counter() - started) * 1_000
            self._tell("reserve", f"on a laptop, the same money: [red]refused[/red], {refused.reason}", ms)
        else:
            # Somebody else filled this wallet meanwhile: both could be held, and the second is given back.
            await hold.release()
            self._tell("reserve", "on a laptop: the balance affords both; given back", 0.0)

    async def _commit(self, hold: Hold) -> None:
        amount_minor = min(_SHIPPED_MINOR, hold.reservation.amount_minor)
        spent, ms = await _timed(hold.commit(amount_minor=amount_minor))
        rest = spent.amount_minor - spent.committed_minor
        self._tell(
            "commit",
            f"one of two parcels shipped: [bold]{self._money(spent.committed_minor)}[/bold] spent,"
            f" {self._money(rest)} given back",
            ms,
        )

    async def _history(self, version_before: int) -> None:
        started = time.perf_counter()
        entries = []
        async for entry in self._client.wallet.entries(WALLET, page_size=20):
            if entry.seq <= version_before:
                break
            entries.append(entry)
        verified = await self._client.wallet.verify(WALLET)
        ms = (time.perf_counter() - started) * 1_000
        sound = "its hash chain holds" if verified.sound else "[red]its hash chain is broken[/red]"
        self._tell("history", f"{verified.entries} entries, {sound}; the newest:", ms)
        from wallet_client import EntryKind

        shown = table(
            "no.", "what", "amount", "available", "held", right=("no.", "amount", "available", "held")
        )
        for entry in reversed(entries):
            shown.add_row(
                str(entry.seq),
                word(EntryKind, entry.kind),
                self._money(entry.amount_minor),
                self._money(entry.balance.available_minor),
                self._money(entry.balance.reserved_minor),
            )
        self._indent(shown)

    def _order(self) -> Order:
        from wallet_client import Order, new_id

        return Order(order_ref=f"order-{new_id()[:8]}", total_minor=_ORDER_MINOR, currency="EUR")

    def _money(self, amount_minor: int) -> str:
        return money(amount_minor, self._exponent, self._asset)

    def _tell(self, name: str, sentence: str, ms: float) -> None:
        self._step += 1
        line = Table.grid(padding=(0, 2, 0, 0))
        for width in (3, 7, None, None):
            line.add_column(width=width)
        line.add_row(
            f"  [dim]{self._step}[/dim]", f"[cyan]{name}[/cyan]", sentence, f"[dim]{ms:.1f} ms[/dim]"
        )
        self._console.print(line)

    def _indent(self, shown: Table) -> None:
        from rich.padding import Padding

        self._console.print(Padding(shown, (0, 0, 0, 11), expand=False))


async def _timed(call: Awaitable[T]) -> tuple[T, float]:
    started = time.perf_counter()
    result = await call
    return result, (time.perf_counter() - started) * 1_000
