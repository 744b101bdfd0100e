"""Random forests and extremely randomised trees from scikit-learn, stored as plain arrays."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from automl_plugins.trees.rows import categories, crosses, crosses_of, monotone_signs

from automl import Config, Effort, PredictorError, TableData, Task, TreeColumns, read_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

FULL_TREES = 200
MOST_LEAVES = 15_000
"""Leaves of one tree at most, as in AutoGluon: larger trees cost memory and hardly gain."""

OWN = frozenset({"max_samples", "categories", "crosses"})
"""Hyperparameters that are not scikit-learn's, or not as they are."""
LEAF = -1
"""What scikit-learn writes for the children of a leaf."""
STORED_FIELDS = {
    "left_child": np.int32,
    "right_child": np.int32,
    "feature": np.int32,
    "threshold": np.float64,
    "missing_go_to_left": np.uint8,
}
"""Fields of a node that predicting reads, and how they are stored."""


def random_forest_space(task: Task) -> ConfigurationSpace:
    """The search space of TabArena (arXiv 2506.16791), with small feature shares as in FLAML."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Categorical("max_features", ["sqrt", 0.3, 0.5, 0.75, 1.0], default="sqrt" if task.is_classification else 0.5),
        Float("max_samples", (0.5, 1.0), default=1.0, meta={"limits": (1e-12, 1)}),
        Integer("min_samples_leaf", (1, 20), log=True, default=1, meta={"limits": (1, None)}),
        Float("min_impurity_decrease", (1e-7, 1e-3), log=True, default=1e-7, meta={"limits": (0, None)}),
    )
    if task.is_classification:
        made.add(Categorical("criterion", ["gini", "entropy"], default="entropy"))
    made.add(*categories(task, categories_by_default(task)), *crosses(task))
    return made


def extra_trees_space(task: Task) -> ConfigurationSpace:
    """The search space of TabArena (arXiv 2506.16791)."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Categorical("max_features", ["sqrt", 0.5, 0.75, 1.0], default="sqrt" if task.is_classification else 0.75),
        Integer("min_samples_split", (2, 32), log=True, default=2, meta={"limits": (2, None)}),
        Integer("min_samples_leaf", (1, 20), log=True, default=1, meta={"limits": (1, None)}),
        Float("min_impurity_decrease", (1e-7, 1e-3), log=True, default=1e-7, meta={"limits": (0, None)}),
    )
    if task.is_classification:
        made.add(Categorical("criterion", ["gini", "entropy"], default="entropy"))
    made.add(*categories(task, categories_by_default(task)), *crosses(task))
    return made


def categories_by_default(task: Task) -> str:
    """How a forest sees categories: leaves of single rows remember the classes of rows that are alike, which the spread of
    target means out of fold keeps them from; of values they take the mean anyway.
    """
    return "encoded" if task.is_classification else "ordered"


