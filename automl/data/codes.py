"""Whole numbers with few levels, which are there as categories, too: which of these help models that add columns up?

A column for each level lets such a model follow any curve, at the price of as many coefficients, and on a few hundred rows
noise in these costs more than most curves bring. So where rows are few the target decides: a level's mean of what a ridge regression on all
other columns leaves must tell enough of it on rows that were not used for either.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.twins import PRIORS, TWIN_LEVELS, goals, is_code, some_rows, sums_of_levels

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from automl.data.records import TableData

    Floats = NDArray[np.float64]

MOST_ROWS = 5_000
"""Rows that decide at most, drawn at random."""
MOST_COLUMNS = 300
"""Columns of the ridge regression at most, those that are most correlated with the target."""
ONE_HOT_LEVELS = 25
"""Categories of more levels do not get a column for each of them."""
BLOCK = 256
"""Columns that are looked at together while the most correlated ones are found."""
PARTS = 4
PENALTIES = tuple(10.0**power for power in range(-1, 5))
LEAST_GAIN = 0.01
"""Share of what is left that a level's mean tells at least."""
CHANCE = 2.0
"""How many times the spread of what chance tells, in about as many values as there are levels."""
ROWS_OF_LEVEL = 200
"""With more rows for each level, on average, columns for them cost nothing and may matter together with others."""
DEGREES = (1, 2, 3)
"""Polynomials of the number that models which bend curves themselves are taken to follow."""
CLIP = 5.0


def categories_worth_adding(data: TableData, classes: int, *, curves: bool = False) -> list[int]:
    """Places of the category columns that models on sums of columns should look at: those that are no numbers, and those
    whose levels tell more of the target than their numbers.

    `data` are training rows with their target, `classes` the number of classes, 0 for values; rows of weight 0 have no say,
    otherwise weights do not matter. `curves`: the model follows curves of a number itself, so that levels must tell more than
    these.
    """
    numbers = {name: place for place, name in enumerate(data.layout.numbers)}
    places = list(range(len(data.layout.categories)))
    twins = {place: numbers[name] for place, name in enumerate(data.layout.categories) if name in numbers}
    if not twins or data.target is None:
        return places
    heard = np.arange(len(data)) if data.weight is None else np.flatnonzero(np.asarray(data.weight) > 0)
    if not len(heard):
        heard = np.arange(len(data))
    rows = heard[some_rows(len(heard))]
    goal = goals(np.asarray(data.target)[rows], classes)
    left: Floats | None = None
    part = np.zeros(0, dtype=np.int64)
    for place, number in twins.items():
        levels = data.layout.levels[place]
        if len(heard) >= ROWS_OF_LEVEL * levels:
            continue
        if levels > TWIN_LEVELS:
            worth = is_code(np.asarray(data.numbers[:, number])[rows], goal)
        elif len(rows) < 2 * PARTS:
            worth = False
        else:
            few = rows[:MOST_ROWS]
            if left is None:
                part = _parts_of(data, few)
                left = _left_over(_columns(data, few, twins, goal[:MOST_ROWS]), goal[:MOST_ROWS], part)
            worth = _tells_more(np.asarray(data.numbers[:, number])[few], left, part, curves=curves)
        if not worth:
            places.remove(place)
    return places


def _columns(data: TableData, rows: NDArray[np.int64], twins: dict[int, int], goal: Floats) -> Floats:
    """Numbers scaled, missing ones in the middle, and small categories one-hot; of more than `MOST_COLUMNS`, those that are
    most correlated with the goal, ``(rows, columns)``.
    """
    numbers = data.numbers.shape[1]
    small = [
        (place, levels)
        for place, levels in enumerate(data.layout.levels)
        if place not in twins and levels <= ONE_HOT_LEVELS
    ]
    chosen = np.arange(numbers + sum(levels for _, levels in small))
    if len(chosen) > MOST_COLUMNS:  # all of them at once would take gigabytes where a table is wide
        told = [np.zeros(0)]
        for start in range(0, numbers, BLOCK):
            block = _scaled(data, rows, chosen[start : min(start + BLOCK, numbers)])
            told.append(np.abs((block - block.mean(axis=0)).T @ goal).max(axis=1))
        told += [_told_by_levels(np.asarray(data.codes[:, place])[rows], levels, goal) for place, levels in small]
        chosen = np.sort(np.argsort(-np.concatenate(told), kind="stable")[:MOST_COLUMNS])
    place_of = np.array([place for place, levels in small for _ in range(levels)], dtype=np.int64)
    level_of = np.array([level for _, levels in small for level in range(levels)], dtype=np.int64)
    hot = chosen[chosen >= numbers] - numbers
    one_hot = np.asarray(data.codes)[np.ix_(rows, place_of[hot])] == level_of[hot]
    return np.concatenate([_scaled(data, rows, chosen[chosen < numbers]), one_hot.astype(np.float64)], axis=1)


