"""Gaussian process regression over rows of one model's space."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.special import ndtr

if TYPE_CHECKING:
    from automl_plugins.samplers.axes import ModelAxes, Row

ROOT5 = 5.0**0.5
JITTER = 1e-6
ROUNDS = 25  # steps of the fit; more change nothing that could be seen


class Features:
    """Rows as coordinates whose distances make sense.

    Numbers and ranks are in [0, 1]; a choice is one coordinate for each of its values, so that any two are equally
    far; what is inactive lies in the middle.
    """

    def __init__(self, axes: ModelAxes) -> None:
        self._axes = axes
        self._columns = [column for column, kind in enumerate(axes.kinds) if kind != "fixed"]
        groups: list[int] = []
        for number, column in enumerate(self._columns):
            groups += [number] * (int(axes.sizes[column]) if axes.kinds[column] == "choice" else 1)
        self.groups = np.array(groups, dtype=int)
        """For each coordinate its hyperparameter: those of a choice share a length scale."""
        self.count = len(self._columns)

    def of(self, rows: Row) -> Row:
        """``(rows, coordinates)``."""
        parts = []
        for column in self._columns:
            values = rows[:, column]
            if self._axes.kinds[column] == "choice":
                size = int(self._axes.sizes[column])
                parts.append((values[:, None] == np.arange(size)) * 0.5**0.5)
            else:
                scale = self._axes.sizes[column] - 1 if self._axes.kinds[column] == "rank" else 1.0
                parts.append(np.where(np.isnan(values), 0.5, values / scale)[:, None])
        return np.hstack(parts) if parts else np.zeros((len(rows), 0))


class GaussianProcess:
    """Matern 5/2 with a length scale for each hyperparameter (Snoek et al. 2012, section 3.1), fitted to the most
    probable parameters under log-normal priors.

    The prior of the length scales grows with the root of the number of hyperparameters (Hvarfner et al. 2024, section
    4), so that twenty of them do not make every point a stranger to every other.
    """

    def __init__(self, groups: Row, parameters: Row | None = None) -> None:
        self._groups = groups
        count = int(groups.max()) + 1 if len(groups) else 0
        # Length scales, variance, noise.
        self._means = np.array([np.log(0.5 * max(count, 1) ** 0.5)] * count + [0.0, np.log(1e-2)])
        self._spreads = np.array([1.0] * count + [0.5, 1.5])
        self.parameters = self._means.copy() if parameters is None else parameters

    def fit(self, features: Row, values: Row) -> None:
        """Find the parameters; `values` are standardised."""
        from scipy.optimize import minimize

        count = len(self._means) - 2
        squares = np.zeros((count, len(features), len(features)))
        for coordinate, group in enumerate(self._groups):
            squares[group] += (features[:, None, coordinate] - features[None, :, coordinate]) ** 2

        def objective(parameters: Row) -> tuple[float, Row]:
            scaled = squares * np.exp(-2.0 * parameters[:count])[:, None, None]
            distance = np.sqrt(scaled.sum(axis=0))
            decay = np.exp(-ROOT5 * distance)
            variance, noise = np.exp(parameters[-2:])
            kernel = variance * (1.0 + ROOT5 * distance + 5.0 / 3.0 * distance**2) * decay
            whole = kernel + (noise + JITTER) * np.eye(len(features))
            lower = cholesky(whole, lower=True, check_finite=False)
            weights = cho_solve((lower, True), values, check_finite=False)
            outer = cho_solve((lower, True), np.eye(len(features)), check_finite=False) - np.outer(weights, weights)
            away = (parameters - self._means) / self._spreads
            loss = 0.5 * values @ weights + np.log(np.diag(lower)).sum() + 0.5 * away @ away
            slope = outer * (variance * 5.0 / 3.0 * (1.0 + ROOT5 * distance) * decay)
            gradient = np.empty(len(parameters))
            gradient[:count] = 0.5 * np.tensordot(scaled, slope, axes=((1, 2), (0, 1)))
            gradient[-2] = 0.5 * (outer * kernel).sum()
            gradient[-1] = 0.5 * noise * np.trace(outer)
            return float(loss), gradient + away / self._spreads

        bounds = [(np.log(0.02), np.log(50.0))] * count + [(np.log(0.05), np.log(20.0)), (np.log(1e-5), 0.0)]
        found = minimize(
            objective, self.parameters, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": ROUNDS}
        )
        self.parameters = np.asarray(found.x)

    def condition(self, features: Row, values: Row) -> None:
        """Take these results as given, with the parameters as they are."""
        self._known = features / self._lengths()
        kernel = self._kernel(self._known)
        kernel[np.diag_indices_from(kernel)] += np.exp(self.parameters[-1]) + JITTER
        self._lower = cholesky(kernel, lower=True, check_finite=False)
        self._weights = cho_solve((self._lower, True), values, check_finite=False)

    def predict(self, features: Row) -> tuple[Row, Row]:
        """Mean and standard deviation of the noiseless value, ``(rows,)`` each."""
        across = self._kernel(features / self._lengths())
        half = solve_triangular(self._lower, across.T, lower=True, check_finite=False)
        variance = np.exp(self.parameters[-2]) - (half**2).sum(axis=0)
        return across @ self._weights, np.sqrt(np.maximum(variance, 1e-12))

    def _lengths(self) -> Row:
        return np.asarray(np.exp(self.parameters[self._groups]))

    def _kernel(self, scaled: Row) -> Row:
        """Covariances ``(rows, known)`` of rows in units of the length scales."""
        known = self._known
        squared = (scaled**2).sum(axis=1)[:, None] + (known**2).sum(axis=1) - 2.0 * scaled @ known.T
        distance = np.sqrt(np.maximum(squared, 0.0))
        return np.asarray(
            np.exp(self.parameters[-2]) * (1.0 + ROOT5 * distance + 5.0 / 3.0 * distance**2) * np.exp(-ROOT5 * distance)
        )


def log_improvement(better: Row, deviation: Row) -> Row:
    """Logarithm of the expected improvement, exact enough where the improvement itself is zero in floating point.

    Args:
        better: by how much the predicted means are below the best value, ``(rows,)``.
        deviation: standard deviations of the predictions, ``(rows,)``.
    """
    z = better / deviation
    log_density = -0.5 * z**2 - 0.5 * np.log(2.0 * np.pi)
    plain = np.exp(log_density) + z * ndtr(z)
    # For z far below zero, phi(z) + z Phi(z) is about phi(z) / z^2.
    far = log_density - 2.0 * np.log(np.maximum(np.abs(z), 1.0))
    return np.asarray(np.log(deviation) + np.where(z > -5.0, np.log(np.maximum(plain, 1e-300)), far))
