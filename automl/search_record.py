"""What a search knows and what it writes down, kept in step: its history, the store and the listeners."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from automl.history import SKIPPED, History, Trial
from automl.store import KEPT

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from automl.evaluate import FoldResult
    from automl.protocols import JobResult
    from automl.store import Store
    from automl.strategy import Start
    from automl.tracking import TrackerGroup

COSTS = ("row_ms", "megabytes", "metric_seconds")
"""Fields of a fold's result that tell what its model costs when it predicts, and its metric."""


class SearchRecord:
    """The trials of a search. Whatever changes one of them changes it everywhere."""

    def __init__(self, store: Store, trackers: TrackerGroup) -> None:
        self.history = History()
        self._least_id = 1
        self._store = store
        self._trackers = trackers
        self._told: set[tuple[str, str]] = set()
        """Models and why they were passed over, without numbers, as recorded."""

    def warn(self, code: str, message: str) -> None:
        """Something that the user should know of the run."""
        self._store.event("warning", code, message)

    def copy_history(self) -> None:
        """Go on with a history of its own: somebody still reads the one so far, in another thread."""
        self.history = History(self.history)

    @property
    def next_id(self) -> int:
        """Id of the next trial."""
        return max(self.history.next_id, self._least_id)

    def take_up(self, trials: Iterable[Trial], last_id: int = 0) -> None:
        """Go on with these trials of a run that was interrupted, which its store has; `last_id` is the largest number there."""
        self.history = History(trials)
        self._least_id = last_id + 1
        for trial in self.history.running():
            self._trackers.trial_started(trial)
        self._told = {(trial.candidate.model, _kind_of(trial.message)) for trial in self.history if trial.is_skipped}

    def begin(self, start: Start, *, whole: bool = False, shown: int = 0) -> Trial:
        """A trial that starts now; `whole` as in `Trial`, `shown` as in `Store.trial_started`."""
        trial = Trial(id=self.next_id, candidate=start.candidate, budget=start.budget, parent=start.parent, whole=whole)
        self.history = self.history.with_trial(trial)
        self._store.trial_started(trial, shown=shown)
        self._trackers.trial_started(trial)
        return trial

    def skip(self, start: Start, reason: str) -> None:
        """Pass over a suggestion. Strategies see each one that was, the store the first of each model and kind of reason: a
        long run may pass over thousands, whose reasons differ in their seconds alone.
        """
        trial = Trial(
            id=self.next_id,
            candidate=start.candidate,
            budget=start.budget,
            status="failed",
            kind=SKIPPED,
            message=reason,
            parent=start.parent,
        )
        self.history = self.history.with_trial(trial)
        kind = start.candidate.model, _kind_of(reason)
        if kind not in self._told:
            self._told.add(kind)
            self._store.trial_finished(trial)

    def settle(self, trial: Trial) -> None:
        """What came of a trial."""
        self.history = self.history.with_trial(trial)
        self._store.trial_finished(trial)
        incumbent = self.history.incumbent()
        self._trackers.trial_finished(trial, None if incumbent is None else incumbent.score)

    def fold_failed(self, trial: int, fold: int, result: JobResult) -> None:
        """What went wrong in a job."""
        self._store.job_finished(
            trial,
            fold,
            kind=result.kind,
            seconds=result.seconds,
            message=result.message,
            traceback=result.traceback,
        )

    def fold_done(self, trial: int, fold: int, result: FoldResult, seconds: float) -> None:
        """What a job found, and how long it took but for the imports that only the first job of a worker has."""
        self._fold(trial, fold, result, kind="done", seconds=seconds)

    def _fold(self, trial: int, fold: int, result: FoldResult, *, kind: str, seconds: float) -> None:
        self._store.job_finished(
            trial,
            fold,
            kind=kind,
            loss=result.loss,
            seconds=seconds,
            parts=(result.prepare_seconds, result.fit_seconds, result.predict_seconds) if kind != KEPT else None,
            facts=result.facts,
            costs={name: getattr(result, name) for name in COSTS},
        )

    def folds_kept(self, trial: int, folds: Mapping[int, FoldResult]) -> None:
        """Folds that a trial has from the one that it continues."""
        for fold, result in folds.items():
            self._fold(trial, fold, result, kind=KEPT, seconds=0.0)

    def folds_settled(self, folds: int, note: str, again: list[Trial]) -> None:
        """The search goes on with its first `folds` folds; what they say of trials that were done before. Without a `note`
        these are all that were planned.
        """
        self._store.folds_settled(folds, note, again)
        for trial in again:
            self.settle(trial)


def _kind_of(reason: str) -> str:
    """A reason without its numbers."""
    return re.sub(r"[0-9.]+", "", reason)
