"""Metrics of values. Truth and prediction are float64 ``(rows,)``, weights ``(rows,)`` or None."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Weight = NDArray[np.float64] | None


def mse(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean squared error."""
    return float(np.average(np.square(truth - prediction), weights=weight))


def rmse(truth: Values, prediction: Values, weight: Weight) -> float:
    """Root mean squared error."""
    return float(np.sqrt(mse(truth, prediction, weight)))


def mae(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean absolute error."""
    return float(np.average(np.abs(truth - prediction), weights=weight))


def median_ae(truth: Values, prediction: Values, weight: Weight) -> float:
    """Median absolute error; with weights, the mean of the lower and the upper weighted median."""
    errors = np.abs(truth - prediction)
    if weight is None:
        return float(np.median(errors))
    order = np.argsort(errors, kind="stable")
    errors, mass = errors[order], np.cumsum(weight[order])
    half = mass[-1] / 2
    low = int(np.searchsorted(mass, half, side="left"))
    if np.isclose(mass[low], half, rtol=1e-12, atol=0.0):
        above = np.flatnonzero(mass > mass[low])
        return float((errors[low] + errors[above[0]]) / 2) if len(above) else float(errors[low])
    return float(errors[low])


def r2(truth: Values, prediction: Values, weight: Weight) -> float:
    """Share of the variance explained; 0 for a constant truth that is missed, 1 when it is met."""
    spread = float(np.average(np.square(truth - np.average(truth, weights=weight)), weights=weight))
    error = mse(truth, prediction, weight)
    if spread == 0:
        return 1.0 if error == 0 else 0.0
    return 1.0 - error / spread


def mape(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean absolute error as a share of the value; values near zero count as the smallest double step."""
    shares = np.abs(truth - prediction) / np.maximum(np.abs(truth), np.finfo(np.float64).eps)
    return float(np.average(shares, weights=weight))


def rmsle(truth: Values, prediction: Values, weight: Weight) -> float:
    """RMSE of log(1 + value). Raises ValueError for truths below 0; predictions below 0 count as 0."""
    if (truth < 0).any():
        raise ValueError(f"rmsle needs a target of at least 0; the smallest is {truth.min():g}")
    return rmse(np.log1p(truth), np.log1p(np.maximum(prediction, 0.0)), weight)
