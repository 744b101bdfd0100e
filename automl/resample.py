"""How trials of this task are validated: one resampling, made once, obeyed by everything that is fitted."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from automl.data import splits
from automl.errors import DataError, MetricError
from automl.metric_check import score_constant, try_metric

if TYPE_CHECKING:
    from automl.data.records import Resampling
    from automl.plan import Plan
    from automl.prepare import Prepared
    from automl.settings import Settings

HOLDOUT_SHARE = 0.2
"""Share of the rows held out where folds are too dear; bounded by `HOLDOUT_ROWS`."""
HOLDOUT_ROWS = 50_000
"""More held-out rows would not make the score noticeably steadier."""


def make_resampling(prepared: Prepared, plan: Plan, settings: Settings) -> Resampling:
    """Folds, holdout, groups, time, or the user's own split; DataError when the data does not allow it."""
    target = prepared.data.target
    assert target is not None
    problem_type = prepared.task.problem_type
    if prepared.validation_rows:
        rows = len(target)
        first = rows - prepared.validation_rows
        return splits.file_split(np.arange(first), np.arange(first, rows))
    if settings.split_column is not None:
        return splits.column_split(prepared.table.column(settings.split_column), name=settings.split_column)
    if settings.group is not None:
        return splits.group_splits(
            prepared.table.column(settings.group),
            target,
            problem_type=problem_type,
            folds=max(plan.folds, 2) if not plan.holdout else 1,
            explicit=settings.folds is not None,
            seed=settings.seed,
            name=settings.group,
        )
    if settings.time_column is not None:
        return splits.time_splits(
            prepared.table.column(settings.time_column),
            target,
            problem_type=problem_type,
            folds=max(plan.folds, 2) if not plan.holdout else 1,
            name=settings.time_column,
            asked=settings.columns.get(settings.time_column, ""),
            others=[form for column in prepared.schema.columns for form in column.params.get("formats", ())],
        )
    if plan.holdout:
        share = min(HOLDOUT_SHARE, HOLDOUT_ROWS / len(target))
        return splits.holdout_split(
            target, problem_type=problem_type, share=share, seed=settings.seed, reason=plan.resampling_reason
        )
    return splits.fold_splits(
        target,
        problem_type=problem_type,
        folds=plan.folds,
        repeats=plan.repeats,
        seed=settings.seed,
        reason=plan.resampling_reason,
    )


def check_judged(prepared: Prepared, resampling: Resampling, *, seconds: float) -> None:
    """Raise DataError when the metric can say nothing about the rows that judge, whatever is predicted for them, or
    when some part trains on one class only; SettingsError when the metric cannot be computed on this target in so many
    seconds, or not as it says.
    """
    target = prepared.data.target
    assert target is not None
    _check_trained(prepared, resampling)
    rows = np.unique(np.concatenate([split.valid for split in resampling.splits]))
    truth = target[rows]
    if prepared.data.weight is not None and not prepared.data.weight[rows].any():
        raise DataError(
            f"all {len(rows):,} rows that judge weigh 0: give some of them a weight above 0, or let others judge"
        )
    if not prepared.task.is_classification or len(np.unique(truth)) > 1:
        try_metric(prepared, rows, seconds=seconds)
        return
    try:
        score_constant(prepared, rows, seconds=seconds)
    except MetricError as error:
        only = prepared.task.classes[int(truth[0])]
        raise DataError(
            f"all {len(rows)} rows that judge are of class {only!r}, of which metric {prepared.metric.name} can say "
            f"nothing ({error}); use --metric log_loss, other validation rows, or more rows of the other classes"
        ) from error


def _check_trained(prepared: Prepared, resampling: Resampling) -> None:
    target = prepared.data.target
    if not prepared.task.is_classification or target is None:
        return
    for number, split in enumerate(resampling.splits):
        first = int(target[split.train[0]])
        if (target[split.train] != first).any():
            continue
        classes = prepared.task.classes
        missing = repr(classes[1 - first]) if len(classes) == 2 else "the other classes"
        part = "the training rows" if len(resampling.splits) == 1 else f"the training rows of fold {number}"
        raise DataError(
            f"{part} hold only class {classes[first]!r}: every row of {missing} is among those that judge "
            f"(validation: {resampling.reason}); validate in another way, or split differently"
        )
