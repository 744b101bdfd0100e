"""Splits of rows into training and validation parts: stratified folds, holdout, groups, time, the user's own.

All are functions of their arguments alone; nothing is drawn from a global random state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from automl.data.records import Resampling, Split
from automl.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from automl.specs import ProblemType

REGRESSION_BINS = 20
"""Folds of a quantity are stratified by this many quantiles, so that each sees its whole range."""
_TRAIN = {"train", "training", "0", "0.0", "false", "fit", "learn"}
_VALID = {"valid", "validation", "val", "test", "1", "1.0", "true", "holdout"}


def _strata(target: NDArray[Any], problem_type: ProblemType, folds: int) -> NDArray[np.int64]:
    if problem_type != "regression":
        return target.astype(np.int64)
    bins = int(min(REGRESSION_BINS, max(len(target) // (2 * folds), 1)))
    order = np.argsort(target, kind="stable")
    strata = np.empty(len(target), dtype=np.int64)
    strata[order] = np.arange(len(target)) * bins // len(target)
    return strata


def _assign_folds(strata: NDArray[np.int64], folds: int, rng: np.random.Generator, *, rare: bool) -> NDArray[np.int64]:
    """Fold of each row: every stratum is dealt out evenly, the next one going on where the last one stopped.

    With `rare`, the only row of a stratum gets no fold (-1): it stays in training.
    """
    fold = np.full(len(strata), -1, dtype=np.int64)
    start = 0
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        if rare and len(rows) == 1:
            continue
        rng.shuffle(rows)
        fold[rows] = (start + np.arange(len(rows))) % folds
        start += len(rows)
    return fold


def _splits(fold: NDArray[np.int64], folds: int) -> list[Split]:
    return [
        Split(train=np.flatnonzero(fold != number), valid=np.flatnonzero(fold == number))
        for number in range(folds)
        if (fold == number).any()
    ]


def fold_splits(
    target: NDArray[Any], *, problem_type: ProblemType, folds: int, repeats: int, seed: int, reason: str = ""
) -> Resampling:
    """Stratified k-fold, repeated with other shuffles. Folds are at most half the rows.

    Every class stays in every training part; the only row of a class is never used to judge.
    """
    folds = max(2, min(folds, len(target) // 2))
    splits: list[Split] = []
    for repeat in range(repeats):
        rng = np.random.default_rng([seed, repeat])
        strata = _strata(target, problem_type, folds)
        splits += _splits(_assign_folds(strata, folds, rng, rare=problem_type != "regression"), folds)
    if not splits:
        raise DataError("no row can be held out: every class has one row only; add rows or choose another target")
    return Resampling(
        kind="folds", splits=splits, reason=reason or f"{folds} folds x {repeats}", folds=folds, repeats=repeats
    )


def holdout_split(
    target: NDArray[Any], *, problem_type: ProblemType, share: float, seed: int, reason: str = ""
) -> Resampling:
    """One stratified part of the rows held out; every class keeps a training row."""
    rng = np.random.default_rng([seed, 0])
    strata = _strata(target, problem_type, 5)
    held = []
    for stratum in np.unique(strata):
        rows = np.flatnonzero(strata == stratum)
        rng.shuffle(rows)
        held.append(rows[: min(round(len(rows) * share), len(rows) - 1)])
    valid = np.sort(np.concatenate(held))
    if not len(valid):
        rows = np.flatnonzero(np.bincount(strata, minlength=strata.max() + 1)[strata] > 1)
        if not len(rows):
            raise DataError("no row can be held out: every class has one row only; add rows or choose another target")
        valid = rows[:1]
    train = np.setdiff1d(np.arange(len(target)), valid, assume_unique=True)
    words = reason or f"{len(valid):,} of {len(target):,} rows held out"
    return Resampling(kind="holdout", splits=[Split(train=train, valid=valid)], reason=words, folds=1)


def _plain(column: Any) -> Any:
    """An Arrow array without dictionary."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not isinstance(column, pa.Array | pa.ChunkedArray):
        column = pa.array(column)
    return pc.cast(column, column.type.value_type) if pa.types.is_dictionary(column.type) else column


def _codes(column: Any) -> tuple[NDArray[np.int64], int]:
    """Number of each row's value; missing values are one group of their own."""
    import pyarrow.compute as pc

    values = _plain(column)
    coded = pc.dictionary_encode(values, null_encoding="encode")
    coded = coded.combine_chunks() if hasattr(coded, "combine_chunks") else coded
    codes = coded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    return codes, int(codes.max(initial=-1)) + 1


def group_splits(
    column: Any,
    target: NDArray[Any],
    *,
    problem_type: ProblemType,
    folds: int,
    explicit: bool = False,
    seed: int = 0,
    name: str = "",
) -> Resampling:
    """Folds in which no group stands on both sides, even in size and, as far as groups allow, in classes.

    Groups are dealt out from large to small to the fold where they disturb the even spread least.
    Raises DataError for one group only, or fewer groups than the folds asked for.
    """
    codes, groups = _codes(column)
    if groups < 2:
        raise DataError(f"group column {name!r} has {groups} group; at least 2 are needed to hold one out")
    if groups < folds and explicit:
        raise DataError(
            f"group column {name!r} has {groups} groups, fewer than the {folds} folds asked for; use --folds {groups}"
        )
    folds = min(folds, groups)
    strata = _strata(target, problem_type, folds)
    width = int(strata.max()) + 1
    table = np.zeros((groups, width))
    np.add.at(table, (codes, strata), 1.0)
    wanted = table.sum(axis=0) / folds
    order = np.random.default_rng([seed, 0]).permutation(groups)
    order = order[np.argsort(-table.sum(axis=1)[order], kind="stable")]
    filled = np.zeros((folds, width))
    scale = 1.0 / np.maximum(wanted, 1.0)
    home = np.empty(groups, dtype=np.int64)
    for group in order:
        excess = np.square(np.maximum(filled + table[group] - wanted, 0.0) * scale).sum(axis=1)
        # Rows of the fold break ties, so that empty folds fill first.
        home[group] = np.lexsort((filled.sum(axis=1), excess))[0]
        filled[home[group]] += table[group]
    splits = _splits(home[codes], folds)
    if len(splits) < 2:
        raise DataError(f"group column {name!r}: nearly all rows are in one group, so that no two folds can be made")
    reason = f"{len(splits)} folds of {groups:,} groups of {name!r}: no group on both sides"
    return Resampling(kind="groups", splits=splits, reason=reason, folds=len(splits))


