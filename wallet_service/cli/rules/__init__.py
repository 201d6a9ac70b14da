"""`wallet rules`: what is earned, as files; what it would have given; and whom it tells apart."""

from __future__ import annotations

import typer

from wallet_service.cli.rules import backtesting, files, policy, segments

app = typer.Typer(
    name="rules", no_args_is_help=True, help="Rules as files: apply, export, compare; backtests; segments."
)
for _command in (files.apply, files.export, files.diff, backtesting.backtest, policy.policy):
    app.command()(_command)
app.add_typer(segments.app)
