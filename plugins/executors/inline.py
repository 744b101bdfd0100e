"""Jobs in the calling process, one after another."""

from __future__ import annotations

from collections import deque

from automl_plugins.executors.worker import run_call

from automl import ExecutorSettings, Job, JobResult


class Inline:
    """Runs a job when its result is waited for. Wall-clock and memory limits cannot be enforced here."""

    def __init__(self, settings: ExecutorSettings) -> None:
        del settings  # one job at a time, whatever was asked for
        self._queue: deque[Job] = deque()
        self._cancelled: deque[int] = deque()

    @property
    def workers(self) -> int:
        """One."""
        return 1

    def submit(self, job: Job) -> None:
        """Queue a job."""
        self._queue.append(job)

    def wait(self, seconds: float | None = None) -> JobResult | None:
        """Run the next job; None when nothing is queued."""
        del seconds
        if self._cancelled:
            return JobResult(id=self._cancelled.popleft(), kind="cancelled", message="cancelled")
        if not self._queue:
            return None
        job = self._queue.popleft()
        kind, value, message, trace, taken = run_call(job.call, job.argument)
        return JobResult(id=job.id, kind=kind, value=value, message=message, traceback=trace, seconds=taken)  # type: ignore[arg-type]

    def cancel(self, job_id: int) -> None:
        """Drop a queued job."""
        if any(job.id == job_id for job in self._queue):
            self._queue = deque(job for job in self._queue if job.id != job_id)
            self._cancelled.append(job_id)

    def close(self) -> None:
        """Drop everything."""
        self._queue.clear()
        self._cancelled.clear()
