"""Metrics of predicted classes. Truth and prediction are int64 codes ``(rows,)``, weights ``(rows,)`` or None.

The metrics of one class (F1, precision, recall, Jaccard) come in four averages, as in scikit-learn: without a
suffix they are those of the second class; ``macro`` is the mean over classes, ``weighted`` the mean by class
size, ``micro`` counts all rows together. A share of nothing is 0.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Counts = NDArray[np.float64]
Weight = NDArray[np.float64] | None
Metric = Callable[[Codes, Codes, Weight], float]


def _confusion(truth: Codes, prediction: Codes, weight: Weight) -> Counts:
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


def mcc(truth: Codes, prediction: Codes, weight: Weight) -> float:
    """Matthews correlation for any number of classes (Gorodkin 2004); 0 when one side is constant."""
    cells = _confusion(truth, prediction, weight)
    sizes, guesses, total = cells.sum(axis=1), cells.sum(axis=0), cells.sum()
    if np.count_nonzero(sizes) < 2 or np.count_nonzero(guesses) < 2:
        return 0.0
    covariance = np.trace(cells) * total - sizes @ guesses
    return float(covariance / np.sqrt((total**2 - guesses @ guesses) * (total**2 - sizes @ sizes)))


# -- one class against the rest -------------------------------------------------------------------


def _ratio(part: Counts, whole: Counts) -> Counts:
    return np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)


def _f1(right: Counts, sizes: Counts, guesses: Counts) -> Counts:
    return _ratio(2 * right, sizes + guesses)


def _precision(right: Counts, sizes: Counts, guesses: Counts) -> Counts:
    return _ratio(right, guesses)


def _recall(right: Counts, sizes: Counts, guesses: Counts) -> Counts:
    return _ratio(right, sizes)


def _jaccard(right: Counts, sizes: Counts, guesses: Counts) -> Counts:
    return _ratio(right, sizes + guesses - right)


Ratio = Callable[[Counts, Counts, Counts], Counts]


def _of_second_class(ratio: Ratio) -> Metric:
    def metric(truth: Codes, prediction: Codes, weight: Weight) -> float:
        real, guessed = truth == 1, prediction == 1
        masks = (real & guessed, real, guessed)
        sums = (float(mask.sum() if weight is None else weight[mask].sum()) for mask in masks)
        return float(ratio(*(np.array([value]) for value in sums))[0])

    return metric


def _parts(truth: Codes, prediction: Codes, weight: Weight) -> tuple[Counts, Counts, Counts]:
    """Rows right, real and guessed of each class that occurs in truth or prediction."""
    cells = _confusion(truth, prediction, weight)
    right, sizes, guesses = np.diag(cells), cells.sum(axis=1), cells.sum(axis=0)
    there = np.bincount(truth, minlength=len(cells)) + np.bincount(prediction, minlength=len(cells)) > 0
    return right[there], sizes[there], guesses[there]


def _macro(ratio: Ratio) -> Metric:
    def metric(truth: Codes, prediction: Codes, weight: Weight) -> float:
        return float(ratio(*_parts(truth, prediction, weight)).mean())

    return metric


def _weighted(ratio: Ratio) -> Metric:
    def metric(truth: Codes, prediction: Codes, weight: Weight) -> float:
        right, sizes, guesses = _parts(truth, prediction, weight)
        return float(np.average(ratio(right, sizes, guesses), weights=sizes))

    return metric


def _micro(ratio: Ratio) -> Metric:
    def metric(truth: Codes, prediction: Codes, weight: Weight) -> float:
        parts = _parts(truth, prediction, weight)
        return float(ratio(*(np.array([part.sum()]) for part in parts))[0])

    return metric


f1, f1_macro, f1_weighted, f1_micro = _of_second_class(_f1), _macro(_f1), _weighted(_f1), _micro(_f1)
precision, precision_macro = _of_second_class(_precision), _macro(_precision)
precision_weighted, precision_micro = _weighted(_precision), _micro(_precision)
recall, recall_macro, recall_weighted = _of_second_class(_recall), _macro(_recall), _weighted(_recall)
recall_micro = _micro(_recall)
jaccard, jaccard_macro = _of_second_class(_jaccard), _macro(_jaccard)
jaccard_weighted, jaccard_micro = _weighted(_jaccard), _micro(_jaccard)
