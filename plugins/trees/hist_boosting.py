"""scikit-learn's histogram gradient boosting, stopped early by the fold's validation rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np

from automl import Config, Effort, PredictorError, TableData, Task, TreeColumns, read_arrays

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MOST_ROUNDS = 500
PATIENCE = 30


def space(task: Task) -> ConfigurationSpace:
    """The search space of auto-sklearn (JMLR 2022), with the learning rate's upper end cut to what still pays."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (0.01, 0.5), log=True, default=0.08),
        Integer("max_leaf_nodes", (3, 512), log=True, default=31),
        Integer("min_samples_leaf", (1, 200), log=True, default=20),
        Float("l2_regularization", (1e-10, 1.0), log=True, default=1e-10),
        Float("max_features", (0.4, 1.0), default=1.0),
    )
    if task.is_classification:
        made.add(Categorical("class_weight", ["none", "balanced"], weights=[0.85, 0.15], default="none"))
    return made


class HistGradientBoosting:
    """Boosted trees on binned columns; categories with many levels come as target means."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        self._columns = TreeColumns(task, seed, "encoded")
        self._model: Any = None
        self._trees: list[list[Any]] = []
        self._baseline: NDArray[np.float64] = np.zeros((1, 1))

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Boost in steps, looking at the validation rows and the clock between them."""
        assert train.target is not None
        features = self._columns.fit_transform(train)
        target = self._target(train)
        rounds = max(1, int(effort.fidelity.get("rounds", MOST_ROUNDS)))
        self._model = self._make(len(train), rounds)
        if effort.deadline is None or effort.seconds_left() == float("inf"):
            held = None if valid is None else (self._columns.transform(valid), self._target(valid))
            early = held is not None and "rounds" not in effort.fidelity
            self._model.set_params(early_stopping=early, validation_fraction=None, n_iter_no_change=PATIENCE)
            options = {"X_val": held[0], "y_val": held[1]} if early and held is not None else {}
            self._model.fit(features, target, sample_weight=train.weight, **options)
            self._keep()
            return {"rounds": float(self._model.n_iter_)}
        done = self._fit_in_steps(features, target, train, valid, rounds, effort)
        self._keep()
        return {"rounds": float(done)}

    def _fit_in_steps(
        self,
        features: NDArray[np.float32],
        target: NDArray[Any],
        train: TableData,
        valid: TableData | None,
        rounds: int,
        effort: Effort,
    ) -> int:
        """A few rounds at a time by warm start, until no progress, the rounds, or the deadline."""
        held = None if valid is None else self._columns.transform(valid)
        best, since, done = np.inf, 0, 0
        step = 1
        self._model.set_params(warm_start=True, early_stopping=False)
        while done < rounds:
            began = time.monotonic()
            done = min(done + step, rounds)
            self._model.set_params(max_iter=done)
            self._model.fit(features, target, sample_weight=train.weight)
            if held is not None and valid is not None:
                loss = self._loss(held, valid)
                since = 0 if loss < best else since + step
                best = min(best, loss)
            taken = time.monotonic() - began
            # A step costs about as much as the last one per round; one more must fit before the deadline.
            if effort.seconds_left() - 0.1 < 2.0 * taken or since >= PATIENCE:
                break
            step = min(10, max(1, int(step * 0.3 * effort.seconds_left() / max(taken, 1e-3))), 2 * step)
        return done

    def _loss(self, features: NDArray[np.float32], valid: TableData) -> float:
        if self._task.is_classification:
            shares = self._model.predict_proba(features)[np.arange(len(features)), np.asarray(valid.target)]
            return float(-np.log(np.maximum(shares, 1e-15)).mean())
        return float(np.square(self._model.predict(features) - self._target(valid)).mean())

    def _target(self, rows: TableData) -> NDArray[Any]:
        assert rows.target is not None
        return np.asarray(rows.target)

    def _make(self, rows: int, rounds: int) -> Any:
        from sklearn import ensemble

        config = {name: value for name, value in self._config.items() if name != "class_weight"}
        config["min_samples_leaf"] = max(1, min(int(config["min_samples_leaf"]), rows // 5))  # type: ignore[arg-type]
        config |= {"max_iter": rounds, "random_state": self._seed % (2**32 - 1), "early_stopping": False}
        if self._task.is_classification:
            weight = "balanced" if self._config.get("class_weight") == "balanced" else None
            return ensemble.HistGradientBoostingClassifier(**config, class_weight=weight)
        loss = "absolute_error" if self._task.metric in ("mae", "median_ae") else "squared_error"
        return ensemble.HistGradientBoostingRegressor(**config, loss=loss)

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        features = np.ascontiguousarray(self._columns.transform(data), dtype=np.float64)
        raw = np.tile(self._baseline, (len(features), 1))
        bitsets, places = np.zeros((0, 8), dtype=np.uint32), np.zeros(0, dtype=np.uint32)
        for step in self._trees if len(features) else []:
            for output, tree in enumerate(step):
                raw[:, output] += tree.predict(features, bitsets, places, 1)
        if not self._task.is_classification:
            return np.asarray(raw[:, 0])
        if raw.shape[1] == 1:
            raw = np.concatenate([np.zeros_like(raw), raw], axis=1)
        shares = np.exp(raw - raw.max(axis=1, keepdims=True, initial=-np.inf))
        return np.asarray(shares / shares.sum(axis=1, keepdims=True))

    def _keep(self) -> None:
        """What prediction needs of scikit-learn's model: its trees and what they start from."""
        self._trees = [list(step) for step in self._model._predictors]
        self._baseline = np.asarray(self._model._baseline_prediction, dtype=np.float64).reshape(1, -1)

    def save(self, folder: Path) -> None:
        """The nodes of all trees, one after another, as arrays of plain numbers."""
        parts = [tree.nodes for step in self._trees for tree in step]
        nodes = np.concatenate(parts)
        fields = {f"node_{name}": nodes[name] for name in nodes.dtype.names or ()}
        counts = np.array([len(part) for part in parts])
        np.savez(folder / "boosting.npz", counts=counts, baseline=self._baseline, **fields)
        self._columns.save(folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> HistGradientBoosting:
        """Rebuild the trees; PredictorError when a node points outside its tree or columns."""
        model = cls(config, task, seed)
        model._columns = TreeColumns.load(folder, task, seed)
        arrays = read_arrays(folder / "boosting.npz")
        try:
            model._trees = _rebuild(arrays, len(model._columns.names))
            model._baseline = np.asarray(arrays["baseline"], dtype=np.float64).reshape(1, -1)
            outputs = task.class_count if task.class_count > 2 else 1
            if model._baseline.shape[1] != outputs or not np.isfinite(model._baseline).all():
                raise ValueError(f"a start of shape {model._baseline.shape}")
        except (ValueError, KeyError, TypeError) as error:
            raise PredictorError(f"the model in {folder} is damaged or does not fit ({error}); fit again") from error
        return model


def _rebuild(arrays: dict[str, NDArray[Any]], width: int) -> list[list[Any]]:
    """scikit-learn trees from node arrays, every index checked: the C code behind them checks none."""
    from sklearn.ensemble._hist_gradient_boosting.common import PREDICTOR_RECORD_DTYPE
    from sklearn.ensemble._hist_gradient_boosting.predictor import TreePredictor

    counts = arrays["counts"]
    outputs = int(arrays["baseline"].size)
    nodes = np.zeros(int(counts.sum()), dtype=PREDICTOR_RECORD_DTYPE)
    for name in PREDICTOR_RECORD_DTYPE.names or ():
        nodes[name] = arrays[f"node_{name}"]
    if (counts < 1).any() or not len(counts) or len(counts) % outputs:
        raise ValueError("trees without nodes, or not a whole number of steps")
    if not np.isfinite(nodes["value"]).all() or nodes["is_categorical"].any():
        raise ValueError("values that are not finite, or categories")
    trees: list[Any] = []
    start = 0
    for count in counts.tolist():
        part = nodes[start : start + count].copy()
        inner = part["is_leaf"] == 0
        places = np.arange(count)[inner]
        for side in ("left", "right"):
            children = part[side][inner]
            # Children come after their parent, so that no walk can go round in a circle.
            if (children <= places).any() or (children >= count).any():
                raise ValueError("a node points outside its tree")
        if ((part["feature_idx"][inner] < 0) | (part["feature_idx"][inner] >= width)).any():
            raise ValueError("a node asks for a column that is not there")
        empty = np.zeros((0, 8), dtype=np.uint32)
        trees.append(TreePredictor(part, empty, empty))
        start += count
    return [trees[place : place + outputs] for place in range(0, len(trees), outputs)]
