"""`wallet health`: is it well."""

from __future__ import annotations

from typing import Annotated

import typer

from wallet_service.cli.options import CaFile, DataDir, Target


def health(
    *,
    target: Target = None,
    ca: CaFile = None,
    data_dir: DataDir = None,
    timeout: Annotated[
        float, typer.Option(min=0.1, max=60, metavar="SECONDS", help="How long to wait.")
    ] = 2.0,
) -> None:
    """Ask a service whether it serves; exits 0 when it does, 1 when not. For containers and load balancers."""
    from wallet_service.cli.calling import Wanted, find_endpoint
    from wallet_service.transport.probe import health_of

    endpoint = find_endpoint(Wanted(target=target, ca_file=ca, data_dir=data_dir))
    ca_pem = endpoint.ca_file.read_bytes() if endpoint.ca_file else None
    answer = health_of(
        endpoint.target, timeout_seconds=timeout, ca_pem=ca_pem, server_name=endpoint.server_name
    )
    typer.echo(f"{answer} grpc={endpoint.target}")
    raise typer.Exit(0 if answer == "SERVING" else 1)
