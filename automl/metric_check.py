"""Trying a metric on the rows that judge before anything is trained: whether it answers, and whether it means what it says."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING

import numpy as np

from automl.errors import MetricError, SettingsError
from automl.plugin_calls import NoAnswerError, call_bounded
from automl.specs import load_object

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from automl.prepare import Prepared

TRIED_ROWS = 500
"""Rows on which a metric is tried first."""
NEARLY = (1.0, 0.999)
"""How much of the truth a nearly perfect prediction holds: logarithms are not finite at probabilities of 0 and 1."""
TOLERANCE = 1e-6
"""Two scores differ when they do by more than this share of them."""


def try_metric(prepared: Prepared, rows: NDArray[np.int64], *, seconds: float) -> None:
    """Compute the metric on few of the rows first: it may be slow. Some say nothing of a constant prediction, as
    correlations do, and some nothing of few rows, so that a good prediction and all rows count, too.

    Raises SettingsError when nothing can be computed, when the first answer takes more than `seconds`, and when a
    perfect prediction shows that the metric's direction or its `best` is not what it says.
    """
    few = rows[np.linspace(0, len(rows) - 1, min(len(rows), TRIED_ROWS)).astype(np.int64)]
    faults = []
    for some in (few, rows):
        for share in (0.0, 0.9):
            try:
                score = call_bounded(
                    f"metric {prepared.metric.name!r}", partial(_of_mixture, prepared, some, share), seconds=seconds
                )
            except MetricError as error:
                faults.append(error)
            except NoAnswerError as error:
                raise SettingsError(
                    f"metric {prepared.metric.name!r} had not answered after {seconds:.3g} s for {len(some)} rows; "
                    "mend it, or use another --metric"
                ) from error
            else:
                _check_sense(prepared, some, score)
                return
    raise SettingsError(
        f"metric {prepared.metric.name!r} cannot be computed on the target {prepared.task.target!r}, whether a constant "
        f"or nearly the truth is predicted: {faults[-1]}; mend it, or use another --metric"
    ) from faults[-1]


def _of_mixture(prepared: Prepared, rows: NDArray[np.int64], share: float) -> float:
    """The score of predictions that are the truth by so large a `share`, and the best constant otherwise."""
    assert prepared.data.target is not None
    truth = prepared.data.target[rows]
    constant = np.asarray(prepared.constant)
    exact = np.eye(prepared.task.class_count)[truth] if prepared.task.is_classification else truth
    constants = np.broadcast_to(constant if exact.ndim == 2 else constant[0], exact.shape)
    weight = None if prepared.data.weight is None else prepared.data.weight[rows]
    return prepared.metric.score(truth, share * exact + (1.0 - share) * constants, weight)


def _check_sense(prepared: Prepared, rows: NDArray[np.int64], usual: float) -> None:
    """Raise SettingsError when the truth itself scores worse than the `usual` score of a constant though nobody said
    that more is better, or better than the best score that there is: a search would go the wrong way, or be blind.
    """
    metric = prepared.metric
    perfect = None
    for share in NEARLY:
        with contextlib.suppress(MetricError):
            perfect = _of_mixture(prepared, rows, share)
            break
    if perfect is None:
        return
    function = metric.name.rpartition(":")[2] if metric.is_own else metric.name
    least = TOLERANCE * max(abs(perfect), abs(usual), 1e-9)
    if metric.is_own and metric.distance(perfect) - metric.distance(usual) > least and not _says_direction(metric.name):
        raise SettingsError(
            f"metric {metric.name!r} gives {perfect:.6g} where the truth is predicted and {usual:.6g} for a constant, so "
            f"that less is better: write `{function}.greater_is_better = False` below the function (True, if more is "
            "better all the same)"
        )
    beyond = min((usual, perfect), key=metric.distance)
    best = metric.spec.best
    if metric.distance(beyond) < -TOLERANCE * max(abs(beyond), abs(best), 1e-9):
        how = f"write `{function}.best = ...` below the function" if metric.is_own else "its author must give a `best`"
        raise SettingsError(
            f"metric {metric.name!r} gives {beyond:.6g} for {len(rows):,} rows, which is better than its best={best:g}: "
            f"{how}, a score that no prediction passes (of a sum, divide by the rows)"
        )


def _says_direction(path: str) -> bool:
    return hasattr(load_object(path), "greater_is_better")
