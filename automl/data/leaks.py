"""Leaks: columns that alone give the target away.

A look at some hundred rows rules out nearly every column, all columns of a block at once; only those that are left are
looked at one by one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from automl.data.records import TableData

LEAK = 0.999
"""A column that alone ranks the target this well is probably a copy of it."""
DEALS = 200
"""Random deals of the classes, each of which a column must tell worse than the true ones."""
CHANCE_SHARE = 0.6
"""Of the changes of class along a column that they make, those that the true classes make at most."""
ROWS_LOOKED_AT = 20_000
FIRST_ROWS = 128
"""Rows of the first look, at least."""
FIRST_ROWS_OF_CLASS = 8
"""With many classes they are so many for each: two pieces for each are still less than chance makes of them."""
FIRST_CORRELATION = 0.8
"""Of a column that ranks all rows as well as `LEAK`, a hundred rows are ranked better than this."""
BLOCK_CELLS = 1 << 20
"""Cells of the first look that are sorted at once."""


def _ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1, ties by their mean."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]])
    ends = np.r_[starts[1:], len(values)]
    ranks = np.empty(len(values))
    ranks[order] = np.repeat((starts + 1 + ends) / 2.0, ends - starts)
    return ranks


def _distinct(values: NDArray[Any]) -> int:
    """Number of different values; sorting is many times faster than np.unique here."""
    ordered = np.sort(values)
    return int((ordered[1:] != ordered[:-1]).sum()) + bool(len(ordered))


def find_leaks(data: TableData) -> list[Finding]:
    """A warning for each column that alone gives the target away."""
    target = data.target
    assert target is not None
    rows = np.arange(len(data))
    if len(rows) > ROWS_LOOKED_AT:
        rows = np.random.default_rng(0).choice(len(data), ROWS_LOOKED_AT, replace=False)
    if len(rows) < 30:
        return []
    truth = np.asarray(target[rows], dtype=np.float64)
    classes = np.issubdtype(target.dtype, np.integer)
    wanted = _ranks(truth)
    found = []
    for place in _suspects(data.numbers, rows, truth, classes=classes):
        values = np.asarray(data.numbers[rows, place], dtype=np.float64)
        known = ~np.isnan(values)
        if known.mean() < 0.5 or _distinct(truth[known]) < 2:
            continue
        if (classes and _tells(values[known], truth[known])) or (
            not classes and abs(_correlation(_ranks(values[known]), wanted[known])) > LEAK
        ):
            found.append(data.layout.numbers[place])
    taken = set(found)
    for place in _suspects(data.codes, rows, truth, classes=classes) if classes else ():
        name, codes = data.layout.categories[place], np.asarray(data.codes[rows, place], dtype=np.int64)
        if name not in taken and _distinct(codes) <= 0.2 * len(rows) and _is_no_chance(_one_to_one(codes), truth):
            found.append(name)
    return [
        Finding(
            level="warning",
            code="possible-leak",
            column=name,
            message=f"possible leak: column {name!r} alone gives the target away; drop it (--drop) if it is not known in advance",
        )
        for name in found
    ]


def _tells(values: NDArray[np.float64], truth: NDArray[np.float64]) -> bool:
    """Whether a number tells the classes."""
    return _is_no_chance(_changes_along(values, _distinct(truth)), truth)


def _is_no_chance(count: Callable[[NDArray[np.float64]], float], truth: NDArray[np.float64]) -> bool:
    """Whether a column tells the classes, and better than it tells classes that are dealt out at random: with two rows of
    each of thirty classes, or one row of the second, every column tells them somehow. `count`: how often the class changes
    along the column.
    """
    found = count(truth)
    rows_of = np.unique(truth, return_counts=True)[1]
    # A single row that is not of the one class may lie at an end of any column.
    if found > 2 * len(rows_of) or len(truth) - rows_of.max(initial=0) < 2:
        return False
    rng = np.random.default_rng(2)
    total = 0.0
    for _ in range(DEALS):
        dealt = count(rng.permutation(truth))
        if dealt <= found:  # as most columns fare, so that a wide table costs a few deals for each of them
            return False
        total += dealt
    return found <= CHANCE_SHARE * total / DEALS


def _changes_along(values: NDArray[Any], classes: int) -> Callable[[NDArray[np.float64]], float]:
    """How often the class changes along a column; infinity where equal values have several, or values are too few."""
    order = np.argsort(values, kind="stable")
    breaks = values[order][1:] != values[order][:-1]

    def count(truth: NDArray[np.float64]) -> float:
        ordered = truth[order]
        changes = ordered[1:] != ordered[:-1]
        if breaks.sum() + 1 < classes or (changes & ~breaks).any():
            return np.inf
        return float(changes.sum())

    return count


def _correlation(first: NDArray[np.float64], second: NDArray[np.float64]) -> float:
    first, second = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((first @ first) * (second @ second)))
    return float(first @ second) / scale if scale else 0.0


def _one_to_one(codes: NDArray[np.int64]) -> Callable[[NDArray[np.float64]], float]:
    """0 where every level has one class only; infinity otherwise."""
    order = np.argsort(codes, kind="stable")
    same = codes[order][1:] == codes[order][:-1]

    def count(truth: NDArray[np.float64]) -> float:
        ordered = truth[order]
        pure = not (same & (ordered[1:] != ordered[:-1])).any()
        return 0.0 if pure and (ordered != ordered[0]).any() else np.inf

    return count


def _suspects(
    columns: NDArray[Any], rows: NDArray[np.int64], truth: NDArray[np.float64], *, classes: bool
) -> Sequence[int]:
    """Places of the columns ``(rows, columns)`` that a look at some of the rows does not rule out."""
    wanted = max(FIRST_ROWS, FIRST_ROWS_OF_CLASS * _distinct(truth) if classes else 0)
    some = np.random.default_rng(1).permutation(len(rows))[:wanted]
    if len(some) == len(rows) and columns.shape[1] < 100:
        return range(columns.shape[1])
    goal, width = truth[some], max(BLOCK_CELLS // len(some), 1)
    suspects: list[int] = []
    for start in range(0, columns.shape[1], width):
        block = np.ascontiguousarray(columns[rows[some], start : start + width].T)
        if not classes:
            likely = _rank_alike(block, goal)
        elif np.issubdtype(block.dtype, np.floating):
            likely = _changes(block, goal) <= 2 * _distinct(truth)
        else:
            likely = _has_one_class_each(block, goal)
        suspects += (start + np.flatnonzero(likely)).tolist()
    return suspects


def _changes(block: NDArray[Any], goal: NDArray[np.float64]) -> NDArray[np.int64]:
    """How often the class changes along the values of each column ``(columns, rows)``; never more often than with all
    rows, where equal values have one class.
    """
    order = np.argsort(block, axis=1)
    known = np.take_along_axis(~np.isnan(block), order, axis=1)
    truth = goal[order]
    changes: NDArray[np.int64] = ((truth[:, 1:] != truth[:, :-1]) & known[:, 1:]).sum(axis=1)
    return changes


def _has_one_class_each(block: NDArray[np.int32], goal: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether no code of a column ``(columns, rows)`` occurs with two classes."""
    places = np.unique(goal, return_inverse=True)[1].astype(np.int64)
    pairs = np.sort(block.astype(np.int64) * (places.max() + 1) + places, axis=1)
    codes = pairs // (places.max() + 1)
    return np.asarray(((pairs[:, 1:] == pairs[:, :-1]) | (codes[:, 1:] != codes[:, :-1])).all(axis=1))


