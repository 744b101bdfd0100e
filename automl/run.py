"""The loop of a run: ask, submit, wait, record, stop. The only place that knows what is running."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

from automl.admission import Admission, was_cut
from automl.answers import CheckedExecutor
from automl.early_discard import EarlyDiscard
from automl.errors import RunError
from automl.fidelity import FOLDS
from automl.fold_count import FoldCount
from automl.fold_jobs import RunContext, columns_file, keep_folds, partial_training
from automl.history import DISCARDED
from automl.judging import Judging
from automl.open_trials import OpenTrial, OpenTrials
from automl.patience import patience_ends
from automl.proposals import SKIPS_IN_A_ROW, Proposals
from automl.run_folder import trial_folder
from automl.search_record import SearchRecord
from automl.search_result import SearchResult
from automl.stacking import SecondLayer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.evaluate import FoldResult
    from automl.goals import Cost, Goals
    from automl.history import Candidate, History, Trial
    from automl.protocols import Executor, JobResult
    from automl.store import Store
    from automl.strategy import Start, Strategy
    from automl.tracking import TrackerGroup


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
        self._early = EarlyDiscard(context)
        models = sum(not spec.is_baseline for spec in context.models.values())
        self._second = SecondLayer(wanted=context.stacking, models=models, trials=context.trials, clock=context.clock)
        self._proposals.reserved = self._second.reserved
        self._results: dict[int, dict[int, FoldResult]] = {}
        self._fold_count = FoldCount(context, self.executor.workers)
        self._notes: tuple[str, ...] = ()

    @property
    def history(self) -> History:
        """All trials so far."""
        return self._record.history

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
        self._abandon("the search was stopped before all its folds were done")
        self._rescue()
        self._judging.update(self.history, final=True)
        if self.context.stacking:
            self._notes = (*self._notes, f"stacking: {self._judging.stacking or self._second.told}")
        return SearchResult(
            history=self.history,
            ensemble=self._judging.current,
            folds=dict(self._judging.folds),
            interrupted=interrupted,
            ended=self._proposals.why_over(self.history),
            notes=(*self._notes, *self._early.saved.told()),
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
            result = self.executor.wait(min(left + grace, 0.5) if left != float("inf") else 0.5)
            if result is not None:
                self._job_back(result)
                self._check_patience()
            if self.executor.fault:
                self._proposals.stop(self.executor.fault)
                return
            if left + grace <= 0:
                return
            self._judging.update(self.history, final=False)

    def _fill(self) -> None:
        in_flight = self.executor.workers + 1
        while self._open.running < in_flight and self.context.clock.search_left() > 0.05:
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
        passed_over = []
        for _ in range(SKIPS_IN_A_ROW):
            start = self._proposals.next(self.history)
            if start is None:
                return False
            reason = self._admission.why_skip(start, self.history, self._open.waiting + self._open.running)
            if not reason:
                self._begin(start)
                return True
            self._record.skip(start, reason)
            passed_over.append(start)
            if not self._open.running and (why := self._admission.why_nothing_is_left(self.history)):
                self._proposals.stop(why)
        if self._open.running < self.executor.workers:
            last = self._admission.fill(passed_over, self.history, self._open.running)
            if last is not None:
                self._admission.take_the_rest(self.history.next_id)
                self._begin(last)
                return True
        self._proposals.pass_over()
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
        trial = self._record.begin(start)
        partial = partial_training(self.context, trial.candidate.model, trial.budget)
        active = self._open.open(trial, partial.folds)
        if trial.parent is not None and partial.fidelity == FOLDS.name:
            self._continue_folds(active, trial.parent)
        self._open.enqueue(trial.id, [fold for fold in range(partial.folds) if fold not in active.folds])
        if active.complete:
            self._finish(active)

    def _continue_folds(self, active: OpenTrial, parent: int) -> None:
        """Where folds are the fidelity, those of the trial that is continued count and are not fitted again."""
        active.folds.update(self._results[parent])
        keep_folds(self.context, parent, active.trial.id, active.folds)
        self._record.folds_kept(active.trial.id, active.folds)

    # -- recording --------------------------------------------------------------------------------

    def _job_back(self, result: JobResult) -> None:
        active, fold, soft = self._open.job_back(result.id)
        if active is None:  # its trial failed already; this is a cancelled sibling
            return
        active.seconds += result.seconds
        if result.kind != "done":
            self._record.fold_failed(active.trial.id, fold, result)
            self._fail(active, result.kind, f"fold {fold}: {result.message}")
            return
        value: FoldResult = result.value
        self._record.fold_done(active.trial.id, fold, value, result.seconds)
        active.folds[fold] = value
        cut = was_cut(value.facts, result.seconds, soft)
        self._admission.job_done(active.trial, result.seconds, cut)
        if not self._fold_count.settled and active.trial.is_full and not self._proposals.is_baseline(active.trial):
            seconds = self._admission.usual_seconds(active.trial, result.seconds, cut)
            settled = self._fold_count.fit_done(seconds, last=active.complete)
            if settled is not None:
                self._use_folds(*settled)
        for one in self._open.all():  # with fewer folds than before, others may be complete, too
            if one.complete:
                self._finish(one)
        if active.trial.id in self._open and self._fold_count.settled and self._is_hopeless(active):
            self._leave(active)

    def _is_hopeless(self, active: OpenTrial) -> bool:
        if active.trial.candidate.base:  # it is worth what it adds, not what it is beside those that it stands on
            return False
        ensemble = self._judging.current
        weights = {} if ensemble is None else ensemble.weights
        # Scores of a second layer may be too good: against them, all would look hopeless.
        first = (trial for trial in self.history.full() if trial.loss is not None and not trial.candidate.base)
        incumbent = min(first, key=lambda trial: (trial.loss, trial.id), default=None)
        return self._early.hopeless(active.trial, active.folds, active.wanted, incumbent, weights)

    def _leave(self, active: OpenTrial) -> None:
        """Early discard: the folds that are done are what the trial had; strategies learn from them as from any smaller
        budget, and the ensemble does without it.
        """
        self._open.close(active.trial.id)
        self._early.saved.trials += 1
        self._early.saved.jobs += active.wanted - len(active.folds)
        share = len(active.folds) / active.wanted
        message = f"early discard after {len(active.folds)} of {active.wanted} folds"
        trial = replace(active.trial, budget=share, seconds=active.seconds, kind=DISCARDED, message=message)
        self._record.settle(self._judged(trial, active.folds))
        shutil.rmtree(trial_folder(self.context.folder, trial.id), ignore_errors=True)

    def _use_folds(self, folds: int, note: str) -> None:
        """Go on with the first `folds` folds."""
        planned = len(self.context.splits)
        self.context = replace(self.context, splits=self.context.splits[:folds])
        self._admission.use_folds(self.context)
        if folds == planned:
            return
        self._open.use_folds(self.context)
        self._judging.use_folds(self.context)
        self._notes = (*self._notes, note)
        again = []
        for trial in self.history.full():  # baselines: they are judged by the same rows as all others
            results = {fold: result for fold, result in self._results[trial.id].items() if fold < folds}
            again.append(self._judged(trial, results))
        self._record.folds_settled(folds, note, again)

    def _fail(self, active: OpenTrial, kind: str, message: str) -> None:
        trial = replace(active.trial, status="failed", kind=kind, message=message, seconds=active.seconds)
        self._open.close(trial.id)
        self._record.settle(trial)

    def _finish(self, active: OpenTrial) -> None:
        self._open.close(active.trial.id)
        trial = self._judged(replace(active.trial, seconds=active.seconds), active.folds)
        if trial.status == "done":
            trial = replace(trial, facts=active.mean_facts())
            if not trial.is_full or not self._fold_count.settled:
                self._results[trial.id] = dict(active.folds)
        self._record.settle(trial)

    def _judged(self, trial: Trial, results: Mapping[int, FoldResult]) -> Trial:
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

    # -- stopping ---------------------------------------------------------------------------------

    def _check_patience(self) -> None:
        """End the search when nothing better came for as many full trials as the user has patience for."""
        patience = self.context.patience
        if patience is None or self._proposals.ended:
            return
        found = patience_ends(
            self.history, patience, lambda trial: self._proposals.is_baseline(trial) or bool(trial.candidate.base)
        )
        if found is None:
            return
        last, best = found
        better = "none succeeded" if best is None else f"trial {best} stayed the best"
        self._proposals.stop(f"no patience left: {better} for {patience} full trials")
        for trial in [one for one in self.history if one.id > last]:
            if trial.id in self._open:
                self._fail(self._open[trial.id], "cancelled", "patience was over")
            elif self.context.clock.end is None and trial.status == "done":
                # It ran only because there were several workers: one worker would not have begun it.
                self._judging.discard(trial.id)
                self._record.settle(replace(trial, status="failed", kind="cancelled", message="patience was over"))

    def _abandon(self, reason: str) -> None:
        """Cancel what is open; trials with some folds done stay open for `_rescue`."""
        self._open.cancel_jobs()
        for active in self._open.all():
            if not active.folds:
                self._fail(active, "cancelled", reason)

    def _rescue(self) -> None:
        """When no real model finished all folds, the trial that finished most of them counts as it is."""
        done = any(not self._proposals.is_baseline(trial) for trial in self.history.full())
        open_trials = sorted(self._open.all(), key=lambda active: (-len(active.folds), active.trial.id))
        for active in open_trials:
            if not done and not self._proposals.is_baseline(active.trial):
                folds, total = len(active.folds), len(self.context.splits)
                self._record.warn(
                    "partial-trial",
                    f"trial {active.trial.id}: time allowed {folds} of {total} folds; it counts",
                )
                self._finish(active)
                done = True
            else:
                self._fail(active, "cancelled", "the search ended before all its folds were done")
        for trial in self.history.running():  # Ctrl+C came just as its last fold was taken in
            self._record.settle(replace(trial, status="failed", kind="cancelled", message="the search was stopped"))

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
