"""Jobs in the calling process, one after another."""

from __future__ import annotations

import os
import time
from collections import deque

from automl_plugins.executors.worker import run_call

from automl import ExecutorSettings, Job, JobResult, RunError


class Inline:
    """Runs a job when its result is waited for.

    Nothing can be killed here: wall-clock and memory limits of jobs are not enforced, a crash ends the whole process,
    and `wait` returns when the job does, however long that takes. Ctrl+C reaches the job and then the caller.
    """

    def __init__(self, settings: ExecutorSettings) -> None:
        del settings  # one job at a time, whatever was asked for
        self._queue: deque[Job] = deque()
        self._cancelled: deque[int] = deque()
        self._closed = False

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def submit(self, job: Job) -> None:
        """Queue a job; RunError when closed."""
        if self._closed:
            raise RunError(f"job {job.id} was submitted to an executor that is closed")
        self._queue.append(job)

    def wait(self, seconds: float | None = None) -> JobResult | None:
        """Run the next job, even when that takes longer than `seconds`; None when nothing is queued."""
        del seconds
        if self._cancelled:
            return JobResult(id=self._cancelled.popleft(), kind="cancelled", message="cancelled before it began")
        if not self._queue:
            return None
        job = self._queue.popleft()
        started = time.monotonic()
        kind, value, message, trace = run_call(job.call, job.argument)
        return JobResult(
            id=job.id,
            kind=kind,
            value=value,
            message=message,
            traceback=trace,
            seconds=time.monotonic() - started,
            worker=os.getpid(),
        )

    def cancel(self, job_id: int) -> None:
        """Drop a queued job."""
        if any(job.id == job_id for job in self._queue):
            self._queue = deque(job for job in self._queue if job.id != job_id)
            self._cancelled.append(job_id)

    def close(self) -> None:
        """Drop everything."""
        self._closed = True
        self._queue.clear()
        self._cancelled.clear()
