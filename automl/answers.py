"""What the plugins of a search answer is looked at here, before anything is done with it: the steps of schedulers and the
results of executors (what samplers suggest: `automl.suggested`). What cannot be used becomes a PluginError that says so.
"""

from __future__ import annotations

from dataclasses import replace
from numbers import Integral
from typing import TYPE_CHECKING, Any, get_args

from automl.errors import PluginError
from automl.evaluate import FoldResult
from automl.protocols import Done, JobKind, JobResult, Wait
from automl.scalars import is_finite
from automl.strategy import Start

if TYPE_CHECKING:
    from collections.abc import Callable

    from automl.history import History
    from automl.protocols import Executor, Job

MOST_COPIES = 50
"""Promotions of a configuration that add nothing; a schedule has some rungs, not dozens."""
JOB_KINDS = get_args(JobKind)


def checked_step(step: Any, history: History, owner: str = "it") -> Start | Wait | Done:
    """`step` when a search can do it; PluginError, which says what `owner`, the scheduler, answered, otherwise."""
    match step:
        case Wait() | Done():
            return step
        case Start(budget=budget, parent=parent):
            if not is_finite(budget) or not 0.0 < budget <= 1.0:
                raise PluginError(f"{owner} gave the budget {budget!r}; a budget is a number above 0 and at most 1")
            if parent is not None:
                _check_parent(parent, budget, history, owner)
                _check_copies(parent, budget, history, owner)
            # Numbers of any type are fine with a plugin's author, and none but Python's own with the record.
            return replace(step, budget=float(budget), parent=None if parent is None else int(parent))
    raise PluginError(f"{owner} answered {step!r}; it must start a candidate, wait or be done")


def _check_parent(parent: Any, budget: float, history: History, owner: str) -> None:
    known = {trial.id: trial for trial in history.finished()}
    if not isinstance(parent, Integral) or int(parent) not in known:
        raise PluginError(f"{owner} goes on with trial {parent!r}, which is not among those that are done")
    before = known[int(parent)].budget
    if budget <= before:
        raise PluginError(
            f"{owner} goes on with trial {parent} at budget {budget:g}; it had {before:g} before, and a promotion "
            "is to a larger one"
        )


def _check_copies(parent: Any, budget: float, history: History, owner: str) -> None:
    """A promotion that adds nothing costs nothing, and could be asked for for ever."""
    first = _copied(history, parent)
    copies = [trial for trial in history if trial.is_copy and _copied(history, trial.id) == first]
    if any(trial.parent == parent and trial.budget == budget for trial in copies):
        raise PluginError(
            f"{owner} goes on with trial {parent} at budget {budget:g} again, to which that added nothing"
        )
    if len(copies) >= MOST_COPIES:
        raise PluginError(
            f"{owner} went on {len(copies)} times with trial {first} at budgets that added nothing; rungs must be further apart"
        )


def _copied(history: History, number: int) -> int:
    """The trial that a copy, or a copy of a copy, repeats; itself for any other."""
    trial = history[number]
    while trial.is_copy and trial.parent is not None:
        trial = history[trial.parent]
    return trial.id


class CheckedExecutor:
    """An executor whose results are looked at. After its first fault nothing is asked of it any more: `warn` is told,
    nothing new is taken, and what was submitted never comes back.
    """

    def __init__(self, executor: Executor, warn: Callable[[str], None]) -> None:
        """Raises PluginError for an executor without workers."""
        self._executor = executor
        self._warn = warn
        self._sent: set[int] = set()
        self.fault = ""
        """What went wrong, in words; empty as long as nothing did."""
        workers = executor.workers
        if not isinstance(workers, int) or workers < 1:
            raise PluginError(f"the executor has {workers!r} workers; it must have a whole number of at least 1")
        self.workers = workers

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._sent.add(job.id)
        self._call(lambda: self._executor.submit(job))

    def wait(self, seconds: float | None = None) -> JobResult | None:
        """The next finished job, or None; see `Executor`."""
        result: JobResult | None = self._call(lambda: self._checked(self._executor.wait(seconds)))
        return result

    def cancel(self, job_id: int) -> None:
        """Drop a job."""
        self._call(lambda: self._executor.cancel(job_id))

    def close(self) -> None:
        """Nothing: whoever made the executor closes it."""

    def _call(self, ask: Callable[[], Any]) -> Any:
        if self.fault:
            return None
        try:
            return ask()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin's fault, whatever it is, must not cost what was found
            told = str(error) if isinstance(error, PluginError) else f"{type(error).__name__}: {error}"
            self.fault = f"the executor failed: {told}"
            self._warn(self.fault)
            return None

    def _checked(self, result: Any) -> JobResult | None:
        if result is None:
            return None
        if not isinstance(result, JobResult):
            raise PluginError(f"it answered {result!r}; it must be a JobResult or None")
        if result.id not in self._sent:
            raise PluginError(f"it gave a result of job {result.id!r}, which it does not have")
        if result.kind not in JOB_KINDS:
            raise PluginError(f"a result is of the kind {result.kind!r}; it must be one of {', '.join(JOB_KINDS)}")
        if result.kind == "done" and not isinstance(result.value, FoldResult):
            raise PluginError(f"a job that is done came back with {result.value!r}, not with what its call returned")
        if not is_finite(result.seconds):
            raise PluginError(f"a job took {result.seconds!r} seconds; it must be a number")
        self._sent.discard(result.id)
        return result
