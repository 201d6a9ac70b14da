"""A model at rest, and how it scores. Pure, and without the library that learnt it.

Half-space trees: complete binary trees of random cuts, in which each node knows how many of the last redemptions came
by. Where few came by, a redemption is unusual. A tree is four lists in the order of a heap (the children of node n
are 2n + 1 and 2n + 2), so a model is plain data: nothing that is loaded can run.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import Struct

from wallet_service.fraud.anomaly.features import NAMES, checked
from wallet_service.fraud.anomaly.model import Contribution, Features, Score

TREES_MAX: Final = 100
HEIGHT_MAX: Final = 10
WINDOW_MAX: Final = 100_000
DOCUMENT_BYTES_MAX: Final = 8 << 20
EXPLAINED_FROM: Final = 900
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
    """Raw scores at the quantiles of `calibration.QUANTILES`."""


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
    if list(forest.points) != sorted(forest.points):
        return "its scores are not in order"
    checked(forest.usual)
    return ""


def raw_score(forest: Forest, values: Features) -> float:
    """Return how unusual something is, 0 to 1; comparable only within one version."""
    limit = _SIZE_LIMIT * forest.window
    inner = (1 << forest.height) - 1
    total = 0
    for tree in forest.trees:
        features, cuts, weights = tree.features, tree.cuts, tree.weights
        node, depth_weight = 0, 1
        while True:
            weight = weights[node]
            total += weight * depth_weight
            if weight < limit or node >= inner:
                break
            node = 2 * node + (1 if values[features[node]] < cuts[node] else 2)
            depth_weight <<= 1
    return 1 - total / (len(forest.trees) * forest.window * ((2 << forest.height) - 1))


def score(forest: Forest, version: int, values: Features, quantiles: Sequence[int]) -> Score:
    """Return the calibrated score, and for what is unusual the features that make it so."""
    raw = raw_score(forest, values)
    place = bisect_left(forest.points, raw)
    calibrated = quantiles[place - 1] if place else 0
    because = explained(forest, values, raw) if calibrated >= EXPLAINED_FROM else ()
    return Score(score=calibrated, version=version, because=because)


def explained(forest: Forest, values: Features, raw: float) -> tuple[Contribution, ...]:
    """Return the features whose usual value would lower the score most, each with its share of all that would."""
    drops: list[tuple[float, str]] = []
    for number, name in enumerate(NAMES):
        if values[number] != forest.usual[number]:
            instead = (*values[:number], forest.usual[number], *values[number + 1 :])
            drop = raw - raw_score(forest, instead)
            if drop > 0:
                drops.append((drop, name))
    total = sum(drop for drop, _ in drops)
    first = sorted(drops, key=lambda each: (-each[0], each[1]))[:REASONS_MAX]
    return tuple(Contribution(feature=name, share=int(1_000 * drop / total)) for drop, name in first)
