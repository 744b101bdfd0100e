"""Whether a trial may start, and how long each of its jobs may take."""

from __future__ import annotations

from typing import TYPE_CHECKING

from automl.costs import BEYOND_CUT, Costs, soft_seconds
from automl.fidelity import FOLDS
from automl.fold_jobs import partial_training

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from automl.fold_jobs import RunContext
    from automl.history import History, Trial
    from automl.strategy import Start

FAILURES_BEFORE_REST = 3
"""Failed trials without a success after which a model rests for the remaining time."""
IMPORT_SECONDS = 15.0
"""What jobs of a model get on top until one of them is done, when workers do not have its modules from the start: one then first
imports what the model is made of, and a new worker would only begin again."""
LONGEST_JOB_SECONDS = 3600.0
"""Most that a job may take without a time budget: a model that hangs must not hold up the run for ever."""
CUT_SHARE = 0.85
"""A job that took this share of its time, or more, was ended by the clock: models keep a little for predicting."""
LEAST_SHARE = 0.7
"""A model that can stop early starts when at least this share of its usual training fits into the time."""
CUT = "cut"
"""The fact by which a model says that the deadline ended its training."""
ROOM = 1.3
"""Times what a fit usually takes that a fit may take, where there is time for it."""
FILL_SHARE = 0.05
"""Share of the search time below which the rest of it is left alone when nothing fits into it."""
FILL_MARGIN = 0.85
"""Share of the time left that the last trials train in: predicting and saving follow."""
USUAL_EXTRA_SECONDS = 3.0
"""What jobs get on top of their time once the libraries are there: for predicting and saving."""


