"""What implementations look like: Model, Sampler, Scheduler, Executor, Tracker.

These are structural: a plugin's class needs the methods, not the base class.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from numpy.typing import NDArray

    from automl.data.records import Finding, ImageData, MatrixData, TableData
    from automl.history import Candidate, History, Trial
    from automl.task import Task

ConfigValue = str | bool | int | float | None
Config = Mapping[str, ConfigValue]
"""Hyperparameters of one model, plain Python values."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """How much one fit may spend."""

    fidelity: Mapping[str, float] = field(default_factory=dict)
    """Values of the model's own fidelities for this budget, e.g. ``{"rounds": 250.0}``; a name that is
    absent means full training."""
    full: Mapping[str, float] = field(default_factory=dict)
    """Values of the same fidelities at full training, which schedules of learning rates run towards; a name that is
    absent means what the model's spec says."""
    deadline: float | None = None
    """`time.monotonic()` by which `fit` should have returned with what it has; None: no limit."""
    threads: int = 1
    device: str = "cpu"
    """``cpu``, or one of the kinds that the spec names, perhaps with a number: ``cuda:1``."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """What the folds reported, on average, when a trial is refitted on all rows: a model that chose something while it
    was fitted reports it, and takes it from here. Empty otherwise."""
    checkpoint: Path | None = None
    """Folder that `save` of the same configuration and fold wrote at a lower budget: continue from it. The rows are the
    same; what was fitted on their target (target means) must be fitted again out of fold, as it was the first time."""

    def seconds_left(self) -> float:
        """Seconds until the deadline, infinity without one."""
        return float("inf") if self.deadline is None else self.deadline - time.monotonic()


@runtime_checkable
class Model(Protocol):
    """Something that can be fitted and predicts. Made fresh for every job."""

    def __init__(self, config: Config, task: Task, seed: int) -> None: ...

    def fit(self, train: Any, valid: Any, effort: Effort) -> Mapping[str, float] | None:
        """Fit on `train`; `valid` is for early stopping only. Both are in the form the spec names
        (`TableData`, `MatrixData` or `ImageData`); `valid` is None when a member is refitted on all rows.

        Targets are int64 codes 0..class_count-1, every class present in `train`, or float64 values.
        Returns facts worth keeping, such as ``{"rounds": 240}``; ``rounds``, ``trees`` or ``epochs`` under
        the fidelity's name tell a refit how long to train. ``{"cut": 1}`` says that the deadline ended training, so that
        a whole fit takes longer than this one.
        """

    def predict(self, data: TableData | MatrixData | ImageData) -> NDArray[np.floating[Any]]:
        """Probabilities ``(rows, classes)`` whose rows sum to 1, or values ``(rows,)``.

        A predictor calls different models at the same time in threads of their own, a model in one thread only.
        """

    def save(self, folder: Path) -> None:
        """Write the fitted model into the existing, empty `folder`; no pickle."""

    @classmethod
    def load(cls, folder: Path, config: Config, task: Task, seed: int) -> Model:
        """Read what `save` wrote; never runs code found in the folder."""


# -- search ---------------------------------------------------------------------------------------


@runtime_checkable
class Sampler(Protocol):
    """Chooses the next configuration; knows nothing of budgets beyond what the history shows."""

    def suggest(self, history: History) -> Candidate | None:
        """The next candidate, or None when the space is exhausted.

        A function of the seed and the history only; trials of the history may still be running.
        """


@dataclass(frozen=True, kw_only=True)
class Sample:
    """Start a new configuration at this budget."""

    budget: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Promote:
    """Run the configuration of trial `trial` again at this larger budget."""

    trial: int
    budget: float


@dataclass(frozen=True)
class Wait:
    """Nothing can start until a running trial has finished."""


@dataclass(frozen=True)
class Done:
    """The schedule is complete."""


Decision = Sample | Promote | Wait | Done


@runtime_checkable
class Scheduler(Protocol):
    """Chooses the budget and who goes on; knows nothing of hyperparameters.

    A scheduler may also have ``without_samples(history) -> Promote | Wait | Done``: it is asked instead when the
    sampler has no configuration any more, so that the best of a small space still get the whole budget.
    """

    def next(self, history: History) -> Decision:
        """The next step: a pure function of the history."""


@dataclass(frozen=True, kw_only=True)
class RunFacts:
    """What a strategy that chooses for itself may look at: the size of the task and of the run."""

    rows: int
    features: int
    models: tuple[str, ...]
    """Models that are searched."""
    starting: int
    """Configurations that are tried before the sampler is asked."""
    folds: int
    """Fits of one full trial."""
    fit_seconds: float
    """Estimate of the seconds of one fit on one core, of a model of usual cost."""
    workers: int
    seconds: float | None = None
    """The run's time; None: no limit."""
    trials: int | None = None
    """Trials that the run may make, of whatever budget; None: no limit."""
    least_budget: float = 0.0
    """The largest share of the full cost that buys the smallest training, of the model that can be trained least: smaller
    budgets buy nothing else."""

    @property
    def trial_seconds(self) -> float:
        """Estimate of the seconds of one full trial on one worker."""
        return self.fit_seconds * self.folds

    @property
    def full_trials(self) -> float:
        """About how many full trials the run has time for; infinity without a limit."""
        if self.seconds is None:
            return float("inf")
        return self.seconds * self.workers / self.trial_seconds


