"""k nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl import Config, Effort, MatrixData, PredictorError, Task, feature_relevance

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

TREE_FEATURES = 6
"""Up to so many features a tree finds neighbours faster than comparing with every row."""
MOST_ROWS = 30_000
"""Training rows that are kept: with more, neighbours are hardly nearer, and prediction gets slow."""
MOST_CELLS = {1: 2_000_000, 2: 20_000_000}
"""Fewer rows are kept of wide matrices, by power; sums of absolute differences cannot use matrix products."""
LEAST_ROWS = 2000
PIECE_ROWS = 4096
NEAREST = 1e-6
"""Distances below this count as this, so that the weight of an equal row is finite."""
ARRAYS = ("values", "target", "mass", "scale")


def space(task: Task) -> ConfigurationSpace:
    """K from 1 to 100 (auto-sklearn; TabArena to 500, FLAML to n/2), weights, power of the distance (auto-sklearn
    1 or 2), and how much features count by their correlation with the target.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, Float, Integer

    highest = max(2, min(100, task.rows // 2))
    return ConfigurationSpace(
        space=[
            Integer("neighbours", (1, highest), log=True, default=min(20, highest), meta={"limits": (1, None)}),
            Categorical("weights", ["uniform", "distance"], default="distance"),
            Categorical("power", [1, 2], default=2),
            Float("relevance", (0.0, 2.0), default=1.0, meta={"limits": (0, None)}),
        ]
    )


class NearestNeighbours:
    """Votes or means of the most similar training rows."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._power = int(config["power"] or 2)
        self._arrays: dict[str, NDArray[Any]] = {}
        self._index: Any = None

    def fit(self, train: MatrixData, valid: MatrixData | None, effort: Effort) -> dict[str, float]:
        """Keep the training rows, or a sample of them, and index them. Returns how many as a fact."""
        del valid, effort  # nothing here takes long
        assert train.target is not None
        rows = self._choose_rows(train)
        target = np.asarray(train.target[rows])
        mass = np.ones(len(rows)) if train.weight is None else np.asarray(train.weight[rows], dtype=np.float64)
        values = np.asarray(train.values[rows], dtype=np.float32)
        scale = feature_relevance(values, target, mass, classes=self._task.class_count)
        scale **= float(self._config["relevance"] or 0.0)
        scale = (scale / max(float(scale.max(initial=0.0)), 1e-12)).astype(np.float32)
        self._arrays = {"values": values * scale, "target": target, "mass": mass, "scale": scale}
        self._make_index()
        return {"rows_kept": float(len(rows))}

    def predict(self, data: MatrixData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        found = np.zeros((len(data), self._task.class_count or 1))
        for start in range(0, len(data), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            found[piece] = self._predict_piece(np.asarray(data.values[piece]) * self._arrays["scale"])
        return found if self._task.is_classification else found[:, 0]

    def save(self, folder: Path) -> None:
        """The rows themselves, as arrays."""
        for name, array in self._arrays.items():
            np.save(folder / f"{name}.npy", array)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> NearestNeighbours:
        """Read the arrays back and index them; PredictorError when they are missing or damaged."""
        model = cls(config, task, seed)
        try:
            model._arrays = {name: np.load(folder / f"{name}.npy", allow_pickle=False) for name in ARRAYS}
            values, target, mass, scale = (model._arrays[name] for name in ARRAYS)
            if not len(values) == len(target) == len(mass) > 0 or values.shape[1:] != scale.shape:
                raise ValueError("the arrays do not belong together")
            if task.is_classification and not 0 <= target.min() <= target.max() < task.class_count:
                raise ValueError(f"there are classes beyond the {task.class_count} of the task")
            model._make_index()
        except (OSError, ValueError, EOFError) as error:
            raise PredictorError(f"the rows in {folder} are missing or damaged ({error}); fit again") from error
        return model

    def _choose_rows(self, train: MatrixData) -> NDArray[np.int64]:
        """All rows, or a sample with at least one row of every class."""
        target = np.asarray(train.target)
        affordable = MOST_CELLS[self._power] // max(train.values.shape[1], 1)
        most = min(MOST_ROWS, max(affordable, LEAST_ROWS))
        if len(train) <= most:
            return np.arange(len(train))
        rows = np.random.default_rng(self._seed).choice(len(train), most, replace=False)
        if self._task.is_classification:
            rows = np.concatenate([rows, np.unique(target, return_index=True)[1]])
        return np.unique(rows)

    def _make_index(self) -> None:
        from sklearn.neighbors import NearestNeighbors

        values = self._arrays["values"]
        algorithm = "kd_tree" if values.shape[1] <= TREE_FEATURES else "brute"
        self._index = NearestNeighbors(algorithm=algorithm, p=self._power, n_jobs=1).fit(values)

    def _predict_piece(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        target = self._arrays["target"]
        count = min(int(self._config["neighbours"] or 1), len(target))
        distances, places = self._index.kneighbors(values, n_neighbors=count)
        mass = self._arrays["mass"][places]
        if self._config["weights"] == "distance":
            mass = mass / np.maximum(distances, NEAREST)
        mass[mass.sum(axis=1) <= 0] = 1.0  # none of these neighbours has a weight
        mass = mass / mass.sum(axis=1, keepdims=True)
        near = target[places]
        if not self._task.is_classification:
            return np.asarray((mass * near).sum(axis=1, keepdims=True))
        classes = self._task.class_count
        votes = np.stack([(mass * (near == code)).sum(axis=1) for code in range(classes)], axis=1)
        # One more neighbour with the class shares: a class that is not near is unlikely, not impossible.
        shares = np.bincount(target, weights=self._arrays["mass"], minlength=classes) + 1e-9
        return np.asarray((votes * count + shares / shares.sum()) / (count + 1))
