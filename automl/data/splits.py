"""Splits of rows into training and validation parts: stratified folds, holdout, the user's own; groups and time.

All are functions of their arguments alone; nothing is drawn from a global random state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.group_splits import group_splits
from automl.data.records import Resampling, Split
from automl.data.strata import only_ones, shuffled_by_stratum, splits_of, strata_of
from automl.data.target_labels import distinct, without_dictionary
from automl.data.time_splits import time_splits
from automl.errors import DataError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.specs import ProblemType

__all__ = [
    "column_split",
    "file_split",
    "fold_splits",
    "group_splits",
    "holdout_split",
    "subsample",
    "time_splits",
]

_TRAIN = {"train", "training", "fit", "learn", "0", "0.0", "false"}
_VALID = {"valid", "validation", "val", "1", "1.0", "true", "holdout"}
_TEST = {"test", "testing"}


def _no_split() -> DataError:
    return DataError("no row can be held out: every class has one row only; add rows or choose another target")


def fold_splits(
    target: NDArray[Any], *, problem_type: ProblemType, folds: int, repeats: int, seed: int, reason: str = ""
) -> Resampling:
    """Stratified k-fold, repeated with other shuffles. Folds are at most half the rows.

    Classes are dealt out one after another, so that folds are even in size and a class with fewer rows than folds
    is spread over as many folds as it has rows: every training part holds every class. The only row of a class is
    never used to judge.
    """
    used = max(2, min(folds, len(target) // 2))
    is_class = problem_type != "regression"
    alone = only_ones(target) if is_class else np.zeros(len(target), dtype=bool)
    splits: list[Split] = []
    for repeat in range(repeats):
        order = shuffled_by_stratum(strata_of(target, problem_type, used), np.random.default_rng([seed, repeat]))
        order = order[~alone[order]]
        home = np.full(len(target), -1, dtype=np.int64)
        home[order] = np.arange(len(order)) % used
        splits += splits_of(home, used)
    if not splits:
        raise _no_split()
    words = [reason or f"{used} folds x {repeats}"]
    if used < folds:
        words.append(f"{used} folds instead of {folds}, so that each judges at least 2 of the {len(target)} rows")
    if is_class:
        words += _about_rare_classes(np.bincount(np.asarray(target, dtype=np.int64)), used)
    return Resampling(kind="folds", splits=splits, reason="; ".join(words), folds=used, repeats=repeats)


def _about_rare_classes(counts: NDArray[np.int64], folds: int) -> list[str]:
    single = int((counts == 1).sum())
    rare = counts[(counts > 1) & (counts < folds)]
    words = []
    if single:
        words.append(f"{single} class{'es' if single > 1 else ''} with one row only train{'' if single > 1 else 's'}")
    if len(rare):
        words.append(
            f"{len(rare)} class{'es have' if len(rare) > 1 else ' has'} fewer rows than folds (the smallest "
            f"{rare.min()}) and {'are' if len(rare) > 1 else 'is'} missing in some validation parts"
        )
    return words


def holdout_split(
    target: NDArray[Any], *, problem_type: ProblemType, share: float, seed: int, reason: str = ""
) -> Resampling:
    """One stratified part of the rows held out, `share` of them; every class keeps a training row.

    Along the rows in the order of their classes (or values) every so manyth is taken: parts of small classes add up
    to the share too.
    """
    rng = np.random.default_rng([seed, 0])
    strata = strata_of(target, problem_type, 5)
    order = shuffled_by_stratum(strata, rng)
    if problem_type != "regression":
        order = order[~only_ones(target)[order]]
    if not len(order):
        raise _no_split()
    steps = np.floor(np.arange(len(order) + 1) * share + rng.random())
    held = np.diff(steps) > 0
    if problem_type != "regression":
        # Shares above one half could take the last row of a class.
        first = np.flatnonzero(np.diff(strata[order], prepend=-1) != 0)
        taken = np.add.reduceat(held, first) == np.diff(np.append(first, len(order)))
        held[first[taken]] = False
    if not held.any():
        held[0] = True
    if held.all():
        held[0] = False
    if problem_type != "regression":
        _hold_another_class(held, strata[order])
    valid = np.sort(order[held])
    train = np.setdiff1d(np.arange(len(target)), valid, assume_unique=True)
    words = f"{reason or 'holdout'}; {len(valid):,} of {len(target):,} rows judge"
    return Resampling(kind="holdout", splits=[Split(train=train, valid=valid)], reason=words, folds=1)


def _hold_another_class(held: NDArray[np.bool_], classes: NDArray[Any]) -> None:
    """Of rows of one class most metrics can say nothing, so that one of the most frequent other class judges, too, where that
    leaves another of it to train on. `classes` are those of the rows that may judge.
    """
    values, counts = np.unique(classes[~np.isin(classes, classes[held])], return_counts=True)
    if len(np.unique(classes[held])) == 1 and counts.max(initial=0) > 1:
        held[np.flatnonzero(classes == values[counts.argmax()])[0]] = True


def column_split(column: Any, *, name: str = "") -> Resampling:
    """The user's own split: ``train`` or 0 or false, ``valid`` or 1 or true, in every row.

    ``test`` may stand for ``valid``, but not beside it. Raises DataError for anything else.
    """
    values, codes = distinct(without_dictionary(column))
    words = [str(value).strip().lower() for value in values] + [""]
    known = np.array([word in _TRAIN | _VALID | _TEST for word in words])
    if not known[codes].all():
        rows = np.flatnonzero(~known[codes])
        what = repr(words[codes[rows[0]]]) if words[codes[rows[0]]] else "nothing"
        raise DataError(
            f"split column {name!r} holds {what} in row {rows[0] + 1:,} ({len(rows):,} such rows); "
            "use train and valid, or 0 and 1, in every row"
        )
    if _VALID & set(words) and _TEST & set(words):
        count = int(np.array([word in _TEST for word in words])[codes].sum())
        raise DataError(
            f"split column {name!r} marks {count:,} test rows beside validation rows; take the test rows out of the "
            "table and score them afterwards"
        )
    judged = np.array([word in _VALID | _TEST for word in words])[codes]
    if judged.all() or not judged.any():
        raise DataError(
            f"split column {name!r} puts all {len(judged):,} rows on one side; mark some train and some valid"
        )
    split = Split(train=np.flatnonzero(~judged), valid=np.flatnonzero(judged))
    reason = f"split column {name!r}: {len(split.train):,} rows train, {len(split.valid):,} judge"
    return Resampling(kind="column", splits=[split], reason=reason, folds=1)


def file_split(train: NDArray[np.int64], valid: NDArray[np.int64]) -> Resampling:
    """Rows of the validation file judge, all others train."""
    reason = f"validation file: {len(valid):,} rows judge, {len(train):,} train"
    return Resampling(kind="file", splits=[Split(train=train, valid=valid)], reason=reason, folds=1)


def subsample(target: NDArray[Any], *, share: float, classification: bool, seed: int) -> NDArray[np.int64]:
    """Places of a stratified share of the rows, ascending; every class keeps a row. Smaller shares are subsets."""
    strata = np.asarray(target, dtype=np.int64) if classification else np.zeros(len(target), dtype=np.int64)
    order = shuffled_by_stratum(strata, np.random.default_rng([seed, 77]))
    counts = np.bincount(strata)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    place = np.arange(len(order)) - starts[strata[order]]
    wanted = _rows_of_share(counts, share, classification=classification)
    return np.sort(order[place < wanted[strata[order]]])


def same_rows(target: NDArray[Any], shares: tuple[float, float], *, classification: bool) -> bool:
    """Whether `subsample` keeps the same rows for both shares."""
    counts = np.bincount(np.asarray(target, dtype=np.int64)) if classification else np.array([len(target)])
    one, other = (np.minimum(_rows_of_share(counts, share, classification=classification), counts) for share in shares)
    return bool((one == other).all())


def _rows_of_share(counts: NDArray[np.int64], share: float, *, classification: bool) -> NDArray[np.float64]:
    """How many rows of each stratum are kept, by rounding."""
    return np.maximum(np.round(counts * share), 1 if classification else 2)
