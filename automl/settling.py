"""What comes of trials: scored, failed, left early, or judged again when the run goes on with fewer folds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from automl.data.splits import same_rows
from automl.early_discard import EarlyDiscard
from automl.errors import RunError
from automl.fold_jobs import keep_folds, partial_training
from automl.history import CARRIED, DISCARDED
from automl.run_folder import remove_tree, trial_folder

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from automl.evaluate import FoldResult
    from automl.fold_count import FoldCount
    from automl.fold_jobs import RunContext
    from automl.history import Trial
    from automl.judging import Judging
    from automl.open_trials import OpenTrial, OpenTrials
    from automl.search_record import SearchRecord
    from automl.strategy import Start


class Settling:
    """Ends open trials: judges what their folds say and writes it down."""

    def __init__(
        self,
        context: RunContext,
        open_trials: OpenTrials,
        judging: Judging,
        record: SearchRecord,
        fold_count: FoldCount,
    ) -> None:
        self.context = context
        self.results: dict[int, dict[int, FoldResult]] = {}
        """Results by fold of the trials that may be continued or judged again, if fewer folds than planned count."""
        self._early = EarlyDiscard(context)
        self._open = open_trials
        self._judging = judging
        self._record = record
        self._fold_count = fold_count

    def take_up(self, results: Mapping[int, Mapping[int, FoldResult]]) -> None:
        """Go on with the trials of a run that was interrupted: `results` by trial and fold."""
        for trial in self._record.history:
            if trial.status == "done" and (not trial.is_full or not self._fold_count.settled):
                self.results[trial.id] = dict(results.get(trial.id, {}))
            if trial.kind == DISCARDED:
                self._early.saved.trials += 1
                self._early.saved.jobs += len(self.context.splits) - len(trial.fold_losses)

    @property
    def saved(self) -> tuple[str, ...]:
        """What early discard saved, in words."""
        return self._early.saved.told()

    def is_hopeless(self, active: OpenTrial) -> bool:
        """Whether its first folds promise nothing to the ensemble."""
        if active.trial.candidate.base:  # it is worth what it adds, not what it is beside those that it stands on
            return False
        ensemble = self._judging.current
        weights = {} if ensemble is None else ensemble.weights
        # Scores of a second layer may be too good: against them, all would look hopeless.
        first = (trial for trial in self._record.history.full() if trial.loss is not None and not trial.candidate.base)
        incumbent = min(first, key=lambda trial: (trial.loss, trial.id), default=None)
        return self._early.hopeless(active.trial, active.folds, active.wanted, incumbent, weights)

    def leave(self, active: OpenTrial) -> None:
        """Early discard: the folds that are done are what the trial had; strategies learn from them as from any smaller
        budget, and the ensemble does without it.
        """
        self._open.close(active.trial.id)
        self._early.saved.trials += 1
        self._early.saved.jobs += active.wanted - len(active.folds)
        share = len(active.folds) / active.wanted
        message = f"early discard after {len(active.folds)} of {active.wanted} folds"
        trial = replace(
            active.trial, budget=share, whole=False, seconds=active.seconds, kind=DISCARDED, message=message
        )
        self._record.settle(self.judged(trial, active.folds))
        remove_tree(trial_folder(self.context.folder, trial.id))

    def adds_nothing(self, start: Start | Trial) -> bool:
        """Whether this is a promotion that would train nothing that the trial before has not."""
        if start.parent is None:
            return False
        parent = self._record.history[start.parent]
        partial = partial_training(self.context, start.candidate.model, start.budget)
        if parent.trained_fully or partial.whole:
            return parent.trained_fully
        before = partial_training(self.context, start.candidate.model, parent.budget)
        if (partial.values, partial.folds) != (before.values, before.folds):
            return False
        shares, classification = (before.rows_share, partial.rows_share), self.context.task.is_classification
        return all(
            same_rows(self.context.target[split.train], shares, classification=classification)
            for split in self.context.splits
        )

    def carry(self, trial: Trial, kept: Collection[int]) -> None:
        """End a promoted trial to which its budget adds nothing: what came of the one before stands for it, and it can be
        promoted in turn. `kept`: folds that it had taken over before the run was interrupted.
        """
        assert trial.parent is not None
        parent = self._record.history[trial.parent]
        if not parent.trained_fully:
            self.results[trial.id] = self.results[parent.id]
            taken = {fold: result for fold, result in self.results[parent.id].items() if fold not in kept}
            keep_folds(self.context, parent.id, trial.id, taken)
            self._record.folds_kept(trial.id, taken)
        message = f"at this budget nothing is added to trial {parent.id}"
        copied = ("status", "score", "loss", "fold_losses", "facts", "megabytes")
        values = {name: getattr(parent, name) for name in copied}
        self._record.settle(replace(trial, kind=CARRIED, whole=parent.trained_fully, message=message, **values))

    def continue_folds(self, active: OpenTrial) -> None:
        """Where folds are the fidelity, those of the trial that is continued count and are not fitted again."""
        assert active.trial.parent is not None
        before = self.results[active.trial.parent]
        taken = {fold: one for fold, one in before.items() if fold not in active.folds and fold < active.wanted}
        active.folds.update(taken)
        keep_folds(self.context, active.trial.parent, active.trial.id, taken)
        self._record.folds_kept(active.trial.id, taken)

    def use_folds(self, context: RunContext) -> list[Trial]:
        """Go on with the folds of `context`, fewer than before; returns the full trials as these folds judge them."""
        self.context, count = context, len(context.splits)
        again = []
        for trial in self._record.history.full():  # baselines, too: they are judged by the same rows as all others
            results = {fold: one for fold, one in self.results[trial.id].items() if fold < count}
            again.append(self.judged(trial, results))
        return again

    def fail(self, active: OpenTrial, kind: str, message: str) -> None:
        """It failed, was cancelled or ran out of time."""
        trial = replace(active.trial, status="failed", kind=kind, message=message, seconds=active.seconds)
        self._open.close(trial.id)
        self._record.settle(trial)

    def finish(self, active: OpenTrial) -> None:
        """All the folds that it will have are done."""
        self._open.close(active.trial.id)
        trial = self.judged(replace(active.trial, seconds=active.seconds), active.folds)
        if trial.status == "done":
            trial = replace(trial, facts=active.mean_facts())
            if not trial.is_full or not self._fold_count.settled:
                self.results[trial.id] = dict(active.folds)
        self._record.settle(trial)

    def judged(self, trial: Trial, results: Mapping[int, FoldResult]) -> Trial:
        """The trial with what these folds say of it; failed where the metric says nothing about them."""
        try:
            score = self._judging.score(trial, results)
        except RunError as error:
            self._judging.discard(trial.id)
            return replace(
                trial, status="failed", kind="metric", message=str(error), score=None, loss=None, fold_losses=()
            )
        losses = (results[fold].loss for fold in sorted(results))
        return replace(
            trial,
            status="done",
            score=score,
            loss=self.context.metric.distance(score),
            fold_losses=tuple(loss for loss in losses if loss is not None),
            row_ms=self._judging.costs[trial.id].row_ms if trial.is_full else None,
            megabytes=self._judging.costs[trial.id].megabytes,
        )
