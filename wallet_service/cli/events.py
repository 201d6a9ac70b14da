"""`wallet events list|retry`: what became of a wallet's events, and another try for one that was given up on."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wallet_service.cli.options import AsJson, CaFile, DataDir, Target, Token
from wallet_service.cli.wallets import WalletName, address_of

if TYPE_CHECKING:
    from rich.table import Table
    from wallet_client import AsyncWalletClient, EventState, RecordedEvent

app = typer.Typer(
    name="events", no_args_is_help=True, help="Look at a wallet's events; try a dead one again."
)
EVENTS_SHOWN: Final = 20


def list_events(
    wallet: WalletName,
    *,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="STATE", help="Only such events, e.g. dead or in-review; may be repeated."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=500, metavar="N")] = EVENTS_SHOWN,
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """List the events, the latest to come in first. --json prints one object a line."""
    from wallet_service.cli.calling import Wanted, run_calls

    address, states = address_of(wallet), _states(state or [])

    async def work(client: AsyncWalletClient) -> int:
        from wallet_service.cli.show import console, json_line, plain

        found: list[RecordedEvent] = []
        async for event in client.earning.events(address, states=states, page_size=limit):
            found.append(event)
            if len(found) >= limit:
                break
        if as_json:
            for event in found:
                typer.echo(json_line(plain(event)))
        else:
            console().print(_table(found) if found else "no events")
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


def retry(
    wallet: WalletName,
    event: Annotated[str, typer.Argument(metavar="EVENT", help="The event's id.")],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; kept for ever.", prompt=True)],
    actor: Annotated[str, typer.Option("--actor", help="Who does this; without it, your login.")] = "",
    retry_id: Annotated[
        str,
        typer.Option(
            "--retry-id", metavar="UUID", help="Counts once; without it, a new one.", show_default=False
        ),
    ] = "",
    as_json: AsJson = False,
    target: Target = None,
    token: Token = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
) -> None:
    """Have an event that was given up on tried again. Refused if value would be left behind."""
    from wallet_service.cli.calling import Wanted, run_calls

    address = address_of(wallet)

    async def work(client: AsyncWalletClient) -> int:
        from wallet_client import EventState

        from wallet_service.cli.show import json_line, plain, word

        by = actor or os.environ.get("USER", "wallet-cli")
        found = await client.earning.retry(address, event, actor=by, reason=reason, retry_id=retry_id or None)
        said = f"{found.event_id}: {word(EventState, found.state)}"
        typer.echo(json_line(plain(found)) if as_json else said)
        return 0

    run_calls(Wanted(target=target, token=token, ca_file=ca, data_dir=data_dir), work)


_COMMANDS: Final[dict[str, Callable[..., None]]] = {"list": list_events, "retry": retry}
for _name, _command in _COMMANDS.items():
    app.command(_name)(_command)


def _states(names: list[str]) -> list[EventState.ValueType]:
    from wallet_client import EventState

    from wallet_service.cli.show import numbers_of

    return numbers_of(EventState, names, "state")


def _table(events: list[RecordedEvent]) -> Table:
    from wallet_client import EventKind, EventState

    from wallet_service.cli.show import moment, printable, table, word

    numbers = ("earned", "taken back", "owed", "given up")
    shown = table("event", "came in (UTC)", "kind", "order", "state", *numbers, "why", right=numbers)
    for event in events:
        amounts = (event.amount_minor, event.clawed_back_minor, event.owed_minor, event.given_up_minor)
        shown.add_row(
            event.event_id, moment(event.received_at), word(EventKind, event.kind), printable(event.order_ref),
            word(EventState, event.state), *(str(amount) if amount else "" for amount in amounts),
            printable(" ".join(event.reasons)),
        )  # fmt: skip
    return shown
