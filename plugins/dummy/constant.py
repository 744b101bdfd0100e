"""A constant prediction."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from automl import Config, Effort, PredictorError, TableData, Task

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

MEDIAN_METRICS = frozenset({"mae", "median_ae", "mape"})


def space(task: Task) -> ConfigurationSpace:
    """Nothing to choose."""
    from ConfigSpace import ConfigurationSpace

    return ConfigurationSpace()


class Constant:
    """Predicts the weighted class shares, the mean, or for metrics of absolute errors the median."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._task = task
        self._values: NDArray[np.float64] = np.zeros(0)

    def fit(self, train: TableData, valid: TableData | None, effort: Effort) -> Mapping[str, float]:
        """Look at the target of the training rows only."""
        assert train.target is not None
        if self._task.is_classification:
            counts = np.bincount(train.target, weights=train.weight, minlength=self._task.class_count)
            self._values = counts / counts.sum() if counts.sum() else np.full(len(counts), 1 / len(counts))
        elif self._task.metric in MEDIAN_METRICS:
            self._values = np.array([np.median(train.target)])
        else:
            usable = train.weight is not None and train.weight.any()
            self._values = np.array([np.average(train.target, weights=train.weight if usable else None)])
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
        """Read it back; PredictorError when it does not fit the task."""
        model = cls(config, task, seed)
        model._values = np.array(json.loads((folder / "constant.json").read_text()), dtype=np.float64)
        if model._values.shape != (task.class_count or 1,):
            raise PredictorError(f"{folder / 'constant.json'} does not fit the task; fit again")
        return model
