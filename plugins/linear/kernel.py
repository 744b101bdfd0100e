"""Linear models on a kernel's features: what rows have in common with some of the training rows.

The features are those of the Nyström method (Williams and Seeger 2001, "Using the Nyström method to speed up kernel machines",
NIPS 13): their products are the kernel between rows as far as the landmarks tell it. So a linear model on them is kernel ridge
regression, or kernel logistic regression, at a cost that grows with the rows and not with their square.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.linear.dense import fit_task, predict_task
from automl_plugins.linear.files import load_arrays, save_arrays
from automl_plugins.linear.problems import Rows, Solution
from threadpoolctl import threadpool_limits

from automl import PredictorError, feature_relevance

if TYPE_CHECKING:
    from pathlib import Path

    from ConfigSpace import ConfigurationSpace
    from numpy.typing import NDArray

    from automl import Config, Effort, MatrixData, Task

MOST_CELLS = 30_000_000
"""Fewer landmarks are used of many rows: rows times landmarks."""
LEAST_LANDMARKS = 50
PAIRS = 2000
"""Pairs of training rows by whose distances the width of the kernel is measured."""
SMALLEST_VALUE = 1e-6
"""Eigenvalues below this share of the largest are rounding errors of single precision."""
PIECE_ROWS = 4096
PATH = tuple(10.0**power for power in range(-2, 5))
"""Values of C to choose from: features are no longer than 1, so that stronger penalties leave nothing of them."""
ARRAYS = ("limits", "landmarks", "turn", "scale")


def space(task: Task) -> ConfigurationSpace:
    """Width of the kernel around one over the number of columns, which is scikit-learn's default, as TPOT and auto-sklearn
    search `gamma` over decades; C as for linear models.
    """
    from ConfigSpace import Categorical, ConfigurationSpace, EqualsCondition, Float, Integer

    most = max(min(task.rows, 1500), 20)
    choice = Categorical("choice", ["auto", "fixed"], default="auto", weights=[3, 1])
    strength = Float("C", (1e-2, 1e4), log=True, default=10.0, meta={"limits": (1e-12, None)})
    made = ConfigurationSpace(
        space=[
            choice,
            strength,
            Categorical("kernel", ["gaussian", "laplace"], default="gaussian"),
            Float("gamma", (0.02, 8.0), log=True, default=0.5, meta={"limits": (1e-9, None)}),
            Integer("landmarks", (10, most), log=True, default=min(600, most), meta={"limits": (1, None)}),
            Float("relevance", (0.0, 2.0), default=0.5, meta={"limits": (0, None)}),
        ]
    )
    made.add(EqualsCondition(strength, choice, "fixed"))
    return made


class KernelMachine:
    """Logistic or softmax regression for classes, ridge for values, on kernel features."""

    def __init__(self, config: Config, task: Task, seed: int) -> None:
        self._config, self._task, self._seed = config, task, seed
        self._solution: Solution | None = None
        self._arrays: dict[str, NDArray[Any]] = {}

    def fit(self, train: MatrixData, valid: MatrixData | None, effort: Effort) -> dict[str, float]:
        """Fit; the validation rows choose C when the choice is automatic. Returns C and the number of features."""
        with threadpool_limits(limits=effort.threads, user_api="blas"):
            self._set_up(train)
            rows = Rows(self._features(train), np.asarray(train.target), train.weight, train.groups)
            held = None if valid is None else Rows(self._features(valid), np.asarray(valid.target), valid.weight)
        config = {**self._config, "penalty": "l2"}
        self._solution, self._arrays["limits"], strength = fit_task(
            self._task, config, rows, held, effort=effort, seed=self._seed, path=PATH
        )
        return {"C": strength, "features": float(self._arrays["turn"].shape[1])}

    def predict(self, data: MatrixData) -> NDArray[np.float64]:
        """Probabilities ``(rows, classes)`` or values ``(rows,)``."""
        assert self._solution is not None
        return predict_task(self._task, self._solution, self._arrays["limits"], self._features(data))

    def save(self, folder: Path) -> None:
        """Arrays only."""
        assert self._solution is not None
        save_arrays(folder, self._solution, self._arrays)

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> KernelMachine:
        """Read the arrays back; PredictorError when they are missing, damaged or of another task."""
        model = cls(config, task, seed)
        model._solution, model._arrays = load_arrays(folder, task, ARRAYS)
        landmarks, turn, scale = (model._arrays[name] for name in ARRAYS[1:])
        shapes = (landmarks.shape[:1], landmarks.shape[1:], turn.shape[1:])
        if shapes != (turn.shape[:1], scale.shape, model._solution.coefficients.shape[:1]):
            raise PredictorError(f"the arrays in {folder} do not belong together; copy them again or fit again")
        return model

    def _set_up(self, train: MatrixData) -> None:
        """Choose landmarks, the width of the kernel, and the turn that makes products of features the kernel."""
        rng = np.random.default_rng(self._seed)
        values = np.asarray(train.values, dtype=np.float32)
        scale = feature_relevance(values, np.asarray(train.target), train.weight, classes=self._task.class_count)
        scale = (scale ** float(self._config["relevance"] or 0.0)).astype(np.float32)
        one, other = rng.integers(len(values), size=(2, PAIRS))
        # Half of the mean squared distance is the number of columns where these are scaled and equally relevant.
        width = float(np.mean((((values[one] - values[other]) * scale) ** 2).sum(axis=1))) / 2
        gamma = float(self._config["gamma"] or 1.0) / (width or 1.0)
        scale *= np.sqrt(gamma)
        wanted = min(int(self._config["landmarks"] or 1), max(MOST_CELLS // len(values), LEAST_LANDMARKS))
        landmarks = values[np.sort(rng.permutation(len(values))[:wanted])] * scale
        self._arrays = {"landmarks": landmarks, "scale": scale}
        found, turn = np.linalg.eigh(self._kernel(landmarks))
        kept = found > SMALLEST_VALUE * found[-1]
        self._arrays["turn"] = turn[:, kept] / np.sqrt(found[kept])

    def _features(self, data: MatrixData) -> NDArray[np.float32]:
        """``(rows, features)``."""
        values, turn = np.asarray(data.values, dtype=np.float32), self._arrays["turn"]
        features = np.empty((len(values), turn.shape[1]), dtype=np.float32)
        for start in range(0, len(values), PIECE_ROWS):
            piece = slice(start, start + PIECE_ROWS)
            features[piece] = self._kernel(values[piece] * self._arrays["scale"]) @ turn
        return features

    def _kernel(self, values: NDArray[np.float32]) -> NDArray[np.float64]:
        """``(rows, landmarks)``: 1 for equal rows, towards 0 for those far apart. In double precision, as small eigenvalues
        make rounding errors large: what is predicted of a row would depend on the rows beside it.
        """
        values, landmarks = values.astype(np.float64), self._arrays["landmarks"].astype(np.float64)
        distances = values @ (-2.0 * landmarks.T)
        distances += (values**2).sum(axis=1)[:, None]
        distances += (landmarks**2).sum(axis=1)
        np.maximum(distances, 0.0, out=distances)
        if self._config["kernel"] == "laplace":
            np.sqrt(distances, out=distances)
        return np.exp(-distances, out=distances)