def _moments(column: Any, name: str) -> NDArray[np.int64]:
    """A rank for each row's moment, equal for equal moments; DataError for what is no moment."""
    import pyarrow as pa
    import pyarrow.compute as pc

    values = _plain(column)
    if values.null_count:
        raise DataError(f"time column {name!r} is missing in {values.null_count:,} rows; fill or drop them")
    if pa.types.is_string(values.type):
        from automl.data.dates import parse_dates

        days, wrong = parse_dates(values)
        if wrong:
            raise DataError(
                f"time column {name!r} has {wrong:,} values that are no date; mend them or choose another column"
            )
        numbers = days
    elif pa.types.is_temporal(values.type):
        kind = pa.int32() if values.type.bit_width == 32 else pa.int64()
        numbers = pc.cast(values, kind).to_numpy()
    else:
        try:
            numbers = pc.cast(values, pa.float64()).to_numpy()
        except pa.ArrowInvalid as error:
            raise DataError(
                f"time column {name!r} holds {values.type}, which is no time; choose a date or a number"
            ) from error
        if np.isnan(numbers).any():
            raise DataError(
                f"time column {name!r} is missing in {int(np.isnan(numbers).sum()):,} rows; fill or drop them"
            )
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def time_splits(
    column: Any, target: NDArray[Any], *, problem_type: ProblemType, folds: int, name: str = ""
) -> Resampling:
    """Expanding windows: each fold judges a later stretch than all it is trained on; ties never straddle.

    Raises DataError for missing moments, or when there is one moment only.
    """
    ranks = _moments(column, name)
    moments = int(ranks.max()) + 1
    if moments < 2:
        raise DataError(f"time column {name!r} has one moment only; at least 2 are needed")
    rows_until = np.cumsum(np.bincount(ranks))
    splits = []
    last = -1
    for number in range(1, folds + 1):
        # The first stretch only trains; later ones are judged one after another.
        start = int(np.searchsorted(rows_until, len(ranks) * number / (folds + 1)))
        stop = int(np.searchsorted(rows_until, len(ranks) * (number + 1) / (folds + 1)))
        start, stop = max(start, last, 0), min(stop, moments - 1)
        last = stop
        train, valid = np.flatnonzero(ranks <= start), np.flatnonzero((ranks > start) & (ranks <= stop))
        few = problem_type != "regression" and len(np.unique(target[train])) < 2
        if len(valid) and len(train) and not few:
            splits.append(Split(train=train, valid=valid))
    if not splits:
        raise DataError(
            f"time column {name!r}: the early rows hold one class only or almost all rows; no forward split can be made"
        )
    reason = f"{len(splits)} forward splits by {name!r}: training is always earlier"
    return Resampling(kind="time", splits=splits, reason=reason, folds=len(splits))


def column_split(column: Any, *, name: str = "") -> Resampling:
    """The user's own split: train or 0, valid or 1, in every row. DataError for anything else."""
    values = [str(value).strip().lower() if value is not None else "" for value in _plain(column).to_pylist()]
    wrong = next(((row, value) for row, value in enumerate(values, start=1) if value not in _TRAIN | _VALID), None)
    if wrong is not None:
        raise DataError(f"split column {name!r} holds {wrong[1]!r} in row {wrong[0]}; use train and valid, or 0 and 1")
    mask = np.array([value in _VALID for value in values])
    if mask.all() or not mask.any():
        raise DataError(
            f"split column {name!r} puts all {len(mask):,} rows on one side; mark some train and some valid"
        )
    split = Split(train=np.flatnonzero(~mask), valid=np.flatnonzero(mask))
    reason = f"split column {name!r}: {len(split.train):,} rows train, {len(split.valid):,} judge"
    return Resampling(kind="column", splits=[split], reason=reason, folds=1)


def file_split(train: NDArray[np.int64], valid: NDArray[np.int64]) -> Resampling:
    """Rows of the validation file judge, all others train."""
    reason = f"validation file: {len(valid):,} rows judge, {len(train):,} train"
    return Resampling(kind="file", splits=[Split(train=train, valid=valid)], reason=reason, folds=1)


def subsample(target: NDArray[Any], *, share: float, classification: bool, seed: int) -> NDArray[np.int64]:
    """Places of a stratified share of the rows, ascending; every class keeps a row. Smaller shares are subsets."""
    rng = np.random.default_rng([seed, 77])
    kept: Sequence[NDArray[np.int64]]
    if classification:
        kept = []
        for code in np.unique(target):
            rows = rng.permutation(np.flatnonzero(target == code))
            kept.append(rows[: max(1, round(len(rows) * share))])
    else:
        kept = [rng.permutation(len(target))[: max(2, round(len(target) * share))]]
    return np.sort(np.concatenate(kept))
