"""How much each column has to do with the target, for models that go by distances."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


def feature_relevance(
    values: NDArray[np.float32], target: NDArray[Any], weight: NDArray[np.float64] | None, *, classes: int
) -> NDArray[np.float64]:
    """The largest correlation of each column with the target or with one of its classes, on top of what chance gives,
    ``(columns,)``, each above 0 and hardly above 1.

    `values` are ``(rows, columns)`` without gaps, `target` ``(rows,)`` holds codes of classes or values, `classes` is the
    number of classes, 0 for values. Rows without weight count alike when none has any.
    """
    mass = np.ones(len(values)) if weight is None else np.asarray(weight, dtype=np.float64)
    share = mass / mass.sum() if mass.any() else np.full(len(mass), 1.0 / len(mass))
    goals = (target[:, None] == np.arange(classes)) if classes else target[:, None]
    goals = goals - share @ goals
    features = values.astype(np.float64) - share @ values
    covariance = features.T @ (share[:, None] * goals)
    spread = np.outer(share @ features**2, share @ goals**2)
    squared = covariance**2 / np.maximum(spread, 1e-24)
    return np.asarray(np.sqrt(np.minimum(squared, 1.0).max(axis=1) + 1.0 / len(values)))
