"""`wallet model train|list|publish|rollback|work`: the anomaly model, its versions, and the worker that learns."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, NamedTuple, TypeAlias

import typer

from wallet_service.cli.options import AsJson, DataDir, given

if TYPE_CHECKING:
    from wallet_service.fraud.anomaly.model import Accountable, Version
    from wallet_service.kernel.ids import WalletId
    from wallet_service.runtime.config import Settings
    from wallet_service.wiring import Addresses

app = typer.Typer(
    name="model",
    no_args_is_help=True,
    help="The anomaly model: train, publish, go back, learn as redemptions come.",
)

Actor: TypeAlias = Annotated[str, typer.Option("--actor", help="Who does this; without it, your login.")]
Reason: TypeAlias = Annotated[str, typer.Option("--reason", help="Why; kept with the version.")]
LabelsFile: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--labels", metavar="FILE", exists=True, dir_okay=False, show_default=False,
        help='Lines of {"wallet_id": …, "reservation_id": …, "fraud": true}: chargebacks, decided cases.',
    ),
]  # fmt: skip
VersionNumber: TypeAlias = Annotated[int, typer.Argument(metavar="VERSION", min=1, help="Its number.")]
_EXIT_REFUSED: Final = 1
_LABELS_MAX: Final = 1_000_000


class Told(NamedTuple):
    """What a file of labels says, and of which wallets."""

    labels: Mapping[str, bool]
    wallets: list[WalletId]


def train(
    *,
    labels: LabelsFile = None,
    publish: Annotated[bool, typer.Option("--publish", help="Let it score at once.")] = False,
    redemptions: Annotated[
        int, typer.Option(min=200, max=1_000_000, metavar="N", help="About how many to learn from.")
    ] = 50_000,
    seed: Annotated[
        int, typer.Option(min=0, help="The same seed on the same history is the same model.")
    ] = 1,
    actor: Actor = "",
    reason: Reason = "trained from history",
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Learn a version from recorded redemptions, calibrate it, and measure it by the labels."""
    from wallet_service.cli.show import json_line
    from wallet_service.fraud.anomaly.calibration import TooFew
    from wallet_service.fraud.anomaly.model import Shape

    settings, addresses = _begin(data_dir)
    told, by = read_labels(labels), _by(actor, reason)

    async def work() -> Version:
        from wallet_service.learning import training

        async with training(settings, addresses) as model:
            version = await model.train(
                by, Shape(seed=seed), told.labels, told.wallets, redemptions_max=redemptions
            )
            if publish:
                await model.publish(version, by)
            return (await model.versions(version + 1))[0]

    try:
        made = asyncio.run(work())
    except TooFew as few:
        _refuse(str(few))
    typer.echo(json_line(as_plain(made)) if as_json else f"version {made.version}: {in_words(made)}")


