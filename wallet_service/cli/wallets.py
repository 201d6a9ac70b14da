"""`wallet wallet show|history|verify`: look at one wallet of a running service."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token

if TYPE_CHECKING:
    from rich.table import Table
    from wallet_client import AsyncWalletClient, Entry, EntryKind, Wallet, WalletAddress

app = typer.Typer(name="wallet", no_args_is_help=True, help="Look at one wallet of a running service.")

WalletName: TypeAlias = Annotated[
    str, typer.Argument(metavar="WALLET", help="Its id, or PROGRAM/CUSTOMER as in demo/anna.")
]
ENTRIES_SHOWN: Final = 20
_PAGE_MAX: Final = 500
_EXIT_UNSOUND: Final = 1
_LOTS_SHOWN: Final = 10


def show(
    wallet: WalletName,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Show the balances, the open reservations and what expires next, as one consistent snapshot."""
    from wallet_service.cli.calling import Wanted, run_calls
    from wallet_service.cli.show import console, json_line, plain

    address = address_of(wallet)

    async def work(client: AsyncWalletClient) -> int:
        found = await client.wallet.get(address)
        if as_json:
            typer.echo(json_line(plain(found)))
        else:
            for shown in _tables(found):
                console().print(shown)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def history(
    wallet: WalletName,
    *,
    limit: Annotated[
        int, typer.Option(min=0, metavar="N", help="At most so many entries; 0 shows all.")
    ] = ENTRIES_SHOWN,
    oldest_first: Annotated[bool, typer.Option("--oldest-first", help="Begin with the first entry.")] = False,
    kind: Annotated[
        list[str] | None,
        typer.Option(metavar="KIND", help="Only such entries, e.g. commit or claw-back; may be repeated."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(help="Entries at or after this moment (UTC).", show_default=False)
    ] = None,
    until: Annotated[
        datetime | None, typer.Option(help="Entries before this moment (UTC).", show_default=False)
    ] = None,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Show the entries, newest first: what moved, why, and the balance after it. --json prints one object a line."""
    from wallet_service.cli.calling import Wanted, run_calls
    from wallet_service.cli.show import console, json_line, plain

    address, kinds = address_of(wallet), _kinds(kind or [])

    async def work(client: AsyncWalletClient) -> int:
        # Only the wallet knows its exponent; without it amounts could not be written as people write them.
        shown = None if as_json else _EntryTable(await client.wallet.get(address))
        count = 0
        entries = client.wallet.entries(
            address,
            kinds=kinds,
            oldest_first=oldest_first,
            since=_utc(since),
            until=_utc(until),
            page_size=min(limit or _PAGE_MAX, _PAGE_MAX),
        )
        async for entry in entries:
            if shown is None:
                typer.echo(json_line(plain(entry)))
            else:
                shown.add(entry)
            count += 1
            if count == limit:
                break
        if shown is not None:
            console().print(shown.table if count else "no entries")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def verify(
    wallet: WalletName,
    *,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Prove the history: recompute the hash chain and every balance from the entries. Exits 1 if they disagree."""
    from wallet_service.cli.calling import Wanted, run_calls
    from wallet_service.cli.show import json_line, plain

    address = address_of(wallet)

    async def work(client: AsyncWalletClient) -> int:
        found = await client.wallet.verify(address)
        if as_json:
            typer.echo(json_line(plain(found)))
        elif found.sound:
            typer.echo(f"sound: {found.entries} entries, head {found.head_hash.hex() or 'none'}")
        else:
            typer.echo(f"NOT SOUND: {found.entries} entries")
            for fault in found.faults:
                typer.echo(f"  {fault}")
        return 0 if found.sound else _EXIT_UNSOUND

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


COMMANDS: Final[Mapping[str, Callable[..., None]]] = MappingProxyType(
    {"show": show, "history": history, "verify": verify}
)
for _name, _command in COMMANDS.items():
    app.command(_name)(_command)


def address_of(name: str) -> WalletAddress:
    """Return a wallet's address from what was typed: a UUID, or PROGRAM/CUSTOMER."""
    from wallet_service.cli.tokens import program_and_customer

    if "/" in name:
        return program_and_customer(name)
    try:
        return str(uuid.UUID(name))
    except ValueError:
        raise typer.BadParameter(
            f"{name!r} is neither a wallet's id nor PROGRAM/CUSTOMER, as in demo/anna"
        ) from None


def _kinds(names: list[str]) -> list[EntryKind.ValueType]:
    from wallet_client import EntryKind

    from wallet_service.cli.show import numbers_of

    return numbers_of(EntryKind, names, "kind")


def _utc(at: datetime | None) -> datetime | None:
    from datetime import UTC

    return at if at is None or at.tzinfo else at.replace(tzinfo=UTC)


def _tables(wallet: Wallet) -> list[Table]:
    from wallet_client import ReservationState, WalletState

    from wallet_service.cli.show import moment, money, printable, table, word

    def amount(minor: int) -> str:
        return money(minor, wallet.exponent, wallet.asset)

    balance = wallet.balance
    head = table("wallet", "")
    head.show_header = False
    rows: list[tuple[str, Any]] = [
        ("wallet", f"{wallet.program_id}/{wallet.customer_ref}"),
        ("id", wallet.wallet_id),
        ("state", word(WalletState, wallet.state)),
        ("available", f"[bold]{amount(balance.available_minor)}[/bold]"),
        ("reserved", amount(balance.reserved_minor)),
        ("pending", amount(balance.pending_minor)),
        ("frozen", amount(balance.frozen_minor)),
        ("version", balance.version),
        ("opened", f"{moment(wallet.opened_at)} UTC"),
    ]
    for name, value in rows:
        head.add_row(f"[cyan]{name}[/cyan]", str(value))
    shown = [head]
    if any(lot.HasField("expires_at") for lot in wallet.lots):
        lots = table("expires (UTC)", "amount", right=("amount",))
        for lot in wallet.lots[:_LOTS_SHOWN]:
            lots.add_row(
                moment(lot.expires_at) if lot.HasField("expires_at") else "never", amount(lot.amount_minor)
            )
        shown.append(lots)
    if wallet.open_reservations:
        held = table("reservation", "state", "order", "amount", "until (UTC)", right=("amount",))
        for hold in wallet.open_reservations:
            held.add_row(
                hold.reservation_id,
                word(ReservationState, hold.state),
                printable(hold.order_ref),
                amount(hold.amount_minor - hold.committed_minor),
                moment(hold.expires_at),
            )
        shown.append(held)
    return shown


class _EntryTable:
    """Entries as rows; amounts in the wallet's asset."""

    def __init__(self, wallet: Wallet) -> None:
        from wallet_service.cli.show import table

        self._exponent = wallet.exponent
        self.table = table(
            "no.", "time (UTC)", "what", f"amount {wallet.asset}", "available", "held", "why",
            right=("no.", f"amount {wallet.asset}", "available", "held"),
        )  # fmt: skip

    def add(self, entry: Entry) -> None:
        """Add one row."""
        from wallet_client import EntryKind

        from wallet_service.cli.show import moment, money, printable, word

        why = " · ".join(part for part in (entry.reference, entry.actor, entry.reason) if part)
        self.table.add_row(
            str(entry.seq),
            moment(entry.at),
            word(EntryKind, entry.kind),
            money(entry.amount_minor, self._exponent),
            money(entry.balance.available_minor, self._exponent),
            money(entry.balance.reserved_minor, self._exponent),
            printable(why or entry.subject_id),
        )
