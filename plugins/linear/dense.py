"""Linear models on prepared matrices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.linear.files import load_arrays, save_arrays
from automl_plugins.linear.minimise import Penalty
from automl_plugins.linear.path import PATH, fit_linear
from automl_plugins.linear.problems import Rows, Solution
from threadpoolctl import threadpool_limits

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

    from automl import Config, Effort, MatrixData, Task

EXTRAPOLATION = 0.5
"""How far predicted values may leave the range of the training rows, as a share of that range."""


def space(task: Task) -> ConfigurationSpace:
    """C from 2^-10 to 2^15 (FLAML from 2^-5, TabArena 0.1 to 1000), or a path that the validation rows choose
    from; penalty l2, l1 (both in TabArena) or elastic net.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    del task  # the same for classes and values
    choice = Categorical("choice", ["auto", "fixed"], default="auto", weights=[1, 3])
    strength = Float("C", (2.0**-10, 2.0**15), log=True, default=1.0, meta={"limits": (1e-12, None)})
    penalty = Categorical("penalty", ["l2", "l1", "elasticnet"], default="l2")
    ratio = Float("l1_ratio", (0.05, 0.95), default=0.5, meta={"limits": (0, 1)})
    made = ConfigurationSpace(space=[choice, strength, penalty, ratio])
    made.add(EqualsCondition(strength, choice, "fixed"), EqualsCondition(ratio, penalty, "elasticnet"))
    return made


class Linear:
    """Logistic or softmax regression for classes; ridge, lasso or elastic net for values."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._solution: Solution | None = None
        self._limits: NDArray[np.float64] = np.zeros(0)

    def fit(self, train: MatrixData, valid: MatrixData | None, effort: Effort) -> dict[str, float]:
        """Fit; the validation rows choose C when the choice is automatic. Returns the C as a fact."""
        rows = Rows(np.asarray(train.values), np.asarray(train.target), train.weight, train.groups)
        held = None if valid is None else Rows(np.asarray(valid.values), np.asarray(valid.target), valid.weight)
        self._solution, self._limits, strength = fit_task(
            self._task, self._config, rows, held, effort=effort, seed=self._seed
        )
        return {"C": strength}

    def predict(self, data: MatrixData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        assert self._solution is not None
        return predict_task(self._task, self._solution, self._limits, np.asarray(data.values))

    def save(self, folder: Path) -> None:
        """Arrays only."""
        assert self._solution is not None
        save_arrays(folder, self._solution, {"limits": self._limits})

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> Linear:
        """Read the arrays back; PredictorError when they are missing, damaged or of another task."""
        model = cls(config, task, seed)
        model._solution, arrays = load_arrays(folder, task, ("limits",))
        model._limits = arrays["limits"]
        return model


def fit_task(
    task: Task,
    config: Config,
    rows: Rows,
    held: Rows | None,
    *,
    effort: Effort,
    seed: int,
    path: Sequence[float] = PATH,
) -> tuple[Solution, NDArray[np.float64], float]:
    """Fit what the configuration says. Returns the solution, the limits of its predictions and its C, which classes choose
    from `path` when the choice is automatic.
    """
    l1_ratio = {"l2": 0.0, "l1": 1.0}.get(str(config.get("penalty", "l2")))
    if l1_ratio is None:
        l1_ratio = _number(config["l1_ratio"])
    penalty = Penalty(_number(config["C"]), l1_ratio) if config["choice"] == "fixed" else None
    limits = np.zeros(0)
    middle, unit = 0.0, 1.0
    if not task.is_classification:
        lowest, highest = float(np.min(rows.target)), float(np.max(rows.target))
        slack = EXTRAPOLATION * (highest - lowest)
        limits = np.array([lowest - slack, highest + slack])
        middle, unit = float(np.mean(rows.target)), float(np.std(rows.target)) or 1.0
        rows, held = (
            None if part is None else Rows(part.features, (part.target - middle) / unit, part.weight, part.groups)
            for part in (rows, held)
        )
        assert rows is not None
    # More threads than a job may use make small matrices many times slower.
    with threadpool_limits(limits=effort.threads, user_api="blas"):
        solution, strength = fit_linear(
            rows,
            held,
            classes=task.class_count,
            penalty=penalty,
            l1_ratio=l1_ratio,
            effort=effort,
            seed=seed,
            path=path,
        )
    if not task.is_classification:
        solution = Solution(solution.coefficients * unit, solution.intercepts * unit + middle)
    return solution, limits, strength


def predict_task(task: Task, solution: Solution, limits: NDArray[np.float64], features: Any) -> NDArray[np.float64]:
    """Probabilities ``(rows, classes)``, or values ``(rows,)`` within the limits."""
    outputs = solution.outputs(features)
    if not task.is_classification:
        return np.clip(outputs[:, 0], *limits)
    if outputs.shape[1] == 1:
        outputs = np.hstack([np.zeros_like(outputs), outputs])
    chances = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(chances / chances.sum(axis=1, keepdims=True))


def _number(value: Any) -> float:
    return float(value)
