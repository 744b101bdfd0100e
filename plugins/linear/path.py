"""Choosing the strength of the penalty along a path, and fitting at it before the time is up."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from automl_plugins.linear.minimise import Penalty, minimise
from automl_plugins.linear.problems import Classes, Moments, Rows, Solution, Squares
from automl_plugins.linear.ridge import Ridge

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl import Effort

    Late = Callable[[], bool]

PATH = tuple(10.0**power for power in range(-4, 5))
"""Values of C tried from strong to weak when the choice is automatic; each fit starts from the last."""
STEP = 10.0**0.5
"""The best of the path is compared with its neighbours at this factor."""
GAIN = 1e-3
"""Share of the loss by which a step of the path must be better to go on after a step that was not."""
PATH_ITERATIONS = 80
FINAL_ITERATIONS = 500
MOST_EXACT = 1500
"""Features up to which moments and their decomposition take seconds at most."""
SAMPLE_ROWS = 30_000
SAMPLE_CELLS = 5e7
"""The path is walked on at most so many rows, and cells of the matrix times outputs: the best C hardly moves."""
LEAST_SAMPLE = 2000
HELD_SHARE = 0.2
LEAST_TO_HOLD = 20
"""With fewer rows and no validation rows, C stays at 1."""
RESERVE_SECONDS = 0.05


def fit_linear(
    rows: Rows, held: Rows | None, *, classes: int, penalty: Penalty | None, l1_ratio: float, effort: Effort, seed: int
) -> tuple[Solution, float]:
    """Fit classes (`classes` of them) or values (0), at `penalty` or, without one, at the best C of a path.

    The rows `held` judge the path; without them some of `rows` do. The target of values must be scaled.
    Returns the solution and its C. When the deadline comes near, the best solution so far.
    """
    exact = not classes and isinstance(rows.features, np.ndarray) and rows.features.shape[1] <= MOST_EXACT
    if exact and not l1_ratio:
        ridge = Ridge(rows)
        c = (ridge.best_left_out() if held is None else ridge.best_on(held)) if penalty is None else penalty.C
        return ridge.solution(c), c
    late = _late(effort, share=1.0)
    if penalty is None:
        start, c = _walk(rows, held, classes, l1_ratio, _late(effort, share=0.6), seed)
        penalty = Penalty(c, l1_ratio)
    else:
        start = _problem(rows, classes).constant()
    problem: Any = Moments(rows) if exact else _problem(rows, classes)
    if exact:
        found = problem.uncentred(
            minimise(problem, penalty, problem.centred(start), iterations=FINAL_ITERATIONS, late=late)
        )
    else:
        found = minimise(problem, penalty, start, iterations=FINAL_ITERATIONS, late=late)
    return found, penalty.C


def _walk(
    rows: Rows, held: Rows | None, classes: int, l1_ratio: float, late: Late, seed: int
) -> tuple[Solution, float]:
    """The C whose fit is best on rows that were not fitted, and that fit."""
    rng = np.random.default_rng(seed)
    outputs = classes if classes > 2 else 1
    cells = max(rows.features.nnz / max(len(rows), 1) if hasattr(rows.features, "nnz") else rows.features.shape[1], 1)
    most = int(min(SAMPLE_ROWS, max(SAMPLE_CELLS / (cells * outputs), LEAST_SAMPLE)))
    if len(rows) > most:
        rows = rows.take(np.sort(rng.choice(len(rows), most, replace=False)))
    if held is None and len(rows) < LEAST_TO_HOLD:
        return _problem(rows, classes).constant(), 1.0
    if held is None:
        order = rng.permutation(len(rows))
        cut = int(HELD_SHARE * len(rows))
        held, rows = rows.take(np.sort(order[:cut])), rows.take(np.sort(order[cut:]))
    problem, judge = _problem(rows, classes), _problem(held, classes)
    solution = problem.constant()
    tried: dict[float, tuple[float, Solution]] = {}

    def attempt(c: float, start: Solution) -> float:
        found = minimise(problem, Penalty(c, l1_ratio), start, iterations=PATH_ITERATIONS, late=late)
        tried[c] = (judge.loss(found), found)
        return tried[c][0]

    best, misses = judge.loss(solution), 0
    for c in PATH:
        loss = attempt(c, solution)
        solution = tried[c][1]
        misses = 0 if loss < best * (1 - GAIN) or loss == best else misses + 1
        best = min(best, loss)
        if misses >= 2 or late():
            break
    top = min(tried, key=lambda c: tried[c][0])
    for c in (top / STEP, top * STEP):
        if not late():
            attempt(c, tried[top][1])
    top = min(tried, key=lambda c: tried[c][0])
    return tried[top][1], top


def _problem(rows: Rows, classes: int) -> Classes | Squares:
    return Classes(rows, classes) if classes else Squares(rows)


def _late(effort: Effort, share: float) -> Late:
    """Whether `share` of the time that is left now has passed."""
    if effort.deadline is None:
        return lambda: False
    keep = max(effort.seconds_left(), 0.0) * (1.0 - share) + RESERVE_SECONDS
    return lambda: effort.seconds_left() <= keep
