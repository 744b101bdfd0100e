"""What the tree models share: weights that balance classes, signs of monotone columns, crossed features as a hyperparameter."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from ConfigSpace import Categorical, Integer
    from numpy.typing import NDArray

    from automl import Config, TableData, Task, TreeColumns


def class_factors(train: TableData, task: Task, config: Config) -> NDArray[np.float64] | None:
    """What a row of each class counts for, ``(classes,)``, so that all classes count the same; None: as they are."""
    if config.get("class_weight") != "balanced" or not task.is_classification:
        return None
    counts = np.bincount(np.asarray(train.target), minlength=task.class_count)
    return np.asarray(len(train) / (task.class_count * np.maximum(counts, 1)), dtype=np.float64)


def row_weights(rows: TableData, factors: NDArray[np.float64] | None) -> NDArray[np.float64] | None:
    """Weights ``(rows,)``: the user's times those of the classes; None when all rows count the same."""
    weight = None if rows.weight is None else np.asarray(rows.weight, dtype=np.float64)
    if factors is None:
        return weight
    balanced = factors[np.asarray(rows.target)]
    return balanced if weight is None else balanced * weight


def monotone_signs(columns: TreeColumns, train: TableData, task: Task) -> list[int] | None:
    """1, -1 or 0 for each column of `columns`; None when the user asked for nothing.

    Only numbers rise or fall: a category of the same name holds codes.
    """
    if not task.monotone:
        return None
    numbers = len(train.layout.numbers)
    return [task.monotone.get(name, 0) if place < numbers else 0 for place, name in enumerate(columns.names)]


def categories(task: Task, default: str) -> list[Categorical]:
    """How trees see categories as a hyperparameter (see `TreeColumns`); none where the table has no categories."""
    from ConfigSpace import Categorical

    if not task.categories:
        return []
    return [Categorical("categories", ["ordered", "one_hot", "encoded"], default=default)]


MOST_CROSSES = 12
"""Crossed features at most, where they are searched. None by default: on ten tables four of them changed the error out of fold of extra
trees by 0 to -36 % (in the middle -2 %), of random forests by +1 to -30 %, on eight of them that of boosters by +8 to -4 %; but
whole runs with them in the forests were as good without on four tables, and made a tenth more trials."""


def crosses(task: Task) -> list[Integer]:
    """The number of crossed features as a hyperparameter; none where the table has no categories of which pairs can be made."""
    from ConfigSpace import Integer

    if task.categories < 2 or not task.target_encoding:
        return []
    return [Integer("crosses", (0, MOST_CROSSES), default=0, meta={"limits": (0, 64)})]


def crosses_of(config: Config) -> int:
    """Crossed features that a configuration asks for at most."""
    return int(config.get("crosses", 0) or 0)
