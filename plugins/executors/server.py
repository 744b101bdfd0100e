"""The fork server: a fresh interpreter that imports libraries once and forks workers.

It trains nothing and has one thread, so that forking it is safe whatever the driver does with OpenMP; and it never
imports the user's main module, so that scripts need no ``__main__`` guard. It enforces the limits of jobs, because it
is never busy while the driver may be. When the driver goes away, so do it and all workers.

Started as ``python -m automl_plugins.executors.server`` with its settings as JSON in an environment variable; see
`launch`.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import pickle
import select
import signal
import socket
import sys
import time
from typing import Any

from automl_plugins.executors.crew import Crew, Order
from automl_plugins.executors.memory import thread_names
from automl_plugins.executors.messages import SETTINGS_VARIABLE, Channel, Frame, Kind

FORKABLE_THREADS = ("jemalloc_bg_thd", "polars-ooc-clea")
"""Threads that libraries start when imported and that do no harm to a fork: jemalloc, which pyarrow brings, has its
own handlers for forks; the one of polars only waits."""
ORPHAN_CHECK_SECONDS = 0.5
"""How often the server looks, while it imports, whether its driver is still there."""
THREAD_END_SECONDS = 0.05
"""Threads that an import starts may end a moment after it."""


def main() -> None:
    """Import, then serve the driver until it goes away."""
    settings = json.loads(os.environ.pop(SETTINGS_VARIABLE))
    driver = Channel(socket.socket(fileno=settings["channel"]))
    os.set_inheritable(driver.fileno(), False)
    _settle_in(settings)
    _import_all(settings, driver)
    os.environ["OPENBLAS_NUM_THREADS"] = os.environ["OMP_NUM_THREADS"]
    gc.collect()
    gc.freeze()  # pages of what is loaded stay shared with all workers
    _Server(driver, settings).serve()


def _settle_in(settings: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl+C is for the driver, which ends us when it wants
    sys.path[:] = settings["path"]
    if settings["python_path"] is None:
        os.environ.pop("PYTHONPATH", None)
    else:
        os.environ["PYTHONPATH"] = settings["python_path"]
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    import faulthandler
    import resource
    import warnings

    # Python warns of any thread at a fork; `_import_all` looks at them more closely.
    warnings.filterwarnings("ignore", category=DeprecationWarning, message=".*fork.*")

    faulthandler.enable()  # the log tells where native code crashed
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, resource.getrlimit(resource.RLIMIT_CORE)[1]))


def _import_all(settings: dict[str, Any], driver: Channel) -> None:
    """Import what workers will need; what fails or starts threads is left to the workers that need it."""
    signal.signal(signal.SIGALRM, lambda *_: None if os.getppid() == settings["driver"] else os._exit(1))
    signal.setitimer(signal.ITIMER_REAL, ORPHAN_CHECK_SECONDS, ORPHAN_CHECK_SECONDS)
    for name in settings["preload"]:
        if name in settings["skip"]:
            continue
        driver.put(Kind.IMPORTING, 0, name.encode())
        try:
            importlib.import_module(name)
        except BaseException as error:  # noqa: BLE001 - the job that needs it will tell; the others can run
            _note(driver, f"workers start without {name}: {type(error).__name__}: {error}")
        if _foreign_threads():
            _start_over(settings, driver, name)
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    driver.put(Kind.IMPORTING)


def _foreign_threads() -> list[str]:
    """Threads beside the first that would make forking unsafe."""
    until = time.monotonic() + THREAD_END_SECONDS
    while True:
        names = [name for name in thread_names() if name not in FORKABLE_THREADS]
        if len(names) <= 1 or time.monotonic() > until:
            return names[1:]
        time.sleep(0.005)


def _start_over(settings: dict[str, Any], driver: Channel, name: str) -> None:
    """Become a fresh interpreter, without the module whose import started threads."""
    _note(driver, f"workers start without {name}: importing it starts threads, after which forking is unsafe")
    settings["skip"].append(name)
    os.environ[SETTINGS_VARIABLE] = json.dumps(settings)
    os.environ["PYTHONPATH"] = os.pathsep.join(settings["path"])
    os.set_inheritable(driver.fileno(), True)
    signal.setitimer(signal.ITIMER_REAL, 0.0)
    os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - our own command line again


def _note(driver: Channel, text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - stderr is the log
    driver.put(Kind.NOTE, 0, text.encode())


class _Server:
    """The loop over what the driver, the workers and the clock say."""

    def __init__(self, driver: Channel, settings: dict[str, Any]) -> None:
        self._driver = driver
        self._parent = settings["driver"]
        self._wake_read, self._wake_write = os.pipe()
        self._told_to_end = False
        self._crew = Crew(settings["workers"], driver.put, self._close_in_worker)

    def serve(self) -> None:
        """Serve until the driver is gone; then kill all workers."""
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.signal(signal.SIGTERM, self._end)
        signal.set_wakeup_fd(self._wake_write, warn_on_full_buffer=False)
        try:
            while not self._is_over():
                self._crew.fill()
                self._wait(self._crew.seconds_to_next())
                self._crew.reap()
                self._crew.enforce()
        finally:
            self._crew.end()

    def _end(self, *_: object) -> None:
        self._told_to_end = True

    def _is_over(self) -> bool:
        # The parent is looked at too: another process may hold a copy of the driver's end of the channel.
        return self._told_to_end or self._driver.ended or os.getppid() != self._parent

    def _wait(self, seconds: float) -> None:
        """Take in what comes within `seconds`."""
        channels = {
            worker.channel.fileno(): worker.channel for worker in self._crew.workers if not worker.channel.ended
        }
        channels[self._driver.fileno()] = self._driver
        poll = select.poll()
        poll.register(self._wake_read, select.POLLIN)
        for handle, channel in channels.items():
            poll.register(handle, select.POLLIN | (select.POLLOUT if channel.has_unsent else 0))
        ready = {handle for handle, _ in poll.poll(seconds * 1000)}
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 4096)
        for handle in ready & set(channels):
            channels[handle].flush()
        for worker in self._crew.workers:
            if worker.channel.fileno() in ready:
                self._crew.hear(worker)
        if self._driver.fileno() in ready:
            for frame in self._driver.take():
                self._obey(frame)

    def _obey(self, frame: Frame) -> None:
        if frame.kind is Kind.CANCEL:
            self._crew.cancel(frame.number)
        else:
            seconds, memory_bytes, payload = pickle.loads(frame.body)  # noqa: S301 - our own driver wrote it
            self._crew.submit(Order(frame.number, seconds, memory_bytes, payload))

    def _close_in_worker(self) -> None:
        """What a forked worker must let go of."""
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM):
            signal.signal(number, signal.SIG_DFL)
        self._driver.close()
        os.close(self._wake_read)
        os.close(self._wake_write)


if __name__ == "__main__":
    main()
