"""Full trials by what they predict out of fold: kept, scored, and judged more coarsely where the metric is slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.decisions import DecisionMaker, Factors
from automl.evaluate import PREDICTIONS_FILE
from automl.goals import Cost
from automl.oof import OutOfFold
from automl.run_folder import fold_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.evaluate import FoldResult
    from automl.metrics import Metric

SLOW_SHARE = 0.02
"""Share of the time budget that judging one trial, or one ensemble, may take; slower metrics are called slow."""
LEAST_SLOW_SECONDS = 0.2


class ScoredTrials:
    """Collects the out-of-fold predictions of full trials, with their scores and costs."""

    def __init__(
        self,
        folder: Path,
        *,
        metric: Metric,
        splits: Sequence[Split],
        target: NDArray[np.generic],
        weight: NDArray[np.float64] | None,
        clock: Clock,
    ) -> None:
        self.folds: dict[int, tuple[int, ...]] = {}
        """Folds that each scored trial has."""
        self.costs: dict[int, Cost] = {}
        """What the fitted models of each scored trial cost when they predict, by estimate."""
        self.slow_seconds = 0.0
        """What a slow metric is expected to take on all rows; 0 for others."""
        self.metric = metric
        self._folder = folder
        self._target = target
        self._weight = weight
        self._clock = clock
        self._splits = splits
        self._oof = OutOfFold(splits, len(target))
        self._predictions: dict[int, NDArray[np.floating]] = {}
        self._decisions = DecisionMaker(metric, target)
        self._factors: dict[int, Factors] = {}
        """How each scored trial decides best."""

    def score(
        self, trial_id: int, results: Mapping[int, FoldResult], *, keep: bool = True, base: Sequence[int] = ()
    ) -> float:
        """Pool the predictions of a trial's folds, given by number, and score them; with `keep` the trial may join
        the ensemble if they cover every row. Under a slow metric the mean of the folds' scores stands for it.

        Raises RunError (MetricError) when the metric says nothing about them.
        """
        import numpy as np

        parts = {
            fold: np.load(fold_folder(self._folder, trial_id, fold) / PREDICTIONS_FILE, allow_pickle=False)
            for fold in results
        }
        rows, predictions = self._oof.combine(parts)
        known = {fold: result.loss for fold, result in results.items() if result.loss is not None}
        slow = self._is_slow(results)
        one_is_enough = len(results) == 1 and not self._decisions.applies
        if len(known) == len(results) and (one_is_enough or slow):
            sizes = [len(self._splits[fold].valid) for fold in known]
            self._factors[trial_id] = ()
            loss = float(np.average(list(known.values()), weights=sizes))
        else:
            weight = None if self._weight is None else self._weight[rows]
            self._factors[trial_id], loss = self._decisions.choose(self._target[rows], predictions, weight)
        if keep and len(rows) == len(self._oof.covered):
            self._predictions[trial_id] = predictions
        self.folds[trial_id] = tuple(sorted(results))
        # A trial of the second layer predicts nothing before those have that it stands on.
        self.costs[trial_id] = sum((self.costs[number] for number in base), start=_cost(results))
        return self.metric.from_distance(loss)

    def use_folds(self, splits: Sequence[Split]) -> None:
        """Judge by these folds from now on; what was scored before must be scored again to count."""
        self._splits = splits
        self._oof = OutOfFold(splits, len(self._target))
        self._predictions.clear()

    def _is_slow(self, results: Mapping[int, FoldResult]) -> bool:
        """Whether judging all rows at once would take too long; metrics that compare all pairs of rows are expected
        to take the square of the rows. Once slow, always slow, so that trials are judged alike.
        """
        if self._clock.end is None or self.slow_seconds:
            return bool(self.slow_seconds)
        # The least of the folds: any of them may have been held up by other work on the machine.
        expected = min(
            result.metric_seconds * (len(self._oof.covered) / max(len(self._splits[fold].valid), 1)) ** 2
            for fold, result in results.items()
        )
        if expected > self._most_seconds():
            self.slow_seconds = expected
        return bool(self.slow_seconds)

    def _most_seconds(self) -> float:
        assert self._clock.end is not None
        return max(SLOW_SHARE * (self._clock.end - self._clock.started), LEAST_SLOW_SECONDS)

    def columns(self, base: Sequence[int]) -> NDArray[np.float32]:
        """What these trials predict for all rows, as numbers beside a table: ``(rows, columns)``."""
        from automl.data.widened import prediction_columns

        return prediction_columns([self._predictions[number] for number in base])

    def discard(self, trial: int) -> None:
        """Let a trial not join the ensemble."""
        self._predictions.pop(trial, None)


def _cost(results: Mapping[int, FoldResult]) -> Cost:
    """What the folds of a trial cost together; those that were not timed cost what the others do."""
    timed = [result.row_ms for result in results.values() if result.row_ms is not None]
    row_ms = len(results) * sum(timed) / len(timed) if timed else 0.0
    return Cost(row_ms=row_ms, megabytes=sum(result.megabytes for result in results.values()))
