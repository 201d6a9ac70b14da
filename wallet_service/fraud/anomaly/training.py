"""Learning from history: a version from what is recorded and what people said of it; publishing, and going back."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from random import Random
from typing import Final

from msgspec.structs import replace

from wallet_service.fraud.anomaly import store
from wallet_service.fraud.anomaly.calibration import CALIBRATED_MIN, TooFew, calibrated
from wallet_service.fraud.anomaly.forest import Forest, Scorer, read, written
from wallet_service.fraud.anomaly.learner import Learner, new_learner
from wallet_service.fraud.anomaly.measuring import measured
from wallet_service.fraud.anomaly.model import Accountable, Example, Label, Metrics, Origin, Shape, Version
from wallet_service.fraud.anomaly.replay import replayed
from wallet_service.kernel.ids import WalletId
from wallet_service.runtime.session import Statements

_log = logging.getLogger(__name__)
REDEMPTIONS_DEFAULT: Final = 50_000
EACH_MAX: Final = 64
WALLETS_IN_A_READ: Final = 200
READ_SECONDS: Final = 30.0
WRITE_SECONDS: Final = 30.0
PAGE: Final = 200
PUBLICATIONS_LOOKED_AT: Final = 1_000
_ALL: Final = 2**62
_FIRST: Final = WalletId("00000000-0000-0000-0000-000000000000")

Labels = Mapping[str, bool]
"""What a person said of a redemption, by its reservation id: whether it was fraud."""

Reviewed = Callable[[], Awaitable[Sequence[Label]]]
"""Tells what reviewers found out."""


class NoSuchVersion(LookupError):  # noqa: N818 - it says what happened
    """There is no such version, or none to go back to."""


class Training:
    """Works on the database alone; a command or a worker, never what answers calls."""

    def __init__(self, db: Statements, reviewed: Reviewed | None = None) -> None:
        self._db = db
        self._reviewed = reviewed

    async def train(
        self, by: Accountable, shape: Shape, labels: Labels, labelled: Sequence[WalletId] = (),
        *, redemptions_max: int = REDEMPTIONS_DEFAULT,
    ) -> int:  # fmt: skip
        """Learn a version from a sample of wallets and those with labels; returns its number. Raises TooFew.

        Labels that are given stand above what reviewers found. The same seed on the same history makes the same version.
        """
        began = time.monotonic()
        labels, labelled = await self._spoken(labels, labelled)
        examples = await self.examples(shape.seed, labels, labelled, redemptions_max)
        taught = sum(not example.fraud for example in examples)
        # A window that is never full has weighed nothing.
        learner = new_learner(replace(shape, window=max(min(shape.window, taught), 1)))
        forest = fitted(learner, examples)
        metrics = replace(
            metrics_of(forest, examples), learner=learner.name, seed=shape.seed,
            seconds=round(time.monotonic() - began, 2),
        )  # fmt: skip
        return await self.keep(forest, metrics, Origin.TRAIN, 0, by)

    async def keep(
        self, forest: Forest, metrics: Metrics, origin: Origin, parent: int, by: Accountable
    ) -> int:
        """Keep a version; returns its number. It scores only when it is published."""
        document = written(forest)
        read(document)  # nothing is kept that could not be loaded again
        return await store.record_model(
            self._db, parent, origin, document, metrics, by, timeout_seconds=WRITE_SECONDS
        )

    async def examples(
        self, seed: int, labels: Labels, labelled: Sequence[WalletId], redemptions_max: int
    ) -> list[Example]:
        """Return redemptions in the order of their time: of wallets from a random place on, and of those with labels."""
        found: dict[WalletId, list[Example]] = {}
        for page in _pages(labelled):
            found |= await self._examples_of(page, labels)
        total = sum(map(len, found.values()))
        async for page in self._sample(seed):
            new = await self._examples_of([w for w in page if w not in found], labels)
            found |= new
            total += sum(map(len, new.values()))
            if total >= redemptions_max:
                break
        merged = [example for examples in found.values() for example in examples]
        return sorted(merged, key=lambda example: (example.at, example.reservation_id))

    async def labelled(self, labels: Labels, wallets: Sequence[WalletId]) -> tuple[Example, ...]:
        """Return the redemptions of these wallets that people spoke of."""
        labels, wallets = await self._spoken(labels, wallets)
        found: list[Example] = []
        for page in _pages(wallets):
            for examples in (await self._examples_of(page, labels)).values():
                found += [example for example in examples if example.fraud is not None]
        return tuple(found)

    async def _spoken(self, labels: Labels, wallets: Sequence[WalletId]) -> tuple[Labels, Sequence[WalletId]]:
        reviewed = await self._reviewed() if self._reviewed is not None else ()
        found = {label.reservation_id: label.fraud for label in reviewed}
        return found | dict(labels), [*wallets, *(label.wallet_id for label in reviewed)]

    async def _sample(self, seed: int) -> AsyncIterator[list[WalletId]]:
        """Yield wallets from a random place to the end, then from the beginning to that place."""
        start = WalletId(str(uuid.UUID(int=Random(seed).getrandbits(128))))  # noqa: S311 - a sample, no secret
        for begin, end in ((start, None), (_FIRST, start)):
            at = begin
            while page := await store.sample_wallets(
                self._db, at, WALLETS_IN_A_READ, timeout_seconds=READ_SECONDS
            ):
                yield [wallet_id for wallet_id in page if end is None or wallet_id <= end]
                at = page[-1]
                if end is not None and at > end:
                    break

    async def _examples_of(
        self, wallets: Sequence[WalletId], labels: Labels
    ) -> dict[WalletId, list[Example]]:
        standing = await store.read_wallets(self._db, wallets, timeout_seconds=READ_SECONDS)
        past = await store.read_redemptions(self._db, list(standing), EACH_MAX, timeout_seconds=READ_SECONDS)
        return {
            wallet_id: [
                Example(
                    wallet_id=wallet_id, reservation_id=redemption.reservation_id, at=redemption.at,
                    features=features, fraud=labels.get(redemption.reservation_id),
                )
                for redemption, features in replayed(standing[wallet_id][0], redemptions)
            ]
            for wallet_id, redemptions in past.items()
        }  # fmt: skip

    async def versions(self, below: int = _ALL) -> list[Version]:
        """Return versions below a number, the newest first."""
        return await store.read_models(self._db, below, PAGE, timeout_seconds=READ_SECONDS)

    async def forest_of(self, version: int) -> Forest:
        """Return a version's trees; raises NoSuchVersion or Malformed."""
        document = await store.read_model(self._db, version, timeout_seconds=READ_SECONDS)
        if document is None:
            raise NoSuchVersion(f"there is no version {version}")
        return read(document)

    async def publish(self, version: int, by: Accountable, *, instead_of: int | None = None) -> bool:
        """Let a version score everywhere within seconds; False if another than `instead_of` scores by now."""
        await self.forest_of(version)  # what cannot be loaded is not published
        revision = await store.publish_model(self._db, version, instead_of, by, timeout_seconds=WRITE_SECONDS)
        return revision is not None

    async def roll_back(self, by: Accountable, to: int | None = None) -> int:
        """Let an earlier version score again: the one named, or the last other one that scored. Returns its number."""
        if to is None:
            history = await store.read_publications(
                self._db, PUBLICATIONS_LOOKED_AT, timeout_seconds=READ_SECONDS
            )
            to = next((version for version in history if version < history[0]), None)
            if to is None:
                raise NoSuchVersion("no earlier version was ever published")
        await self.publish(to, by)
        return to

    async def published(self) -> int:
        """Return the version that scores; 0: none."""
        found = await store.read_publications(self._db, 1, timeout_seconds=READ_SECONDS)
        return found[0] if found else 0


