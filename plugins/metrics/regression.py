"""Metrics of values. Truth and prediction are float64 ``(rows,)``, weights ``(rows,)`` or None.

All raise ValueError when a prediction is NaN.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float64]
Weight = NDArray[np.float64] | None

SMALLEST = float(np.finfo(np.float64).eps)


def _average(values: Values, weight: Weight) -> float:
    return float(np.average(values, weights=weight))


def _errors(truth: Values, prediction: Values) -> Values:
    missing = int(np.isnan(prediction).sum())
    if missing:
        raise ValueError(f"the prediction holds {missing} NaN; a model has to give a number for every row")
    errors: Values = truth - prediction
    return errors


def _share_saved(error: float, of_constant: float) -> float:
    """1 - error / of_constant; without any spread 1 for no error, else 0."""
    if of_constant == 0:
        return 1.0 if error == 0 else 0.0
    return 1.0 - error / of_constant


def _median(values: Values, weight: Weight) -> float:
    """The median; with weights, the mean of the lower and the upper weighted median."""
    if weight is None:
        return float(np.median(values))
    kept = weight > 0
    values, weight = values[kept], weight[kept]
    if not len(values):
        raise ValueError("all weights are zero")
    order = np.argsort(values, kind="stable")
    values, mass = values[order], np.cumsum(weight[order])
    half = mass[-1] / 2
    low = int(np.searchsorted(mass, half * (1 - 1e-12)))
    high = min(int(np.searchsorted(mass, half * (1 + 1e-12), side="right")), len(values) - 1)
    return float((values[low] + values[high]) / 2)


def mse(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean squared error."""
    return _average(np.square(_errors(truth, prediction)), weight)


def rmse(truth: Values, prediction: Values, weight: Weight) -> float:
    """Root mean squared error."""
    return float(np.sqrt(mse(truth, prediction, weight)))


def mae(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean absolute error."""
    return _average(np.abs(_errors(truth, prediction)), weight)


def median_ae(truth: Values, prediction: Values, weight: Weight) -> float:
    """Median absolute error; with weights, the mean of the lower and the upper weighted median."""
    return _median(np.abs(_errors(truth, prediction)), weight)


def max_error(truth: Values, prediction: Values, weight: Weight) -> float:
    """Largest absolute error of the rows whose weight is above 0."""
    errors = np.abs(_errors(truth, prediction))
    return float(errors.max() if weight is None else errors[weight > 0].max())


def r2(truth: Values, prediction: Values, weight: Weight) -> float:
    """Share of the variance explained; for a constant truth 1 when it is met, else 0."""
    error = mse(truth, prediction, weight)
    return _share_saved(error, _average(np.square(truth - np.average(truth, weights=weight)), weight))


def explained_variance(truth: Values, prediction: Values, weight: Weight) -> float:
    """The same without the squared mean error: a constant shift costs nothing."""
    errors = _errors(truth, prediction)
    spread = _average(np.square(truth - np.average(truth, weights=weight)), weight)
    return _share_saved(_average(np.square(errors - np.average(errors, weights=weight)), weight), spread)


def d2_absolute_error(truth: Values, prediction: Values, weight: Weight) -> float:
    """Share of the absolute error of the constant median that is saved."""
    error = mae(truth, prediction, weight)
    return _share_saved(error, _average(np.abs(truth - _median(truth, weight)), weight))


def mape(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean absolute error as a share of the value; values near zero count as the smallest double step."""
    return _average(np.abs(_errors(truth, prediction)) / np.maximum(np.abs(truth), SMALLEST), weight)


def msle(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean squared error of log(1 + value). Raises ValueError for truths below 0; predictions below 0 count as 0."""
    _errors(truth, prediction)
    if (truth < 0).any():
        raise ValueError(f"the logarithmic error needs a target of at least 0; the smallest is {truth.min():g}")
    return mse(np.log1p(truth), np.log1p(np.maximum(prediction, 0.0)), weight)


def rmsle(truth: Values, prediction: Values, weight: Weight) -> float:
    """Root of :func:`msle`."""
    return float(np.sqrt(msle(truth, prediction, weight)))


def poisson_deviance(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean Poisson deviance. Raises ValueError for truths below 0; predictions count as a tiny value at least."""
    _errors(truth, prediction)
    if (truth < 0).any():
        raise ValueError(f"the Poisson deviance needs a target of at least 0; the smallest is {truth.min():g}")
    guess = np.maximum(prediction, SMALLEST)
    gain = np.where(truth > 0, truth * np.log(np.where(truth > 0, truth, 1.0) / guess), 0.0)
    return _average(2 * (gain - truth + guess), weight)


def gamma_deviance(truth: Values, prediction: Values, weight: Weight) -> float:
    """Mean gamma deviance. Raises ValueError for truths not above 0; predictions count as a tiny value at least."""
    _errors(truth, prediction)
    if (truth <= 0).any():
        raise ValueError(f"the gamma deviance needs a target above 0; the smallest is {truth.min():g}")
    guess = np.maximum(prediction, SMALLEST)
    return _average(2 * (np.log(guess / truth) + truth / guess - 1), weight)