class Forest:
    """Grows trees in steps until they are enough or the deadline is near."""

    bootstrap: ClassVar[bool]
    kind: ClassVar[str]

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        handling: Any = self._config.get("categories", categories_by_default(task))
        self._columns = TreeColumns(task, seed, handling, crosses=crosses_of(self._config))
        self._trees: list[Any] = []
        self._width = 0

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Grow; a checkpoint's trees are kept and go on."""
        assert train.target is not None
        # Fitted anew from the same rows and seed, so the same as the checkpoint's: its `transform` would show
        # the training rows target means that hold their own target.
        features = self._columns.fit_transform(train)
        before: list[Any] = []
        if effort.checkpoint is not None:
            old = type(self).load(effort.checkpoint, self._config, self._task, self._seed)
            before = old._trees if old._columns.names == self._columns.names else []
        self._width = features.shape[1]
        wanted = int(effort.fidelity.get("trees", effort.full.get("trees", FULL_TREES))) - len(before)
        self._trees = before + self._grow(features, train, max(wanted, 0 if before else 1), effort, len(before))
        cut = {"cut": 1.0} if len(self._trees) - len(before) < wanted else {}
        return {"trees": float(len(self._trees)), **cut}

    def _grow(
        self, features: NDArray[np.float32], train: TableData, wanted: int, effort: Effort, before: int
    ) -> list[Any]:
        """The trees from number `before` on, the same as if all had been grown at once."""
        if not wanted:
            return []
        forest = self._make(train, effort)
        target, level = np.asarray(train.target), 0.0
        if not self._task.is_classification:
            # Variances are differences of squares: of values near 1e9, all digits of a small spread would be lost.
            level = float(target.mean())
            target = target - level
        step, done = (wanted, 0) if effort.deadline is None else (1, 0)
        started = time.monotonic()
        while done < wanted:
            done = min(done + step, wanted)
            # A step draws the seeds of the trees that are there first, and so gets to those of the new ones.
            state = np.random.RandomState(self._seed % (2**32 - 1))
            state.randint(np.iinfo(np.int32).max, size=before)
            forest.set_params(n_estimators=done, random_state=state)
            forest.fit(features, target, sample_weight=train.weight)
            if effort.deadline is None:
                continue
            each = (time.monotonic() - started) / done
            left = effort.seconds_left() - 0.1
            # Predicting and saving take a part of what growing took, hence the margin.
            step = max(1, min(wanted - done, done, int(0.6 * left / max(each, 1e-6))))
            if left < 1.5 * each:
                break
        trees = [estimator.tree_ for estimator in forest.estimators_]
        for tree in trees:
            # Shares are rounded as they are stored, so that loading changes nothing.
            tree.value[...] = tree.value.astype(np.float32) if self._task.is_classification else tree.value + level
        return trees

    def _make(self, train: TableData, effort: Effort) -> Any:
        """scikit-learn's forest, without trees."""
        from sklearn import ensemble

        options = {name: value for name, value in self._config.items() if name not in OWN}
        share = float(self._config.get("max_samples", 1.0))  # type: ignore[arg-type]
        if self.bootstrap and share < 1:
            # As a number of rows: scikit-learn takes a share for one of the sum of the weights.
            options["max_samples"] = max(1, round(share * len(train)))
        if self._task.class_count <= 2:  # scikit-learn has no monotone columns for more classes
            options["monotonic_cst"] = monotone_signs(self._columns, train, self._task)
        maker = getattr(ensemble, self.kind + ("Classifier" if self._task.is_classification else "Regressor"))
        return maker(
            n_estimators=1,
            bootstrap=self.bootstrap,
            warm_start=True,
            n_jobs=effort.threads,
            max_leaf_nodes=MOST_LEAVES if len(train) > 2 * MOST_LEAVES else None,
            **options,
        )

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Mean over the trees: probabilities ``(rows, classes)`` or values ``(rows,)``."""
        features = self._columns.transform(data)
        total: Any = 0.0
        for tree in self._trees:
            values = tree.predict(features)
            if self._task.is_classification:
                values = values / np.maximum(values.sum(axis=1, keepdims=True), 1e-12)
            total = total + values
        mean = np.asarray(total / len(self._trees), dtype=np.float64)
        return mean if self._task.is_classification else mean.reshape(-1)

    def save(self, folder: Path) -> None:
        """What predicting needs of the nodes of all trees, one after another, as arrays of plain numbers.

        Values only of the leaves, and no counts and impurities: a third of what scikit-learn keeps.
        """
        states = [tree.__getstate__() for tree in self._trees]
        nodes = np.concatenate([state["nodes"] for state in states])
        kind = np.float32 if self._task.is_classification else np.float64
        # Tree by tree: the values of all nodes at once are half a gigabyte with many classes.
        leaf_values = [state["values"][state["nodes"]["left_child"] == LEAF, 0, :].astype(kind) for state in states]
        np.savez(
            folder / "forest.npz",
            counts=np.array([state["node_count"] for state in states]),
            depths=np.array([state["max_depth"] for state in states]),
            # Shares need no more digits, values do: 1e9 + 1 is 1e9 in float32.
            leaf_values=np.concatenate(leaf_values),
            width=np.array(self._width),
            **{f"node_{name}": nodes[name].astype(stored) for name, stored in STORED_FIELDS.items()},
        )
        self._columns.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> Forest:
        """Rebuild the trees; PredictorError when a node points outside its tree or columns."""
        model = cls(config, task, seed)
        model._columns = TreeColumns.load(folder, task, seed)
        try:
            arrays = read_arrays(folder / "forest.npz")
            model._trees = _rebuild(arrays, task)
            model._width = int(arrays["width"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise PredictorError(
                f"the forest in {folder} is missing or damaged ({error}); copy it again or fit again"
            ) from error
        if model._width != len(model._columns.names):
            raise PredictorError(f"the forest in {folder} does not fit its columns; fit again")
        return model


def _rebuild(arrays: dict[str, NDArray[Any]], task: Task) -> list[Any]:
    """scikit-learn trees from node arrays, every index checked: the C code behind them checks none."""
    from sklearn.tree._tree import NODE_DTYPE, Tree

    width, counts = int(arrays["width"]), arrays["counts"]
    outputs = max(task.class_count, 1)
    total = int(counts.sum())
    if (counts < 1).any() or not len(counts):
        raise ValueError("a tree without nodes")
    nodes = np.zeros(total, dtype=NODE_DTYPE)
    for name in STORED_FIELDS:
        nodes[name] = arrays[f"node_{name}"]
    leaves = nodes["left_child"] == LEAF
    leaf_values = arrays["leaf_values"]
    if leaf_values.shape != (int(leaves.sum()), outputs) or not np.isfinite(leaf_values).all():
        raise ValueError(f"values of shape {leaf_values.shape}, not {(int(leaves.sum()), outputs)}, or not finite")
    values = np.zeros((total, outputs))
    values[leaves] = leaf_values
    trees, start = [], 0
    for count, depth in zip(counts.tolist(), arrays["depths"].tolist(), strict=True):
        part = nodes[start : start + count]
        inner = part["left_child"] != LEAF
        places = np.arange(count)
        for side in ("left_child", "right_child"):
            children = part[side][inner]
            # Children come after their parent, so that no walk can go round in a circle.
            if (children <= places[inner]).any() or (children >= count).any():
                raise ValueError("a node points outside its tree")
        if ((part["feature"][inner] < 0) | (part["feature"][inner] >= width)).any():
            raise ValueError("a node asks for a column that is not there")
        tree = Tree(width, np.array([outputs], dtype=np.intp), 1)
        tree.__setstate__(
            {
                "max_depth": int(depth),
                "node_count": count,
                "nodes": part.copy(),
                "values": np.ascontiguousarray(values[start : start + count].reshape(count, 1, outputs)),
            }
        )
        trees.append(tree)
        start += count
    return trees


class RandomForest(Forest):
    """Trees on bootstrap samples with the best of random columns (Breiman 2001)."""

    bootstrap = True
    kind = "RandomForest"


class ExtraTrees(Forest):
    """Trees on all rows with random cuts (Geurts, Ernst and Wehenkel 2006)."""

    bootstrap = False
    kind = "ExtraTrees"
