"""The workers as the server keeps them: forking, handing out jobs in order, limits, deaths."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, NoReturn

from automl_plugins.executors.memory import private_bytes
from automl_plugins.executors.messages import Channel, Frame, Kind
from automl_plugins.executors.worker import pack_result, work

if TYPE_CHECKING:
    from collections.abc import Callable

MEMORY_TICK_SECONDS = 0.05
"""How often the memory of running jobs is looked at."""
END_SECONDS = 0.3
"""How long the server waits for killed workers; freeing much memory takes a while."""
FORK_AGAIN_SECONDS = 0.5
UNREADY_DEATHS = 5
"""So many workers that die in a row before they are ready mean that none ever will be."""


@dataclass(frozen=True)
class Order:
    """A job as the server sees it; the payload is opened by the worker only."""

    number: int
    seconds: float | None
    memory_bytes: int | None
    payload: bytes


@dataclass(eq=False)
class Worker:
    """A worker process."""

    pid: int
    channel: Channel
    ready: bool = False
    fresh_bytes: int = 0
    """What it held before its first job: memory that it shares with the server."""
    order: Order | None = None
    started: float = 0.0
    killed: tuple[str, str] | None = None
    """Kind and message of the kill that is under way."""


class Crew:
    """Keeps `count` workers alive and busy; tells the driver through `tell`."""

    def __init__(
        self, count: int, tell: Callable[[Kind, int, bytes], None], close_in_worker: Callable[[], None]
    ) -> None:
        self.workers: list[Worker] = []
        self._count = count
        self._tell = tell
        self._close_in_worker = close_in_worker
        self._queue: deque[Order] = deque()
        self._memory_due = 0.0
        self._fork_after = 0.0
        self._unready_deaths = 0

    # -- what the driver asks ---------------------------------------------------------------------

    def submit(self, order: Order) -> None:
        """Queue a job."""
        self._queue.append(order)

    def cancel(self, number: int) -> None:
        """Drop a queued job or kill a running one; one that has finished is left alone."""
        for order in self._queue:
            if order.number == number:
                self._queue.remove(order)
                self._fail(order, "cancelled", "cancelled before it began", time.monotonic(), 0)
                return
        for worker in self.workers:
            if worker.order is not None and worker.order.number == number:
                self._kill(worker, "cancelled", "cancelled while it ran")

    def end(self) -> None:
        """Kill all workers and what they started; wait a moment, so that they are gone when the server is."""
        for worker in self.workers:
            _kill_group(worker.pid)
        until = time.monotonic() + END_SECONDS
        left = {worker.pid for worker in self.workers}
        while left and time.monotonic() < until:
            left -= {pid for pid in left if os.waitpid(pid, os.WNOHANG)[0]}
            time.sleep(0.001)

    # -- what happens -----------------------------------------------------------------------------

    def hear(self, worker: Worker) -> None:
        """Take in what a worker has sent."""
        for frame in worker.channel.take():
            self._take(worker, frame)

    def _take(self, worker: Worker, frame: Frame) -> None:
        if frame.kind is Kind.READY:
            worker.ready = True
            worker.fresh_bytes = private_bytes([worker.pid]).get(worker.pid, 0)
            self._unready_deaths = 0
        elif worker.order is not None and worker.order.number == frame.number:
            if worker.killed is None or worker.killed[0] != "cancelled":
                self._tell(Kind.RESULT, frame.number, frame.body)
                worker.order = None
            if frame.kind is Kind.LAST_RESULT:
                self._kill(worker, "died", "replaced, as it had grown")

    def reap(self) -> None:
        """Bury workers that have ended; the job of each has failed."""
        for worker in list(self.workers):
            try:
                pid, status = os.waitpid(worker.pid, os.WNOHANG)
            except ChildProcessError:
                pid, status = worker.pid, 0
            if pid:
                self._bury(worker, os.waitstatus_to_exitcode(status))

    def _bury(self, worker: Worker, code: int) -> None:
        self.hear(worker)  # a result that was sent before the end still counts
        worker.channel.close()
        self.workers.remove(worker)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(worker.pid, signal.SIGKILL)  # processes that its jobs started end with it
        if worker.order is not None:
            kind, message = worker.killed or how_it_died(code)
            self._fail(worker.order, kind, message, worker.started, worker.pid)
        self._tell(Kind.GONE, worker.pid, b"")
        if not worker.ready:
            self._unready_deaths += 1
            if self._unready_deaths >= UNREADY_DEATHS:
                raise RuntimeError(f"{UNREADY_DEATHS} workers in a row could not start: {how_it_died(code)[1]}")

    def enforce(self) -> None:
        """Kill jobs that are past a limit."""
        now = time.monotonic()
        running = [worker for worker in self.workers if worker.order is not None and worker.killed is None]
        for worker in running:
            assert worker.order is not None
            seconds = worker.order.seconds
            if seconds is not None and now >= worker.started + seconds:
                self._kill(worker, "timeout", f"passed its limit of {seconds:.1f} s")
        limited = {worker.pid: worker for worker in running if worker.order and worker.order.memory_bytes is not None}
        if not limited or now < self._memory_due:
            return
        self._memory_due = now + MEMORY_TICK_SECONDS
        for pid, held in private_bytes(limited).items():
            worker = limited[pid]
            assert worker.order is not None
            limit = worker.order.memory_bytes
            used = held - worker.fresh_bytes
            if limit is not None and used > limit:
                words = f"used {used / 2**20:,.0f} MiB of memory, more than its limit of {limit / 2**20:,.0f} MiB"
                self._kill(worker, "memory", words)

    def fill(self) -> None:
        """Fork what is missing and give every free worker the next job."""
        while len(self.workers) < self._count and time.monotonic() >= self._fork_after:
            self._fork()
        for worker in self.workers:
            if self._queue and worker.ready and worker.order is None and worker.killed is None:
                worker.order = order = self._queue.popleft()
                worker.started = time.monotonic()
                self._tell(Kind.STARTED, order.number, b"")
                worker.channel.put(Kind.JOB, order.number, order.payload)

    def seconds_to_next(self) -> float:
        """Seconds until something has to be looked at although nobody says anything."""
        now = time.monotonic()
        due = [now + 1.0]
        if len(self.workers) < self._count:
            due.append(self._fork_after)
        for worker in self.workers:
            if worker.order is not None and worker.killed is None:
                if worker.order.seconds is not None:
                    due.append(worker.started + worker.order.seconds)
                if worker.order.memory_bytes is not None:
                    due.append(max(self._memory_due, now + 0.001))
        return max(min(due) - now, 0.0)

    # -- processes --------------------------------------------------------------------------------

    def _fail(self, order: Order, kind: str, message: str, since: float, pid: int) -> None:
        self._tell(Kind.RESULT, order.number, pack_result(kind, message=message, since=since, pid=pid))

    def _kill(self, worker: Worker, kind: str, message: str) -> None:
        if worker.killed is None:
            worker.killed = (kind, message)
            _kill_group(worker.pid)

    def _fork(self) -> None:
        ours, theirs = socket.socketpair()
        server = os.getpid()
        try:
            pid = os.fork()
        except OSError as error:
            ours.close()
            theirs.close()
            self._fork_after = time.monotonic() + FORK_AGAIN_SECONDS
            self._tell(Kind.NOTE, 0, f"cannot fork a worker now: {error}".encode())
            return
        if pid == 0:
            ours.close()
            self._become_worker(theirs, server)
        theirs.close()
        with contextlib.suppress(OSError):  # the worker may have done it already
            os.setpgid(pid, pid)
        self.workers.append(Worker(pid, Channel(ours)))
        self._tell(Kind.WORKER, pid, b"")

    def _become_worker(self, channel: socket.socket, server: int) -> NoReturn:
        """In the forked process: let go of all that is the server's, then serve jobs."""
        code = 1
        try:
            with contextlib.suppress(OSError):
                os.setpgid(0, 0)
            self._close_in_worker()
            for worker in self.workers:
                worker.channel.close()
            die_with_parent(server)
            _offer_to_the_oom_killer()
            work(channel)
            code = 0
        except BaseException:  # noqa: BLE001 - nothing may return into the server's loop
            traceback.print_exc(file=sys.stderr)
        finally:
            os._exit(code)


def how_it_died(code: int) -> tuple[str, str]:
    """Kind and message for a worker that ended without our doing; `code` is negative for signals."""
    if code >= 0:
        return "died", f"worker died: exit code {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = "unknown signal"
    if -code == signal.SIGKILL:
        return "memory", "worker was killed from outside (SIGKILL): most likely the system ran out of memory"
    return "died", f"worker died: {name} (signal {-code}); see workers.log"


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when `parent` dies (Linux; elsewhere the closed channel ends it)."""
    if sys.platform == "linux":
        import ctypes

        set_parent_death_signal = 1
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)


def _offer_to_the_oom_killer() -> None:
    """When memory runs out, the kernel shall take a worker and not the driver with all its results."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:  # noqa: PTH123
            file.write("500")


def _kill_group(pid: int) -> None:
    """Kill a worker that has not been reaped, with all processes that its jobs started."""
    try:
        os.killpg(pid, signal.SIGKILL)
    except ProcessLookupError:  # it was forked a moment ago and has no group yet
        os.kill(pid, signal.SIGKILL)
