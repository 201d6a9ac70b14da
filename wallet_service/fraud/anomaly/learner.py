"""Learning half-space trees, behind an interface of our own.

river's implementation learns; it comes with the extra `anomaly`, is loaded only where something is learnt, and a
model is taken out of it as plain data. Whoever only scores needs none of it.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Final, Protocol

from wallet_service.fraud.anomaly.features import NAMES
from wallet_service.fraud.anomaly.forest import Forest, Tree
from wallet_service.fraud.anomaly.model import Features, Shape
from wallet_service.runtime.errors import StartError


class LearnerAbsent(StartError):  # noqa: N818 - it says what happened
    """The library that learns is not installed."""


class Learner(Protocol):
    """Something that learns from one redemption after the other and can be put to rest at any moment."""

    @property
    def name(self) -> str:
        """What it is and in which version."""

    def learn(self, values: Features) -> None:
        """Learn from a redemption."""

    def score(self, values: Features) -> float:
        """Return how unusual something is by now, 0 to 1; 0 until the first window is full."""

    def forest(self) -> Forest:
        """Return the model as it is, not calibrated."""


def require_learner() -> None:
    """Raise LearnerAbsent unless there is something to learn with."""
    _trees()


def _trees() -> Any:
    try:
        from river.anomaly import HalfSpaceTrees
    except ImportError as absent:
        raise LearnerAbsent(
            "the anomaly model is learnt with river: pip install 'wallet-service[anomaly]'"
        ) from absent
    return HalfSpaceTrees


def new_learner(shape: Shape) -> Learner:
    """Return a learner that knows nothing; the same seed makes the same cuts. Raises LearnerAbsent."""
    return _River(shape)


def resumed(forest: Forest) -> Learner:
    """Return a learner that goes on from a model. Raises LearnerAbsent."""
    shape = Shape(trees=len(forest.trees), height=forest.height, window=forest.window, seed=forest.seed)
    learner = _River(shape)
    learner.take(forest)
    return learner


_NEUTRAL: Final = (0.5,) * len(NAMES)


class _River:
    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._model: Any = _trees()(
            n_trees=shape.trees, height=shape.height, window_size=shape.window, seed=shape.seed
        )
        # Trees are made at the first redemption; this one is taken back.
        self._model.learn_one(self._named(_NEUTRAL))
        for nodes in self._nodes():
            for node in nodes:
                node.l_mass = 0
        self._model.counter = 0

    @property
    def name(self) -> str:
        return f"river {version('river')}"

    def learn(self, values: Features) -> None:
        self._model.learn_one(self._named(values))

    def score(self, values: Features) -> float:
        return float(self._model.score_one(self._named(values)))

    def forest(self) -> Forest:
        return Forest(
            names=NAMES, height=self._shape.height, window=self._shape.window, filled=self._model.counter,
            seed=self._shape.seed, trees=tuple(_tree(nodes) for nodes in self._nodes()),
        )  # fmt: skip

    def take(self, forest: Forest) -> None:
        """Become a model: its cuts, and what its nodes have seen."""
        for nodes, tree in zip(self._nodes(), forest.trees, strict=True):
            for number, node in enumerate(nodes):
                node.r_mass, node.l_mass = tree.weights[number], tree.counts[number]
                if number < len(tree.cuts):
                    node.feature, node.threshold = NAMES[tree.features[number]], tree.cuts[number]
        self._model.counter = forest.filled
        self._model._first_window = not any(tree.weights[0] for tree in forest.trees)  # noqa: SLF001 - it has no setter

    def _nodes(self) -> list[list[Any]]:
        """Return the nodes of each tree, level by level."""
        trees = []
        for root in self._model.trees:
            nodes, level = [root], [root]
            while level := [child for node in level for child in getattr(node, "children", ())]:
                nodes += level
            trees.append(nodes)
        return trees

    @staticmethod
    def _named(values: Features) -> dict[str, float]:
        return dict(zip(NAMES, values, strict=True))


def _tree(nodes: list[Any]) -> Tree:
    inner = nodes[: len(nodes) // 2]
    return Tree(
        features=[NAMES.index(node.feature) for node in inner], cuts=[node.threshold for node in inner],
        weights=[node.r_mass for node in nodes], counts=[node.l_mass for node in nodes],
    )  # fmt: skip
