"""Fitting at one strength of the penalty, by a quasi-Newton method that stops when time is up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from automl_plugins.linear.problems import Problem, Solution

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

GRADIENT_TOLERANCE = 1e-5
"""Of the mean loss; coefficients of scaled features then move no prediction."""
LOSS_TOLERANCE = 1e-8
MEMORY = 15
LEAST_MEMORY = 5
MEMORY_BYTES = 1 << 28
"""Past steps that approximate the curvature: fewer where each is long."""
LEAST_CALLS = 8
QUICK_CELLS = 1e8
"""So many calls come before the time is looked at, if they are quick: even a late fit then learns something."""


@dataclass(frozen=True)
class Penalty:
    """``1/C`` times (``l1_ratio`` sum of absolute values + (1 - ``l1_ratio``)/2 sum of squares), over all rows."""

    C: float
    l1_ratio: float = 0.0


class _OutOfTime(Exception):  # noqa: N818 - no error: it ends the search
    pass


def minimise(
    problem: Problem, penalty: Penalty, start: Solution, *, iterations: int, late: Callable[[], bool]
) -> Solution:
    """The penalised minimum, from `start` on; the best point so far when `late` says so.

    L-BFGS-B (Byrd, Lu, Nocedal and Zhu 1995). Absolute values are made smooth by splitting coefficients into
    two parts that are not negative, so that zeros are exact.
    """
    from scipy.optimize import minimize

    shape = start.coefficients.shape
    size = start.coefficients.size
    ridge = (1.0 - penalty.l1_ratio) / (penalty.C * problem.rows)
    lasso = penalty.l1_ratio / (penalty.C * problem.rows)
    best: tuple[float, Solution] = (np.inf, start)
    calls = 0
    least = LEAST_CALLS if problem.rows * size <= QUICK_CELLS else 1

    def unpack(flat: NDArray[np.float64]) -> Solution:
        coefficients = flat[:size] - flat[size : 2 * size] if lasso else flat[:size]
        return Solution(coefficients.reshape(shape), flat[-shape[1] :])

    def function(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        nonlocal best, calls
        calls += 1
        if calls > least and late():
            raise _OutOfTime
        solution = unpack(flat)
        loss, slopes, lifts = problem.gradient(solution)
        loss += 0.5 * ridge * float((solution.coefficients**2).sum())
        slopes = (slopes + ridge * solution.coefficients).ravel()
        if lasso:
            loss += lasso * float(flat[: 2 * size].sum())
            slopes = np.concatenate([slopes + lasso, lasso - slopes])
        if loss < best[0]:
            best = (loss, unpack(flat.copy()))
        return loss, np.concatenate([slopes, lifts])

    first = start.coefficients.ravel()
    parts = [np.maximum(first, 0.0), np.maximum(-first, 0.0)] if lasso else [first]
    bounds = [(0.0, None)] * (2 * size) + [(None, None)] * shape[1] if lasso else None
    flat = np.concatenate([*parts, start.intercepts])
    options = {
        "maxiter": iterations,
        "maxfun": 2 * iterations,
        "maxcor": max(min(MEMORY, MEMORY_BYTES // (16 * len(flat))), LEAST_MEMORY),
        "gtol": GRADIENT_TOLERANCE,
        "ftol": LOSS_TOLERANCE,
    }
    try:
        minimize(function, flat, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    except _OutOfTime:
        return best[1]
    return best[1]
