"""A constant prediction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np

from automl import Config, Effort, PredictorError, TableData, Task

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MEDIAN_METRICS = frozenset({"mae", "median_ae"})


def space(task: Task) -> ConfigurationSpace:
    """Nothing to choose."""
    from ConfigSpace import ConfigurationSpace

    del task  # the same for any
    return ConfigurationSpace()


class Constant:
    """Predicts the weighted class shares, or of values what is best for the metric: mean or a median."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        del config, seed  # nothing to choose
        self._task = task
        self._values: NDArray[np.float64] = np.zeros(0)

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> dict[str, float]:
        """Look at the target of the training rows only."""
        del valid, effort  # nothing here takes long
        target = np.asarray(train.target)
        weight = np.ones(len(target))
        if train.weight is not None and train.weight.any():
            weight = np.asarray(train.weight, dtype=np.float64)
        if self._task.is_classification:
            counts = np.bincount(target, weights=weight, minlength=self._task.class_count)
            self._values = counts / counts.sum()
        else:
            self._values = np.array([best_constant(target, weight, self._task.metric)])
        return {}

    def predict(self, data: TableData) -> NDArray[np.float64]:
        """The same for every row."""
        if self._task.is_classification:
            return np.tile(self._values, (len(data), 1))
        return np.full(len(data), self._values[0])

    def save(self, folder: Path) -> None:
        """One small JSON file."""
        (folder / "constant.json").write_text(json.dumps(self._values.tolist()))

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> Constant:
        """Read it back; PredictorError when it is missing, damaged or of another task."""
        model = cls(config, task, seed)
        path = folder / "constant.json"
        try:
            plain: Any = json.loads(path.read_text())
            model._values = np.array(plain, dtype=np.float64)
        except (OSError, ValueError, TypeError) as error:
            raise PredictorError(f"{path} is missing or damaged ({error}); fit again") from error
        if model._values.shape != (task.class_count or 1,):
            raise PredictorError(f"{path} has {model._values.size} values, which do not fit the task; fit again")
        return model


def best_constant(target: NDArray[np.float64], weight: NDArray[np.float64], metric: str) -> float:
    """The value with the least error: the median for absolute errors, one that leans to small values for errors
    relative to the value, else the mean.
    """
    if metric in MEDIAN_METRICS:
        return _median(target, weight)
    if metric == "mape":
        return _median(target, weight / np.maximum(np.abs(target), np.finfo(np.float64).eps))
    return float(np.average(target, weights=weight))


def _median(target: NDArray[np.float64], weight: NDArray[np.float64]) -> float:
    """The middle of the weighted values; between two where the weights are split evenly."""
    order = np.argsort(target, kind="stable")
    order = order[weight[order] > 0]
    share = np.cumsum(weight[order]) / weight[order].sum()
    low = order[np.searchsorted(share, 0.5 - 1e-12)]
    high = order[min(np.searchsorted(share, 0.5 + 1e-12), len(order) - 1)]
    return float((target[low] + target[high]) / 2)