# -- running --------------------------------------------------------------------------------------


@dataclass(frozen=True, kw_only=True)
class Job:
    """One call for a worker."""

    id: int
    call: str
    """``"package.module:function"`` taking the argument as its only parameter."""
    argument: Any
    """Small record that can be pickled; tables travel as files."""
    seconds: float | None = None
    """Wall-clock limit, counted from the moment the job starts in a worker; then it is killed."""
    memory_bytes: int | None = None
    """Limit of the worker's resident memory; above it the job is killed."""


JobKind = Literal["done", "error", "timeout", "memory", "died", "cancelled"]


@dataclass(frozen=True, kw_only=True)
class JobResult:
    """What came of a job. A failure is a result, not an exception."""

    id: int
    kind: JobKind
    value: Any = None
    message: str = ""
    traceback: str = ""
    seconds: float = 0.0
    """Wall-clock seconds from start in the worker to the end."""
    worker: int = 0


@dataclass(frozen=True, kw_only=True)
class ExecutorSettings:
    """What an executor is made with."""

    workers: int
    threads: int = 1
    """Threads that one job may use."""
    preload: tuple[str, ...] = ()
    """Modules to import once before workers are forked."""
    folder: Path | None = None
    """An existing folder for logs of the workers; what lies there at the end is kept in the run folder."""


@runtime_checkable
class Executor(Protocol):
    """Runs jobs somewhere.

    An executor may also have ``notes``, a list of sentences on what went otherwise than asked (a module that
    could not be preloaded, a server that was started again): they are recorded as events of the run.
    """

    @property
    def workers(self) -> int:
        """How many jobs can run at once."""

    def submit(self, job: Job) -> None:
        """Queue a job; returns at once. Submitting a few more than `workers` keeps all busy."""

    def wait(self, seconds: float | None = None) -> JobResult | None:
        """The next finished job, in the order of finishing; None when `seconds` passed without one,
        or when nothing is queued or running. Enforces the limits of the jobs while it waits and between
        calls.
        """

    def cancel(self, job_id: int) -> None:
        """Drop a queued job or kill a running one; its result, kind ``cancelled``, still arrives."""

    def close(self) -> None:
        """Kill what runs and free everything; may be called twice."""


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """What a tracker is told when a run starts."""

    folder: Path
    task: Task
    seconds: float | None
    """Time budget, None without one."""
    deadline: float | None
    """`time.monotonic()` at which the run ends, None without a time budget."""
    trials: int | None
    """Trial budget, None without one."""
    workers: int
    threads: int
    reasons: tuple[str, ...] = ()
    """The plan in words, a line for each decision."""
    findings: tuple[Finding, ...] = ()
    """What was noticed or changed in the data."""


@dataclass(frozen=True, kw_only=True)
class RunSummary:
    """What a tracker is told when a run ends."""

    folder: Path
    trials: int
    failed: int
    best_score: float | None
    metric: str
    seconds: float
    only_baseline: bool


class Tracker(Protocol):
    """Listens to a run, in a thread of its own. A tracker that raises is switched off with one warning."""

    def run_started(self, info: RunInfo) -> None: ...

    def trial_started(self, trial: Trial) -> None: ...

    def trial_finished(self, trial: Trial, best_score: float | None) -> None: ...

    def run_finished(self, summary: RunSummary) -> None: ...
