"""What `wallet up` shows once it serves: the demo, and how to call it."""

from __future__ import annotations

import shlex
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from wallet_service.cli.calling import Endpoint
    from wallet_service.runtime.config import Settings


async def show_demo(
    endpoint: Endpoint | None, token: str | None, screen: Console, *, play_checkout: bool
) -> None:
    """Make the demo program and wallet where they are absent; play one checkout if asked to."""
    if endpoint is None or token is None:
        screen.print("no demo: this service takes only its issuer's tokens or clients with a certificate")
        return
    from wallet_client import WalletError

    from wallet_service.cli.calling import dial, one_line
    from wallet_service.cli.first_checkout import WALLET, ensure_demo, play

    try:
        async with dial(endpoint, token) as client:
            await ensure_demo(client)
            if play_checkout:
                name = "/".join(WALLET)
                screen.print(f"One checkout of wallet [bold]{name}[/bold], through the public API:\n")
                await play(client, screen)
    except WalletError as refused:
        # Somebody froze or closed the demo wallet, or changed its program; the service itself is well.
        screen.print(f"the demo cannot be played: {one_line(refused, endpoint)}", markup=False)


def say_how_to_call(settings: Settings, endpoint: Endpoint, screen: Console) -> None:
    """Print how to go on, each line ready to be copied."""
    from wallet_service.cli.first_checkout import WALLET
    from wallet_service.runtime.config import Settings as Defaults

    program, customer = WALLET
    default = settings.data_dir == Defaults.model_fields["data_dir"].default
    here = "" if default else f" --data-dir {shlex.quote(str(settings.data_dir))}"
    wallet = _own_name()
    lines = f"""
look at it        {wallet} wallet show {program}/{customer}{here}
                  {wallet} wallet history {program}/{customer}{here}
a token           export WALLET_TOKEN="$({wallet} token{here})"
from Python       {_typed(sys.executable)} clients/python/examples/checkout.py --target {endpoint.target} --token "$WALLET_TOKEN"
from anywhere     grpcurl -plaintext -H "authorization: Bearer $WALLET_TOKEN" \\
  (reflection)      -d '{{"wallet":{{"customer":{{"program_id":"{program}","customer_ref":"{customer}"}}}}}}' \\
                    {endpoint.target} wallet.v1.WalletService/GetWallet

Ctrl-C stops it; {kept(settings)}"""
    if endpoint.ca_file is not None:
        lines = lines.replace("-plaintext", f"-cacert {shlex.quote(str(endpoint.ca_file))}")
    screen.print(lines, markup=False, soft_wrap=True)


def kept(settings: Settings) -> str:
    """Say where the data is."""
    if settings.database_url is not None:
        return "the data is in your database"
    return f"the data is kept in {settings.data_dir}"


def _own_name() -> str:
    """Return what to type to get this program: `wallet` where the shell finds it, the path to it elsewhere."""
    program = Path(sys.argv[0])
    found = shutil.which("wallet")
    if program.name != "wallet" or (found is not None and Path(found).resolve() == program.resolve()):
        return "wallet"
    return _typed(sys.argv[0])


def _typed(program: str) -> str:
    """Return a path as one would type it here."""
    try:
        return str(Path(program).absolute().relative_to(Path.cwd()))
    except ValueError:
        return program
