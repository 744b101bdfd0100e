"""scikit-learn's histogram gradient boosting, stopped early by the fold's validation rows."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from automl_plugins.trees.rows import categories, class_factors, monotone_signs, row_weights

from automl import Config, Effort, PredictorError, TableData, Task, TreeColumns, read_arrays

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MOST_ROUNDS = 500
"""The end of the fidelity `rounds`, too."""
PATIENCE = 30
BINNING_ROWS = 200_000
"""Rows that scikit-learn samples to find the bins."""
CATEGORIES: Literal["ordered"] = "ordered"
ABSOLUTE = frozenset({"mae", "median_ae"})


def space(task: Task) -> ConfigurationSpace:
    """The search space of auto-sklearn (JMLR 2022), with the learning rate's upper end cut to what still pays."""
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    made = ConfigurationSpace()
    made.add(
        Float("learning_rate", (0.01, 0.5), log=True, default=0.08, meta={"limits": (1e-12, None)}),
        Integer("max_leaf_nodes", (3, 512), log=True, default=31, meta={"limits": (2, None)}),
        Integer("min_samples_leaf", (1, 200), log=True, default=20, meta={"limits": (1, None)}),
        Float("l2_regularization", (1e-10, 1.0), log=True, default=1e-10, meta={"limits": (0, None)}),
        Float("max_features", (0.4, 1.0), default=1.0, meta={"limits": (1e-12, 1)}),
    )
    made.add(*categories(task, CATEGORIES))
    if task.is_classification:
        made.add(Categorical("class_weight", ["none", "balanced"], weights=[0.85, 0.15], default="none"))
    return made


