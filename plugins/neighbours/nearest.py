"""k nearest neighbours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl import Config, Effort, MatrixData, PredictorError, Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

TREE_FEATURES = 15
"""Up to so many features a tree finds neighbours faster than comparing with every row."""
PIECE_ROWS = 4096
MOST_ROWS = 30_000
"""Training rows that are kept: beyond this neighbours are near enough, and prediction would get too slow."""


def space(task: Task) -> ConfigurationSpace:
    """K from 1 to 100 (auto-sklearn; FLAML starts at 5 of up to n/2), weights and distance."""
    from ConfigSpace import Categorical, ConfigurationSpace, Integer

    made = ConfigurationSpace()
    highest = max(2, min(100, task.rows // 2))
    made.add(
        Integer("neighbours", (1, highest), log=True, default=min(15, highest)),
        Categorical("weights", ["uniform", "distance"], default="distance"),
        Categorical("power", [1, 2], default=2),
    )
    return made


class NearestNeighbours:
    """Votes or means of the most similar training rows."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._index: Any = None
        self._values: NDArray[np.float32] = np.zeros((0, 0), dtype=np.float32)
        self._target: NDArray[np.float64] = np.zeros(0)
        self._mass: NDArray[np.float64] = np.zeros(0)

    def fit(self, train: MatrixData, valid: MatrixData | None, effort: Effort) -> Mapping[str, float]:
        """Keep the training rows, or a sample of them, and index them."""
        assert train.target is not None
        rows = np.arange(len(train))
        if len(rows) > MOST_ROWS:
            rows = np.sort(np.random.default_rng(self._seed).choice(len(rows), MOST_ROWS, replace=False))
            if self._task.is_classification:
                first = np.unique(train.target, return_index=True)[1]  # a row of every class
                rows = np.union1d(rows, first)
        self._values = np.ascontiguousarray(train.values[rows], dtype=np.float32)
        self._target = np.asarray(train.target[rows], dtype=np.float64)
        self._mass = np.ones(len(rows)) if train.weight is None else np.asarray(train.weight[rows], dtype=np.float64)
        self._make_index()
        return {}

    def _make_index(self) -> None:
        from sklearn.neighbors import NearestNeighbors

        power = int(self._config["power"])  # type: ignore[arg-type]
        tree = self._values.shape[1] <= TREE_FEATURES
        self._index = NearestNeighbors(algorithm="kd_tree" if tree else "brute", p=power, n_jobs=1).fit(self._values)

    def predict(self, data: MatrixData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        width = self._task.class_count if self._task.is_classification else 1
        found = np.zeros((len(data), width))
        for start in range(0, len(data), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            found[piece] = self._predict_piece(np.asarray(data.values[piece]))
        return found if self._task.is_classification else found[:, 0]

    def _predict_piece(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        count = min(int(self._config["neighbours"]), len(self._target))  # type: ignore[arg-type]
        distances, places = self._index.kneighbors(values, n_neighbors=count)
        mass = self._mass[places]
        if self._config["weights"] == "distance":
            mass = mass / np.maximum(distances, 1e-6)
        mass = np.where(mass.sum(axis=1, keepdims=True) > 0, mass, 1.0)
        mass = mass / mass.sum(axis=1, keepdims=True)
        if not self._task.is_classification:
            return np.asarray((mass * self._target[places]).sum(axis=1, keepdims=True))
        votes = np.stack(
            [(mass * (self._target[places] == code)).sum(axis=1) for code in range(self._task.class_count)], axis=1
        )
        # A little of the class shares, so that a class without a neighbour is unlikely and not impossible.
        shares = np.bincount(self._target.astype(np.int64), minlength=self._task.class_count) / len(self._target)
        mixed = votes * count + shares
        return np.asarray(mixed / mixed.sum(axis=1, keepdims=True))

    def save(self, folder: Path) -> None:
        """The rows themselves, as arrays."""
        for name, array in (("values", self._values), ("target", self._target), ("mass", self._mass)):
            np.save(folder / f"{name}.npy", array)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> NearestNeighbours:
        """Read the arrays back and index them; PredictorError when they do not fit."""
        model = cls(config, task, seed)
        try:
            model._values, model._target, model._mass = (
                np.load(folder / f"{name}.npy", allow_pickle=False) for name in ("values", "target", "mass")
            )
            if not len(model._values) == len(model._target) == len(model._mass):
                raise ValueError("arrays of different length")
            model._make_index()
        except (OSError, ValueError) as error:
            raise PredictorError(
                f"the rows in {folder} are missing or damaged ({error}); copy them again or fit again"
            ) from error
        return model
