"""Scores of trials and the ensemble of them, kept up to date, with what the run's record must say about both."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.live_ensemble import LiveEnsemble

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from automl.ensemble import Ensemble
    from automl.evaluate import FoldResult
    from automl.fold_jobs import RunContext
    from automl.goals import Cost, Goals
    from automl.history import History, Trial
    from automl.metrics import Metric
    from automl.store import Store


class Judging:
    """Tells the store what the live ensemble found. `is_baseline` knows trials that join no ensemble."""

    def __init__(self, context: RunContext, store: Store, is_baseline: Callable[[Trial], bool]) -> None:
        self._metric = context.metric
        self._store = store
        self._is_baseline = is_baseline
        self._live = LiveEnsemble(
            context.folder,
            metric=context.metric,
            splits=context.splits,
            target=context.target,
            weight=context.weight,
            clock=context.clock,
            groups=context.groups,
        )

    @property
    def current(self) -> Ensemble | None:
        """The best so far."""
        return self._live.current

    @property
    def costs(self) -> Mapping[int, Cost]:
        """What the fitted models of each scored trial cost when they predict, by estimate."""
        return self._live.costs

    @property
    def folds(self) -> Mapping[int, tuple[int, ...]]:
        """The folds of each scored trial that have a fitted model."""
        return self._live.folds

    def score(self, trial: Trial, results: Mapping[int, FoldResult]) -> float:
        """The score of a trial's folds, pooled; RunError when the metric says nothing about them."""
        was_slow = self._live.slow_seconds
        score = self._live.score(trial.id, dict(sorted(results.items())), keep=trial.is_full, base=trial.candidate.base)
        if self._live.slow_seconds and not was_slow:
            self._store.event(
                "warning",
                "slow-metric",
                f"metric {self._metric.name} may take {self._live.slow_seconds:.1f} s on all rows: trials are "
                "judged by the mean of their folds, ensembles by a sample of the rows",
            )
        return score

    @property
    def stacking(self) -> str:
        """What became of the second layer, in words; empty without one."""
        return self._live.stacking

    def first_layer(self, history: History) -> list[Trial]:
        """Done full trials that stand on no others, baselines not among them."""
        return [trial for trial in history.full() if not (self._is_baseline(trial) or trial.candidate.base)]

    def weigh(self, first: Sequence[Trial]) -> Ensemble | None:
        """The best bag of these trials as things stand; see `LiveEnsemble.weigh`."""
        return self._live.weigh(first)

    def write_columns(self, base: Sequence[int], path: Path) -> None:
        """Write what these trials predict to where others that stand on them read it."""
        import numpy as np

        path.parent.mkdir(exist_ok=True)
        half = path.with_suffix(".half.npy")  # a run that is killed leaves the file whole or not at all
        np.save(half, self._live.columns(base))
        half.replace(path)

    def use_folds(self, context: RunContext) -> None:
        """Judge by the folds of `context` from now on."""
        self._live.use_folds(context.splits)

    def discard(self, trial: int) -> None:
        """Let a trial not join the ensemble."""
        self._live.discard(trial)

    def update(self, history: History, *, final: bool) -> None:
        """Weigh the full trials again if it is due."""
        full = history.full()
        trials = [trial for trial in full if not self._is_baseline(trial)]
        baselines = [trial for trial in full if self._is_baseline(trial)]
        told = self._live.unjudged
        if self._live.update(trials, baselines, final=final):
            record_ensemble(self._store, self._live.current, self._metric)
        if self._live.unjudged and not told:
            self._store.event("warning", "metric", f"the best trial stands alone: {self._live.unjudged}")

    def choose_again(self, history: History, goals: Goals) -> None:
        """Weigh the full trials under other goals."""
        self._live.forget(goals)
        self.update(history, final=True)


def record_ensemble(store: Store, ensemble: Ensemble | None, metric: Metric) -> None:
    """Write down all that a predictor needs of an ensemble, so that a run that is killed leaves one."""
    if ensemble is not None:
        store.set_weights(ensemble.weights, ensemble.facts(metric.from_distance(ensemble.loss)))