class HistGradientBoosting:
    """Boosted trees on binned columns; categories come as codes and target means, or as the configuration says."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = dict(config), task, seed
        self._columns = TreeColumns(task, seed, self._config.pop("categories", CATEGORIES))
        self._trees: list[list[Any]] = []
        self._baseline: NDArray[np.float64] = np.zeros((1, 1))
        self._cut = False
        """Whether the deadline ended training."""

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Boost until the validation loss stops falling, the rounds are used up or the deadline is near."""
        from threadpoolctl import threadpool_limits

        assert train.target is not None
        factors = class_factors(train, self._task, self._config)
        weight = row_weights(train, factors)
        # In float64 from the start: scikit-learn would convert float32 anew in every step.
        features = _without_empty_columns(self._columns.fit_transform(train), weight).astype(np.float64)
        watch = None if valid is None else _Watch(self._columns.transform(valid), valid, factors, self._loss)
        rounds = max(1, int(effort.fidelity.get("rounds", effort.full.get("rounds", MOST_ROUNDS))))
        model = self._make(train, rounds)
        # scikit-learn takes all cores otherwise, which the other workers of a run use.
        with threadpool_limits(effort.threads, user_api="openmp"):
            best = self._boost(model, (features, np.asarray(train.target), weight), watch, rounds, effort)
        self._trees = [list(step) for step in model._predictors[:best]]
        self._baseline = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(1, -1)
        return {"rounds": float(best), **({"cut": 1.0} if self._cut else {})}

    def _boost(
        self,
        model: Any,
        data: tuple[NDArray[np.float64], NDArray[Any], NDArray[np.float64] | None],
        watch: _Watch | None,
        rounds: int,
        effort: Effort,
    ) -> int:
        """A few rounds at a time by warm start, a look at the validation rows and the clock between them.

        Returns the rounds to keep: the best ones, or all where nothing was to be chosen.
        """
        features, target, weight = data
        early = watch is not None and "rounds" not in effort.fidelity
        step = 1 if effort.deadline is not None else PATIENCE if early else rounds
        done = 0
        while True:
            began = time.monotonic()
            last, done = done, min(done + step, rounds)
            model.set_params(max_iter=done)
            model.fit(features, target, sample_weight=weight)
            if early and watch is not None:
                watch.look(model, last)
                if len(watch.losses) - watch.best >= PATIENCE:
                    break
            taken = (time.monotonic() - began) / (done - last)
            left = effort.seconds_left() - 0.1
            # A step begins with binning and a prediction, hence the margin.
            if done >= rounds or left < 2.0 * taken:
                self._cut = done < rounds
                break
            step = max(PATIENCE, done // 4) if effort.deadline is None else min(2 * step, max(PATIENCE, done // 4))
            step = max(1, min(step, int(min(0.4 * left / max(taken, 1e-6), rounds))))
        return watch.best if early and watch is not None else done

    def _loss(self, raw: NDArray[np.float64], target: NDArray[Any], weight: NDArray[np.float64] | None) -> float:
        """Mean loss of raw scores ``(rows, outputs)``, of the kind that the training lowers."""
        if self._task.is_classification:
            shares = _shares(raw)[np.arange(len(raw)), target]
            losses = -np.log(np.maximum(shares, 1e-15))
        else:
            losses = np.abs(raw[:, 0] - target) if self._task.metric in ABSOLUTE else np.square(raw[:, 0] - target)
        if weight is None or weight.sum() <= 0:
            return float(losses.mean())
        return float(np.average(losses, weights=weight))

    def _make(self, train: TableData, rounds: int) -> Any:
        from sklearn import ensemble

        config = {name: value for name, value in self._config.items() if name != "class_weight"}
        config["min_samples_leaf"] = max(1, min(int(config["min_samples_leaf"]), len(train) // 5))  # type: ignore[arg-type]
        config |= {"max_iter": rounds, "random_state": self._seed % (2**32 - 1), "early_stopping": False}
        options: dict[str, Any] = {"warm_start": True}
        if self._task.class_count <= 2:  # scikit-learn has no monotone columns for more classes
            options["monotonic_cst"] = monotone_signs(self._columns, train, self._task)
        if self._task.is_classification:
            return ensemble.HistGradientBoostingClassifier(**config, **options)
        loss = "absolute_error" if self._task.metric in ABSOLUTE else "squared_error"
        return ensemble.HistGradientBoostingRegressor(**config, **options, loss=loss)

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        features = np.ascontiguousarray(self._columns.transform(data), dtype=np.float64)
        raw = np.tile(self._baseline, (len(features), 1))
        for step in self._trees if len(features) else []:
            _add(raw, step, features)
        return _shares(raw) if self._task.is_classification else np.asarray(raw[:, 0])

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


class _Watch:
    """The loss on the validation rows after each round; every round adds only its own trees."""

    def __init__(
        self,
        features: NDArray[np.float32],
        valid: TableData,
        factors: NDArray[np.float64] | None,
        loss: Callable[..., float],
    ) -> None:
        self._features = np.ascontiguousarray(features, dtype=np.float64)
        self._target, self._weight = np.asarray(valid.target), row_weights(valid, factors)
        self._loss = loss
        self._raw: NDArray[np.float64] | None = None
        self.losses: list[float] = []

    @property
    def best(self) -> int:
        """Rounds with the least loss."""
        return int(np.argmin(self.losses)) + 1

    def look(self, model: Any, start: int) -> None:
        """Judge the rounds from `start` on."""
        if self._raw is None:
            baseline = np.asarray(model._baseline_prediction, dtype=np.float64).reshape(1, -1)
            self._raw = np.tile(baseline, (len(self._features), 1))
        for step in model._predictors[start:]:
            _add(self._raw, step, self._features)
            self.losses.append(self._loss(self._raw, self._target, self._weight))


def _add(raw: NDArray[np.float64], step: Iterable[Any], features: NDArray[np.float64]) -> None:
    """Add the trees of one round, one for each output, to the raw scores ``(rows, outputs)``."""
    bitsets, places = np.zeros((0, 8), dtype=np.uint32), np.zeros(0, dtype=np.uint32)
    for output, tree in enumerate(step):
        raw[:, output] += tree.predict(features, bitsets, places, 1)


def _shares(raw: NDArray[np.float64]) -> NDArray[np.float64]:
    """Raw scores ``(rows, outputs)`` to probabilities ``(rows, classes)``."""
    if raw.shape[1] == 1:
        raw = np.concatenate([np.zeros_like(raw), raw], axis=1)
    shares = np.exp(raw - raw.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(shares / shares.sum(axis=1, keepdims=True))


def _without_empty_columns(features: NDArray[np.float32], weight: NDArray[np.float64] | None) -> NDArray[np.float32]:
    """Columns with nothing in them become zeros, so that no tree asks for them: scikit-learn's binning needs a value.

    It looks at the rows that count only, and of many rows at a sample, which may miss the few values of a column.
    """
    counted = features if weight is None else features[weight > 0]
    found = len(counted) - np.isnan(counted).sum(axis=0)
    # With so many values the sample holds one but for a chance of e^-30.
    needed = 1 if len(features) <= BINNING_ROWS else 30 * len(features) / BINNING_ROWS
    return np.where(found >= needed, features, np.float32(0.0))


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
