"""Grid search: every point of a stated discretisation, in an order that can be stopped anywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
from automl_plugins.samplers.axes import Axes, generator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from automl_plugins.samplers.axes import ModelAxes, Row

    from automl import Candidate, History, JointSpace

T = TypeVar("T")

POINTS = 5  # per number: 10 hyperparameters of 5 points are 10 million configurations, more would never end


def axis_values(axes: ModelAxes, column: int, points: int) -> list[float]:
    """Positions of one hyperparameter: all choices and ranks; `points` of a number, both ends included, even in
    its own scale; an integer with fewer values has all of them.
    """
    if axes.kinds[column] != "number" or axes.sizes[column] <= points:
        return axes.positions(column)
    return sorted({axes.value_at(column, position) for position in np.linspace(0.0, 1.0, points).tolist()})


def configurations(axes: ModelAxes, points: int, key: tuple[int, ...]) -> Iterator[Row]:
    """Rows of the grid of one model, each once, lazily.

    A tree with one level per hyperparameter, parents first: inactive ones have no branches, forbidden branches are
    cut as soon as a clause hits. Leaves are taken from all branches of a node in turn, and each node shuffles its
    branches by `key`, so that the first few leaves are spread over the whole grid.
    """
    values = [axis_values(axes, column, points) for column in range(len(axes))]

    def below(level: int, row: Row, key: tuple[int, ...]) -> Iterator[Row]:
        if level == len(axes.order):
            yield row
            return
        column = axes.order[level]
        if not axes.is_active(column, row):
            yield from below(level + 1, row, key)
            return
        branches: list[Iterator[Row]] = []
        for number in generator(*key).permutation(len(values[column])).tolist():
            child = row.copy()
            child[column] = values[column][number]
            if not axes.is_forbidden(child):
                branch = below(level + 1, child, (*key, number))
                first = next(branch, None)
                if first is not None:
                    yield first
                    branches.append(branch)
        yield from in_turn(branches)

    return below(0, np.full(len(axes), np.nan), key)


def in_turn(streams: list[Iterator[T]]) -> Iterator[T]:
    """One of each stream, then the next of each, until all are exhausted."""
    while streams:
        alive = []
        for stream in streams:
            item = next(stream, None)
            if item is not None:
                yield item
                alive.append(stream)
        streams = alive


class GridSearch:
    """Exhaustive search over a discretisation (Bergstra and Bengio 2012, section 1, describe the practice).

    Each number has five values, evenly spread in its own scale (so log where it is log) with both ends, an integer
    with at most five values has all of them; choices and ranks have all of theirs. Conditions and forbidden clauses
    are respected. Models take turns, so that a grid that is stopped early has seen all of them. The seed only
    shuffles the order; the grid is never held in memory.
    """

    def __init__(self, space: JointSpace, seed: int) -> None:
        self._axes = Axes(space)
        self._seed = seed
        self._stream = self._candidates()
        self._seen: list[Candidate] = []

    def _candidates(self) -> Iterator[Candidate]:
        models = [self._axes.of[name] for name in self._axes.models]
        return in_turn(
            [
                self._of_model(axes, configurations(axes, POINTS, key=(self._seed, index)))
                for index, axes in enumerate(models)
            ]
        )

    @staticmethod
    def _of_model(axes: ModelAxes, rows: Iterator[Row]) -> Iterator[Candidate]:
        for row in rows:
            found = axes.decode(row, "grid")
            if found is not None:
                yield found

    def suggest(self, history: History) -> Candidate | None:
        """The first point of the grid that was not asked yet; None when the grid is exhausted."""
        asked = history.config_ids()
        for found in self._seen:
            if found.id not in asked:
                return found
        for found in self._stream:
            self._seen.append(found)
            if found.id not in asked:
                return found
        return None
