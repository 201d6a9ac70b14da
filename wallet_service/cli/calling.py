"""How a command finds a running service and a token, and talks to it through the Python client."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import typer

from wallet_service.cli.hint import read_hint
from wallet_service.cli.options import given

if TYPE_CHECKING:
    from wallet_client import AsyncWalletClient, Tls

    from wallet_service.runtime.config import Settings

CALL_SECONDS: Final = 10.0
_EXIT_REFUSED: Final = 1
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not listened on


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What the command line says about the service to call; None is found out."""

    target: str | None = None
    token: str | None = None
    ca_file: Path | None = None
    data_dir: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A service and how its certificate is checked."""

    target: str
    ca_file: Path | None = None
    server_name: str = ""


def run_calls(wanted: Wanted, work: Callable[[AsyncWalletClient], Awaitable[int]]) -> None:
    """Run `work` with a client; exits with its code, or with 1 and one line when the service refuses."""
    from wallet_client import WalletError

    from wallet_service.runtime.config import load_settings

    settings = load_settings(given(data_dir=wanted.data_dir))
    endpoint = _endpoint(wanted, settings)
    token = wanted.token or _own_token(settings)

    async def call() -> int:
        async with dial(endpoint, token) as client:
            return await work(client)

    try:
        code = asyncio.run(call())
    except WalletError as refused:
        typer.echo(f"wallet: {one_line(refused, endpoint)}", err=True)
        code = _EXIT_REFUSED
    raise typer.Exit(code)


def find_endpoint(wanted: Wanted) -> Endpoint:
    """Return the service that the command line, a hint under the data folder or the settings name, in this order."""
    from wallet_service.runtime.config import load_settings

    return _endpoint(wanted, load_settings(given(data_dir=wanted.data_dir)))


def one_line(refused: Exception, endpoint: Endpoint) -> str:
    """Say what the service answered: reason, field, sentence; or that nobody answered there."""
    from wallet_client.errors import Unreachable

    if isinstance(refused, Unreachable):
        return (
            f"no service answers at {endpoint.target}: start one with `wallet up`, or name it with --target"
        )
    return " ".join(str(refused).split())


def dial(endpoint: Endpoint, token: str) -> AsyncWalletClient:
    """Return a client; to be made inside a running event loop."""
    from wallet_client import AsyncWalletClient

    return AsyncWalletClient(
        endpoint.target, token=token, channels=1, tls=_tls(endpoint), default_timeout_seconds=CALL_SECONDS
    )


def own_endpoint(settings: Settings, address: str) -> Endpoint | None:
    """Return how this machine calls a service that listens on HOST:PORT; None where only client certificates open."""
    if settings.tls_client_ca_file is not None:
        return None
    host, _, port = address.rpartition(":")
    host = host.strip("[]")
    host = _EVERYWHERE.get(host, host)
    target = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    if settings.tls_certificate_file is None:
        return Endpoint(target=target)
    # Our own certificate is its own authority here: the question is not who signed it.
    return Endpoint(
        target=target,
        ca_file=settings.tls_certificate_file.resolve(),
        server_name=_name_in(settings.tls_certificate_file),
    )


def _endpoint(wanted: Wanted, settings: Settings) -> Endpoint:
    if wanted.target is not None:
        return Endpoint(target=wanted.target, ca_file=wanted.ca_file)
    hint = read_hint(settings.data_dir)
    if hint.target:
        ca_file = wanted.ca_file or (Path(hint.ca_file) if hint.ca_file else None)
        return Endpoint(target=hint.target, ca_file=ca_file, server_name=hint.server_name)
    return Endpoint(target=f"{settings.grpc_host}:{settings.grpc_port}", ca_file=wanted.ca_file)


def _own_token(settings: Settings) -> str:
    from wallet_service.cli.tokens import minted
    from wallet_service.runtime.errors import ConfigError

    made = minted(settings, subject="wallet-cli")
    if made is None:
        raise ConfigError(
            f"no token: give --token or WALLET_TOKEN (there is no development secret in {settings.keys_dir})"
        )
    return made


def _tls(endpoint: Endpoint) -> Tls | None:
    from wallet_client import Tls

    if endpoint.ca_file is None:
        return None
    return Tls(ca_pem=endpoint.ca_file.read_bytes(), server_name=endpoint.server_name)


def _name_in(certificate_file: Path) -> str:
    from cryptography import x509

    certificate = x509.load_pem_x509_certificate(certificate_file.read_bytes())
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return "localhost"
    return next(
        (name.replace("*", "wallet") for name in names.get_values_for_type(x509.DNSName)), "localhost"
    )
