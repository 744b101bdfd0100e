"""Metrics of predicted classes. Truth and prediction are int64 codes ``(rows,)``, weights ``(rows,)`` or None."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Weight = NDArray[np.float64] | None


def _confusion(truth: Codes, prediction: Codes, weight: Weight) -> NDArray[np.float64]:
    """Weights by true (rows) and predicted (columns) class."""
    classes = int(max(truth.max(), prediction.max())) + 1
    cells = np.bincount(truth * classes + prediction, weights=weight, minlength=classes * classes)
    return cells.reshape(classes, classes).astype(np.float64)


def accuracy(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Share of rows whose class is right."""
    return float(np.average(truth == prediction, weights=weight))


def balanced_accuracy(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Mean recall of the classes that occur in the truth."""
    cells = _confusion(truth, prediction, weight)
    sizes = cells.sum(axis=1)
    there = sizes > 0
    return float(np.mean(np.diag(cells)[there] / sizes[there]))


def _f1_by_class(truth: Codes, prediction: Codes, weight: Weight) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """F1 and size of each class that occurs in truth or prediction."""
    cells = _confusion(truth, prediction, weight)
    sizes, guesses, right = cells.sum(axis=1), cells.sum(axis=0), np.diag(cells)
    there = (sizes + guesses) > 0
    return 2 * right[there] / (sizes + guesses)[there], sizes[there]


def f1(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """F1 of class 1; 0 when it occurs neither in truth nor prediction."""
    right = _sum((truth == 1) & (prediction == 1), weight)
    total = _sum(truth == 1, weight) + _sum(prediction == 1, weight)
    return 2 * right / total if total else 0.0


def precision(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Share of rows predicted as class 1 that are; 0 when none was."""
    guesses = _sum(prediction == 1, weight)
    return _sum((truth == 1) & (prediction == 1), weight) / guesses if guesses else 0.0


def recall(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Share of rows of class 1 that were predicted as it; 0 when there are none."""
    size = _sum(truth == 1, weight)
    return _sum((truth == 1) & (prediction == 1), weight) / size if size else 0.0


def _sum(mask: NDArray[np.bool_], weight: Weight) -> float:
    return float(mask.sum() if weight is None else weight[mask].sum())


def f1_macro(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Mean F1 of the classes."""
    return float(_f1_by_class(truth, prediction, weight)[0].mean())


def f1_weighted(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """F1 of the classes weighted by their size in the truth."""
    values, sizes = _f1_by_class(truth, prediction, weight)
    return float(np.average(values, weights=sizes))


def mcc(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Matthews correlation for any number of classes (Gorodkin 2004); 0 when one side is constant."""
    cells = _confusion(truth, prediction, weight)
    sizes, guesses, total = cells.sum(axis=1), cells.sum(axis=0), cells.sum()
    covariance = np.trace(cells) * total - sizes @ guesses
    spread = np.sqrt(total**2 - guesses @ guesses) * np.sqrt(total**2 - sizes @ sizes)
    return float(covariance / spread) if spread else 0.0
