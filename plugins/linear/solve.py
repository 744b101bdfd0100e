"""Fitting linear models, along a path of regularisation where a validation set can choose."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from automl import Effort, Task

ITERATIONS = 300
PATH = (1e-3, 1e-2, 0.1, 1.0, 10.0)
"""Inverse regularisation strengths tried from strong to weak when the choice is automatic; each starts from the last."""


@dataclass(frozen=True)
class Solution:
    """Coefficients ``(outputs, features)`` and intercepts ``(outputs,)``; for two classes one output."""

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]


def scores(solution: Solution, features: Any) -> NDArray[np.float64]:
    """Linear outputs ``(rows, outputs)``."""
    return np.asarray(features @ solution.coefficients.T) + solution.intercepts


def probabilities(outputs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Softmax ``(rows, classes)``; one output stands for two classes."""
    if outputs.shape[1] == 1:
        outputs = np.concatenate([np.zeros_like(outputs), outputs], axis=1)
    shifted = np.exp(outputs - outputs.max(axis=1, keepdims=True))
    return np.asarray(shifted / shifted.sum(axis=1, keepdims=True))


def _loss(task: Task, solution: Solution, features: Any, target: NDArray[Any], weight: Any) -> float:
    if not task.is_classification:
        return float(np.average(np.square(scores(solution, features)[:, 0] - target), weights=weight))
    shares = probabilities(scores(solution, features))[np.arange(len(target)), target]
    return float(np.average(-np.log(np.maximum(shares, 1e-15)), weights=weight))


def fit_logistic(task: Task, strength: float, penalty: str, data: Any, effort: Effort, start: Any) -> tuple[Any, Solution]:
    """Logistic regression, softmax for several classes. `start` is the last fit, to go on from."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    features, target, weight = data
    iterations = ITERATIONS if effort.deadline is None else 60
    if penalty == "l1":
        # One class at a time: the only fast solver for l1 here.
        from sklearn.linear_model import LogisticRegression as OneAgainstRest

        parts = []
        codes = [1] if task.class_count == 2 else range(task.class_count)
        for code in codes:
            part = OneAgainstRest(C=strength, l1_ratio=1.0, solver="liblinear", max_iter=iterations, random_state=0)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                part.fit(features, target == code, sample_weight=weight)
            parts.append(part)
        return None, Solution(
            np.concatenate([part.coef_ for part in parts]), np.concatenate([part.intercept_ for part in parts])
        )
    model = start or LogisticRegression(solver="lbfgs", warm_start=True, tol=1e-4)
    model.set_params(C=strength, max_iter=iterations)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # an early end is fine: the path goes on or the clock says so
        model.fit(features, target, sample_weight=weight)
        while effort.deadline is not None and model.n_iter_.max() >= iterations < ITERATIONS and effort.seconds_left() > 0.2:
            iterations += 60
            model.fit(features, target, sample_weight=weight)
    return model, Solution(model.coef_.copy(), model.intercept_.copy())


def fit_regression(strength: float, penalty: str, ratio: float, data: Any, seed: int) -> Solution:
    """Ridge, or elastic net by coordinate descent; `strength` is the inverse of the penalty for one row."""
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import ElasticNet, Ridge

    features, target, weight = data
    middle, unit = float(np.mean(target)), float(np.std(target)) or 1.0
    goal = (target - middle) / unit
    model: Any
    if penalty == "elastic":
        model = ElasticNet(alpha=0.01 / strength, l1_ratio=ratio, max_iter=500, random_state=seed)
    else:
        model = Ridge(alpha=1.0 / strength, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(features, goal, sample_weight=weight)
    coefficients = np.atleast_2d(np.asarray(model.coef_, dtype=np.float64)) * unit
    return Solution(coefficients, np.atleast_1d(np.asarray(model.intercept_, dtype=np.float64)) * unit + middle)


def fit_path(
    task: Task, config: Any, data: tuple[Any, NDArray[Any], Any], valid: tuple[Any, NDArray[Any], Any] | None, effort: Effort, seed: int
) -> tuple[Solution, float]:
    """The solution for the configured strength; for "auto" the best of a path on the validation rows.

    Returns it with its strength. Stops at the deadline with the best so far. Raises ValueError for an unknown
    penalty.
    """
    fixed = config["strength"] if config["choice"] == "fixed" else effort.fidelity.get("strength")
    path = (float(fixed),) if fixed is not None else PATH
    if fixed is None and valid is None:
        path = (1.0,)
    best: tuple[float, Solution, float] | None = None
    start = None
    worse = 0
    for strength in path:
        if task.is_classification:
            start, solution = fit_logistic(task, strength, config["penalty"], data, effort, start)
        else:
            solution = fit_regression(strength, config["penalty"], config.get("l1_ratio", 0.5), data, seed)
        loss = 0.0 if valid is None else _loss(task, solution, *valid)
        if best is None or loss < best[0]:
            best, worse = (loss, solution, strength), 0
        else:
            worse += 1
        if worse >= 2 or effort.seconds_left() < 0.3:
            break
    assert best is not None
    return best[1], best[2]
