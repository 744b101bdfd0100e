"""Trying a metric on the rows that judge before anything is trained: whether it answers, and whether it means what it says."""

from __future__ import annotations

import contextlib
import time
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

    Raises SettingsError when nothing can be computed, when there is no answer after so many `seconds`, and when a
    perfect prediction shows that the direction or the `best` of a user's function is not what it says.
    """
    few = rows[np.linspace(0, len(rows) - 1, min(len(rows), TRIED_ROWS)).astype(np.int64)]
    end = time.monotonic() + seconds
    faults = []
    for some in (few, rows):
        tries = _Tries(prepared, some, end)
        for share in (0.0, 0.9):
            try:
                score = tries.score(share)
            except MetricError as error:
                faults.append(error)
            else:
                if prepared.metric.is_own:
                    _check_sense(tries, constant=score if share == 0.0 else None)
                return
    raise SettingsError(
        f"metric {prepared.metric.name!r} cannot be computed on the target {prepared.task.target!r}, whether a constant "
        f"or nearly the truth is predicted: {faults[-1]}; mend it, or use another --metric"
    ) from faults[-1]


def score_constant(prepared: Prepared, rows: NDArray[np.int64], *, seconds: float) -> float:
    """The score of the best constant; MetricError when it has none, SettingsError without an answer in time."""
    return _Tries(prepared, rows, time.monotonic() + seconds).score(0.0)


class _Tries:
    """Scores of predictions made up for some rows, until a moment (`time.monotonic()`)."""

    def __init__(self, prepared: Prepared, rows: NDArray[np.int64], end: float) -> None:
        assert prepared.data.target is not None
        self.metric = prepared.metric
        self.rows = len(rows)
        self._end = end
        self._truth = prepared.data.target[rows]
        constant = np.asarray(prepared.constant)
        self._exact = np.eye(prepared.task.class_count)[self._truth] if len(constant) > 1 else self._truth
        self._constants = np.broadcast_to(constant if self._exact.ndim == 2 else constant[0], self._exact.shape)
        self._weight = None if prepared.data.weight is None else prepared.data.weight[rows]

    def score(self, share: float, *, shuffled: bool = False) -> float:
        """Of predictions that are the truth by so large a share, and the best constant otherwise; `shuffled`: the truth of
        another row. Raises MetricError, or SettingsError when it does not come back. What fails in a thread of its own is
        called in this one: it may want signals, or a connection that was opened here.
        """
        exact = self._exact[np.random.default_rng(0).permutation(self.rows)] if shuffled else self._exact
        predicted = share * exact + (1.0 - share) * self._constants
        call = partial(self.metric.score, self._truth, predicted, self._weight)
        seconds = max(self._end - time.monotonic(), 0.0)
        try:
            return call_bounded(f"metric {self.metric.name!r}", call, seconds=seconds)
        except MetricError:
            return call()
        except NoAnswerError as error:
            raise SettingsError(
                f"metric {self.metric.name!r} had not answered after {seconds:.3g} s for {self.rows:,} rows; mend it, or "
                "use another --metric"
            ) from error


def _check_sense(tries: _Tries, constant: float | None) -> None:
    """Raise SettingsError when the truth itself scores worse than a `constant` (None: it has no score; then than the truth
    of other rows) though nobody said that more is better, or better than the best score that there is: a search would go
    the wrong way, or be blind.
    """
    try:
        usual = tries.score(0.9, shuffled=True) if constant is None else constant
        perfect = _perfect(tries)
    except (MetricError, SettingsError):  # nothing is known to be wrong with it
        return
    poor = "the truth of other rows" if constant is None else "a constant"
    metric, function = tries.metric, tries.metric.name.rpartition(":")[2]
    best = metric.spec.best
    least = TOLERANCE * max(abs(perfect), abs(usual), abs(best), 1e-9)
    if metric.distance(perfect) - metric.distance(usual) > least and not _says_direction(metric.name):
        raise SettingsError(
            f"metric {metric.name!r} gives {perfect:.6g} where the truth is predicted and {usual:.6g} for {poor}, so "
            f"that less is better: write `{function}.greater_is_better = False` below the function (True, if more is "
            "better all the same)"
        )
    beyond = min((usual, perfect), key=metric.distance)
    if metric.distance(beyond) < -least:
        raise SettingsError(
            f"metric {metric.name!r} gives {beyond:.6g} for {tries.rows:,} rows, which is better than its best={best:g}: "
            f"write `{function}.best = ...` below the function, a score that no prediction passes (of a sum, divide by "
            "the rows)"
        )


def _perfect(tries: _Tries) -> float:
    for share in NEARLY[:-1]:
        with contextlib.suppress(MetricError):
            return tries.score(share)
    return tries.score(NEARLY[-1])


def _says_direction(path: str) -> bool:
    return hasattr(load_object(path), "greater_is_better")
