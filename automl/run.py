"""The loop of a run: ask, submit, wait, record, stop. The only place that knows what is running."""

from __future__ import annotations

import shutil
import time
import zlib
from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from automl.costs import Costs, soft_seconds
from automl.ensemble import Ensemble, choose_candidates, select
from automl.errors import RunError
from automl.evaluate import PREDICTIONS_FILE, FoldJob, FoldResult
from automl.history import Candidate, History, Trial
from automl.member import MODEL_FOLDER
from automl.oof import OutOfFold
from automl.protocols import Done, Executor, Job, JobResult, Wait
from automl.store import SKIPPED, Store, fold_folder
from automl.strategy import Start, Strategy

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.clock import Clock
    from automl.data.records import Split
    from automl.fidelity import Fidelity
    from automl.metrics import Metric
    from automl.specs import ModelSpec
    from automl.task import Task
    from automl.tracking import TrackerGroup

JOB_CALL = "automl.evaluate:run_fold"
SKIPS_IN_A_ROW = 25
"""Suggestions that may be passed over, one after another, as too slow for the time that is left."""
FAILURES_BEFORE_REST = 3
"""Failed trials without a success after which a model rests for the remaining time."""
IMPORT_SECONDS = 15.0
"""What jobs of a model get on top until one of them is done, when its plugin preloads nothing: a worker then first
imports what the model is made of, and a new worker would only begin again."""
ENSEMBLE_SHARE = 0.04
"""Share of the elapsed time that keeping the ensemble up to date may take during the search."""
MODELS_KEPT = 60
"""Fitted trials whose files stay on disk while the search runs; predictions of all trials stay."""


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """Everything that stays the same during a run."""

    folder: Path
    run_id: str
    task: Task
    metric: Metric
    models: Mapping[str, ModelSpec]
    fidelities: Mapping[str, Fidelity]
    splits: Sequence[Split]
    target: NDArray[np.generic]
    weight: NDArray[np.float64] | None
    clock: Clock
    seed: int
    threads: int = 1
    memory_bytes: int | None = None
    trials: int | None = None
    fit_seconds: float = 1.0


@dataclass(kw_only=True)
class _Active:
    """A trial whose jobs are not all back."""

    trial: Trial
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


