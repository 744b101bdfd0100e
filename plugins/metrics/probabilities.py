"""Metrics of probabilities ``(rows, classes)``. Truth is int64 codes ``(rows,)``, weights ``(rows,)`` or None.

All raise ValueError when a prediction is NaN. Classes that have a column but no row do no harm.
"""

from __future__ import annotations

from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Codes = NDArray[np.int64]
Shares = NDArray[np.float64]
Weight = NDArray[np.float64] | None

TOP = 2
"""Places that count in `top_k_accuracy`, scikit-learn's default."""


def _refuse_nan(prediction: Shares) -> None:
    missing = int(np.isnan(prediction).sum())
    if missing:
        raise ValueError(f"the prediction holds {missing} NaN; a model has to give a probability for every row")


def _one_class() -> ValueError:
    return ValueError("the area under the ROC curve needs rows of two classes; these rows have only one")


def _mass(truth: Codes, weight: Weight, code: int) -> float:
    rows = truth == code
    return float(rows.sum() if weight is None else weight[rows].sum())


def _present(truth: Codes, weight: Weight) -> list[int]:
    """Codes of the classes that have rows of any weight."""
    return np.flatnonzero(np.bincount(truth, weights=weight) > 0).tolist()


# -- areas under curves ---------------------------------------------------------------------------


def _area(positive: NDArray[np.bool_], score: NDArray[np.float64], weight: Weight) -> float:
    """Probability that a positive row scores above a negative one, ties half (Hanley and McNeil 1982)."""
    order = np.argsort(score)
    score, up = score[order], positive[order]
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    if weight is None:
        gains = np.cumsum(up)[last].astype(np.float64)
        costs = last + 1 - gains
    else:
        mass = weight[order]
        gains, costs = np.cumsum(np.where(up, mass, 0.0))[last], np.cumsum(np.where(up, 0.0, mass))[last]
    if gains[-1] <= 0 or costs[-1] <= 0:
        raise _one_class()
    below = np.concatenate([[0.0], costs[:-1]])
    own = np.diff(gains, prepend=0.0)
    return float((own * (below + costs)).sum() / (2 * gains[-1] * costs[-1]))


def roc_auc(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Area under the ROC curve of class 1. Raises ValueError for rows of one class."""
    _refuse_nan(prediction)
    if prediction.shape[1] != 2:
        raise ValueError(
            f"roc_auc is for two classes, these are {prediction.shape[1]}: use roc_auc_ovr (one against the rest) or roc_auc_ovo"
        )
    return _area(truth == 1, prediction[:, 1], weight)


def _over_rest(truth: Codes, prediction: Shares, weight: Weight) -> tuple[list[float], list[float]]:
    """AUC against the rest and size, of each class that the truth has."""
    _refuse_nan(prediction)
    found = _present(truth, weight)
    if len(found) < 2:
        raise _one_class()
    areas = [_area(truth == code, prediction[:, code], weight) for code in found]
    return areas, [_mass(truth, weight, code) for code in found]


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


def _pairs(truth: Codes, prediction: Shares, weight: Weight) -> tuple[list[float], list[float]]:
    """Mean AUC of both directions and size, of each pair of classes that the truth has."""
    _refuse_nan(prediction)
    found = _present(truth, weight)
    if len(found) < 2:
        raise _one_class()
    areas, sizes = [], []
    for first, second in combinations(found, 2):
        rows = (truth == first) | (truth == second)
        is_first, part = truth[rows] == first, None if weight is None else weight[rows]
        one = _area(is_first, prediction[rows, first], part)
        other = _area(~is_first, prediction[rows, second], part)
        areas.append((one + other) / 2)
        sizes.append(float(rows.sum() if part is None else part.sum()))
    return areas, sizes


def roc_auc_ovo(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean AUC over all pairs of classes, both ways round (Hand and Till 2001)."""
    if prediction.shape[1] == 2:
        return roc_auc(truth, prediction, weight)
    return float(np.mean(_pairs(truth, prediction, weight)[0]))


def roc_auc_ovo_weighted(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """The same, weighted by the rows of each pair."""
    if prediction.shape[1] == 2:
        return roc_auc(truth, prediction, weight)
    areas, sizes = _pairs(truth, prediction, weight)
    return float(np.average(areas, weights=sizes))


def _precision_area(positive: NDArray[np.bool_], score: NDArray[np.float64], weight: Weight) -> float:
    """Mean precision over the gains in recall; 0 without positive rows."""
    order = np.argsort(-score)
    score, up = score[order], positive[order]
    mass = np.ones(len(order)) if weight is None else weight[order]
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True))
    right, so_far = np.cumsum(np.where(up, mass, 0.0))[last], np.cumsum(mass)[last]
    if right[-1] <= 0:
        return 0.0
    precision = np.divide(right, so_far, out=np.zeros_like(right), where=so_far > 0)
    return float((precision * np.diff(right, prepend=0.0)).sum() / right[-1])


