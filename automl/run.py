"""The loop of a run: ask, submit, wait, record, stop. The only place that knows what is running."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING

from automl.admission import Admission, was_cut
from automl.answers import CheckedExecutor
from automl.asking import ANSWER_SECONDS
from automl.fidelity import FOLDS
from automl.fold_count import FoldCount
from automl.fold_jobs import RunContext, columns_file, partial_training
from automl.judging import Judging
from automl.open_trials import OpenTrials
from automl.past import take_up_scores
from automl.proposals import SKIPS_IN_A_ROW, Proposals
from automl.search_record import SearchRecord
from automl.search_result import SearchResult
from automl.settling import Settling
from automl.stacking import SecondLayer
from automl.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.evaluate import FoldResult
    from automl.goals import Cost, Goals
    from automl.history import Candidate, History, Trial
    from automl.past import Past
    from automl.protocols import Executor, JobResult
    from automl.store import Store
    from automl.strategy import Start, Strategy
    from automl.tracking import TrackerGroup

LEAST_SECONDS = 0.05
"""Of the search, in which nothing is begun any more."""


class Search:
    """Runs trials until time, trials or the strategy end, and keeps the ensemble up to date."""

    def __init__(
        self,
        context: RunContext,
        strategy: Strategy | None,
        baselines: Sequence[Candidate],
        executor: Executor,
        store: Store,
        trackers: TrackerGroup,
    ) -> None:
        self.context = context
        self._record = SearchRecord(store, trackers)
        self.executor = CheckedExecutor(executor, warn=lambda message: self._record.warn("executor", message))
        """The executor, whose faults end the search and not the run."""
        self._admission = Admission(context, self.executor.workers)
        self._open = OpenTrials(context, self.executor, self._admission)
        self._proposals = Proposals(
            context, strategy, baselines, warn=lambda message: self._record.warn("strategy", message)
        )
        self._judging = Judging(context, store, self._proposals.is_baseline)
        models = sum(not spec.is_baseline for spec in context.models.values())
        self._second = SecondLayer(wanted=context.stacking, models=models, trials=context.trials, clock=context.clock)
        self._proposals.reserved = self._second.reserved
        self._fold_count = FoldCount(context, self.executor.workers)
        self._settling = Settling(context, self._open, self._judging, self._record, self._fold_count)
        self._stopping = Stopping(self._proposals, self._open, self._settling, self._judging, self._record)
        self._notes: tuple[str, ...] = ()
        self._row: list[Start] = []
        """Suggestions, one after another, that were passed over as too slow."""

    @property
    def history(self) -> History:
        """All trials so far."""
        return self._record.history

    def take_up(self, past: Past) -> None:
        """Go on where a run was interrupted, before `run`: trials that are done are as if they had been done now, and of
        those that were cut off, what is missing is fitted.
        """
        self._record.take_up(past.trials, past.last_id)
        if past.folds is not None:
            self._fold_count.settled = True
            self._admission.use_folds(self.context)
        for trial in past.trials:
            for result in past.results.get(trial.id, {}).values():
                seconds = result.prepare_seconds + result.fit_seconds + result.predict_seconds
                if seconds:  # others were taken over from the trial that is continued
                    whole = replace(trial, budget=trial.comparable_budget)
                    self._admission.job_done(whole, seconds, was_cut(result.facts, seconds, None))
        take_up_scores(self._judging, self._record, past)
        self._proposals.take_up(self.history, past.shown)
        self._settling.take_up(past.results)
        self._second.take_up(self.history, self._judging.first_layer(self.history), self._judging.costs)
        self._take_up_layers(past.more_trials)
        self._notes = past.notes
        for trial in self.history.running()[-1:]:
            self._end_with(trial)
        for trial in self.history.running():
            self._enqueue(trial, kept=past.results.get(trial.id, {}), seconds=past.seconds.get(trial.id, 0.0))

    def _take_up_layers(self, more_trials: int | None) -> None:
        """Of trials that are asked for on top, the second layer has its share only where that leaves some."""
        if more_trials is None:
            return
        if not self._second.open:
            self._proposals.reserved = 0
        elif self._second.reserved >= more_trials:
            self._second.open, self._proposals.reserved = False, 0

    # -- the loop ---------------------------------------------------------------------------------

    def run(self) -> SearchResult:
        """Search until the end; Ctrl+C stops it and keeps what was found."""
        interrupted = False
        try:
            self._loop()
        except KeyboardInterrupt:
            interrupted = True
            self._proposals.stop("stopped by the user")
            self._record.warn("interrupted", "stopped by the user; the best so far is kept")
        self._proposals.close()
        self._stopping.abandon("the search was stopped before all its folds were done")
        self._notes = (*self._notes, *self._stopping.rescue())
        self._judging.update(self.history, final=True)
        if self.context.stacking:
            self._notes = (*self._notes, f"stacking: {self._judging.stacking or self._second.told}")
        return SearchResult(
            history=self.history,
            ensemble=self._judging.current,
            folds=dict(self._judging.folds),
            interrupted=interrupted,
            ended=self._proposals.why_over(self.history),
            notes=(*self._notes, *self._settling.saved),
        )

    def _loop(self) -> None:
        while True:
            passed_over = self._proposals.passed_over
            self._fill()
            if not self._open.running:
                if self._proposals.passed_over > passed_over and not self._proposals.exhausted:
                    continue  # others may be quick enough
                return
            left = self.context.clock.search_left()
            # A little grace: models that stop at the deadline still have to predict and save.
            grace = 0.0 if left == float("inf") else 0.4 * (self.context.clock.left() - left)
            result = self.executor.wait(max(min(left + grace, 0.5), 0.0) if left != float("inf") else 0.5)
            if result is not None:
                self._job_back(result)
                self._stopping.check_patience()
            if self.executor.fault:
                self._proposals.stop(self.executor.fault)
                return
            if left + grace <= 0:
                return
            self._judging.update(self.history, final=False)

    def _fill(self) -> None:
        in_flight = self.executor.workers + 1
        while self._open.running < in_flight and self.context.clock.search_left() > LEAST_SECONDS:
            if self._open.waiting:
                self._open.submit_next()
            elif not self._start_trial():
                return

    # -- starting ---------------------------------------------------------------------------------

    def _start_trial(self) -> bool:
        start = self._proposals.next_baseline() or self._next_above()
        if start is not None:
            self._begin(start)
            return True
        row, began = self._row, time.monotonic()
        while len(row) < SKIPS_IN_A_ROW and self.context.clock.search_left() > LEAST_SECONDS:
            if self._open.running and time.monotonic() - began > ANSWER_SECONDS:
                return False  # who runs may be back; the row goes on after that
            start = self._proposals.next(self.history)
            if start is None:
                if self._proposals.answer_is_late:
                    self._record.copy_history()
                if row and self._proposals.exhausted:
                    break  # nothing else comes: one of these may take what is left of the time
                return False
            waiting = self._open.waiting + self._open.running
            if self._settling.adds_nothing(start) or not (
                reason := self._admission.why_skip(start, self.history, waiting)
            ):
                row.clear()
                self._begin(start)
                return True
            self._record.skip(start, reason)
            row.append(start)
            if not self._open.running and (why := self._admission.why_nothing_is_left(self.history)):
                self._proposals.stop(why)
        self._row = []
        if self._open.running < self.executor.workers:
            last = self._admission.fill(row, self.history, self._open.running)
            if last is not None:
                self._admission.take_the_rest(self._record.next_id)
                self._begin(last)
                return True
        self._proposals.pass_over(len(row))
        return False

    def _next_above(self) -> Start | None:
        """The next trial of the second layer, when that is due and there is time for it."""
        if self._second.open and self._fold_count.settled and not self._proposals.ended and self._second_is_due():
            first = self._judging.first_layer(self.history)
            base = self._second.prepare(first, self._judging.weigh(first))
            if base:
                self._proposals.layered = True
                self._judging.write_columns(base, columns_file(self.context.folder, base))
            else:
                self._proposals.reserved = 0  # the first layer has all trials of the run
        while (start := self._second.next()) is not None:
            reason = self._admission.why_skip(start, self.history, self._open.waiting + self._open.running)
            if not reason:
                return start
            self._record.skip(start, reason)
        return None

    def _second_is_due(self) -> bool:
        """Whether the first layer is over, or the clock says that it is time."""
        idle = not (self._open.running or self._open.waiting)
        if idle and (self._proposals.exhausted or self._proposals.trials_used_up(self.history)):
            return True
        return self._second.in_reach() and self._second.is_due(
            self._judging.first_layer(self.history), self.executor.workers
        )

    def _begin(self, start: Start) -> None:
        whole = partial_training(self.context, start.candidate.model, start.budget).whole
        trial = self._record.begin(start, whole=whole, shown=self._proposals.shown)
        self._end_with(trial)
        self._enqueue(trial, kept={})

    def _end_with(self, trial: Trial) -> None:
        """The last trial that the user allows may take all the time that is left: nothing follows."""
        if not self._proposals.reserved and self._proposals.trials_used_up(self.history):
            self._admission.take_the_rest(trial.id)

    def _enqueue(self, trial: Trial, *, kept: Mapping[int, FoldResult], seconds: float = 0.0) -> None:
        """Open a trial and let its folds be fitted, but for those `kept` from before the run was interrupted, which took so
        many `seconds`.
        """
        partial = partial_training(self.context, trial.candidate.model, trial.budget)
        if self._settling.adds_nothing(trial):
            self._settling.carry(trial, kept)
            return
        active = self._open.open(trial, partial.folds)
        active.folds.update({fold: result for fold, result in kept.items() if fold < partial.folds})
        active.seconds = seconds
        if trial.parent is not None and partial.fidelity == FOLDS.name:
            self._settling.continue_folds(active)
        self._open.enqueue(trial.id, [fold for fold in range(partial.folds) if fold not in active.folds])
        if active.complete:
            self._settling.finish(active)

    # -- recording --------------------------------------------------------------------------------

    def _job_back(self, result: JobResult) -> None:
        active, fold, soft = self._open.job_back(result.id)
        if active is None:  # its trial failed already; this is a cancelled sibling
            return
        imported = result.value.import_seconds if result.kind == "done" else 0.0
        seconds = max(result.seconds - imported, 0.0)  # the next job imports nothing
        active.seconds += seconds
        if result.kind != "done":
            self._record.fold_failed(active.trial.id, fold, result)
            self._settling.fail(active, result.kind, f"fold {fold}: {result.message}")
            return
        value: FoldResult = result.value
        self._record.fold_done(active.trial.id, fold, value, seconds)
        active.folds[fold] = value
        cut = was_cut(value.facts, seconds, soft)
        self._admission.job_done(active.trial, seconds, cut)
        if not self._fold_count.settled and active.trial.is_full and not self._proposals.is_baseline(active.trial):
            usual = self._admission.usual_seconds(active.trial, seconds, cut)
            settled = self._fold_count.fit_done(usual, last=active.complete)
            if settled is not None:
                self._use_folds(*settled)
        for one in self._open.all():  # with fewer folds than before, others may be complete, too
            if one.complete:
                self._settling.finish(one)
        if active.trial.id in self._open and self._fold_count.settled and self._settling.is_hopeless(active):
            self._settling.leave(active)

    def _use_folds(self, folds: int, note: str) -> None:
        """Go on with the first `folds` folds."""
        planned = len(self.context.splits)
        self.context = replace(self.context, splits=self.context.splits[:folds])
        self._admission.use_folds(self.context)
        if folds == planned:
            self._record.folds_settled(folds, "", [])
            return
        self._open.use_folds(self.context)
        self._judging.use_folds(self.context)
        self._notes = (*self._notes, note)
        self._record.folds_settled(folds, note, self._settling.use_folds(self.context))

    # -- ensemble ---------------------------------------------------------------------------------

    @property
    def costs(self) -> Mapping[int, Cost]:
        """What the fitted models of each scored trial cost when they predict, by estimate."""
        return self._judging.costs

    @property
    def folds(self) -> Mapping[int, tuple[int, ...]]:
        """The folds of each scored trial that have a fitted model."""
        return self._judging.folds

    def reselect(self, goals: Goals) -> SearchResult:
        """What comes of the search under other goals, when it is over."""
        self._judging.choose_again(self.history, goals)
        return SearchResult(
            history=self.history, ensemble=self._judging.current, folds=dict(self._judging.folds), interrupted=False
        )
