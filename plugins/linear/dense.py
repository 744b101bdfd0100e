"""Linear models on prepared matrices."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from automl import Config, Effort, MatrixData, PredictorError, Task
from automl_plugins.linear.solve import Solution, fit_path, probabilities, scores

if TYPE_CHECKING:
    from ConfigSpace import ConfigurationSpace


def space(task: Task) -> ConfigurationSpace:
    """Inverse strength 2^-10 to 2^10 (FLAML and TabArena search 2^-5 to 2^15 and 0.1 to 1000), or a path that the
    validation rows choose from; penalty l2, l1 for classes, elastic net for numbers."""
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float

    made = ConfigurationSpace()
    choice = Categorical("choice", ["auto", "fixed"], default="auto")
    strength = Float("strength", (2.0**-10, 2.0**10), log=True, default=1.0)
    penalty = Categorical("penalty", ["l2", "l1"] if task.is_classification else ["l2", "elastic"], default="l2")
    made.add(choice, strength, penalty)
    made.add(EqualsCondition(strength, choice, "fixed"))
    if not task.is_classification:
        ratio = Float("l1_ratio", (0.05, 1.0), default=0.5)
        made.add(ratio)
        made.add(EqualsCondition(ratio, penalty, "elastic"))
    return made


class Linear:
    """Softmax or logistic regression; ridge or elastic net for numbers."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._solution: Solution | None = None

    def fit(self, train: MatrixData, valid: MatrixData | None, effort: Effort) -> Mapping[str, float]:
        """Fit; the validation rows choose the strength when it is automatic."""
        assert train.target is not None
        data = (np.asarray(train.values), train.target, train.weight)
        held = None
        if valid is not None:
            assert valid.target is not None
            held = (np.asarray(valid.values), valid.target, valid.weight)
        self._solution, strength = fit_path(self._task, self._config, data, held, effort, self._seed)
        return {"strength": strength}

    def predict(self, data: MatrixData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        assert self._solution is not None
        outputs = scores(self._solution, np.asarray(data.values))
        return probabilities(outputs) if self._task.is_classification else outputs[:, 0]

    def save(self, folder: Path) -> None:
        """Arrays only."""
        assert self._solution is not None
        save_solution(self._solution, folder)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> Linear:
        """Read the arrays back."""
        model = cls(config, task, seed)
        model._solution = load_solution(folder, task)
        return model


def save_solution(solution: Solution, folder: Path) -> None:
    """Write coefficients and intercepts."""
    np.savez(folder / "linear.npz", coefficients=solution.coefficients, intercepts=solution.intercepts)


def load_solution(folder: Path, task: Task) -> Solution:
    """Read them back; PredictorError when they do not fit the task."""
    try:
        with np.load(folder / "linear.npz", allow_pickle=False) as arrays:
            solution = Solution(arrays["coefficients"], arrays["intercepts"])
    except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise PredictorError(f"{folder / 'linear.npz'} is missing or damaged ({error}); copy it again or fit again") from error
    outputs: Any = 1 if task.class_count in (0, 2) else task.class_count
    if solution.coefficients.ndim != 2 or len(solution.coefficients) != outputs or solution.intercepts.shape != (outputs,):
        raise PredictorError(f"{folder / 'linear.npz'} does not fit the task; fit again")
    return solution
