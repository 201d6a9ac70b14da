"""`wallet token`: development tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from wallet_service.cli.options import DataDir, given

if TYPE_CHECKING:
    from wallet_service.runtime.config import Settings
    from wallet_service.transport.scopes import Scope

TTL_SECONDS: Final = 8 * 3_600
TTL_SECONDS_MAX: Final = 30 * 86_400


def token(
    *,
    subject: Annotated[str, typer.Option(help="Who calls: the token's `sub`.")] = "developer",
    scope: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SCOPE",
            help="What it allows, once per scope, e.g. checkout.quote. Without it: everything it may.",
            show_default=False,
        ),
    ] = None,
    customer: Annotated[
        str | None,
        typer.Option(
            metavar="PROGRAM/CUSTOMER",
            help="Make it a customer's token, good for that one wallet only.",
            show_default=False,
        ),
    ] = None,
    ttl: Annotated[
        int, typer.Option(min=1, max=TTL_SECONDS_MAX, metavar="SECONDS", help="How long it lives.")
    ] = TTL_SECONDS,
    data_dir: DataDir = None,
) -> None:
    """Print a token for development, signed with the secret that the service on this data folder trusts.

    A service that is given a JWKS file (WALLET_AUTH_JWKS_FILE) takes tokens of that issuer only.

    Example: export WALLET_TOKEN="$(wallet token --customer demo/anna)"
    """
    from wallet_service.runtime.config import load_settings
    from wallet_service.runtime.errors import ConfigError

    settings = load_settings(given(data_dir=data_dir))
    made = minted(settings, subject=subject, scopes=scope, customer=customer, ttl_seconds=ttl, create=True)
    if made is None:
        raise ConfigError(
            "there is no development secret: this service takes tokens of the issuer in WALLET_AUTH_JWKS_FILE"
        )
    typer.echo(made)


def minted(
    settings: Settings,
    *,
    subject: str,
    scopes: list[str] | None = None,
    customer: str | None = None,
    ttl_seconds: int = 3_600,
    create: bool = False,
) -> str | None:
    """Return a development token, or None where there is no secret to sign it with."""
    from wallet_service.runtime.keys import development_secret
    from wallet_service.transport.auth import mint

    secret = development_secret(settings, create=create)
    if secret is None:
        return None
    return mint(
        secret,
        subject,
        _scopes(scopes, customer=customer is not None),
        customer=None if customer is None else program_and_customer(customer),
        ttl_seconds=ttl_seconds,
        audience=settings.auth_audience,
        issuer=settings.auth_issuer,
    )


def program_and_customer(text: str) -> tuple[str, str]:
    """Split PROGRAM/CUSTOMER; a customer's reference may hold slashes itself."""
    program_id, slash, customer_ref = text.partition("/")
    if not (program_id and slash and customer_ref):
        raise typer.BadParameter(f"{text!r} is not PROGRAM/CUSTOMER, as in demo/anna")
    return program_id, customer_ref


def _scopes(names: list[str] | None, *, customer: bool) -> list[Scope]:
    from wallet_service.transport.scopes import RULES, WIDENING, Scope

    if not names:
        open_to = {
            scope for rule in RULES.values() if rule.customers or not customer for scope in rule.scopes
        }
        return sorted(open_to if customer else open_to | WIDENING)
    known = {scope.value: scope for scope in Scope}
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"no scope {name!r}; there are {', '.join(sorted(known))}")
    return [known[name] for name in names]
