"""The options that several commands share, said once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

_SERVING = "Serving"
_CALLING = "Calling a service"

DataDir: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--data-dir",
        metavar="FOLDER",
        help="Folder of the embedded servers and of generated keys. [WALLET_DATA_DIR, else .data]",
        show_default=False,
    ),
]
Port: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--port",
        min=0,
        max=65_535,
        metavar="PORT",
        help="Port to listen on; 0 takes a free one. [WALLET_GRPC_PORT, else 50051]",
        show_default=False,
        rich_help_panel=_SERVING,
    ),
]
Workers: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=1,
        max=128,
        metavar="N",
        help="Service processes that share the port; one per core at most. [WALLET_WORKERS, else 1]",
        show_default=False,
        rich_help_panel=_SERVING,
    ),
]
AsJson: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON for a machine, not a table.")]
Target: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--target",
        envvar="WALLET_TARGET",
        metavar="HOST:PORT",
        help="The service; without it, the one that `wallet up` started on this data folder.",
        show_default=False,
        rich_help_panel=_CALLING,
    ),
]
Token: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--token",
        envvar="WALLET_TOKEN",
        metavar="JWT",
        help="Bearer token; without it, one is made with the development secret of the data folder.",
        show_default=False,
        show_envvar=True,
        rich_help_panel=_CALLING,
    ),
]
CaFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        metavar="PEM",
        exists=True,
        dir_okay=False,
        help="Authorities of the service's certificate; calls with TLS.",
        show_default=False,
        rich_help_panel=_CALLING,
    ),
]


def given(**values: object) -> dict[str, object]:
    """Return the settings that the command line gives; what is None stays with the environment."""
    return {name: value for name, value in values.items() if value is not None}