def derive_seed(seed: int, *parts: object) -> int:
    """A seed that depends on nothing but its arguments, the same on every machine."""
    return zlib.crc32(repr((seed, *parts)).encode()) & 0x7FFFFFFF


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
        self.ensemble: Ensemble | None = None
        self._strategy = strategy
        self._baselines = deque(baselines)
        self._executor = executor
        self._store = store
        self._trackers = trackers
        self._oof = OutOfFold(context.splits, len(context.target))
        self._predictions: dict[int, NDArray[np.float32]] = {}
        self._pending: deque[tuple[int, int]] = deque()
        self._active: dict[int, _Active] = {}
        self._jobs: dict[int, tuple[int, int]] = {}
        self._next_job = 1
        self._costs = Costs(context.models, context.fit_seconds)
        self._imported: set[str] = set()
        self._exhausted = strategy is None
        self._ensemble_seconds = 0.0
        self._ensembled = 0
        self._complete: dict[int, tuple[int, ...]] = {}

    # -- the loop ---------------------------------------------------------------------------------

    def run(self) -> SearchResult:
        """Search until the end; Ctrl+C stops it and keeps what was found."""
        interrupted = False
        try:
            self._loop()
        except KeyboardInterrupt:
            interrupted = True
            self._store.event("warning", "interrupted", "stopped by the user; the best so far is kept")
        self._abandon("the search was stopped before all its folds were done")
        self._rescue()
        self._update_ensemble(final=True)
        return SearchResult(
            history=self.history, ensemble=self.ensemble, folds=dict(self._complete), interrupted=interrupted
        )

    def _loop(self) -> None:
        while True:
            self._fill()
            if not self._jobs:
                return
            left = self.context.clock.search_left()
            # A little grace: models that stop at the deadline still have to predict and save.
            grace = 0.0 if left == float("inf") else 0.4 * (self.context.clock.left() - left)
            result = self._executor.wait(min(left + grace, 0.5) if left != float("inf") else 0.5)
            if result is not None:
                self._record(result)
            if left + grace <= 0:
                return
            self._update_ensemble(final=False)

    def _fill(self) -> None:
        in_flight = self._executor.workers + 1
        while len(self._jobs) < in_flight and self.context.clock.search_left() > 0.05:
            if not self._pending and not self._start_trial():
                return
            self._submit(*self._pending.popleft())

    # -- starting ---------------------------------------------------------------------------------

    def _start_trial(self) -> bool:
        if self._baselines:
            self._begin(Start(candidate=self._baselines.popleft()))
            return True
        for _ in range(SKIPS_IN_A_ROW):
            if self._exhausted or self._strategy is None or self._trials_used_up():
                return False
            match self._strategy.ask(self.history):
                case Start() as start:
                    reason = self._why_skip(start)
                    if not reason:
                        self._begin(start)
                        return True
                    self._skip(start, reason)
                case Wait():
                    return False
                case Done():
                    self._exhausted = True
        # Time only gets shorter: what is too slow now stays too slow.
        self._exhausted = True
        return False

    def _trials_used_up(self) -> bool:
        if self.context.trials is None:
            return False
        used = sum(not self._is_baseline(trial) for trial in self.history)
        return used >= self.context.trials

    def _is_baseline(self, trial: Trial) -> bool:
        return self.context.models[trial.candidate.model].is_baseline

    def _why_skip(self, start: Start) -> str:
        """Why this trial should not start now; empty without a time budget, where only counts decide."""
        if self.context.clock.search_end is None:
            return ""
        model = start.candidate.model
        of_model = [trial for trial in self.history if trial.candidate.model == model and trial.kind != SKIPPED]
        failures = sum(trial.status == "failed" for trial in of_model)
        if failures >= FAILURES_BEFORE_REST and not any(trial.status == "done" for trial in of_model):
            return f"{model} rests after {failures} failures"
        if not any(not self._is_baseline(trial) and trial.kind != SKIPPED for trial in self.history):
            return ""
        job = self._costs.job_seconds(model) * start.budget
        waiting = len(self._pending) + len(self._jobs)
        wall = job * -(-len(self.context.splits) // self._executor.workers)
        left = self.context.clock.search_left()
        if wall > left - 0.5 * min(waiting, 1) * job:
            return f"about {wall:.1f} s needed, {left:.1f} s left"
        return ""

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
        self._active[trial.id] = _Active(trial=trial)
        self._pending.extend((trial.id, fold) for fold in range(len(self.context.splits)))
        self._store.trial_started(trial)
        self._trackers.trial_started(trial)

    def _submit(self, trial_id: int, fold: int) -> None:
        context = self.context
        trial = self._active[trial_id].trial
        soft = soft_seconds(
            context.clock,
            workers=self._executor.workers,
            folds=len(context.splits),
            queued=0 if self._strategy is None else self._strategy.queued(self.history),
        )
        number, self._next_job = self._next_job, self._next_job + 1
        model = trial.candidate.model
        extra = 3.0 if model in self._imported or context.models[model].preload else IMPORT_SECONDS
        hard = None if soft is None else min(2.0 * soft + extra, max(context.clock.left(), 0.1))
        self._jobs[number] = (trial_id, fold)
        self._executor.submit(
            Job(
                id=number,
                call=JOB_CALL,
                argument=self.fold_job(trial, fold, soft),
                seconds=hard,
                memory_bytes=context.memory_bytes,
            )
        )

    def fold_job(self, trial: Trial, fold: int, soft: float | None) -> FoldJob:
        """What a worker is told to fit one fold of a trial."""
        context = self.context
        spec = context.models[trial.candidate.model]
        fidelity, rows_share = budget_values(spec, context.fidelities, trial.budget)
        checkpoint = None
        if trial.parent is not None and rows_share >= 1.0:
            checkpoint = fold_folder(context.folder, trial.parent, fold) / MODEL_FOLDER
        return FoldJob(
            run_folder=context.folder,
            run_id=context.run_id,
            task=context.task,
            factory=spec.factory,
            form=spec.form,
            config=trial.candidate.config,
            metric=context.metric,
            fold=fold,
            seed=derive_seed(context.seed, trial.candidate.id, fold),
            fidelity=fidelity,
            rows_share=rows_share,
            soft_seconds=soft,
            end=context.clock.search_end,
            threads=context.threads,
            checkpoint=checkpoint,
            folder=fold_folder(context.folder, trial.id, fold),
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
        self._imported.add(active.trial.candidate.model)
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
        self._costs.add(active.trial.candidate.model, result.seconds)
        if len(active.folds) == len(self.context.splits):
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
        import numpy as np

        del self._active[active.trial.id]
        context, trial = self.context, active.trial
        folds = {
            fold: np.load(fold_folder(context.folder, trial.id, fold) / PREDICTIONS_FILE, allow_pickle=False)
            for fold in active.folds
        }
        rows, predictions = self._oof.combine(folds)
        weight = None if context.weight is None else context.weight[rows]
        try:
            score = context.metric.score(context.target[rows], predictions, weight)
        except RunError as error:
            self._settle(replace(trial, status="failed", kind="metric", message=str(error), seconds=active.seconds))
            return
        losses = tuple(active.folds[fold].loss for fold in sorted(active.folds))
        names = sorted({name for result in active.folds.values() for name in result.facts})
        facts = {
            name: float(np.mean([r.facts[name] for r in active.folds.values() if name in r.facts])) for name in names
        }
        if len(rows) == len(self._oof.covered):
            self._predictions[trial.id] = predictions
        self._complete[trial.id] = tuple(sorted(active.folds))
        self._settle(
            replace(
                trial,
                status="done",
                score=score,
                loss=context.metric.distance(score),
                fold_losses=tuple(loss for loss in losses if loss is not None),
                seconds=active.seconds,
                facts=facts,
            )
        )

    def _settle(self, trial: Trial) -> None:
        self.history = self.history.with_trial(trial)
        self._store.trial_finished(trial)
        self._trackers.trial_finished(trial, self._best_score())

    def _best_score(self) -> float | None:
        incumbent = self.history.incumbent()
        return None if incumbent is None else incumbent.score

    # -- stopping ---------------------------------------------------------------------------------

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

    def _update_ensemble(self, *, final: bool) -> None:
        trials = [trial for trial in self.history.full() if not self._is_baseline(trial)]
        if not final and (self.context.clock.end is None or len(trials) == self._ensembled):
            return  # without a clock only the end counts, so that the result does not depend on timing
        if not final and self._ensemble_seconds > ENSEMBLE_SHARE * self.context.clock.elapsed():
            return
        started = time.monotonic()
        pooled = [trial for trial in trials if trial.id in self._predictions]
        if not pooled:
            pooled = trials[:1] or self.history.full()[:1]
        self.ensemble = self._select(pooled, final=final)
        self._ensembled = len(trials)
        if self.ensemble is not None:
            self._store.set_weights(self.ensemble.weights)
        self._prune(trials)
        self._ensemble_seconds += time.monotonic() - started

    def _select(self, trials: list[Trial], *, final: bool) -> Ensemble | None:
        if not trials:
            return None
        if len(trials) == 1 or trials[0].id not in self._predictions:
            best = min(trials, key=lambda trial: (trial.loss, trial.id))
            assert best.loss is not None
            return Ensemble(weights={best.id: 1.0}, loss=best.loss)
        context = self.context
        rows = self._oof.covered
        truth = context.target[rows]
        weight = None if context.weight is None else context.weight[rows]
        deadline: float | None = None
        if context.clock.end is not None:
            spare = 0.3 * context.clock.left() if final else 0.5
            deadline = time.monotonic() + spare
        chosen = choose_candidates(trials)
        return select(
            {trial.id: self._predictions[trial.id] for trial in chosen},
            lambda mean: context.metric.loss(truth, mean, weight),
            deadline=deadline,
        )

    def _prune(self, trials: list[Trial]) -> None:
        """Remove the fitted files of trials that have no prospect of joining the ensemble."""
        if len(trials) <= MODELS_KEPT:
            return
        kept = {trial.id for trial in choose_candidates(trials, limit=MODELS_KEPT)}
        kept |= set(self.ensemble.weights) if self.ensemble else set()
        for trial in trials:
            if trial.id not in kept and trial.id in self._predictions:
                del self._predictions[trial.id]
                for fold in self._complete[trial.id]:
                    for name in ("model", "matrix"):
                        shutil.rmtree(fold_folder(self.context.folder, trial.id, fold) / name, ignore_errors=True)


def budget_values(spec: ModelSpec, fidelities: Mapping[str, Fidelity], budget: float) -> tuple[dict[str, float], float]:
    """Values of the model's default fidelity for a budget, and the share of rows (1 unless rows are scaled)."""
    if budget >= 1.0:
        return {}, 1.0
    if not spec.fidelities:
        return {}, budget
    first = spec.fidelities[0]
    fidelity = fidelities[first] if isinstance(first, str) else first
    if fidelity.name == "rows":
        return {}, fidelity.value(budget)
    return {fidelity.name: fidelity.value(budget)}, 1.0
