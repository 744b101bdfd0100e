"""A pool of worker processes whose jobs are limited in time and memory from outside."""

from __future__ import annotations

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
import weakref
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from automl_plugins.executors.messages import receive, send

from automl import ExecutorSettings, Job, JobResult, RunError

TICK_SECONDS = 0.05
"""How often limits are looked at while something runs."""
GROWN_BYTES = 400 << 20
"""A worker that holds so much more memory after a job than after its start is replaced."""
EXIT_WAIT_SECONDS = 1.0
_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


@dataclass(eq=False)
class _Worker:
    """A worker process as the driver sees it."""

    channel: socket.socket
    pid: int = 0
    jobs: deque[Job] = field(default_factory=deque)
    """The running job, then the one that waits in its channel."""
    started: float | None = None
    """When the first of `jobs` began; None until the worker says so."""
    base_bytes: int = 0
    doomed: tuple[str, str] | None = None
    """Kind and message of the kill that is under way."""
    killed_at: float = 0.0


class ProcessPool:
    """Workers forked from a server with libraries loaded; see `server`.

    Each worker holds one running job and at most one that waits, so that it need not idle while the driver is busy.
    The driver's part has no threads: everything happens in `submit`, `wait`, `cancel` and `close`.
    """

    def __init__(self, settings: ExecutorSettings) -> None:
        if not hasattr(os, "fork"):
            raise RunError("this system cannot fork processes; use --executor inline")
        self._settings = settings
        self._queue: deque[Job] = deque()
        self._results: deque[JobResult] = deque()
        self._workers: list[_Worker] = []
        self._unnamed: deque[_Worker] = deque()
        self._exits: dict[int, int] = {}
        self._cancelled: set[int] = set()
        self._restarts = 0
        self._closed = False
        self._selector = selectors.DefaultSelector()
        self._start_server()

    # -- the protocol -----------------------------------------------------------------------------

    @property
    def workers(self) -> int:
        """How many jobs run at once."""
        return self._settings.workers

    def submit(self, job: Job) -> None:
        """Queue a job; a free worker gets it at once."""
        if self._closed:
            raise RunError("the executor is closed")
        self._queue.append(job)
        self._hand_out()

    def wait(self, seconds: float | None = None) -> JobResult | None:
        """The next result, or None after `seconds` or when nothing is left to wait for."""
        until = None if seconds is None else time.monotonic() + seconds
        while True:
            self._pump(0.0)
            if self._results:
                return self._results.popleft()
            if not self._queue and not any(worker.jobs for worker in self._workers):
                return None
            left = TICK_SECONDS if until is None else min(TICK_SECONDS, until - time.monotonic())
            if left <= 0:
                return None
            self._pump(left)

    def cancel(self, job_id: int) -> None:
        """Drop or kill a job; its result says ``cancelled``."""
        for job in self._queue:
            if job.id == job_id:
                self._queue.remove(job)
                self._results.append(JobResult(id=job_id, kind="cancelled", message="cancelled before it began"))
                return
        for worker in self._workers:
            if worker.jobs and worker.jobs[0].id == job_id:
                self._kill(worker, "cancelled", "cancelled while it ran")
            elif any(job.id == job_id for job in worker.jobs):
                self._cancelled.add(job_id)

    def close(self) -> None:
        """Kill everything."""
        if self._closed:
            return
        self._closed = True
        self._finalizer()
        for worker in self._workers:
            worker.channel.close()
        self._workers.clear()
        self._control.close()
        self._selector.close()
        self._server.wait()

    # -- the server -------------------------------------------------------------------------------

    def _start_server(self) -> None:
        ours, theirs = socket.socketpair()
        environment = {**os.environ, **_thread_variables(self._settings.threads)}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109
        log: Any = subprocess.DEVNULL
        if self._settings.folder is not None:
            self._settings.folder.mkdir(parents=True, exist_ok=True)
            log = (self._settings.folder / "workers.log").open("ab")
        self._server = subprocess.Popen(
            [sys.executable, "-m", "automl_plugins.executors.server", str(theirs.fileno()), *self._settings.preload],
            pass_fds=[theirs.fileno()],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        theirs.close()
        if hasattr(log, "close"):
            log.close()
        self._control = ours
        self._selector.register(ours, selectors.EVENT_READ, None)
        self._finalizer = weakref.finalize(self, _end_group, self._server.pid)
        for _ in range(self._settings.workers):
            self._request_worker()

    def _request_worker(self) -> None:
        ours, theirs = socket.socketpair()
        try:
            socket.send_fds(self._control, [b"f"], [theirs.fileno()])
        except OSError:
            ours.close()
            return  # the server is gone: its closed channel is noticed in `_pump`
        finally:
            theirs.close()
        worker = _Worker(channel=ours)
        self._unnamed.append(worker)
        self._workers.append(worker)
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _server_died(self) -> None:
        code = self._server.wait()
        self._selector.unregister(self._control)
        self._control.close()
        self._finalizer()
        for worker in list(self._workers):
            self._bury(worker, ("died", f"the fork server died (exit code {code})"), replace=False)
        self._unnamed.clear()
        self._restarts += 1
        if self._restarts > 1:
            while self._queue:
                message = f"the fork server died again (exit code {code}); see workers.log, or use --executor inline"
                self._results.append(JobResult(id=self._queue.popleft().id, kind="died", message=message))
            return
        self._start_server()
        self._hand_out()

    # -- what happens -----------------------------------------------------------------------------

    def _pump(self, seconds: float) -> None:
        """Take in what came, for at most `seconds`, then enforce limits and hand out jobs."""
        if self._restarts > 1:
            while self._queue:
                message = "the fork server died twice; see workers.log, or use --executor inline"
                self._results.append(JobResult(id=self._queue.popleft().id, kind="died", message=message))
            return
        for key, _ in self._selector.select(seconds):
            worker = key.data
            if worker is None:
                self._from_server()
            elif worker in self._workers:
                self._from_worker(worker)
        self._enforce()
        self._hand_out()

    def _from_server(self) -> None:
        try:
            message = receive(self._control)
        except EOFError:
            self._server_died()
            return
        if message[0] == "forked":
            worker = self._unnamed.popleft()
            worker.pid = message[1]
            worker.base_bytes = private_bytes(worker.pid)
        else:
            self._exits[message[1]] = message[2]

    def _from_worker(self, worker: _Worker) -> None:
        try:
            message = receive(worker.channel)
        except EOFError:
            self._bury(worker, worker.doomed or ("died", self._how_it_died(worker)), replace=True)
            return
        if message[0] == "started":
            worker.started = time.monotonic()
            return
        _, number, kind, value, text, trace, seconds = message
        worker.jobs.popleft()
        worker.started = None
        self._results.append(
            JobResult(
                id=number, kind=kind, value=value, message=text, traceback=trace, seconds=seconds, worker=worker.pid
            )
        )
        if worker.jobs and worker.jobs[0].id in self._cancelled:
            self._kill(worker, "cancelled", "cancelled before it began")
        elif not worker.jobs and private_bytes(worker.pid) > worker.base_bytes + GROWN_BYTES:
            self._kill(worker, "died", "replaced")

    def _how_it_died(self, worker: _Worker) -> str:
        """The exit code comes from the server, a moment after the channel closed."""
        until = time.monotonic() + EXIT_WAIT_SECONDS
        while worker.pid not in self._exits and time.monotonic() < until:
            self._control.settimeout(max(until - time.monotonic(), 0.01))
            try:
                self._from_server()
            except TimeoutError:
                break
            finally:
                with contextlib.suppress(OSError):
                    self._control.settimeout(None)
            if self._control.fileno() < 0:
                break
        code = self._exits.pop(worker.pid, None)
        if code is None:
            return "worker died"
        if code >= 0:
            return f"worker died (exit code {code})"
        name = signal.Signals(-code).name
        hint = "; perhaps the system ran out of memory" if -code == signal.SIGKILL else ""
        return f"worker died ({name}, signal {-code}{hint})"

    def _bury(self, worker: _Worker, reason: tuple[str, str], *, replace: bool) -> None:
        """Take a dead worker out; its running job has failed, the one behind it goes to another worker."""
        self._selector.unregister(worker.channel)
        worker.channel.close()
        self._workers.remove(worker)
        if worker in self._unnamed:
            self._unnamed.remove(worker)
        jobs = list(worker.jobs)
        if jobs:
            kind, message = reason
            seconds = 0.0 if worker.started is None else time.monotonic() - worker.started
            self._results.append(
                JobResult(id=jobs[0].id, kind=kind, message=message, seconds=seconds, worker=worker.pid)  # type: ignore[arg-type]
            )
            for job in reversed(jobs[1:]):
                if job.id in self._cancelled:
                    self._results.append(JobResult(id=job.id, kind="cancelled", message="cancelled before it began"))
                else:
                    self._queue.appendleft(job)
        if replace and not self._closed:
            self._request_worker()

    def _kill(self, worker: _Worker, kind: str, message: str) -> None:
        if worker.doomed is not None:
            return
        worker.doomed = (kind, message)
        if worker.pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, signal.SIGKILL)

    def _enforce(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            if not worker.jobs or worker.started is None or worker.doomed is not None:
                continue
            job = worker.jobs[0]
            if job.seconds is not None and now - worker.started > job.seconds:
                self._kill(worker, "timeout", f"passed its limit of {job.seconds:.1f} s")
            elif job.memory_bytes is not None:
                used = private_bytes(worker.pid)
                if used > job.memory_bytes:
                    limit = job.memory_bytes / 2**20
                    self._kill(
                        worker, "memory", f"used {used / 2**20:,.0f} MiB, more than its limit of {limit:,.0f} MiB"
                    )

    def _hand_out(self) -> None:
        """First a job for every free worker, then one to wait behind each running one."""
        for depth in (0, 1):
            for worker in self._workers:
                if self._queue and len(worker.jobs) == depth and worker.doomed is None:
                    job = self._queue.popleft()
                    worker.jobs.append(job)
                    # If it has just died, its closed channel is noticed in `_pump`, which gives the job back.
                    with contextlib.suppress(OSError):
                        send(worker.channel, (job.id, job.call, job.argument))


def private_bytes(pid: int) -> int:
    """Resident memory that a process shares with no file; 0 where the system does not tell."""
    try:
        with open(f"/proc/{pid}/statm", encoding="ascii") as file:  # noqa: PTH123 - ten times a second, so no detours
            _, resident, shared = file.read().split()[:3]
    except (OSError, ValueError):
        return 0
    return (int(resident) - int(shared)) * _PAGE


def _thread_variables(threads: int) -> dict[str, str]:
    names = (
        "OMP_NUM_THREADS",
        "OPENBLAS_NUM_THREADS",
        "MKL_NUM_THREADS",
        "NUMEXPR_NUM_THREADS",
        "VECLIB_MAXIMUM_THREADS",
    )
    # Waiting threads of OpenMP spin for a while, then sleep; the default makes them burn whole cores.
    spin = {"GOMP_SPINCOUNT": "10000"} if threads > 1 else {}
    return {**dict.fromkeys(names, str(threads)), **spin}


def _end_group(pid: int) -> None:
    """Kill the server with all its workers: they are one process group."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)