def average_precision(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Average precision of class 1, 0 without its rows; of more classes, the mean of each against the rest."""
    _refuse_nan(prediction)
    if prediction.shape[1] == 2:
        return _precision_area(truth == 1, prediction[:, 1], weight)
    found = _present(truth, weight)
    return float(np.mean([_precision_area(truth == code, prediction[:, code], weight) for code in found]))


# -- losses ---------------------------------------------------------------------------------------


def _log_losses(truth: Codes, prediction: Shares) -> NDArray[np.float64]:
    _refuse_nan(prediction)
    shares = prediction[np.arange(len(truth)), truth].astype(np.float64)
    smallest = np.finfo(np.float64).eps
    losses: NDArray[np.float64] = -np.log(np.clip(shares, smallest, 1.0))
    return losses


def log_loss(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean negative log probability of the true class, clipped at the smallest step of a double below 1."""
    return float(np.average(_log_losses(truth, prediction), weights=weight))


def _squares(truth: Codes, prediction: Shares) -> NDArray[np.float64]:
    """Squared distance of each row to its true class."""
    _refuse_nan(prediction)
    distance = prediction.astype(np.float64)
    distance[np.arange(len(truth)), truth] -= 1.0
    squares: NDArray[np.float64] = np.square(distance).sum(axis=1)
    return squares


def brier(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Mean squared distance to the true class; halved for two classes, as scikit-learn does."""
    scale = 0.5 if prediction.shape[1] == 2 else 1.0
    return float(np.average(_squares(truth, prediction), weights=weight)) * scale


def _class_shares(truth: Codes, weight: Weight, classes: int) -> Shares:
    """The best constant prediction, ``(rows, classes)``. Raises ValueError for rows of one class."""
    counts = np.bincount(truth, weights=weight, minlength=classes)
    if np.count_nonzero(counts) < 2:
        raise ValueError("this metric compares with the shares of the classes and needs rows of two classes")
    return np.broadcast_to(counts / counts.sum(), (len(truth), classes))


def d2_log_loss(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Share of the log loss of constant class shares that is saved."""
    constant = _class_shares(truth, weight, prediction.shape[1])
    return 1.0 - log_loss(truth, prediction, weight) / log_loss(truth, constant, weight)


def d2_brier(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Share of the Brier score of constant class shares that is saved."""
    constant = _class_shares(truth, weight, prediction.shape[1])
    return 1.0 - brier(truth, prediction, weight) / brier(truth, constant, weight)


def top_k_accuracy(truth: Codes, prediction: Shares, weight: Weight) -> float:
    """Share of rows whose class is among the two most likely; of equal ones the later class counts as likelier."""
    _refuse_nan(prediction)
    own = prediction[np.arange(len(truth)), truth][:, None]
    later = np.arange(prediction.shape[1]) > truth[:, None]
    ahead = ((prediction > own) | ((prediction == own) & later)).sum(axis=1)
    return float(np.average(ahead < TOP, weights=weight))
