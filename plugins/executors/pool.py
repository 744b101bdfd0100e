"""Worker processes as the driver sees them: jobs go to the fork server, results come back."""

from __future__ import annotations

import pickle
import select
import time
import weakref
from collections import deque

from automl_plugins.executors.launch import ServerProcess
from automl_plugins.executors.messages import Frame, Kind

from automl import ExecutorSettings, Job, JobResult, RunError

IMPORT_SECONDS = 120.0
"""A module whose import takes longer is left to the workers that need it."""
STARTS_AGAIN = 1
"""How often a server that dies is started again."""


class ProcessPool:
    """Jobs in worker processes that are forked from a server with libraries loaded; see `server` and `crew`.

    The server queues the jobs, keeps the workers busy and enforces the limits, whatever the driver does meanwhile. The
    driver's part has no threads: results are taken in by `wait`. To be used by one thread.
    """

    def __init__(self, settings: ExecutorSettings) -> None:
        if settings.workers < 1:
            raise RunError(f"workers={settings.workers} must be at least 1")
        self._settings = settings
        self._open: dict[int, bytes] = {}
        self._started: set[int] = set()
        self._results: deque[JobResult] = deque()
        self._skip: list[str] = []
        self._importing: tuple[str, float] | None = None
        self._deaths = 0
        self._broken = ""
        """Why there is no server any more."""
        self._closed = False
        self.notes: list[str] = []
        """What went not as planned with starting the workers, a sentence each."""
        self._start()

    # -- the protocol -----------------------------------------------------------------------------

    @property
    def workers(self) -> int:
        """How many jobs run at once."""
        return self._settings.workers

    def submit(self, job: Job) -> None:
        """Queue a job. A job whose argument cannot be pickled is an error result; RunError when closed."""
        if self._closed:
            raise RunError(f"job {job.id} was submitted to an executor that is closed")
        if job.id in self._open:
            raise RunError(f"job {job.id} is queued or running already; give each job its own id")
        try:
            argument = pickle.dumps(job.argument)
        except Exception as error:  # noqa: BLE001 - pickling runs code of any class
            message = f"the argument of {job.call} cannot be sent: {type(error).__name__}: {error}"
            self._results.append(JobResult(id=job.id, kind="error", message=message))
            return
        payload = pickle.dumps((job.call, job.memory_bytes, argument))
        self._hand_over(job.id, pickle.dumps((job.seconds, job.memory_bytes, payload)))

    def wait(self, seconds: float | None = None) -> JobResult | None:
        """The next result, or None after `seconds` or when nothing is left to wait for."""
        until = float("inf") if seconds is None else time.monotonic() + seconds
        self._pump(0.0)
        while not self._results:
            left = until - time.monotonic()
            if left <= 0 or not self._open:
                return None
            self._pump(min(left, 1.0))
        return self._results.popleft()

    def cancel(self, job_id: int) -> None:
        """Drop or kill a job; its result says ``cancelled``, unless it had finished."""
        if job_id in self._open:
            self._server.channel.put(Kind.CANCEL, job_id)

    def close(self) -> None:
        """Kill everything."""
        self._closed = True
        self._open.clear()
        self._results.clear()
        self._finalizer()

    # -- the server -------------------------------------------------------------------------------

    def _start(self) -> None:
        self._server = ServerProcess(self._settings, self._skip)
        self._importing = None
        # Runs when the pool is collected and at the interpreter's end, if `close` was forgotten.
        self._finalizer = weakref.finalize(self, self._server.end)

    def _pump(self, seconds: float) -> None:
        """Take in what the server says within `seconds`."""
        if self._closed or self._broken:
            return
        channel = self._server.channel
        poll = select.poll()
        poll.register(channel.fileno(), select.POLLIN | (select.POLLOUT if channel.has_unsent else 0))
        if poll.poll(seconds * 1000):
            channel.flush()
            for frame in channel.take():
                self._take(frame)
        if self._importing is not None and time.monotonic() > self._importing[1] + IMPORT_SECONDS:
            self._note(f"importing {self._importing[0]} took longer than {IMPORT_SECONDS:.0f} s")
            self._server_died()
        elif channel.ended:
            self._server_died()

    def _take(self, frame: Frame) -> None:
        match frame.kind:
            case Kind.RESULT:
                if self._open.pop(frame.number, None) is not None:
                    self._started.discard(frame.number)
                    self._results.append(_open_result(frame))
            case Kind.STARTED:
                self._started.add(frame.number)
            case Kind.WORKER:
                self._server.workers.add(frame.number)
            case Kind.GONE:
                self._server.workers.discard(frame.number)
            case Kind.NOTE:
                self._note(frame.body.decode())
            case Kind.IMPORTING:
                self._importing = (frame.body.decode(), time.monotonic()) if frame.body else None

    def _note(self, text: str) -> None:
        if text not in self.notes:  # a server that starts again says some things again
            self.notes.append(text)

    def _server_died(self) -> None:
        """Start it again: without the module that it died of importing, or once for any other reason."""
        self._finalizer.detach()
        code = self._server.end()
        reason = f"the server of the workers died (exit code {code}); see workers.log"
        if self._importing is not None:
            self._skip.append(self._importing[0])
            self._note(f"workers start without {self._importing[0]}: {reason} while importing it")
        else:
            self._deaths += 1
        for job_id in self._started:
            del self._open[job_id]
            self._results.append(JobResult(id=job_id, kind="died", message=reason))
        self._started.clear()
        try:
            if self._deaths <= STARTS_AGAIN:
                self._start()
        except OSError as error:
            self._deaths, reason = STARTS_AGAIN + 1, f"the server of the workers cannot be started again: {error}"
        if self._deaths > STARTS_AGAIN:
            self._broken = f"{reason}, or use --executor inline"
        for job_id, body in list(self._open.items()):
            self._hand_over(job_id, body)

    def _hand_over(self, job_id: int, body: bytes) -> None:
        """Give a job to the server; without one it has failed."""
        self._open[job_id] = body
        if self._broken:
            del self._open[job_id]
            self._results.append(JobResult(id=job_id, kind="died", message=self._broken))
        else:
            self._server.channel.put(Kind.SUBMIT, job_id, body)


def _open_result(frame: Frame) -> JobResult:
    kind, value_bytes, message, trace, seconds, pid = pickle.loads(frame.body)  # noqa: S301 - our own worker wrote it
    value = None
    try:
        value = pickle.loads(value_bytes)  # noqa: S301 - our own worker wrote it
    except Exception as error:  # noqa: BLE001 - unpickling runs code of any class
        kind, message = "error", f"the result cannot be read here: {type(error).__name__}: {error}; return plain values"
    return JobResult(
        id=frame.number, kind=kind, value=value, message=message, traceback=trace, seconds=seconds, worker=pid
    )
