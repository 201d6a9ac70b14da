"""A model at rest, and how it scores. Pure, and without the library that learnt it.

Half-space trees: complete binary trees of random cuts, in which each node knows how many of the last redemptions came
by. Where few came by, a redemption is unusual. A tree is four lists in the order of a heap (the children of node n
are 2n + 1 and 2n + 2), so a model is plain data: nothing that is loaded can run.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import Final

import msgspec
from msgspec import Struct

from wallet_service.fraud.anomaly.features import NAMES, checked
from wallet_service.fraud.anomaly.model import Contribution, Features, Score

QUANTILES: Final = (*range(0, 900, 10), *range(900, 1_000), 1_000)
"""Where scores lie, in thousandths; finer at the end that matters."""
TREES_MAX: Final = 100
HEIGHT_MAX: Final = 10
WINDOW_MAX: Final = 100_000
DOCUMENT_BYTES_MAX: Final = 8 << 20
EXPLAINED_FROM: Final = 950
"""From this score on, what makes it so is worked out."""
REASONS_MAX: Final = 3
_SIZE_LIMIT: Final = 0.1
"""Of the window: below so many redemptions a node is not followed further; the constant of the paper."""


class Tree(Struct, frozen=True, kw_only=True, gc=False):
    """One tree: which feature each inner node cuts and where, and the redemptions of the last and this window."""

    features: list[int]
    cuts: list[float]
    weights: list[int]
    counts: list[int]


class Forest(Struct, frozen=True, kw_only=True):
    """A version's trees, how far its window has filled, what is usual, and how scores are spread."""

    names: tuple[str, ...]
    height: int
    window: int
    filled: int
    seed: int
    trees: tuple[Tree, ...]
    usual: tuple[float, ...] = ()
    """The middle of each feature."""
    points: tuple[float, ...] = ()
    """Raw scores at the quantiles."""


class Malformed(ValueError):  # noqa: N818 - it says what happened
    """A document is no model that this version could score with."""


def written(forest: Forest) -> bytes:
    """Return a model as it is stored."""
    return msgspec.json.encode(forest)


def read(document: bytes) -> Forest:
    """Return a stored model; raises Malformed unless every number in it is one that scoring can rely on."""
    if len(document) > DOCUMENT_BYTES_MAX:
        raise Malformed("a model of more than 8 MiB")
    try:
        forest = msgspec.json.decode(document, type=Forest)
        fault = _fault(forest)
    except ValueError as unreadable:
        raise Malformed(str(unreadable)) from None
    if fault:
        raise Malformed(fault)
    return forest


def _fault(forest: Forest) -> str:
    if forest.names != NAMES:
        return "it was learnt from other features"
    bounds = ((len(forest.trees), TREES_MAX), (forest.height, HEIGHT_MAX), (forest.window, WINDOW_MAX))
    if not all(1 <= value <= most for value, most in bounds):
        return "its size is out of bounds"
    inner, nodes = (1 << forest.height) - 1, (2 << forest.height) - 1
    for tree in forest.trees:
        if not (
            len(tree.features) == len(tree.cuts) == inner and len(tree.weights) == len(tree.counts) == nodes
        ):
            return "a tree is not complete"
        if not all(0 <= feature < len(NAMES) for feature in tree.features):
            return "a tree cuts what is no feature"
        if not all(0 <= cut <= 1 for cut in tree.cuts):
            return "a cut is not between 0 and 1"
        if not all(0 <= count <= forest.window for count in (*tree.weights, *tree.counts)):
            return "a node has seen more than the window"
    if not all(0 <= point <= 1 for point in forest.points):
        return "a raw score is not between 0 and 1"
    if len(forest.points) not in {0, len(QUANTILES)} or list(forest.points) != sorted(forest.points):
        return "its scores are not those at the quantiles"
    checked(forest.usual)
    return ""


class Scorer:
    """A model prepared for scoring: each walk is a few additions and comparisons a node.

    What a node adds is multiplied out beforehand, and a node where the walk ends cuts no feature (-1): a leaf, or one
    that too few came by.
    """

    __slots__ = ("_most", "_points", "_trees", "_usual", "_version")

    def __init__(self, forest: Forest, version: int) -> None:
        limit = _SIZE_LIMIT * forest.window
        inner = (1 << forest.height) - 1
        self._trees = [
            (
                [
                    tree.features[node] if node < inner and tree.weights[node] >= limit else -1
                    for node in range(len(tree.weights))
                ],
                tree.cuts,
                [weight << ((node + 1).bit_length() - 1) for node, weight in enumerate(tree.weights)],
            )
            for tree in forest.trees
        ]
        self._most = len(forest.trees) * forest.window * ((2 << forest.height) - 1)
        self._usual, self._points, self._version = forest.usual, forest.points, version

    def raw(self, values: Features) -> float:
        """Return how unusual something is, 0 to 1; comparable only within one version."""
        total = 0
        for features, cuts, weights in self._trees:
            node = 0
            while (feature := features[node]) >= 0:
                total += weights[node]
                node = 2 * node + (1 if values[feature] < cuts[node] else 2)
            total += weights[node]
        return 1 - total / self._most

    def score(self, values: Features) -> Score:
        """Return the calibrated score, and for what is unusual the features that make it so."""
        raw = self.raw(values)
        place = bisect_left(self._points, raw)
        calibrated = QUANTILES[place - 1] if place else 0
        because = self.explained(values, raw) if calibrated >= EXPLAINED_FROM else ()
        return Score(score=calibrated, version=self._version, because=because)

    def explained(self, values: Features, raw: float) -> tuple[Contribution, ...]:
        """Return the features whose usual value would lower the score most, each with its share of all that would."""
        drops: list[tuple[float, str]] = []
        for number, name in enumerate(NAMES):
            if values[number] != self._usual[number]:
                instead = (*values[:number], self._usual[number], *values[number + 1 :])
                drop = raw - self.raw(instead)
                if drop > 0:
                    drops.append((drop, name))
        total = sum(drop for drop, _ in drops)
        first = sorted(drops, key=lambda each: (-each[0], each[1]))[:REASONS_MAX]
        return tuple(Contribution(feature=name, share=int(1_000 * drop / total)) for drop, name in first)
