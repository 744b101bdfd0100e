"""The trials that a search is busy with: their jobs that wait, that run, and that are back."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from automl.fold_jobs import JOB_CALL, RunContext, make_fold_job
from automl.protocols import Executor, Job

if TYPE_CHECKING:
    from collections.abc import Iterable

    from automl.admission import Admission
    from automl.evaluate import FoldResult
    from automl.history import Trial


NOBODY = -1
"""Instead of the trial of a job that is not wanted any more."""


@dataclass(kw_only=True)
class OpenTrial:
    """A trial whose jobs are not all back."""

    trial: Trial
    wanted: int
    """Folds that it needs to be done."""
    folds: dict[int, FoldResult] = field(default_factory=dict)
    seconds: float = 0.0

    @property
    def complete(self) -> bool:
        """Whether all its folds are done."""
        return len(self.folds) == self.wanted

    def mean_facts(self) -> dict[str, float]:
        """What the folds reported, averaged over those that reported it."""
        named: dict[str, list[float]] = {}
        for fold in sorted(self.folds):
            for name, value in self.folds[fold].facts.items():
                named.setdefault(name, []).append(value)
        return {name: sum(values) / len(values) for name, values in sorted(named.items())}


class OpenTrials:
    """Knows which fold of which trial each job of the executor is."""

    def __init__(self, context: RunContext, executor: Executor, admission: Admission) -> None:
        self._context = context
        self._executor = executor
        self._admission = admission
        self._open: dict[int, OpenTrial] = {}
        self._pending: deque[tuple[int, int]] = deque()
        self._jobs: dict[int, tuple[int, int]] = {}
        self._softs: dict[int, float | None] = {}
        """Job -> seconds after which its model should stop."""
        self._next_job = 1

    def __contains__(self, trial_id: int) -> bool:
        return trial_id in self._open

    def __getitem__(self, trial_id: int) -> OpenTrial:
        return self._open[trial_id]

    def all(self) -> list[OpenTrial]:
        """In the order in which they were begun."""
        return list(self._open.values())

    @property
    def running(self) -> int:
        """Jobs that the executor has."""
        return len(self._jobs)

    @property
    def waiting(self) -> int:
        """Jobs that were not submitted yet."""
        return len(self._pending)

    def open(self, trial: Trial, wanted: int) -> OpenTrial:
        """Begin to keep track of a trial."""
        self._open[trial.id] = OpenTrial(trial=trial, wanted=wanted)
        return self._open[trial.id]

    def enqueue(self, trial_id: int, folds: Iterable[int]) -> None:
        """Folds to fit, behind all that wait."""
        self._pending.extend((trial_id, fold) for fold in folds)

    def submit_next(self) -> None:
        """Send the job that waits longest."""
        trial_id, fold = self._pending.popleft()
        trial = self._open[trial_id].trial
        others = sum(owner != trial_id for owner, _ in self._jobs.values())
        soft = self._admission.soft_seconds(trial, len(self._pending) + 1 + self.running - others, others)
        number, self._next_job = self._next_job, self._next_job + 1
        self._jobs[number], self._softs[number] = (trial_id, fold), soft
        self._executor.submit(
            Job(
                id=number,
                call=JOB_CALL,
                argument=make_fold_job(self._context, trial, fold, soft),
                seconds=self._admission.hard_seconds(trial.candidate.model, soft),
                memory_bytes=self._context.memory_bytes,
            )
        )

    def job_back(self, number: int) -> tuple[OpenTrial | None, int, float | None]:
        """The trial and fold of a job that came back, and the seconds after which its model should have stopped; no
        trial when that is closed already, or does without this fold.
        """
        trial_id, fold = self._jobs.pop(number)
        return self._open.get(trial_id), fold, self._softs.pop(number)

    def use_folds(self, context: RunContext) -> None:
        """Do without the folds that `context` does not have any more."""
        self._context = context
        count = len(context.splits)
        self._pending = deque(item for item in self._pending if item[1] < count)
        for number, (_, fold) in self._jobs.items():
            if fold >= count:
                self._jobs[number] = (NOBODY, fold)
                self._executor.cancel(number)
        for active in self._open.values():
            active.wanted = min(active.wanted, count)
            active.folds = {fold: result for fold, result in active.folds.items() if fold < count}

    def close(self, trial_id: int) -> None:
        """Forget a trial and its open jobs."""
        del self._open[trial_id]
        self._pending = deque(item for item in self._pending if item[0] != trial_id)
        for number, (owner, _) in self._jobs.items():
            if owner == trial_id:
                self._executor.cancel(number)

    def cancel_jobs(self) -> None:
        """Cancel all jobs; the trials stay open with the folds they have."""
        self._pending.clear()
        for number in self._jobs:
            self._executor.cancel(number)
        self._jobs.clear()
