"""The loop of a run: ask, submit, wait, record, stop. The only place that knows what is running."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from automl.admission import Admission
from automl.errors import RunError
from automl.fidelity import FOLDS
from automl.finals import finalist, finals_are_due
from automl.fold_jobs import JOB_CALL, RunContext, keep_folds, make_fold_job, partial_training
from automl.history import Candidate, History, Trial
from automl.live_ensemble import LiveEnsemble
from automl.patience import patience_ends
from automl.protocols import Done, Executor, Job, JobResult, Wait
from automl.store import SKIPPED, UNCOUNTED, Store
from automl.strategy import Start, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.ensemble import Ensemble
    from automl.evaluate import FoldResult
    from automl.goals import Cost, Goals
    from automl.tracking import TrackerGroup

KEPT = "kept"
"""Kind of a job whose result was taken from the trial that is continued."""
SKIPS_IN_A_ROW = 25
"""Suggestions that are passed over, one after another, as too slow for the time that is left, before waiting."""
SKIPS_IN_ALL = 500
"""Suggestions passed over in such rows after which nobody is asked any more."""


@dataclass(kw_only=True)
class _Active:
    """A trial whose jobs are not all back."""

    trial: Trial
    wanted: int
    """Folds that it needs to be done."""
    folds: dict[int, FoldResult] = field(default_factory=dict)
    seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class SearchResult:
    """What a search leaves behind."""

    history: History
    ensemble: Ensemble | None
    folds: Mapping[int, tuple[int, ...]]
    """Folds that each member's trial has."""
    interrupted: bool
    ended: str = ""
    """Why the search ended, in words."""
    limited: bool = False
    """Whether a limit on latency or size left nothing but a baseline."""


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
        self.history = History()
        self._strategy = strategy
        self._baselines = deque(baselines)
        self._executor = executor
        self._store = store
        self._trackers = trackers
        self._live = LiveEnsemble(
            context.folder,
            metric=context.metric,
            splits=context.splits,
            target=context.target,
            weight=context.weight,
            clock=context.clock,
        )
        self._pending: deque[tuple[int, int]] = deque()
        self._active: dict[int, _Active] = {}
        self._jobs: dict[int, tuple[int, int]] = {}
        self._results: dict[int, dict[int, FoldResult]] = {}
        self._passed_over = 0
        self._next_job = 1
        self._admission = Admission(context, executor.workers)
        self._exhausted = strategy is None
        self._ended = ""

    # -- the loop ---------------------------------------------------------------------------------

    def run(self) -> SearchResult:
        """Search until the end; Ctrl+C stops it and keeps what was found."""
        interrupted = False
        try:
            self._loop()
        except KeyboardInterrupt:
            interrupted = True
            self._ended = "stopped by the user"
            self._store.event("warning", "interrupted", "stopped by the user; the best so far is kept")
        self._abandon("the search was stopped before all its folds were done")
        self._rescue()
        self._update_ensemble(final=True)
        return SearchResult(
            history=self.history,
            ensemble=self._live.current,
            folds=dict(self._live.folds),
            interrupted=interrupted,
            ended=self._ended or self._why_over(),
        )

    def _why_over(self) -> str:
        if self.context.clock.search_left() <= 0:
            return "its time is over"
        if self._trials_used_up():
            return f"{self.context.trials} trials were made"
        return "nothing was left to try" if self._strategy is not None else "no model but the baseline can be used"

    def _loop(self) -> None:
        while True:
            passed_over = self._passed_over
            self._fill()
            if not self._jobs:
                if self._passed_over > passed_over and not self._exhausted:
                    continue  # others may be quick enough
                return
            left = self.context.clock.search_left()
            # A little grace: models that stop at the deadline still have to predict and save.
            grace = 0.0 if left == float("inf") else 0.4 * (self.context.clock.left() - left)
            result = self._executor.wait(min(left + grace, 0.5) if left != float("inf") else 0.5)
            if result is not None:
                self._record(result)
                self._check_patience()
            if left + grace <= 0:
                return
            self._update_ensemble(final=False)

    def _fill(self) -> None:
        in_flight = self._executor.workers + 1
        while len(self._jobs) < in_flight and self.context.clock.search_left() > 0.05:
            if self._pending:
                self._submit(*self._pending.popleft())
            elif not self._start_trial():
                return

    # -- starting ---------------------------------------------------------------------------------

    def _start_trial(self) -> bool:
        if self._baselines:
            self._begin(Start(candidate=self._baselines.popleft()))
            return True
        for _ in range(SKIPS_IN_A_ROW):
            if self._exhausted or self._strategy is None or self._trials_used_up():
                return False
            step = self._next_step(self._strategy)
            if isinstance(step, Start) and step.candidate.model not in self.context.models:
                step = self._give_up(f"it suggested the model {step.candidate.model!r}, which this run does not have")
            match step:
                case Start() as start:
                    reason = self._admission.why_skip(start, self.history, len(self._pending) + len(self._jobs))
                    if not reason:
                        self._begin(start)
                        return True
                    self._skip(start, reason)
                case Wait():
                    return False
                case Done():
                    self._exhausted = True
        self._passed_over += SKIPS_IN_A_ROW
        self._exhausted = self._exhausted or self._passed_over >= SKIPS_IN_ALL
        return False

    def _next_step(self, strategy: Strategy) -> Start | Wait | Done:
        if self.context.partial and finals_are_due(self.context.clock):
            start = finalist(self.history)
            if start is not None:
                return start
        try:
            return strategy.ask(self.history)
        except Exception as error:  # noqa: BLE001 - a plugin's fault, whatever it is, must not cost what was found
            return self._give_up(f"{type(error).__name__}: {error}")

    def _give_up(self, fault: str) -> Done:
        """The strategy is not asked any more; what runs is finished, what was found counts."""
        self._ended = f"the search strategy failed: {fault}"
        self._store.event("warning", "strategy", self._ended)
        return Done()

    def _trials_used_up(self) -> bool:
        if self.context.trials is None:
            return False
        used = sum(not self._is_baseline(trial) and trial.kind not in UNCOUNTED for trial in self.history)
        return used >= self.context.trials

    def _is_baseline(self, trial: Trial) -> bool:
        return self.context.models[trial.candidate.model].is_baseline

    def _skip(self, start: Start, reason: str) -> None:
        trial = Trial(
            id=self.history.next_id,
            candidate=start.candidate,
            budget=start.budget,
            status="failed",
            kind=SKIPPED,
            message=reason,
            parent=start.parent,
        )
        self.history = self.history.with_trial(trial)
        self._store.trial_finished(trial)

    def _begin(self, start: Start) -> None:
        trial = Trial(id=self.history.next_id, candidate=start.candidate, budget=start.budget, parent=start.parent)
        self.history = self.history.with_trial(trial)
        partial = partial_training(self.context, trial.candidate.model, trial.budget)
        active = _Active(trial=trial, wanted=partial.folds)
        self._active[trial.id] = active
        self._store.trial_started(trial)
        self._trackers.trial_started(trial)
        if trial.parent is not None and partial.fidelity == FOLDS.name:
            self._continue_folds(active, trial.parent)
        self._pending.extend((trial.id, fold) for fold in range(partial.folds) if fold not in active.folds)
        if len(active.folds) == active.wanted:
            self._finish(active)

    def _continue_folds(self, active: _Active, parent: int) -> None:
        """Where folds are the fidelity, those of the trial that is continued count and are not fitted again."""
        active.folds.update(self._results[parent])
        keep_folds(self.context, parent, active.trial.id, active.folds)
        for fold, result in active.folds.items():
            self._store.job_finished(active.trial.id, fold, kind=KEPT, loss=result.loss, facts=result.facts)

    def _submit(self, trial_id: int, fold: int) -> None:
        trial = self._active[trial_id].trial
        soft = self._admission.soft_seconds(0 if self._strategy is None else self._strategy.queued(self.history))
        number, self._next_job = self._next_job, self._next_job + 1
        self._jobs[number] = (trial_id, fold)
        self._executor.submit(
            Job(
                id=number,
                call=JOB_CALL,
                argument=make_fold_job(self.context, trial, fold, soft),
                seconds=self._admission.hard_seconds(trial.candidate.model, soft),
                memory_bytes=self.context.memory_bytes,
            )
        )

    # -- recording --------------------------------------------------------------------------------

    def _record(self, result: JobResult) -> None:
        trial_id, fold = self._jobs.pop(result.id)
        active = self._active.get(trial_id)
        if active is None:  # its trial failed already; this is a cancelled sibling
            return
        active.seconds += result.seconds
        if result.kind != "done":
            self._store.job_finished(
                trial_id,
                fold,
                kind=result.kind,
                seconds=result.seconds,
                message=result.message,
                traceback=result.traceback,
            )
            self._fail(active, result.kind, f"fold {fold}: {result.message}")
            return
        value: FoldResult = result.value
        self._store.job_finished(
            trial_id,
            fold,
            kind="done",
            loss=value.loss,
            seconds=result.seconds,
            parts=(value.prepare_seconds, value.fit_seconds, value.predict_seconds),
            facts=value.facts,
        )
        active.folds[fold] = value
        self._admission.job_done(active.trial, result.seconds)
        if len(active.folds) == active.wanted:
            self._finish(active)

    def _fail(self, active: _Active, kind: str, message: str) -> None:
        trial = replace(active.trial, status="failed", kind=kind, message=message, seconds=active.seconds)
        self._drop(trial.id)
        self._settle(trial)

    def _drop(self, trial_id: int) -> None:
        """Forget a trial's open jobs."""
        del self._active[trial_id]
        self._pending = deque(item for item in self._pending if item[0] != trial_id)
        for number, (owner, _) in self._jobs.items():
            if owner == trial_id:
                self._executor.cancel(number)

    def _finish(self, active: _Active) -> None:
        del self._active[active.trial.id]
        trial, results = active.trial, [active.folds[fold] for fold in sorted(active.folds)]
        try:
            score = self._judge(trial, active.folds)
        except RunError as error:
            self._settle(replace(trial, status="failed", kind="metric", message=str(error), seconds=active.seconds))
            return
        if not trial.is_full:
            self._results[trial.id] = dict(active.folds)
        self._settle(
            replace(
                trial,
                status="done",
                score=score,
                loss=self.context.metric.distance(score),
                fold_losses=tuple(result.loss for result in results if result.loss is not None),
                seconds=active.seconds,
                facts=_mean_facts(results),
                row_ms=self._live.costs[trial.id].row_ms if trial.is_full else None,
                megabytes=self._live.costs[trial.id].megabytes,
            )
        )

    def _judge(self, trial: Trial, results: Mapping[int, FoldResult]) -> float:
        was_slow = self._live.slow_seconds
        score = self._live.score(trial.id, dict(sorted(results.items())), keep=trial.is_full)
        if self._live.slow_seconds and not was_slow:
            self._store.event(
                "warning",
                "slow-metric",
                f"metric {self.context.metric.name} may take {self._live.slow_seconds:.1f} s on all rows: trials are "
                "judged by the mean of their folds, ensembles by a sample of the rows",
            )
        return score

    def _settle(self, trial: Trial) -> None:
        self.history = self.history.with_trial(trial)
        self._store.trial_finished(trial)
        self._trackers.trial_finished(trial, self._best_score())

    def _best_score(self) -> float | None:
        incumbent = self.history.incumbent()
        return None if incumbent is None else incumbent.score

    # -- stopping ---------------------------------------------------------------------------------

    def _check_patience(self) -> None:
        """End the search when nothing better came for as many full trials as the user has patience for."""
        patience = self.context.patience
        found = None if patience is None or self._ended else patience_ends(self.history, patience, self._is_baseline)
        if found is None:
            return
        last, best = found
        better = "none succeeded" if best is None else f"trial {best} stayed the best"
        self._ended = f"no patience left: {better} for {patience} full trials"
        self._exhausted = True
        self._baselines.clear()
        for trial in [one for one in self.history if one.id > last]:
            if trial.id in self._active:
                self._fail(self._active[trial.id], "cancelled", "patience was over")
            elif self.context.clock.end is None and trial.status == "done":
                # It ran only because there were several workers: one worker would not have begun it.
                self._live.discard(trial.id)
                self._settle(replace(trial, status="failed", kind="cancelled", message="patience was over"))

    def _abandon(self, reason: str) -> None:
        """Cancel what is open; trials with some folds done wait in `_active` for `_rescue`."""
        self._pending.clear()
        for number in self._jobs:
            self._executor.cancel(number)
        self._jobs.clear()
        for trial_id in [number for number, active in self._active.items() if not active.folds]:
            self._fail(self._active[trial_id], "cancelled", reason)

    def _rescue(self) -> None:
        """When no real model finished all folds, the trial that finished most of them counts as it is."""
        done = any(not self._is_baseline(trial) for trial in self.history.full())
        open_trials = sorted(self._active.values(), key=lambda active: (-len(active.folds), active.trial.id))
        for active in open_trials:
            if not done and not self._is_baseline(active.trial):
                folds, total = len(active.folds), len(self.context.splits)
                self._store.event(
                    "warning",
                    "partial-trial",
                    f"trial {active.trial.id}: time allowed {folds} of {total} folds; it counts",
                )
                self._finish(active)
                done = True
            else:
                self._fail(active, "cancelled", "the search ended before all its folds were done")

    # -- ensemble ---------------------------------------------------------------------------------

    @property
    def costs(self) -> Mapping[int, Cost]:
        """What the fitted models of each scored trial cost when they predict, by estimate."""
        return self._live.costs

    @property
    def folds(self) -> Mapping[int, tuple[int, ...]]:
        """The folds of each scored trial that have a fitted model."""
        return self._live.folds

    def reselect(self, goals: Goals) -> SearchResult:
        """What comes of the search under other goals, when it is over."""
        self._live.forget(goals)
        self._update_ensemble(final=True)
        return SearchResult(
            history=self.history, ensemble=self._live.current, folds=dict(self._live.folds), interrupted=False
        )

    def _update_ensemble(self, *, final: bool) -> None:
        full = self.history.full()
        trials = [trial for trial in full if not self._is_baseline(trial)]
        baselines = [trial for trial in full if self._is_baseline(trial)]
        told = self._live.unjudged
        if self._live.update(trials, baselines, final=final) and self._live.current is not None:
            self._store.set_weights(self._live.current.weights)
        if self._live.unjudged and not told:
            self._store.event("warning", "metric", f"the best trial stands alone: {self._live.unjudged}")


def _mean_facts(results: Sequence[FoldResult]) -> dict[str, float]:
    """What the folds reported, averaged over those that reported it."""
    named: dict[str, list[float]] = {}
    for result in results:
        for name, value in result.facts.items():
            named.setdefault(name, []).append(value)
    return {name: sum(values) / len(values) for name, values in sorted(named.items())}
