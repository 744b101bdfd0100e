"""Metrics of probabilities ``(rows, classes)``. Truth is int64 codes ``(rows,)``, weights ``(rows,)`` or None."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Shares = NDArray[np.float64]
Weight = NDArray[np.float64] | None


def _one_class() -> ValueError:
    return ValueError("the area under the ROC curve needs rows of both classes; these rows have only one")


def _area(positive: NDArray[np.bool_], score: NDArray[np.float64], weight: Weight) -> float:
    """Probability that a positive row scores above a negative one, ties half (Hanley and McNeil 1982)."""
    mass = np.ones(len(score)) if weight is None else weight
    order = np.argsort(score, kind="stable")
    score, up = score[order], positive[order]
    gain, cost = np.where(up, mass[order], 0.0), np.where(up, 0.0, mass[order])
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))
    gains, costs = np.cumsum(gain)[last], np.cumsum(cost)[last]
    if gains[-1] <= 0 or costs[-1] <= 0:
        raise _one_class()
    below = np.concatenate([[0.0], costs[:-1]])
    own = np.diff(np.concatenate([[0.0], gains]))
    return float((own * (below + 0.5 * (costs - below))).sum() / (gains[-1] * costs[-1]))


def roc_auc(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Area under the ROC curve of class 1."""
    return _area(truth == 1, prediction[:, 1], weight)


def _over_rest(truth: Codes, prediction: Shares, weight: Weight) -> tuple[list[float], list[float]]:
    """AUC against the rest and size, of each class that the truth has."""
    found = np.unique(truth)
    if len(found) < 2:
        raise _one_class()
    areas = [_area(truth == code, prediction[:, code], weight) for code in found]
    sizes = [float((truth == code).sum() if weight is None else weight[truth == code].sum()) for code in found]
    return areas, sizes


def roc_auc_ovr(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean AUC of each class against the rest (Provost and Domingos 2000, unweighted)."""
    if prediction.shape[1] == 2:
        return roc_auc(truth, prediction, weight)
    return float(np.mean(_over_rest(truth, prediction, weight)[0]))


def roc_auc_ovr_weighted(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """AUC of each class against the rest, weighted by class size (Provost and Domingos 2000)."""
    if prediction.shape[1] == 2:
        return roc_auc(truth, prediction, weight)
    areas, sizes = _over_rest(truth, prediction, weight)
    return float(np.average(areas, weights=sizes))


def roc_auc_ovo(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean AUC over all pairs of classes, both ways round (Hand and Till 2001)."""
    if prediction.shape[1] == 2:
        return roc_auc(truth, prediction, weight)
    found = np.unique(truth)
    if len(found) < 2:
        raise _one_class()
    areas = []
    for first, second in combinations(found, 2):
        rows = (truth == first) | (truth == second)
        part = None if weight is None else weight[rows]
        one = _area(truth[rows] == first, prediction[rows, first], part)
        other = _area(truth[rows] == second, prediction[rows, second], part)
        areas.append((one + other) / 2)
    return float(np.mean(areas))


def average_precision(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean precision over the gains in recall, of class 1; 0 without rows of class 1."""
    mass = np.ones(len(truth)) if weight is None else weight
    order = np.argsort(-prediction[:, 1], kind="stable")
    score, up = prediction[order, 1], truth[order] == 1
    last = np.flatnonzero(np.append(np.diff(score) != 0, True))
    right, all_so_far = np.cumsum(np.where(up, mass[order], 0.0))[last], np.cumsum(mass[order])[last]
    if right[-1] <= 0:
        return 0.0
    share = np.divide(right, all_so_far, out=np.zeros_like(right), where=all_so_far > 0)
    return float((share * np.diff(np.concatenate([[0.0], right]))).sum() / right[-1])


def log_loss(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean negative log probability of the true class, clipped at the smallest step of a double below 1."""
    shares = prediction[np.arange(len(truth)), truth]
    smallest = np.finfo(np.float64).eps
    return float(np.average(-np.log(np.clip(shares, smallest, 1.0)), weights=weight))


def brier(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean squared distance to the true class; halved for two classes, as scikit-learn does."""
    squares = np.square(prediction).sum(axis=1) - 2 * prediction[np.arange(len(truth)), truth] + 1
    scale = 0.5 if prediction.shape[1] == 2 else 1.0
    return float(np.average(squares, weights=weight)) * scale