def _rank_alike(block: NDArray[Any], goal: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether a column ``(columns, rows)`` ranks nearly as the target does, or nearly the other way round."""
    known = ~np.isnan(block)
    counts = known.sum(axis=1)
    ranks = _rank_each(block) * known
    wanted = np.where(known, _ranks(goal), 0.0)
    ranks -= known * (ranks.sum(axis=1) / np.maximum(counts, 1))[:, None]
    wanted -= known * (wanted.sum(axis=1) / np.maximum(counts, 1))[:, None]
    scale = np.sqrt((ranks**2).sum(axis=1) * (wanted**2).sum(axis=1))
    likely: NDArray[np.bool_] = np.abs((ranks * wanted).sum(axis=1)) >= FIRST_CORRELATION * scale
    return likely


def _rank_each(block: NDArray[Any]) -> NDArray[np.float64]:
    """Ranks within each column ``(columns, rows)``, ties by their mean."""
    order = np.argsort(block, axis=1)
    ordered = np.take_along_axis(block, order, axis=1)
    places = np.broadcast_to(np.arange(block.shape[1]), block.shape)
    edge = np.ones((len(block), 1), dtype=bool)
    differs = ordered[:, 1:] != ordered[:, :-1]
    starts = np.maximum.accumulate(np.where(np.hstack([edge, differs]), places, 0), axis=1)
    ends = np.where(np.hstack([differs, edge]), places, block.shape[1])
    ends = np.minimum.accumulate(ends[:, ::-1], axis=1)[:, ::-1]
    ranks = np.empty(block.shape)
    np.put_along_axis(ranks, order, (starts + ends) / 2.0 + 1.0, axis=1)
    return ranks
