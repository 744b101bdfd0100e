"""The ensemble while the search runs: out-of-fold predictions of all full trials, weights kept up to date."""

from __future__ import annotations

import shutil
import time
from typing import TYPE_CHECKING

from automl.ensemble import Ensemble, choose_candidates, select
from automl.evaluate import PREDICTIONS_FILE
from automl.oof import OutOfFold
from automl.store import fold_folder

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.evaluate import FoldResult
    from automl.history import Trial
    from automl.metrics import Metric

SLOW_SHARE = 0.02
"""Share of the time budget that judging one trial, or one ensemble, may take; slower metrics are called slow."""
LEAST_SLOW_SECONDS = 0.2
LEAST_SAMPLE = 100
"""Rows by which ensembles are judged at least, however slow the metric is."""
ENSEMBLE_SHARE = 0.04
"""Share of the elapsed time that keeping the ensemble up to date may take during the search."""
MODELS_KEPT = 60
"""Fitted trials whose files stay on disk while the search runs; predictions of all trials stay."""


class LiveEnsemble:
    """Collects the out-of-fold predictions of full trials and weighs the trials with them."""

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
        self.current: Ensemble | None = None
        self.folds: dict[int, tuple[int, ...]] = {}
        """Folds that each scored trial has."""
        self.slow_seconds = 0.0
        """What a slow metric is expected to take on all rows; 0 for others."""
        self._folder = folder
        self._metric = metric
        self._target = target
        self._weight = weight
        self._clock = clock
        self._splits = splits
        self._oof = OutOfFold(splits, len(target))
        self._predictions: dict[int, NDArray[np.floating]] = {}
        self._of_models: Ensemble | None = None
        self._seconds = 0.0
        self._seen = 0

    def score(self, trial_id: int, results: Mapping[int, FoldResult], *, keep: bool = True) -> float:
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
        if len(known) == len(results) and (len(results) == 1 or slow):
            sizes = [len(self._splits[fold].valid) for fold in known]
            score = self._metric.from_distance(float(np.average(list(known.values()), weights=sizes)))
        else:
            weight = None if self._weight is None else self._weight[rows]
            score = self._metric.score(self._target[rows], predictions, weight)
        if keep and len(rows) == len(self._oof.covered):
            self._predictions[trial_id] = predictions
        self.folds[trial_id] = tuple(sorted(results))
        return score

    def _is_slow(self, results: Mapping[int, FoldResult]) -> bool:
        """Whether judging all rows at once would take too long; metrics that compare all pairs of rows are expected
        to take the square of the rows. Once slow, always slow, so that trials are judged alike.
        """
        if self._clock.end is None or self.slow_seconds:
            return bool(self.slow_seconds)
        judged = [
            result.metric_seconds * (len(self._oof.covered) / max(len(self._splits[fold].valid), 1)) ** 2
            for fold, result in results.items()
        ]
        if max(judged) > self._most_seconds():
            self.slow_seconds = max(judged)
        return bool(self.slow_seconds)

    def _most_seconds(self) -> float:
        assert self._clock.end is not None
        return max(SLOW_SHARE * (self._clock.end - self._clock.started), LEAST_SLOW_SECONDS)

    def update(self, trials: Sequence[Trial], baselines: Sequence[Trial], *, final: bool) -> bool:
        """Weigh these full trials again if it is due; whether the weights were computed.

        A baseline that is better than all models together takes their place, so that the predictor is never worse
        than a constant where there is nothing to learn.
        Without a clock only the end counts, so that the result does not depend on timing.
        """
        if not final:
            if self._clock.end is None or len(trials) == self._seen:
                return False
            if self._seconds > ENSEMBLE_SHARE * self._clock.elapsed():
                return False
        started = time.monotonic()
        pooled = [trial for trial in trials if trial.id in self._predictions]
        chosen, before = self._select(pooled or list(trials[:1]), final=final), self._of_models
        # Cut short by the clock, a new choice may be worse than the one before.
        if chosen and before and before.loss < chosen.loss and set(before.weights) <= set(self._predictions):
            chosen = before
        self.current = self._of_models = chosen
        floor = min(baselines, key=lambda trial: (trial.loss, trial.id), default=None)
        # A baseline never joins models: to a ranking metric it is no harm, but to the probabilities it is.
        if floor is not None and floor.loss is not None and (self.current is None or floor.loss < self.current.loss):
            self.current = Ensemble(weights={floor.id: 1.0}, loss=floor.loss)
        self._seen = len(trials)
        self._prune(trials)
        self._seconds += time.monotonic() - started
        return True

    def _select(self, trials: list[Trial], *, final: bool) -> Ensemble | None:
        if not trials:
            return None
        if len(trials) == 1 or trials[0].id not in self._predictions:
            best = min(trials, key=lambda trial: (trial.loss, trial.id))
            assert best.loss is not None
            return Ensemble(weights={best.id: 1.0}, loss=best.loss)
        chosen = choose_candidates(trials)
        predictions = {trial.id: self._predictions[trial.id] for trial in chosen}
        known = {trial.id: trial.loss for trial in chosen if trial.loss is not None}
        rows = self._oof.covered
        if self.slow_seconds:
            places = self._sample(len(rows))
            rows, known = rows[places], {}
            predictions = {number: values[places] for number, values in predictions.items()}
        truth = self._target[rows]
        weight = None if self._weight is None else self._weight[rows]
        deadline: float | None = None
        if self._clock.end is not None:
            deadline = time.monotonic() + (0.3 * self._clock.left() if final else 0.5)
        return select(predictions, lambda mean: self._metric.loss(truth, mean, weight), known=known, deadline=deadline)

    def _sample(self, rows: int) -> NDArray[np.int64]:
        """Places of as many rows as a slow metric can judge hundreds of times while an ensemble is made."""
        import numpy as np

        share = (0.002 * self._most_seconds() / self.slow_seconds) ** 0.5
        size = min(rows, max(int(share * rows), LEAST_SAMPLE))
        return np.sort(np.random.default_rng(0).choice(rows, size, replace=False))

    def _prune(self, trials: Sequence[Trial]) -> None:
        """Remove the fitted files of trials that have no prospect of joining the ensemble."""
        if len(trials) <= MODELS_KEPT:
            return
        kept = {trial.id for trial in choose_candidates(trials, limit=MODELS_KEPT)}
        kept |= set(self.current.weights) if self.current else set()
        for trial in trials:
            if trial.id not in kept and trial.id in self._predictions:
                del self._predictions[trial.id]
                for fold in self.folds[trial.id]:
                    for name in ("model", "matrix"):
                        shutil.rmtree(fold_folder(self._folder, trial.id, fold) / name, ignore_errors=True)
