"""The ensemble while the search runs: out-of-fold predictions of all full trials, weights kept up to date."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from automl.calibration import find_calibration, judges_proportions
from automl.decisions import Factors, decided
from automl.ensemble import Ensemble, choose_candidates, no_tie, select, select_within, thrifty
from automl.errors import MetricError
from automl.goals import Cost, Goals
from automl.run_folder import fold_folder, remove_tree
from automl.scored_trials import ScoredTrials
from automl.stacking import compare, mixed

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.history import Trial
    from automl.metrics import Metric

LEAST_SAMPLE = 100
"""Rows by which ensembles are judged at least, however slow the metric is."""
ENSEMBLE_SHARE = 0.04
"""Share of the elapsed time that keeping the ensemble up to date may take during the search."""
LEAST_SHARE = 1e-4
"""A probability that was given to what came true counts as no less where ties are decided: single rows decide nothing."""
MODELS_KEPT = 60
"""Fitted trials whose files stay on disk while the search runs; predictions of all trials stay."""


class LiveEnsemble(ScoredTrials):
    """Weighs full trials by what they predict out of fold."""

    def __init__(
        self,
        folder: Path,
        *,
        metric: Metric,
        splits: Sequence[Split],
        target: NDArray[np.generic],
        weight: NDArray[np.float64] | None,
        clock: Clock,
        groups: NDArray[np.int64] | None = None,
    ) -> None:
        super().__init__(folder, metric=metric, splits=splits, target=target, weight=weight, clock=clock)
        self.current: Ensemble | None = None
        self.stacking = ""
        """What became of the second layer, in words; empty without one."""
        self.unjudged = ""
        """Why mixed predictions could not be judged, when they could not."""
        self._groups = groups
        """What the user said belongs together; what is fitted on out-of-fold predictions keeps it whole."""
        self._goals = Goals()
        """What the next choice must keep; during the search nothing, because cheap members are found best among many."""
        self._of_models: Ensemble | None = None
        self._uncapped: dict[tuple[int, ...], Ensemble] = {}
        """The last choices without a cap, by the trials among which, with and without a second layer."""
        self._seconds = 0.0
        self._seen = 0

    def update(self, trials: Sequence[Trial], baselines: Sequence[Trial], *, final: bool) -> bool:
        """Weigh these full trials again if it is due; whether the weights were computed.

        A baseline that is better than all models together takes their place, so that the predictor is never worse
        than a constant where there is nothing to learn.
        Without a clock only the end counts, so that the result does not depend on timing.
        """
        if not final:
            if self._clock.end is None:
                self._prune(trials)
                return False
            if len(trials) == self._seen:
                return False
            if self._seconds > ENSEMBLE_SHARE * self._clock.elapsed():
                return False
        started = time.monotonic()
        pooled = [trial for trial in trials if trial.id in self._predictions]
        first = [trial for trial in pooled or trials if not trial.candidate.base]
        chosen, before = self._judged(first, final=final), self._of_models
        # Cut short by the clock, a new choice may be worse than the one before.
        if chosen and before and before.loss < chosen.loss and set(before.weights) <= set(self._predictions):
            chosen = before
        if chosen and final:
            chosen = self._with_second_layer(chosen, pooled)
        self.current = self._of_models = self._refined(chosen) if chosen and final else chosen
        floor = min(baselines, key=lambda trial: (trial.loss, trial.id), default=None)
        # A baseline never joins models: to a ranking metric it is no harm, but to the probabilities it is.
        if floor is not None and floor.loss is not None:
            alone = Ensemble(weights={floor.id: 1.0}, loss=floor.loss, factors=self._factors[floor.id])
            if final and judges_proportions(self.metric):  # a constant of logarithms is a geometric mean
                alone = self._calibrated(alone)
            self.current = alone if self.current is None or alone.loss < self.current.loss else self.current
        self._seen = len(trials)
        self._prune(trials)
        self._seconds += time.monotonic() - started
        return True

    def weigh(self, first: Sequence[Trial]) -> Ensemble | None:
        """The best bag of these trials as things stand, for others to stand on; None where some rows have no
        predictions, or judging takes too long.
        """
        pooled = [trial for trial in first if trial.id in self._predictions]
        if self.slow_seconds or len(self._oof.covered) < len(self._target):
            return None
        return self._judged(pooled, final=False)

    def _with_second_layer(self, without: Ensemble, trials: list[Trial]) -> Ensemble:
        """`without`, the best bag of the first layer, mixed with the best one of both where that is clearly better."""
        second = [trial for trial in trials if trial.candidate.base]
        if not second or self.slow_seconds or not set(without.weights) <= set(self._predictions):
            return without
        both = self._judged(trials, final=True)
        assert both is not None
        rows = self._oof.covered
        truth, weight = self._target[rows], None if self._weight is None else self._weight[rows]
        weights = mixed(without.weights, both.weights)
        factors, loss = self._decisions.choose(truth, _mean(self._predictions, weights), weight)
        both = Ensemble(weights=weights, loss=loss, factors=factors)
        one, two = (decided(_mean(self._predictions, bag.weights), bag.factors) for bag in (without, both))
        groups = None if self._groups is None else self._groups[rows]
        verdict = compare(self.metric, truth, one, two, weight, groups=groups, deadline=self._deadline(final=True))
        self.stacking = verdict.told()
        return both if verdict.pays else without

    def forget(self, goals: Goals) -> None:
        """Choose anew, under other goals, at the next update."""
        self._goals = goals
        self.current = self._of_models = None
        self._seen = -1

    def _judged(self, trials: list[Trial], *, final: bool) -> Ensemble | None:
        """The best bag; the best trial alone where the metric fails on mixed predictions."""
        try:
            return self._select(trials, final=final)
        except MetricError as error:
            self.unjudged = str(error)
            return self._alone(trials)

    def _alone(self, trials: list[Trial]) -> Ensemble:
        best = min(trials, key=lambda trial: (trial.loss, trial.id))
        assert best.loss is not None
        return Ensemble(weights={best.id: 1.0}, loss=best.loss, factors=self._factors[best.id])

    def _select(self, trials: list[Trial], *, final: bool) -> Ensemble | None:
        if not trials:
            return None
        if len(trials) == 1 or trials[0].id not in self._predictions:
            return self._alone(trials)
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
        factors: Factors = ()
        if self._decisions.applies:  # all are weighed by one way to decide, the best for the best of them
            factors, known = self._factors[chosen[0].id], {}

        def loss_of(mean: NDArray[np.float64]) -> float:
            return self.metric.loss(truth, decided(mean, factors), weight)

        tie = _log_loss(truth, weight) if self.metric.spec.needs == "labels" and truth.dtype.kind in "iu" else no_tie
        key = (final, *predictions)
        if key not in self._uncapped:
            if len(self._uncapped) > 1:
                self._uncapped.clear()
            self._uncapped[key] = select(
                predictions, loss_of, known=known, deadline=self._deadline(final=final), tie=tie
            )
        found = self._uncapped[key]
        costs, deadline = {trial: self._price(trial) for trial in predictions}, self._deadline(final=final)
        if self._goals.capped:
            found = select_within(
                found, predictions, loss_of, costs=costs, cap=self._goals.cap, known=known, deadline=deadline, tie=tie
            )
        if self._goals.price:
            found = thrifty(
                found, predictions, loss_of, costs=costs, price=self._goals.price, deadline=deadline, tie=tie
            )
        if not self._decisions.applies or self.slow_seconds:
            return replace(found, factors=factors)
        factors, loss = self._decisions.choose(truth, _mean(predictions, found.weights), weight)
        return replace(found, factors=factors, loss=loss)

    def _price(self, trial: int) -> Cost:
        """What a trial costs as a member: the models of all folds, or as many as are kept."""
        folds = len(self.folds[trial])
        return self.costs[trial].scaled(min(self._goals.kept or folds, folds) / folds)

    def _refined(self, chosen: Ensemble) -> Ensemble:
        """The ensemble with its predictions calibrated, or the decision found class by class, where that helps."""
        if self.slow_seconds or not set(chosen.weights) <= set(self._predictions):
            return chosen
        truth, mean, weight, groups = self._pooled(chosen)
        found = self._decisions.refine(
            truth, mean, weight, chosen.factors, groups=groups, deadline=self._deadline(final=True)
        )
        return self._calibrated(chosen) if found is None else replace(chosen, factors=found[0], loss=found[1])

    def _calibrated(self, chosen: Ensemble) -> Ensemble:
        """The ensemble with its predictions calibrated, where that helps."""
        if self.slow_seconds or not set(chosen.weights) <= set(self._predictions):
            return chosen
        truth, mean, weight, groups = self._pooled(chosen)
        better = find_calibration(self.metric, truth, mean, weight, groups=groups, deadline=self._deadline(final=True))
        return chosen if better is None else replace(chosen, calibration=better[0], loss=better[1])

    def _pooled(
        self, chosen: Ensemble
    ) -> tuple[NDArray[np.generic], NDArray[np.floating], NDArray[np.float64] | None, NDArray[np.int64] | None]:
        """Truth, predictions, weights and groups of all rows that have predictions."""
        rows = self._oof.covered
        weight = None if self._weight is None else self._weight[rows]
        groups = None if self._groups is None else self._groups[rows]
        return self._target[rows], _mean(self._predictions, chosen.weights), weight, groups

    def _deadline(self, *, final: bool) -> float | None:
        if self._clock.end is None:
            return None
        return time.monotonic() + (0.3 * self._clock.left() if final else 0.5)

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
        kept |= {number for trial in trials for number in trial.candidate.base}
        for trial in trials:
            if trial.id not in kept and trial.id in self._predictions:
                del self._predictions[trial.id]
                for fold in self.folds[trial.id]:
                    for name in ("model", "matrix"):
                        remove_tree(fold_folder(self._folder, trial.id, fold) / name)


def _log_loss(truth: NDArray[np.generic], weight: NDArray[np.float64] | None) -> Callable[[NDArray[np.float64]], float]:
    """What decides between bags of probabilities that give as many right labels."""
    import numpy as np

    rows = np.arange(len(truth))
    heard = None if weight is None or weight.sum() <= 0 else weight

    def loss(mean: NDArray[np.float64]) -> float:
        return float(np.average(-np.log(np.maximum(mean[rows, truth], LEAST_SHARE)), weights=heard))

    return loss


def _mean(predictions: Mapping[int, NDArray[np.floating]], weights: Mapping[int, float]) -> NDArray[np.floating]:
    """The weighted mean of the predictions of some trials."""
    return sum(weight * predictions[trial] for trial, weight in sorted(weights.items()))  # type: ignore[return-value]