def fitted(learner: Learner, examples: Sequence[Example]) -> Forest:
    """Return a model that has learnt from these and is calibrated by them; what is known to be fraud teaches nothing."""
    usual = [example.features for example in examples if not example.fraud]
    if len(usual) < CALIBRATED_MIN:
        raise TooFew(f"{len(usual)} redemptions are too few to learn from; {CALIBRATED_MIN} are needed")
    for features in usual:
        learner.learn(features)
    return calibrated(learner.forest(), usual, [learner.score(features) for features in usual])


def metrics_of(forest: Forest, examples: Sequence[Example]) -> Metrics:
    """Return how a model does on these; against all that nobody spoke of, if nobody called any honest."""
    scorer = Scorer(forest, 0)
    fraud, said, silent = (
        [scorer.score(example.features).score for example in examples if example.fraud is label]
        for label in (True, False, None)
    )
    base = Metrics(redemptions=len(examples), labelled_fraud=len(fraud), labelled_honest=len(said))
    if not fraud:
        return base
    return measured(base, fraud, said or silent)


def _pages(wallets: Sequence[WalletId]) -> list[list[WalletId]]:
    ordered = sorted(set(wallets))
    return [ordered[n : n + WALLETS_IN_A_READ] for n in range(0, len(ordered), WALLETS_IN_A_READ)]
