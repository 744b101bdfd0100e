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
    from collections.abc import Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.history import Trial
    from automl.metrics import Metric

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
        self._folder = folder
        self._metric = metric
        self._target = target
        self._weight = weight
        self._clock = clock
        self._oof = OutOfFold(splits, len(target))
        self._predictions: dict[int, NDArray[np.floating]] = {}
        self._seconds = 0.0
        self._seen = 0

    def score(self, trial_id: int, folds: Sequence[int], *, keep: bool = True) -> float:
        """Pool the predictions of a trial's folds and score them; with `keep` the trial may join the ensemble if
        they cover every row.

        Raises RunError (MetricError) when the metric says nothing about them.
        """
        import numpy as np

        parts = {
            fold: np.load(fold_folder(self._folder, trial_id, fold) / PREDICTIONS_FILE, allow_pickle=False)
            for fold in folds
        }
        rows, predictions = self._oof.combine(parts)
        weight = None if self._weight is None else self._weight[rows]
        score = self._metric.score(self._target[rows], predictions, weight)
        if keep and len(rows) == len(self._oof.covered):
            self._predictions[trial_id] = predictions
        self.folds[trial_id] = tuple(sorted(folds))
        return score

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
        self.current = self._select(pooled or list(trials[:1]), final=final)
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
        rows = self._oof.covered
        truth = self._target[rows]
        weight = None if self._weight is None else self._weight[rows]
        deadline: float | None = None
        if self._clock.end is not None:
            deadline = time.monotonic() + (0.3 * self._clock.left() if final else 0.5)
        chosen = choose_candidates(trials)
        return select(
            {trial.id: self._predictions[trial.id] for trial in chosen},
            lambda mean: self._metric.loss(truth, mean, weight),
            known={trial.id: trial.loss for trial in chosen if trial.loss is not None},
            deadline=deadline,
        )

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
