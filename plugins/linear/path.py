"""Choosing the strength of the penalty along a path, and fitting at it before the time is up."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from automl_plugins.linear.minimise import Penalty, minimise
from automl_plugins.linear.problems import Classes, Moments, Rows, Solution, Squares
from automl_plugins.linear.ridge import Ridge

from automl import inner_parts

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from automl import Effort

    Late = Callable[[], bool]

PATH = tuple(10.0**power for power in range(-6, 5))
"""Values of C tried from strong to weak when the choice is automatic; each fit starts from the last."""
USUAL = 1.0
"""C where nothing could be chosen."""
STEP = 10.0**0.5
"""The best of the path is compared with its neighbours at this factor."""
GAIN = 1e-3
"""Share of the loss without features that a path must gain, or lose, before steps can be misses: while a strong
penalty leaves nothing, all steps are alike."""
EVEN = 1e-5
"""Share of the loss below which a gain is none."""
PATH_ITERATIONS = 80
FINAL_ITERATIONS = 500
MOST_EXACT = 1500
"""Features up to which moments and their decomposition pay."""
STEPS_PER_SECOND = 1e9
"""Multiplications of double precision numbers that a slow core does in a second."""
SAMPLE_ROWS = 30_000
SAMPLE_CELLS = 5e7
"""The path is walked on at most so many rows, and cells of the matrix times outputs: the best C hardly moves."""
SAMPLE_CELLS_PER_SECOND = 4e6
"""Fewer when time is short: a walk passes over them more than a hundred times."""
LEAST_SAMPLE = 2000
LEAST_TO_HOLD = 20
"""With fewer rows and no validation rows, C is the usual one."""
FOLDS = 5
MANY_ROWS = 2000
"""Without validation rows, all of five parts judge the path up to so many rows, and the first one beyond."""
RESERVE_SECONDS = 0.05
WALK_SHARE = 0.6
"""Of the time, for choosing C; the rest is for the fit on all rows."""


def fit_linear(
    rows: Rows,
    held: Rows | None,
    *,
    classes: int,
    penalty: Penalty | None,
    l1_ratio: float,
    effort: Effort,
    seed: int,
    path: Sequence[float] = PATH,
) -> tuple[Solution, float]:
    """Fit classes (`classes` of them) or values (0), at `penalty` or, without one, at the best C of `path`, which goes
    from strong to weak; a ridge has a path of its own.

    The rows `held` judge the path; without them some of `rows` do. The target of values must be scaled.
    Returns the solution and its C. When the deadline comes near, the best solution so far.
    """
    exact = not classes and _is_exact(rows, effort)
    if exact and not l1_ratio:
        ridge = Ridge(rows)
        strength = penalty.C if penalty else ridge.best_left_out() if held is None else ridge.best_on(held)
        return ridge.solution(strength), strength
    late = _late(effort, share=1.0)
    start = _problem(rows, classes).constant()
    if penalty is None:
        rng = np.random.default_rng(seed)
        sample = _sample(rows, classes, effort.seconds_left(), rng)
        strength, found = _choose(
            sample, held, classes, l1_ratio, path=path, late=_late(effort, share=WALK_SHARE), rng=rng
        )
        penalty, start = Penalty(strength, l1_ratio), found or start
    if not exact:
        problem = _problem(rows, classes)
        return minimise(problem, penalty, start, iterations=FINAL_ITERATIONS, late=late), penalty.C
    moments = Moments(rows)
    centred = minimise(moments, penalty, moments.centred(start), iterations=FINAL_ITERATIONS, late=late)
    return moments.uncentred(centred), penalty.C


def _choose(
    rows: Rows,
    held: Rows | None,
    classes: int,
    l1_ratio: float,
    *,
    path: Sequence[float],
    late: Late,
    rng: np.random.Generator,
) -> tuple[float, Solution | None]:
    """The C whose fits are best on rows that were not fitted, and a solution to go on from."""
    losses: dict[float, list[float]] = {}
    found: dict[float, Solution] = {}
    for number, (fitted, judges) in enumerate(_parts(rows, held, rng)):
        if number and late():
            break
        walked = _walk(fitted, judges, classes, l1_ratio, path, late)
        if number and late():  # cut in the middle: only strong penalties would be judged by all parts
            break
        for strength, (loss, solution) in walked.items():
            losses.setdefault(strength, []).append(loss)
            found[strength] = solution
    if not losses:
        return USUAL, None
    # Parts whose walks ended early or refined elsewhere lack some strengths; those that most parts saw count.
    most = max(len(values) for values in losses.values())
    best = min((c for c in losses if len(losses[c]) == most), key=lambda c: math.fsum(losses[c]))
    last = max(losses)
    if last < USUAL and late() and math.fsum(losses[last]) <= math.fsum(losses[best]) * (1 + EVEN):
        return USUAL, found[last]  # time cut the path while it went downhill, or before it began to
    return best, found[best]


def _walk(
    rows: Rows, held: Rows, classes: int, l1_ratio: float, path: Sequence[float], late: Late
) -> dict[float, tuple[float, Solution]]:
    """Losses on `held` and solutions by C, until two steps in a row are no better than the best before."""
    problem, judge = _problem(rows, classes), _problem(held, classes)
    tried: dict[float, tuple[float, Solution]] = {}

    def attempt(strength: float, start: Solution) -> float:
        found = minimise(problem, Penalty(strength, l1_ratio), start, iterations=PATH_ITERATIONS, late=late)
        tried[strength] = (judge.loss(found), found)
        return tried[strength][0]

    solution = problem.constant()
    floor = best = judge.loss(solution)
    misses = 0
    for strength in path:
        loss = attempt(strength, solution)
        solution = tried[strength][1]
        began = best < floor * (1 - GAIN) or loss > floor * (1 + GAIN)
        misses = misses + 1 if began and loss > best * (1 - EVEN) else 0
        best = min(best, loss)
        if misses >= 2 or late():
            break
    top = min(tried, key=lambda strength: tried[strength][0])
    for strength in (top / STEP, top * STEP):
        if not late():
            attempt(strength, tried[top][1])
    return tried


def _sample(rows: Rows, classes: int, seconds: float, rng: np.random.Generator) -> Rows:
    """As many of the rows as the path is walked on."""
    outputs = classes if classes > 2 else 1
    stored = rows.features.nnz if hasattr(rows.features, "nnz") else rows.features.size
    cells = outputs * max(stored / max(len(rows), 1), 1.0)
    affordable = min(SAMPLE_CELLS, SAMPLE_CELLS_PER_SECOND * max(seconds, 0.0))
    most = int(min(SAMPLE_ROWS, max(affordable / cells, LEAST_SAMPLE)))
    return rows if len(rows) <= most else rows.take(np.sort(rng.choice(len(rows), most, replace=False)))


def _parts(rows: Rows, held: Rows | None, rng: np.random.Generator) -> Iterator[tuple[Rows, Rows]]:
    """Rows to fit and rows to judge by."""
    if held is not None:
        yield rows, held
        return
    if len(rows) < LEAST_TO_HOLD:
        return
    part = inner_parts(len(rows), rows.groups, FOLDS, rng)
    for fold in range(FOLDS if len(rows) <= MANY_ROWS else 1):
        if len(np.unique(part == fold)) > 1:  # there may be fewer groups than parts
            yield rows.take(np.flatnonzero(part != fold)), rows.take(np.flatnonzero(part == fold))


def _is_exact(rows: Rows, effort: Effort) -> bool:
    """Whether moments of the features are affordable before the deadline."""
    width = rows.features.shape[1]
    steps = 2.0 * len(rows) * width**2 + 10.0 * width**3
    return (
        isinstance(rows.features, np.ndarray)
        and width <= MOST_EXACT
        and (steps < 1e8 or steps < STEPS_PER_SECOND * effort.seconds_left())
    )


def _problem(rows: Rows, classes: int) -> Classes | Squares:
    return Classes(rows, classes) if classes else Squares(rows)


def _late(effort: Effort, share: float) -> Late:
    """Whether `share` of the time that is left now has passed."""
    if effort.deadline is None:
        return lambda: False
    keep = max(effort.seconds_left(), 0.0) * (1.0 - share) + RESERVE_SECONDS
    return lambda: effort.seconds_left() <= keep
