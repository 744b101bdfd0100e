"""Many rows around others at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from automl_plugins.samplers.axes import ModelAxes, Row

SPREAD = 0.2  # SMAC's standard deviation of the neighbours of a number, as a share of its range
MOVED = 3  # hyperparameters that a move changes on average


def scattered(axes: ModelAxes, rows: Row, count: int, steps: Sequence[float], rng: np.random.Generator) -> Row:
    """`count` rows around each of `rows`, ``(count * rows, hyperparameters)``.

    Each moves some hyperparameters: numbers by a normal step whose deviation is one of `steps`, mirrored at the ends
    of their range; ranks by one; choices to any value. Hyperparameters that this switches on start at their defaults.
    """
    made = np.repeat(rows, count, axis=0)
    free = [column for column, kind in enumerate(axes.kinds) if kind != "fixed"]
    if not len(made) or not free:
        return made
    spread = np.asarray(steps)[rng.integers(len(steps), size=len(made))]
    for column in free:
        kind, size, values = axes.kinds[column], axes.sizes[column], made[:, column]
        moves = rng.random(len(made)) < min(1.0, MOVED / len(free))
        if kind == "choice":
            drawn = rng.integers(int(size), size=len(made)).astype(float)
        elif kind == "rank":
            drawn = np.clip(values + rng.choice((-1.0, 1.0), size=len(made)), 0.0, float(size) - 1.0)
        else:
            drawn = np.abs(values + rng.normal(size=len(made)) * spread)
            drawn = np.clip(np.where(drawn > 1.0, 2.0 - drawn, drawn), 0.0, 1.0)
        made[:, column] = np.where(moves & ~np.isnan(values), drawn, values)
    return axes.repaired(made)


def exchanged(axes: ModelAxes, rows: Row, moves: int, rng: np.random.Generator) -> tuple[Row, Row]:
    """Rows that differ from one of `rows` in one active hyperparameter each, not repaired yet, ``(neighbours,
    hyperparameters)``, and the number of that one, ``(neighbours,)``.

    `moves` of them for each number, one for each choice and each rank.
    """
    numbers = np.array([kind == "number" for kind in axes.kinds], dtype=bool)
    free = [column for column, kind in enumerate(axes.kinds) if kind != "fixed"]
    columns = np.repeat(np.array(free, dtype=int), [moves if numbers[column] else 1 for column in free])
    owners, places = (part.ravel() for part in np.indices((len(rows), len(columns))))
    moved = columns[places]
    active = ~np.isnan(rows[owners, moved])
    owners, moved = owners[active], moved[active]
    made = rows[owners]
    here = made[np.arange(len(made)), moved]
    there = np.abs(here + rng.normal(0.0, SPREAD, size=len(made)))
    there = np.clip(np.where(there > 1.0, 2.0 - there, there), 0.0, 1.0)
    sizes = np.where(numbers, 1.0, axes.sizes)[moved]
    other = (here + 1.0 + np.floor(rng.random(len(made)) * (sizes - 1.0))) % sizes
    made[np.arange(len(made)), moved] = np.where(sizes > 1.0, other, there)
    return made, owners
