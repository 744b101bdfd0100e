"""Ridge regression for all strengths at once, by one eigendecomposition."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from automl_plugins.linear.problems import BLOCK_ROWS, Rows, Solution, moments

if TYPE_CHECKING:
    from numpy.typing import NDArray

PATH = tuple(10.0 ** (power / 3) for power in range(-15, 16))
"""Values of C to choose from when the choice is automatic: from 1e-5 to 1e5."""


class Ridge:
    """Ridge regression of rows, decomposed so that a solution for another C costs almost nothing."""

    def __init__(self, rows: Rows) -> None:
        self._rows = rows
        self._mean, self._middle, gram, moment = moments(rows)
        values, self._vectors = np.linalg.eigh(gram)
        self._values = np.maximum(values, 0.0)
        self._projected = self._vectors.T @ moment

    def solution(self, c: float) -> Solution:
        """The solution at this C."""
        found = self._vectors @ self._rotated(c)
        return Solution(found[:, None], np.array([self._middle - self._mean @ found]))

    def best_on(self, held: Rows) -> float:
        """The C with the least squared error on other rows."""
        return PATH[int(np.argmin(self._errors(held, left_out=False)))]

    def best_left_out(self) -> float:
        """The C with the least leave-one-out error, which follows from the errors of the fit and the leverages
        (Hastie, Tibshirani and Friedman, The Elements of Statistical Learning, section 7.10).
        """
        return PATH[int(np.argmin(self._errors(self._rows, left_out=True)))]

    def _rotated(self, c: float) -> NDArray[np.float64]:
        return np.asarray(self._projected / (self._values + 1.0 / (c * len(self._rows))))

    def _errors(self, rows: Rows, *, left_out: bool) -> NDArray[np.float64]:
        """Weighted squared errors of all strengths on `rows`."""
        solutions = np.stack([self._rotated(c) for c in PATH], axis=1)
        shrink = np.stack([1.0 / (self._values + 1.0 / (c * len(self._rows))) for c in PATH], axis=1)
        weight = np.ones(len(rows)) if rows.weight is None else rows.weight
        share = weight / max(float(weight.sum()), 1e-300)
        total = np.zeros(len(PATH))
        for start in range(0, len(rows), BLOCK_ROWS):
            piece = slice(start, start + BLOCK_ROWS)
            turned = (np.asarray(rows.features[piece], dtype=np.float64) - self._mean) @ self._vectors
            error = turned @ solutions - (rows.target[piece] - self._middle)[:, None]
            if left_out:
                leverage = share[piece, None] * (1.0 + turned**2 @ shrink)
                error /= np.maximum(1.0 - leverage, 1e-6)
            total += share[piece] @ error**2
        return total
