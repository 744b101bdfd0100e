"""Columns that are there twice, as numbers and as categories: which of the categories tell more than the numbers?

Whole numbers may be quantities (days, rooms) or codes (a shop, a route), and nothing in the column says which. For codes
it is the level itself that matters, for quantities a level differs little from its neighbours, and a level of its own
for each value only invites trees to learn noise. So the target decides: on half of the training rows, is it told better
by the mean of a row's own level on the other half, or by that of the level with its neighbours?
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.data.records import TableData

TWIN_LEVELS = 30
"""A code that is a number too is no category for trees up to so many levels: cuts can pick its values out."""
NEIGHBOURS = 3
"""Levels on each side, in the order of their numbers, that count as neighbours."""
PRIORS = (3.0, 10.0, 30.0, 100.0)
"""Rows that the mean of all rows counts for in a level's mean; each side of the comparison takes its best."""
LEAST_SHARE = 0.001
"""Share of the target's variance that levels of a code tell at least."""
TIMES_AS_MUCH = 1.5
"""How many times as much of the variance levels of a code tell for themselves as with their neighbours: codes of flights
and lecturers do twice to four times as much; days between a booking and its stay 1.1 times, and there trees are better
without them as categories.
"""
MOST_CLASSES = 10
MOST_ROWS = 50_000
"""Rows that decide at most, drawn at random."""


def categories_without_twins(data: TableData, classes: int) -> list[int]:
    """Places of the category columns that trees should look at: all but those whose numbers say as much.

    `data` are training rows with their target, `classes` the number of classes, 0 for values.
    """
    places: list[int] = []
    numbers = {name: place for place, name in enumerate(data.layout.numbers)}
    goal: NDArray[np.float64] | None = None
    for place, (name, levels) in enumerate(zip(data.layout.categories, data.layout.levels, strict=True)):
        if name in numbers:
            if levels <= TWIN_LEVELS or data.target is None:
                continue
            rows = some_rows(len(data))
            if goal is None:
                goal = goals(np.asarray(data.target)[rows], classes)
            if not is_code(np.asarray(data.numbers[:, numbers[name]])[rows], goal):
                continue
        places.append(place)
    return places


def some_rows(rows: int) -> NDArray[np.int64]:
    """Rows that decide, in random order."""
    return np.random.default_rng(0).permutation(rows)[:MOST_ROWS]


def goals(target: NDArray[Any], classes: int) -> NDArray[np.float64]:
    """What is averaged, ``(rows, outputs)``, with a mean of zero: the value, or a column for each frequent class."""
    if not classes:
        goal = np.asarray(target, dtype=np.float64).reshape(-1, 1)
    else:
        largest = np.argsort(-np.bincount(target, minlength=classes), kind="stable")[: min(MOST_CLASSES, classes)]
        goal = (target.reshape(-1, 1) == largest).astype(np.float64)
    return np.asarray(goal - goal.mean(axis=0))


def is_code(numbers: NDArray[np.float32], goal: NDArray[np.float64]) -> bool:
    """Whether levels for themselves tell much more of the target than levels with their neighbours. The rows stand in
    random order.
    """
    known = np.isfinite(numbers)
    numbers, goal = numbers[known], goal[known]
    if len(numbers) < 2:
        return False
    values, level = np.unique(numbers, return_inverse=True)
    half = len(level) // 2
    own, near = 0.0, 0.0
    for learned, judged in ((slice(None, half), slice(half, None)), (slice(half, None), slice(None, half))):
        counts, sums = sums_of_levels(level[learned], goal[learned], len(values))
        own += _error(counts, sums, level[judged], goal[judged])
        near += _error(_with_neighbours(counts), _with_neighbours(sums), level[judged], goal[judged])
    total = float((goal**2).sum())
    return total - own > max(LEAST_SHARE * total, TIMES_AS_MUCH * (total - near))


def sums_of_levels(
    level: NDArray[np.int64], goal: NDArray[np.float64], levels: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Rows of each level, ``(levels, 1)``, and the sums of the goal over them, ``(levels, outputs)``."""
    counts = np.bincount(level, minlength=levels).astype(np.float64).reshape(-1, 1)
    sums = np.stack([np.bincount(level, weights=column, minlength=levels) for column in goal.T], axis=1)
    return counts, np.asarray(sums, dtype=np.float64)


def _with_neighbours(of_levels: NDArray[np.float64]) -> NDArray[np.float64]:
    """Sums over each level and `NEIGHBOURS` levels on both sides."""
    running = np.concatenate([np.zeros((1, of_levels.shape[1])), of_levels.cumsum(axis=0)])
    places = np.arange(len(of_levels))
    first, last = np.maximum(places - NEIGHBOURS, 0), np.minimum(places + NEIGHBOURS + 1, len(of_levels))
    return np.asarray(running[last] - running[first])


def _error(
    counts: NDArray[np.float64], sums: NDArray[np.float64], level: NDArray[np.int64], goal: NDArray[np.float64]
) -> float:
    """Squared error of the shrunken means of levels, with the best prior."""
    return min(float(((goal - (sums / (counts + prior))[level]) ** 2).sum()) for prior in PRIORS)