def list_versions(*, as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Show the versions, the newest first, with what they were measured by."""
    from wallet_service.cli.show import console, json_line, printable, table

    settings, addresses = _begin(data_dir)

    async def work() -> list[Version]:
        from wallet_service.learning import training

        async with training(settings, addresses) as model:
            return await model.versions()

    versions = asyncio.run(work())
    if as_json:
        for version in versions:
            typer.echo(json_line(as_plain(version)))
        return
    shown = table("", "version", "from", "at", "measured", "by", "because", right=("version",))
    for version in versions:
        shown.add_row(
            "[green]scores[/green]" if version.published else "", str(version.version), str(version.origin),
            _moment(version.trained_at), in_words(version), printable(version.actor), printable(version.reason),
        )  # fmt: skip
    console().print(shown)


def publish(
    version: VersionNumber,
    *,
    actor: Actor = "",
    reason: Reason = "published by hand",
    data_dir: DataDir = None,
) -> None:
    """Let a version score, in every process within seconds."""
    from wallet_service.fraud.anomaly.forest import Malformed
    from wallet_service.fraud.anomaly.training import NoSuchVersion

    settings, addresses = _begin(data_dir)

    async def work() -> None:
        from wallet_service.learning import training

        async with training(settings, addresses) as model:
            await model.publish(version, _by(actor, reason))

    try:
        asyncio.run(work())
    except (NoSuchVersion, Malformed) as fault:
        _refuse(str(fault))
    typer.echo(f"version {version} scores")


def rollback(
    *,
    to: Annotated[
        int | None, typer.Option("--to", min=1, metavar="VERSION", help="Which one; else the one before.")
    ] = None,
    actor: Actor = "",
    reason: Reason = "taken back by hand",
    data_dir: DataDir = None,
) -> None:
    """Let an earlier version score again."""
    from wallet_service.fraud.anomaly.forest import Malformed
    from wallet_service.fraud.anomaly.training import NoSuchVersion

    settings, addresses = _begin(data_dir)

    async def work() -> int:
        from wallet_service.learning import training

        async with training(settings, addresses) as model:
            return await model.roll_back(_by(actor, reason), to)

    try:
        version = asyncio.run(work())
    except (NoSuchVersion, Malformed) as fault:
        _refuse(str(fault))
    typer.echo(f"version {version} scores again")


def work(
    *,
    labels: LabelsFile = None,
    keep_every: Annotated[
        int, typer.Option(min=1, metavar="SECONDS", help="How often what was learnt becomes a version.")
    ] = 3_600,
    data_dir: DataDir = None,
) -> None:
    """Learn from redemptions as they are granted, until SIGTERM or Ctrl-C; one process beside those that serve."""
    settings, addresses = _begin(data_dir)
    told = read_labels(labels)
    from wallet_service.runtime.lifecycle import run

    async def main() -> int:
        from wallet_service.learning import work_model

        return await work_model(
            settings, addresses, keep_seconds=float(keep_every), labels=told.labels, labelled=told.wallets
        )

    raise typer.Exit(run(main))


app.command("train")(train)
app.command("list")(list_versions)
app.command("publish")(publish)
app.command("rollback")(rollback)
app.command("work")(work)


def read_labels(path: Path | None) -> Told:
    """Read a file of labels; what is no label is refused with its line."""
    from wallet_service.kernel.ids import WalletId, canonical_uuid

    labels: dict[str, bool] = {}
    wallets: list[WalletId] = []
    lines = path.read_text(encoding="utf-8").splitlines()[:_LABELS_MAX] if path else []
    for number, line in enumerate(lines, 1):
        try:
            said = json.loads(line)
            wallet_id, fraud = WalletId(canonical_uuid(said["wallet_id"])), said["fraud"]
            reservation_id = canonical_uuid(said["reservation_id"])
        except (ValueError, KeyError, TypeError, AttributeError):
            raise typer.BadParameter(f"line {number} of {path} is no label") from None
        if not isinstance(fraud, bool):
            raise typer.BadParameter(f"line {number} of {path} does not say true or false")
        labels[reservation_id] = fraud
        wallets.append(wallet_id)
    return Told(labels, wallets)


def as_plain(version: Version) -> dict[str, Any]:
    """Return a version as JSON holds it."""
    import msgspec

    plain: dict[str, Any] = msgspec.to_builtins(version)
    return plain


def in_words(version: Version) -> str:
    """Return what a version was measured by."""
    found = version.metrics
    said = f"{found.redemptions:,} redemptions"
    if found.auc is None:
        return f"{said}, no labels to measure by"
    return (
        f"{said}, {found.labelled_fraud:,} known frauds: AUC {found.auc:.3f},"
        f" {(found.found_at_990 or 0):.0%} of them and {(found.false_at_990 or 0):.2%} of the honest score 990"
    )


def _begin(data_dir: Path | None) -> tuple[Settings, Addresses]:
    from wallet_service.cli.reconciling import addresses_of
    from wallet_service.runtime.config import load_settings
    from wallet_service.runtime.logs import set_up_logging

    settings = load_settings(given(data_dir=data_dir))
    set_up_logging(level=settings.log_level, as_json=settings.log_json)
    return settings, addresses_of(settings)


def _by(actor: str, reason: str) -> Accountable:
    from wallet_service.fraud.anomaly.model import Accountable

    return Accountable(actor=actor or os.environ.get("USER", "wallet-cli"), reason=reason)


def _moment(at: int) -> str:
    return datetime.fromtimestamp(at // 1_000_000, UTC).strftime("%Y-%m-%d %H:%M")


def _refuse(said: str) -> None:
    typer.echo(f"wallet: {said}", err=True)
    raise typer.Exit(_EXIT_REFUSED)
