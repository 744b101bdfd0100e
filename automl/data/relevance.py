"""How much each column has to do with the target, for models that go by distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

ROUNDING = 1e-15
"""Share of a column's largest value below which distances from its mean are rounding."""


def feature_relevance(
    values: NDArray[np.float32], target: NDArray[Any], weight: NDArray[np.float64] | None, *, classes: int
) -> NDArray[np.float64]:
    """The largest correlation of each column with the target or with one of its classes, on top of what chance gives,
    ``(columns,)``, each above 0 and hardly above 1.

    `values` are ``(rows, columns)`` without gaps, `target` ``(rows,)`` holds codes of classes or values, `classes` is the
    number of classes, 0 for values. Rows without weight count alike when none has any.
    """
    rows = len(values)
    mass = np.ones(rows) if weight is None or not np.any(weight) else np.asarray(weight, dtype=np.float64)
    heard = mass > 0  # the others must not even set the unit
    values, target, share = values[heard], target[heard], mass[heard] / mass.max()
    share = share / share.sum()
    goals = (target[:, None] == np.arange(classes)) if classes else target[:, None]
    goals, features = _centred(goals, share), _centred(values, share)
    covariance = features.T @ (share[:, None] * goals)
    spread = np.outer(share @ features**2, share @ goals**2)
    squared = np.divide(covariance**2, spread, out=np.zeros_like(spread), where=spread > 0)
    return np.asarray(np.sqrt(np.minimum(squared, 1.0).max(axis=1) + 1.0 / rows))


def _centred(columns: NDArray[Any], share: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distances from the mean, in units of the largest: in any unit of the user's, squares of them are neither 0 nor infinite."""
    columns = columns.astype(np.float64)
    largest = np.abs(columns).max(axis=0, initial=0.0)
    columns = columns / np.where(largest > 0, largest, 1.0)
    columns -= share @ columns
    columns[:, np.abs(columns).max(axis=0, initial=0.0) < ROUNDING] = 0.0
    largest = np.abs(columns).max(axis=0, initial=0.0)
    return np.asarray(columns / np.where(largest > 0, largest, 1.0))