def _scaled(data: TableData, rows: NDArray[np.int64], places: NDArray[np.int64]) -> Floats:
    """Some columns of numbers in units of their spread around their mean, ``(rows, places)``."""
    numbers = np.asarray(data.numbers)[np.ix_(rows, places)].astype(np.float64)
    known = np.isfinite(numbers)
    counts = np.maximum(known.sum(axis=0), 1)
    numbers = np.where(known, numbers - np.where(known, numbers, 0.0).sum(axis=0) / counts, 0.0)
    scale = np.sqrt((numbers**2).sum(axis=0) / counts)
    return np.asarray(np.clip(numbers / np.where(scale > 0, scale, 1.0), -CLIP, CLIP))


def _told_by_levels(codes: NDArray[np.int32], levels: int, goal: Floats) -> Floats:
    """How much a column for each level goes with the goal, ``(levels,)``: what a product with the centred column gives."""
    known = codes >= 0
    counts, sums = sums_of_levels(codes[known].astype(np.int64), goal[known], levels)
    return np.asarray(np.abs(sums - counts / len(codes) * goal.sum(axis=0)).max(axis=1))


def _left_over(columns: Floats, goal: Floats, part: NDArray[np.int64]) -> Floats:
    """What a ridge regression leaves of the goal on rows that it was not fitted on, ``(rows, outputs)``."""
    left = np.zeros((len(PENALTIES), *goal.shape))
    for fitted, judged in _parts(part):
        middle, centre = columns[fitted].mean(axis=0), goal[fitted].mean(axis=0)
        centred = columns[fitted] - middle
        values, turn = np.linalg.eigh(centred.T @ centred)
        answer = turn.T @ (centred.T @ (goal[fitted] - centre))
        turned = (columns[judged] - middle) @ turn
        for place, penalty in enumerate(PENALTIES):
            told = turned @ (answer / (np.maximum(values, 0.0) + penalty)[:, None])
            left[place, judged] = goal[judged] - centre - told
    return np.asarray(left[np.argmin((left**2).sum(axis=(1, 2)))])


def _tells_more(numbers: NDArray[Any], left: Floats, part: NDArray[np.int64], *, curves: bool) -> bool:
    """Whether means of levels tell enough of what is left, and more than curves do."""
    known = np.isfinite(numbers)
    numbers, left, part = numbers[known].astype(np.float64), left[known], part[known]
    if len(numbers) < 2 * PARTS or numbers.min() == numbers.max() or part.min() == part.max():
        return False
    values, level = np.unique(numbers, return_inverse=True)
    scaled = (numbers - numbers.mean()) / numbers.std()
    own, bent = np.zeros(len(PRIORS)), np.zeros(len(DEGREES))
    for fitted, judged in _parts(part):
        counts, sums = sums_of_levels(level[fitted], left[fitted], len(values))
        for place, prior in enumerate(PRIORS):
            own[place] += float(((left[judged] - (sums / (counts + prior))[level[judged]]) ** 2).sum())
        for place, degree in enumerate(DEGREES if curves else ()):
            powers = np.vander(scaled, degree + 1)
            found = np.linalg.lstsq(powers[fitted], left[fitted], rcond=None)[0]
            bent[place] += float(((left[judged] - powers[judged] @ found) ** 2).sum())
    total = float((left**2).sum())
    gain = total - float(own.min())
    beyond = max(total - float(bent.min()), 0.0) if curves else 0.0
    least = max(LEAST_GAIN, CHANCE * np.sqrt(2.0 * len(values)) / len(numbers))
    return bool(gain - beyond > least * total)


def _parts_of(data: TableData, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """The part of each row, which stand in random order, ``(rows,)``; rows of a group of the user's are in one part."""
    if data.groups is None:
        return np.arange(len(rows)) % PARTS
    return np.asarray(np.unique(np.asarray(data.groups)[rows], return_inverse=True)[1]).reshape(-1) % PARTS


def _parts(part: NDArray[np.int64]) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Rows to fit on and rows to judge by; parts without rows on either side are left out."""
    for number in range(PARTS):
        judged = part == number
        if judged.any() and not judged.all():
            yield ~judged, judged