class Admission:
    """Predicts costs from what has been measured and keeps trials from starting that cannot end in time."""

    def __init__(self, context: RunContext, workers: int) -> None:
        self._context = context
        self._workers = workers
        self._costs = Costs(context.models, context.fit_seconds, context.task.features, context.task.outputs)
        self._partial: dict[tuple[str, float], list[float]] = {}
        """Seconds of jobs by model and budget: early stopping and fixed costs keep them from being that share of
        a whole job's."""
        self._imported: set[str] = set()
        self._last: set[int] = set()
        """Trials that take all the time that is left."""
        # As many as start at once: they must not take the time of all others before the folds are settled.
        self._folds = min(max(context.least_folds or len(context.splits), workers), len(context.splits))
        """Folds among which a trial's time is divided."""

    def use_folds(self, context: RunContext) -> None:
        """The folds are settled."""
        self._context = context
        self._folds = len(context.splits)

    def usual_seconds(self, trial: Trial, seconds: float, cut: bool) -> float:
        """What a fit of relative cost 1 takes, as far as one job of this trial tells."""
        task = self._context.task
        stated = self._context.models[trial.candidate.model].cost_at(task.features, task.outputs)
        return (BEYOND_CUT if cut else 1.0) * seconds / max(stated * trial.candidate.cost, 1e-9)

    def job_done(self, trial: Trial, seconds: float, cut: bool) -> None:
        """A job of this trial took so long; `cut`: the clock ended it. Continued jobs tell little about whole ones, so
        they do not count.
        """
        model = trial.candidate.model
        self._imported.add(model)
        if trial.parent is not None:
            return
        if partial_training(self._context, model, trial.budget).job_share >= 1.0:
            self._costs.add(model, seconds, scale=trial.candidate.cost, cut=cut)
        else:
            self._partial.setdefault((model, trial.budget), []).append(seconds)

    def why_skip(self, start: Start, history: History, waiting: int) -> str:
        """Why this trial should not start now; empty when it should, and always without a time budget,
        where only counts decide. `waiting` jobs are queued or running already.
        """
        clock = self._context.clock
        if clock.search_end is None:
            return ""
        model = start.candidate.model
        asked = [trial for trial in history if not trial.is_skipped]
        failures = _failures_to_rest(model, asked)
        if failures:
            return f"{model} rests after {failures} failures"
        if not any(self._searches(trial) for trial in asked):
            return ""
        wall, job = self._expected(start, history)
        left = clock.search_left()
        if wall > left - 0.5 * min(waiting, 1) * job:
            return f"about {wall:.1f} s needed, {left:.1f} s left"
        return ""

    def why_nothing_is_left(self, history: History) -> str:
        """Why no trial can start any more, however many are asked for; empty when one can."""
        if self._context.clock.search_end is None:
            return ""
        asked = [trial for trial in history if not trial.is_skipped]
        searched = [name for name, spec in self._context.models.items() if not spec.is_baseline]
        if not searched or not all(_failures_to_rest(model, asked) for model in searched):
            return ""
        return f"all trials of {', '.join(searched)} failed"

    def fill(self, passed_over: Sequence[Start], history: History, running: int) -> Start | None:
        """Of trials that do not fit into the time, the first one that is worth something when it takes all that is left;
        None: the rest of the time is too short. `running` jobs are under way, on as many workers. Models that rest go on
        resting.
        """
        clock = self._context.clock
        if clock.search_end is None or self._context.partial:
            return None
        left = FILL_MARGIN * clock.search_left()
        if left < FILL_SHARE * (clock.search_end - clock.started):
            return None
        job = left / -(-len(self._context.splits) // max(self._workers - running, 1))
        asked = [trial for trial in history if not trial.is_skipped]
        for start in passed_over:
            spec = self._context.models[start.candidate.model]
            usual = self._costs.job_seconds(spec.name, start.candidate.cost)
            if spec.least_share < 1.0 and job >= spec.least_share * usual and not _failures_to_rest(spec.name, asked):
                return start
        return None

    def take_the_rest(self, trial: int) -> None:
        """This trial may take all the time that is left, and none follows it."""
        self._last.add(trial)

    def _expected(self, start: Start, history: History) -> tuple[float, float]:
        """Seconds until the trial would be done if it had all workers, and seconds of one of its jobs."""
        partial = partial_training(self._context, start.candidate.model, start.budget)
        jobs, share = partial.folds, partial.job_share
        if start.parent is not None:
            before = partial_training(self._context, start.candidate.model, history[start.parent].budget)
            jobs = max(jobs - before.folds, 1) if partial.fidelity == FOLDS.name else jobs
            share = max(share - before.job_share, 0.0) if partial.resumable else share
        job = self._costs.job_seconds(start.candidate.model, start.candidate.cost) * share
        measured = self._partial.get((start.candidate.model, start.budget))
        if measured and start.parent is None:
            job = sum(measured) / len(measured)
        if partial.resumable:  # a model that can go on later can also stop early, at its soft limit
            job = min(job, max(self.soft_seconds() or job, LEAST_SHARE * job))
        return job * -(-jobs // self._workers), job

    def _searches(self, trial: Trial) -> bool:
        return not self._context.models[trial.candidate.model].is_baseline

    def soft_seconds(self, trial: Trial | None = None, jobs: int = 1, others: int = 0) -> float | None:
        """Seconds after which a model should stop with what it has; None without a budget. `jobs` of this trial are not
        done, with `others` of other trials under way.

        A trial that was let in because it can come to its end, by what its model took before, gets the time for that.
        """
        clock = self._context.clock
        usual = soft_seconds(clock, workers=self._workers, folds=self._folds)
        if trial is None or usual is None:
            return usual
        most = FILL_MARGIN * max(clock.search_left(), 0.0) / -(-jobs // max(self._workers - others, 1))
        if trial.id in self._last:
            return most
        if not trial.is_full or not self._costs.knows(trial.candidate.model):
            return usual
        whole = ROOM * self._costs.job_seconds(trial.candidate.model, trial.candidate.cost)
        return max(usual, min(whole, most))

    def hard_seconds(self, model: str, soft: float | None) -> float:
        """Seconds after which a job is killed: the user's limit, or what the time budget allows, or
        `LONGEST_JOB_SECONDS` without one.
        """
        asked = self._context.job_seconds
        if soft is None:
            return asked or LONGEST_JOB_SECONDS
        preload = self._context.models[model].preload
        known = model in self._imported or (preload and self._context.preloaded.issuperset(preload))
        extra = USUAL_EXTRA_SECONDS if known else IMPORT_SECONDS
        most = min(2.0 * soft + extra, max(self._context.clock.left(), 0.1))
        return most if asked is None else min(most, asked)


def _failures_to_rest(model: str, asked: Sequence[Trial]) -> int:
    """The failures after which a model rests; 0 when it does not."""
    of_model = [trial for trial in asked if trial.candidate.model == model]
    failures = sum(trial.status == "failed" for trial in of_model)
    rests = failures >= FAILURES_BEFORE_REST and not any(trial.status == "done" for trial in of_model)
    return failures if rests else 0


def was_cut(facts: Mapping[str, float], seconds: float, soft: float | None) -> bool:
    """Whether the clock ended a job: its model says so, or it took about the time after which it should stop. Models
    that train in long steps stop long before.
    """
    return facts.get(CUT, 0.0) > 0 or (soft is not None and seconds >= CUT_SHARE * soft)
