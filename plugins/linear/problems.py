"""What linear models minimise: the mean loss of linear outputs, with its gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_SHARE = 1e-6
"""Floor of a class share, so that its logarithm is finite."""
BLOCK_ROWS = 8192


@dataclass(frozen=True)
class Solution:
    """Coefficients ``(features, outputs)`` and intercepts ``(outputs,)``. Two classes have one output."""

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]

    def outputs(self, features: Any) -> NDArray[np.float64]:
        """Linear outputs ``(rows, outputs)`` of a dense or sparse matrix."""
        product = features @ self.coefficients.astype(features.dtype)
        return np.asarray(product, dtype=np.float64) + self.intercepts


@dataclass(frozen=True)
class Rows:
    """Features (dense or CSR), target and weights, the latter of mean 1 or absent."""

    features: Any
    target: NDArray[Any]
    weight: NDArray[np.float64] | None = None
    groups: NDArray[np.int64] | None = None
    """Rows of one number are never dealt to different parts."""

    def __len__(self) -> int:
        return int(self.features.shape[0])

    def take(self, rows: NDArray[np.int64]) -> Rows:
        """These rows."""
        weight = None if self.weight is None else self.weight[rows]
        groups = None if self.groups is None else self.groups[rows]
        return Rows(self.features[rows], self.target[rows], weight, groups)


class Problem(Protocol):
    """A smooth convex loss, a mean over rows."""

    rows: int

    def constant(self) -> Solution:
        """The best solution without features."""

    def gradient(self, solution: Solution) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """The loss and its gradients for coefficients and intercepts."""


class Classes:
    """Logistic loss of two classes with one output, softmax loss of more."""

    def __init__(self, rows: Rows, classes: int) -> None:
        self.rows = len(rows)
        self._classes = classes
        self._features = rows.features
        self._back = rows.features.T
        self._target = rows.target
        self._share = _shares(rows)

    def constant(self) -> Solution:
        """Logarithms of the class shares."""
        shares = np.bincount(self._target, weights=self._share, minlength=self._classes)
        logs = np.log(np.maximum(shares, LEAST_SHARE))
        intercepts = logs[1:] - logs[0] if self._classes == 2 else logs - logs.mean()
        return Solution(np.zeros((self._features.shape[1], len(intercepts))), intercepts)

    def gradient(self, solution: Solution) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Loss and gradients."""
        outputs = solution.outputs(self._features)
        if self._classes == 2:
            loss, residual = self._two(outputs)
        else:
            loss, residual = self._many(outputs)
        slopes = np.asarray(self._back @ residual.astype(self._features.dtype), dtype=np.float64)
        return loss, slopes, residual.sum(axis=0)

    def loss(self, solution: Solution) -> float:
        """The loss alone."""
        outputs = solution.outputs(self._features)
        return (self._two(outputs) if self._classes == 2 else self._many(outputs))[0]

    def _two(self, outputs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        odds = outputs[:, 0]
        tail = np.exp(-np.abs(odds))
        chance = np.where(odds >= 0, 1.0, tail) / (1.0 + tail)
        loss = np.maximum(odds, 0.0) + np.log1p(tail) - self._target * odds
        return float(self._share @ loss), (self._share * (chance - self._target))[:, None]

    def _many(self, outputs: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        every = np.arange(len(outputs))
        outputs -= outputs.max(axis=1, keepdims=True)
        right = outputs[every, self._target]
        chances = np.exp(outputs, out=outputs)
        total = chances.sum(axis=1)
        loss = np.log(total) - right
        chances /= total[:, None]
        chances[every, self._target] -= 1.0
        chances *= self._share[:, None]
        return float(self._share @ loss), chances


class Squares:
    """Half the squared error of values."""

    def __init__(self, rows: Rows) -> None:
        self.rows = len(rows)
        self._features = rows.features
        self._back = rows.features.T
        self._target = rows.target
        self._share = _shares(rows)

    def constant(self) -> Solution:
        """The mean."""
        return Solution(np.zeros((self._features.shape[1], 1)), np.array([self._share @ self._target]))

    def gradient(self, solution: Solution) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Loss and gradients."""
        error = solution.outputs(self._features)[:, 0] - self._target
        residual = (self._share * error)[:, None]
        slopes = np.asarray(self._back @ residual.astype(self._features.dtype), dtype=np.float64)
        return 0.5 * float(residual[:, 0] @ error), slopes, residual.sum(axis=0)

    def loss(self, solution: Solution) -> float:
        """The loss alone."""
        error = solution.outputs(self._features)[:, 0] - self._target
        return 0.5 * float(self._share @ error**2)


class Moments:
    """The same as `Squares` after one pass over dense rows: each step costs features squared, however many rows."""

    def __init__(self, rows: Rows) -> None:
        self.rows = len(rows)
        self.mean, self.middle, self.gram, self.moment = moments(rows)
        self._spread = 0.5 * float(_shares(rows) @ (rows.target - self.middle) ** 2)

    def constant(self) -> Solution:
        """The mean; intercepts stay those of centred features."""
        return Solution(np.zeros((len(self.moment), 1)), np.array([self.middle]))

    def gradient(self, solution: Solution) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
        """Loss and gradients of the centred problem."""
        coefficients = solution.coefficients[:, 0]
        pulled = self.gram @ coefficients
        loss = self._spread + float(coefficients @ (0.5 * pulled - self.moment))
        return loss, (pulled - self.moment)[:, None], np.zeros(1)

    def centred(self, solution: Solution) -> Solution:
        """The inverse of `uncentred`."""
        return Solution(solution.coefficients, np.array([self.middle]))

    def uncentred(self, solution: Solution) -> Solution:
        """The solution for features as they are."""
        return Solution(solution.coefficients, solution.intercepts - self.mean @ solution.coefficients)


def moments(rows: Rows) -> tuple[NDArray[np.float64], float, NDArray[np.float64], NDArray[np.float64]]:
    """Weighted means of features and target, and the covariances of features with themselves and the target."""
    share = _shares(rows)
    features = rows.features
    mean = np.asarray(share @ features, dtype=np.float64)
    middle = float(share @ rows.target)
    gram = np.zeros((len(mean), len(mean)))
    moment = np.zeros(len(mean))
    for start in range(0, len(rows), BLOCK_ROWS):
        piece = slice(start, start + BLOCK_ROWS)
        centred = np.asarray(features[piece], dtype=np.float64) - mean
        weighted = centred * share[piece, None]
        gram += centred.T @ weighted
        moment += weighted.T @ (rows.target[piece] - middle)
    return mean, middle, gram, moment


def _shares(rows: Rows) -> NDArray[np.float64]:
    """What each row adds to a mean."""
    if rows.weight is None or not rows.weight.any():
        return np.full(len(rows), 1.0 / max(len(rows), 1))
    return np.asarray(rows.weight / rows.weight.sum(), dtype=np.float64)
