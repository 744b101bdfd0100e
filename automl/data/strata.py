"""Even spreads of rows: the small arithmetic behind folds, holdouts and groups."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import Split

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.specs import ProblemType

REGRESSION_BINS = 20
"""Folds of a quantity are stratified by this many quantiles, so that each sees its whole range."""


def strata_of(target: NDArray[Any], problem_type: ProblemType, folds: int) -> NDArray[np.int64]:
    """What has to be spread evenly, ``(rows,)``: the class, or the quantile of a quantity."""
    if problem_type != "regression":
        return np.asarray(target, dtype=np.int64)
    bins = int(min(REGRESSION_BINS, max(len(target) // (2 * folds), 1)))
    order = np.argsort(target, kind="stable")
    strata = np.empty(len(target), dtype=np.int64)
    strata[order] = np.arange(len(target)) * bins // len(target)
    return strata


def shuffled_by_stratum(strata: NDArray[np.int64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Row numbers with every stratum in one piece, in random order inside it."""
    shuffled = rng.permutation(len(strata))
    return shuffled[np.argsort(strata[shuffled], kind="stable")]


def only_ones(target: NDArray[Any]) -> NDArray[np.bool_]:
    """Whether a row is the only one of its class."""
    codes = np.asarray(target, dtype=np.int64)
    alone: NDArray[np.bool_] = np.bincount(codes)[codes] == 1
    return alone


def splits_of(home: NDArray[np.int64], folds: int) -> list[Split]:
    """A split for each fold that has rows; `home` is the fold that judges a row, -1 for rows that only train."""
    found = []
    for number in range(folds):
        inside = home == number
        if inside.any():
            found.append(Split(train=np.flatnonzero(~inside), valid=np.flatnonzero(inside)))
    return found
